/** Held statements, as approvers see and decide them. */
import { z } from "zod";
import { clientSchema, parameterSchema, REASON_LENGTH_MAX, tableSchema } from "./common.ts";

export const approvalStateSchema = z.enum(["pending", "approved", "denied", "expired", "withdrawn"]);
export type ApprovalState = z.infer<typeof approvalStateSchema>;

export const reviewSchema = z.strictObject({
  by: z.string(),
  approve: z.boolean(),
  reason: z.string(),
  at: z.number(),
});
export type Review = z.infer<typeof reviewSchema>;

const cardShape = {
  id: z.string(),
  session: z.string(),
  person: z.string(),
  target: z.string(),
  database: z.string(),
  environment: z.string(),
  kind: z.string(),
  verbs: z.array(z.string()),
  tables: z.array(tableSchema),
  rule: z.string(),
  inTransaction: z.boolean(),
  requestedAt: z.number(),
  deadlineAt: z.number(),
  state: approvalStateSchema,
  outcome: z.string(),
  quorum: z.number(),
  reviews: z.array(reviewSchema),
  /** Characters (UTF-16 units) of the whole statement. */
  textLength: z.number(),
  parameterCount: z.number(),
  /** The viewer asked for it. */
  mine: z.boolean(),
  /** Why the viewer may not decide it; null where they may. */
  refusal: z.string().nullable(),
};

/** A request in a list. */
export const requestCardSchema = z.strictObject({
  ...cardShape,
  /** The statement's beginning, verbatim; the whole is in the detail. */
  preview: z.string(),
});
export type RequestCard = z.infer<typeof requestCardSchema>;

/** A request as it is decided: the whole text and every parameter. */
export const requestDetailSchema = z.strictObject({
  ...cardShape,
  text: z.string(),
  parameters: z.array(parameterSchema),
  groups: z.array(z.string()),
  client: clientSchema,
  digest: z.string(),
  reason: z.string(),
  approvers: z.array(z.string()),
});
export type RequestDetail = z.infer<typeof requestDetailSchema>;

export const requestsSchema = z.strictObject({ now: z.number(), requests: z.array(requestCardSchema) });
export type Requests = z.infer<typeof requestsSchema>;

export const requestAnswerSchema = z.strictObject({ now: z.number(), request: requestDetailSchema });
export type RequestAnswer = z.infer<typeof requestAnswerSchema>;

/** `next` is the cursor of the following page, null at the end. */
export const historySchema = z.strictObject({
  requests: z.array(requestCardSchema),
  next: z.number().nullable(),
});
export type History = z.infer<typeof historySchema>;

export const decisionSchema = z.strictObject({
  approve: z.boolean(),
  /** Needed for a refusal. */
  reason: z.string().trim().max(REASON_LENGTH_MAX),
});
export type Decision = z.infer<typeof decisionSchema>;
