/** Held statements, as approvers see and decide them. */
import { z } from "zod";
import { clientSchema, coloursSchema, parameterSchema, REASON_LENGTH_MAX, tableSchema } from "./common.ts";

export const approvalStateSchema = z.enum(["pending", "approved", "denied", "expired", "withdrawn"]);
export type ApprovalState = z.infer<typeof approvalStateSchema>;

export const reviewSchema = z.strictObject({
  by: z.string(),
  approve: z.boolean(),
  reason: z.string(),
  at: z.number(),
  /** Their access ended before the decision: it does not count. */
  lapsed: z.boolean().optional(),
});
export type Review = z.infer<typeof reviewSchema>;

/** "once": this statement; "template": its like, in its session; "tables": writes on its tables, in its session. */
export const approvalScopeSchema = z.enum(["once", "template", "tables"]);
export type ApprovalScope = z.infer<typeof approvalScopeSchema>;

const scopeLimitsSchema = z.strictObject({ minutesMax: z.number(), statementsMax: z.number() });

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

const rows = z.array(z.array(z.string().nullable()));

/** What a statement would do, as it was estimated without running it. */
const impactSchema = z.strictObject({
  rows: z.number().nullable(),
  plan: z.array(z.string()),
  tables: z.array(z.strictObject({
    name: z.string(),
    access: z.enum(["read", "write"]),
    rows: z.number().nullable(),
    bytes: z.number().nullable(),
    indexes: z.number(),
  })),
  triggers: z.array(z.string()),
  cascades: z.array(z.string()),
  locks: z.array(z.string()),
  warnings: z.array(z.string()),
  exactRows: z.number().nullable(),
  samples: z.strictObject({ columns: z.array(z.string()), before: rows, after: rows.nullable() }).nullable(),
  missing: z.array(z.string()),
});

/** A request as it is decided: the whole text and every parameter. */
export const requestDetailSchema = z.strictObject({
  ...cardShape,
  text: z.string(),
  /** null where the tokens are not certain: the text is shown plain then. */
  colours: coloursSchema,
  parameters: z.array(parameterSchema),
  groups: z.array(z.string()),
  client: clientSchema,
  digest: z.string(),
  /** No WHERE restricts the rows that it changes. */
  missingWhere: z.boolean(),
  reason: z.string(),
  approvers: z.array(z.string()),
  distinctGroups: z.boolean(),
  escalation: z.strictObject({ at: z.number(), groups: z.array(z.string()) }).nullable(),
  /** How far an approver may go beyond this statement once; null where they may not. */
  template: scopeLimitsSchema.nullable(),
  tableScope: scopeLimitsSchema.nullable(),
  /** Nothing waits for it: approved, so many statements may run within the window after it, each once. */
  advance: z.strictObject({
    statements: z.number(),
    windowMs: z.number(),
    /** In their order; empty in records of before. */
    list: z.array(z.strictObject({ text: z.string(), verbs: z.array(z.string()) })),
  }).nullable(),
  /** It was one of several asked for in advance, in this request. */
  partOf: z.string().nullable(),
  /** What was granted; null until approved. */
  granted: z.strictObject({
    scope: approvalScopeSchema,
    until: z.number(),
    statementsMax: z.number(),
    /** Places in the list of `advance`; null where all of them. */
    only: z.array(z.number()).nullable(),
  }).nullable(),
  /** When it ran with this approval, and in which session. */
  used: z.strictObject({ at: z.number(), session: z.string() }).nullable(),
  /** Where values for masked columns are replaced in `text`, `[start, end)`; and which parameters are. */
  hidden: z.array(z.array(z.number())),
  hiddenParameters: z.array(z.number()),
  /** What it would do; null until that is computed. */
  impact: impactSchema.nullable(),
});
export type RequestDetail = z.infer<typeof requestDetailSchema>;

/** Statements to be approved before they run. */
export const submitSchema = z.strictObject({
  target: z.string().min(1).max(200),
  text: z.string().min(1).max(60_000),
  reason: z.string().trim().max(REASON_LENGTH_MAX),
});
export type Submit = z.infer<typeof submitSchema>;

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
  /** Beyond "once", with how long and how many; as far as the request offers it. */
  scope: approvalScopeSchema.optional(),
  minutes: z.int().min(1).max(100_000).optional(),
  statements: z.int().min(1).max(1_000_000).optional(),
  /** Of statements asked for in advance: places in their list, ascending. All where it is absent. */
  only: z.array(z.int().min(0).max(10_000)).min(1).max(10_000).optional(),
  /** Needed for a refusal. */
  reason: z.string().trim().max(REASON_LENGTH_MAX),
});
export type Decision = z.infer<typeof decisionSchema>;
