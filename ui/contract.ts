/** What the dashboard's API says and the app reads: JSON bodies as zod schemas. Times are epoch milliseconds. */
import { z } from "zod";

export const roleSchema = z.enum(["engineer", "approver", "auditor", "admin"]);
export type Role = z.infer<typeof roleSchema>;

/** Every answer that is not a success. `hint` says what to do next. */
export const errorSchema = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    rule: z.string().optional(),
  }),
});
export type ErrorBody = z.infer<typeof errorSchema>;

export const meSchema = z.strictObject({
  name: z.string(),
  groups: z.array(z.string()),
  roles: z.array(roleSchema),
  /** When this browser's session ends at the latest. */
  expiresAt: z.number(),
  /** Postern's clock, so that countdowns do not depend on the browser's. */
  now: z.number(),
  version: z.string(),
});
export type Me = z.infer<typeof meSchema>;

export const clientSchema = z.strictObject({
  address: z.string(),
  port: z.number(),
  application: z.string(),
  user: z.string(),
  tls: z.string().nullable(),
});
export type Client = z.infer<typeof clientSchema>;

export const tableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  access: z.enum(["read", "write"]),
});
export type TableUse = z.infer<typeof tableSchema>;

export const parameterSchema = z.strictObject({
  text: z.string().nullable(),
  type: z.string(),
  bytes: z.number(),
});
export type Parameter = z.infer<typeof parameterSchema>;

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

export const REASON_LENGTH_MAX = 2000;

export const decisionSchema = z.strictObject({
  approve: z.boolean(),
  /** Needed for a refusal. */
  reason: z.string().trim().max(REASON_LENGTH_MAX),
});
export type Decision = z.infer<typeof decisionSchema>;

export const sessionRowSchema = z.strictObject({
  id: z.string(),
  person: z.string(),
  target: z.string(),
  database: z.string(),
  client: clientSchema,
  method: z.string(),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
  endReason: z.string().nullable(),
  statements: z.number(),
  denied: z.number(),
  held: z.number(),
  /** Connected now. Neither live nor ended: Postern stopped before it could record the end. */
  live: z.boolean(),
  mine: z.boolean(),
});
export type SessionRow = z.infer<typeof sessionRowSchema>;

export const sessionsSchema = z.strictObject({
  now: z.number(),
  sessions: z.array(sessionRowSchema),
  next: z.number().nullable(),
});
export type Sessions = z.infer<typeof sessionsSchema>;

export const sessionAnswerSchema = z.strictObject({
  now: z.number(),
  session: sessionRowSchema,
  /** What the viewer may do with it. */
  may: z.strictObject({ end: z.boolean(), export: z.boolean() }),
});
export type SessionAnswer = z.infer<typeof sessionAnswerSchema>;

const stepShape = { sequence: z.number(), at: z.number() };

/** One entry of a session's record, reduced to what a replay shows. */
export const stepSchema = z.discriminatedUnion("step", [
  z.strictObject({
    ...stepShape,
    step: z.literal("statement"),
    statement: z.string(),
    /** Verbatim, cut after some thousand characters; `textLength` says how long the whole is. */
    text: z.string(),
    textLength: z.number(),
    parameters: z.array(parameterSchema),
    verdict: z.enum(["allow", "approve", "deny"]),
    /** Whether it went to the target: allowed, or approved. */
    forwarded: z.boolean(),
    rule: z.string(),
    reason: z.string(),
    kind: z.string(),
    verbs: z.array(z.string()),
    tables: z.array(tableSchema),
    /** Masked columns that it touches. */
    masked: z.array(z.string()),
    missingWhere: z.boolean(),
    inTransaction: z.boolean(),
    catalogOnly: z.boolean(),
    /** The request that let it pass. */
    approval: z.string().nullable(),
    /** How long it was held; null where it was not. */
    waitedMs: z.number().nullable(),
  }),
  z.strictObject({
    ...stepShape,
    step: z.literal("outcome"),
    statement: z.string(),
    rows: z.number().nullable(),
    bytes: z.number(),
    tag: z.string(),
    error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
    durationMs: z.number(),
  }),
  z.strictObject({
    ...stepShape,
    step: z.literal("held"),
    request: z.string(),
    text: z.string(),
    textLength: z.number(),
    verbs: z.array(z.string()),
    rule: z.string(),
    deadlineAt: z.number(),
  }),
  z.strictObject({
    ...stepShape,
    step: z.literal("review"),
    request: z.string(),
    state: approvalStateSchema,
    reviews: z.array(reviewSchema),
    outcome: z.string(),
  }),
  z.strictObject({
    ...stepShape,
    step: z.literal("note"),
    type: z.string(),
    person: z.string(),
    text: z.string(),
  }),
]);
export type Step = z.infer<typeof stepSchema>;
export type StatementStep = Extract<Step, { step: "statement" }>;

export const stepsSchema = z.strictObject({ steps: z.array(stepSchema), next: z.number().nullable() });
export type Steps = z.infer<typeof stepsSchema>;

/** The whole text of one statement of a session. */
export const statementTextSchema = z.strictObject({ text: z.string() });
export type StatementText = z.infer<typeof statementTextSchema>;

export const endSchema = z.strictObject({ reason: z.string().trim().min(1).max(REASON_LENGTH_MAX) });
export type End = z.infer<typeof endSchema>;

/** A sign-in that a client waits for, as the browser confirms it. */
export const connectPageSchema = z.strictObject({
  now: z.number(),
  code: z.string(),
  target: z.string(),
  client: clientSchema,
  deadlineAt: z.number(),
});
export type ConnectPage = z.infer<typeof connectPageSchema>;

/** A line to copy into a terminal or a form, and what it is for. */
const connectLineSchema = z.strictObject({ label: z.string(), line: z.string() });
export type ConnectLine = z.infer<typeof connectLineSchema>;
const lines = z.array(connectLineSchema);

/** What the viewer may reach, with the lines that need no password; `listening`: whether anything can. */
const place = { name: z.string(), environment: z.string(), database: z.string() };
const targetSchema = z.strictObject({ ...place, listening: z.boolean(), lines });
export type ReachableTarget = z.infer<typeof targetSchema>;
export const targetsSchema = z.strictObject({ targets: z.array(targetSchema) });
export type Targets = z.infer<typeof targetsSchema>;

export const askPasswordSchema = z.strictObject({});
/** A one-time password: in its lines, and in this answer only. */
export const passwordSchema = z.strictObject({
  now: z.number(),
  user: z.string(),
  expiresAt: z.number(),
  lines,
});
export type OneTimePassword = z.infer<typeof passwordSchema>;

export const consentSchema = z.strictObject({ decision: z.enum(["confirm", "reject"]) });
export type Consent = z.infer<typeof consentSchema>;

export const doneSchema = z.strictObject({ done: z.boolean() });
export type Done = z.infer<typeof doneSchema>;

/**
 * What the event stream sends (`event: change`, `id:` is the sequence): that something happened, never its
 * content; the app asks for what it shows. `event: reset` says: too much was missed, ask for everything again.
 */
export const changeSchema = z.strictObject({
  sequence: z.number(),
  at: z.number(),
  type: z.string(),
  person: z.string().nullable(),
  session: z.string().nullable(),
  target: z.string().nullable(),
  /** The id of the request, for `approval.*`. */
  request: z.string().nullable(),
});
export type Change = z.infer<typeof changeSchema>;
