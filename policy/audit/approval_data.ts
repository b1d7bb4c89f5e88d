/** What `approval.*` events carry in `data`: see policy/approval/types.ts. What is optional is absent in old records. */
import { z } from "zod";
import { impactData } from "./impact_data.ts";
import {
  clientData,
  hiddenShape,
  millis,
  parameterView,
  relationUse,
  statementKind,
  strings,
} from "./common_data.ts";

export const approvalState = z.enum(["pending", "approved", "denied", "expired", "withdrawn"]);
const scope = z.enum(["once", "template", "tables"]);

const places = z.array(z.number()).readonly();

const review = z.strictObject({
  by: z.string(),
  approve: z.boolean(),
  reason: z.string(),
  at: millis,
  groups: strings.optional(),
  until: millis.optional(),
  lapsed: z.boolean().optional(),
  scope: scope.optional(),
  minutes: z.number().optional(),
  statements: z.number().optional(),
  only: places.optional(),
}).readonly();

const limits = { minutesMax: z.number(), statementsMax: z.number() };

const granted = z.strictObject({
  scope,
  until: millis,
  statementsMax: z.number(),
  only: places.optional(),
}).readonly().nullable();

const advance = z.strictObject({
  statements: z.number(),
  windowMs: z.number(),
  list: z.array(z.strictObject({ text: z.string(), verbs: strings }).readonly()).readonly().optional(),
}).readonly();

/** The same fields as ApprovalRequest. */
export const approvalRequestData = z.strictObject({
  id: z.string(),
  session: z.string(),
  person: z.string(),
  groups: strings,
  target: z.string(),
  database: z.string(),
  environment: z.string(),
  client: clientData,
  text: z.string(),
  parameters: z.array(parameterView).readonly(),
  ...hiddenShape,
  digest: z.string(),
  kind: statementKind,
  verbs: strings,
  tables: z.array(relationUse).readonly(),
  rule: z.string(),
  reason: z.string(),
  approvers: strings,
  quorum: z.number(),
  inTransaction: z.boolean(),
  requestedAt: millis,
  deadlineAt: millis,
  state: approvalState,
  reviews: z.array(review).readonly(),
  outcome: z.string(),
  distinctGroups: z.boolean().optional(),
  escalation: z.strictObject({ at: millis, groups: strings }).readonly().nullable().optional(),
  template: z.strictObject({ digest: z.string(), ...limits }).readonly().nullable().optional(),
  tableScope: z.strictObject(limits).readonly().nullable().optional(),
  advance: advance.nullable().optional(),
  part: z.strictObject({ of: z.string(), until: millis }).readonly().nullable().optional(),
}).readonly();

/** How a request stands after a review, a deadline or a withdrawal. */
const approvalChange = z.strictObject({
  id: z.string(),
  state: approvalState,
  /** All of them so far, the newest last. */
  reviews: z.array(review).readonly(),
  /** Why it ended, for people; empty while more reviews are needed. */
  outcome: z.string(),
  granted: granted.optional(),
}).readonly();

/** What of a change the lists show. */
export const approvalChangeData = approvalChange;

export const approvalEventData = {
  "approval.requested": approvalRequestData,
  "approval.decided": approvalChange,
  "approval.withdrawn": approvalChange,
  /** What it would do, computed beside its wait: an estimate. */
  "approval.previewed": z.strictObject({ id: z.string(), impact: impactData }).readonly(),
  /** The same statement was sent again, in `session`, while its request was pending. */
  "approval.joined": z.strictObject({ id: z.string(), session: z.string() }).readonly(),
  /** Nobody decided for a while: `groups` may decide from now on, too. */
  "approval.escalated": z.strictObject({ id: z.string(), groups: strings }).readonly(),
};
