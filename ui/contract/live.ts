/** Sessions as they run now. Kept in memory: what the record says of them is in `sessionRowSchema` and the steps. */
import { z } from "zod";
import { clientSchema, REASON_LENGTH_MAX } from "./common.ts";

export const liveStatementSchema = z.strictObject({
  /** Of one that waits: its request's id, else the record's. */
  id: z.string(),
  state: z.enum(["running", "waiting"]),
  /** The statement's beginning, as it is recorded. */
  preview: z.string(),
  /** Characters (UTF-16 units) of the whole. */
  textLength: z.number(),
  verbs: z.array(z.string()),
  since: z.number(),
  /** Rows and bytes that came from the target so far; null while it waits. */
  rows: z.number().nullable(),
  bytes: z.number().nullable(),
  /** Statements of the same pipeline behind it. */
  behind: z.number(),
});
export type LiveStatement = z.infer<typeof liveStatementSchema>;

export const liveSessionSchema = z.strictObject({
  id: z.string(),
  person: z.string(),
  target: z.string(),
  database: z.string(),
  environment: z.string(),
  client: clientSchema,
  method: z.string(),
  startedAt: z.number(),
  readOnly: z.boolean(),
  statements: z.number(),
  held: z.number(),
  current: liveStatementSchema.nullable(),
  idleSince: z.number().nullable(),
  mine: z.boolean(),
  mayEnd: z.boolean(),
});
export type LiveSession = z.infer<typeof liveSessionSchema>;

export const liveSchema = z.strictObject({ now: z.number(), sessions: z.array(liveSessionSchema) });
export type Live = z.infer<typeof liveSchema>;

/** Ends all sessions of one person that the viewer may end. */
export const endPersonSchema = z.strictObject({
  person: z.string().min(1).max(200),
  reason: z.string().trim().min(1).max(REASON_LENGTH_MAX),
});
export type EndPerson = z.infer<typeof endPersonSchema>;

export const endedSchema = z.strictObject({ ended: z.number() });
export type Ended = z.infer<typeof endedSchema>;
