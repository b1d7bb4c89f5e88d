/** Access for a time: what may be asked for, requests, grants. */
import { z } from "zod";
import { REASON_LENGTH_MAX } from "./common.ts";
import { reviewSchema } from "./requests.ts";

const strings = z.array(z.string());
const kind = z.enum(["read", "write", "ddl", "session", "transaction", "admin", "copy", "call", "unknown"]);

export const grantSchema = z.strictObject({
  id: z.string(),
  person: z.string(),
  groups: strings,
  target: z.string(),
  environment: z.string(),
  reason: z.string(),
  durationMs: z.number(),
  /** null: every kind, every table. */
  scope: z.strictObject({ kinds: strings.nullable(), tables: strings.nullable(), unmask: strings }),
  rule: z.string(),
  breakGlass: z.boolean(),
  approvers: strings,
  quorum: z.number(),
  address: z.string(),
  /** A client waits for it at the target's door. */
  waiting: z.boolean(),
  requestedAt: z.number(),
  deadlineAt: z.number(),
  /** Of a request: from when it is wanted, null for at once. */
  startsAt: z.number().nullable(),
  endsAt: z.number().nullable(),
  state: z.enum(["requested", "granted", "refused", "expired", "withdrawn", "ended", "revoked"]),
  reviews: z.array(reviewSchema),
  outcome: z.string(),
  /** The review of a break-glass. */
  examined: z.strictObject({ by: z.string(), words: z.string(), at: z.number() }).nullable(),
  mine: z.boolean(),
  /** Why the viewer may not decide it; null where they may. */
  refusal: z.string().nullable(),
  may: z.strictObject({ withdraw: z.boolean(), end: z.boolean(), review: z.boolean() }),
});
export type GrantView = z.infer<typeof grantSchema>;

export const placeSchema = z.strictObject({
  name: z.string(),
  environment: z.string(),
  database: z.string(),
  /** `open`: membership is enough. `ask`: a grant is needed. `glass`: only by break-glass. */
  entry: z.enum(["open", "ask", "glass"]),
  breakGlass: z.strictObject({ durationMaxMs: z.number() }).nullable(),
  offers: z.array(z.strictObject({
    rule: z.string(),
    then: z.enum(["grant", "approve"]),
    durationMaxMs: z.number(),
    kinds: strings.nullable(),
    unmask: strings,
  })),
});
export type Place = z.infer<typeof placeSchema>;

/** The viewer's own: what there is to ask for, and what they have or had, newest first. */
export const myAccessSchema = z.strictObject({
  now: z.number(),
  places: z.array(placeSchema),
  grants: z.array(grantSchema),
});
export type MyAccess = z.infer<typeof myAccessSchema>;

/** What others have or want, as far as it is the viewer's business: requests, grants, break-glass to review. */
export const accessDeskSchema = z.strictObject({
  now: z.number(),
  requests: z.array(grantSchema),
  granted: z.array(grantSchema),
  unreviewed: z.array(grantSchema),
});
export type AccessDeskView = z.infer<typeof accessDeskSchema>;

export const grantAnswerSchema = z.strictObject({ now: z.number(), grant: grantSchema });
export type GrantAnswer = z.infer<typeof grantAnswerSchema>;

const words = z.string().trim().min(1).max(REASON_LENGTH_MAX);
const names = z.array(z.string().min(1).max(300)).min(1).max(100);

export const askAccessSchema = z.strictObject({
  target: z.string().min(1).max(100),
  reason: words,
  durationMs: z.int().min(1000),
  /** Epoch milliseconds; at once where left out. */
  startsAt: z.int().min(0).optional(),
  /** Kinds and tables that are left out are all that the rule has; columns without masks, none. */
  kinds: z.array(kind).min(1).optional(),
  tables: names.optional(),
  unmask: names.optional(),
  breakGlass: z.boolean().optional(),
  /** From the link that a waiting client printed. */
  wait: z.string().max(64).optional(),
});
export type AskAccess = z.infer<typeof askAccessSchema>;

export const accessWordsSchema = z.strictObject({ words });
export type AccessWords = z.infer<typeof accessWordsSchema>;

export const noWordsSchema = z.strictObject({});
