/** Events of access for a time: what they carry, and their builder. */
import { z } from "zod";
import type { Grant } from "../grant.ts";
import type { AccessEventType, EventDraft } from "../types.ts";

const strings = z.array(z.string()).readonly();
const millis = z.number();

export const statementKinds = z.enum([
  "read",
  "write",
  "ddl",
  "session",
  "transaction",
  "admin",
  "copy",
  "call",
  "unknown",
]);

export const grantScopeData = z.strictObject({
  kinds: z.array(statementKinds).readonly().nullable(),
  tables: strings.nullable(),
  unmask: strings,
}).readonly();

/** The same fields as Grant in policy/grant.ts. */
export const grantData = z.strictObject({
  id: z.string(),
  person: z.string(),
  subject: z.string(),
  issuer: z.string(),
  groups: strings,
  target: z.string(),
  environment: z.string(),
  reason: z.string(),
  durationMs: z.number(),
  scope: grantScopeData,
  rule: z.string(),
  breakGlass: z.boolean(),
  approvers: strings,
  quorum: z.number(),
  address: z.string(),
  waiting: z.boolean(),
  requestedAt: millis,
  deadlineAt: millis,
  startsAt: millis.nullable(),
  endsAt: millis.nullable(),
  state: z.enum(["requested", "granted", "refused", "expired", "withdrawn", "ended", "revoked"]),
  reviews: z.array(
    z.strictObject({ by: z.string(), approve: z.boolean(), reason: z.string(), at: millis }).readonly(),
  ).readonly(),
  outcome: z.string(),
  examined: z.strictObject({ by: z.string(), words: z.string(), at: millis }).readonly().nullable(),
}).readonly();

export const accessEventData = {
  "access.requested": grantData,
  "access.reviewed": grantData,
  "access.granted": grantData,
  "access.glass": grantData,
  "access.refused": grantData,
  "access.expired": grantData,
  "access.withdrawn": grantData,
  "access.ended": grantData,
  "access.revoked": grantData,
  "access.examined": grantData,
} satisfies Record<AccessEventType, z.ZodType>;

export const isAccessEvent = (type: string): type is AccessEventType => Object.hasOwn(accessEventData, type);

/** Carries the whole grant: its projection and the evidence are the same bytes. */
export function accessChanged(
  type: AccessEventType,
  grant: Grant,
): EventDraft & { readonly type: AccessEventType } {
  const { scope, reviews, examined } = grant;
  const data = {
    ...grant,
    scope: { kinds: scope.kinds, tables: scope.tables, unmask: scope.unmask },
    reviews: reviews.map(({ by, approve, reason, at }) => ({ by, approve, reason, at })),
    examined: examined === null ? null : { by: examined.by, words: examined.words, at: examined.at },
  };
  return { type, person: grant.person, session: null, target: grant.target, data };
}
