/** Searching the statements of the record. */
import { z } from "zod";
import { tableSchema } from "./common.ts";

export const statementHitSchema = z.strictObject({
  sequence: z.number(),
  at: z.number(),
  person: z.string(),
  session: z.string(),
  target: z.string(),
  /** The statement's id, which the steps of its session's replay carry. */
  statement: z.string(),
  /** At most 1,000 characters of it; `textLength` says how long the whole is. */
  text: z.string(),
  textLength: z.number(),
  /** Statements with one template differ in literals only: search for `template` to see them all. */
  template: z.string(),
  templateText: z.string(),
  verdict: z.enum(["allow", "approve", "deny"]),
  /** Whether it went to the target. */
  forwarded: z.boolean(),
  rule: z.string(),
  reason: z.string(),
  kind: z.string(),
  verbs: z.array(z.string()),
  tables: z.array(tableSchema),
  masked: z.array(z.string()),
});
export type StatementHit = z.infer<typeof statementHitSchema>;

export const searchAnswerSchema = z.strictObject({
  now: z.number(),
  /** Newest first. */
  hits: z.array(statementHitSchema),
  /** `before` of the next page; null at the end. A page may be short, or empty, with more to come. */
  next: z.number().nullable(),
  /** The record reaches to `recordedTo`, and what search finds to `indexedTo`: it follows within seconds. */
  indexedTo: z.number(),
  recordedTo: z.number(),
});
export type SearchAnswer = z.infer<typeof searchAnswerSchema>;
