/** Sessions and their replay. */
import { z } from "zod";
import { clientSchema, coloursSchema, parameterSchema, REASON_LENGTH_MAX, tableSchema } from "./common.ts";
import { approvalStateSchema, reviewSchema } from "./requests.ts";

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
  /** What let it in for a time; null where membership was enough. */
  grant: z.strictObject({ id: z.string(), breakGlass: z.boolean() }).nullable(),
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
  /** Rows of its results are in the record: asked for by `sequence`. */
  z.strictObject({ ...stepShape, step: z.literal("result"), statement: z.string(), rows: z.number() }),
  z.strictObject({
    ...stepShape,
    step: z.literal("outcome"),
    statement: z.string(),
    rows: z.number().nullable(),
    /** To the client, and from it; null in older records. */
    bytes: z.number(),
    sent: z.number().nullable(),
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
export const statementTextSchema = z.strictObject({ text: z.string(), colours: coloursSchema });
export type StatementText = z.infer<typeof statementTextSchema>;

/** What the client saw of one statement's results, as far as it was recorded. */
export const recordedResultsSchema = z.strictObject({
  results: z.array(z.strictObject({
    columns: z.array(z.strictObject({ name: z.string(), masked: z.boolean() })),
    rows: z.array(z.array(z.string().nullable())),
    /** The client saw more than this. */
    more: z.boolean(),
  })),
});
export type RecordedResults = z.infer<typeof recordedResultsSchema>;

export const endSchema = z.strictObject({ reason: z.string().trim().min(1).max(REASON_LENGTH_MAX) });
export type End = z.infer<typeof endSchema>;
