/** What was checked of a session's record, and what came out. */
import { z } from "zod";

export const askIntegritySchema = z.strictObject({});

export const integritySchema = z.strictObject({
  /** When it was checked. */
  at: z.number(),
  ok: z.boolean(),
  /** Events of this session whose digests, places and links were computed anew. */
  events: z.number(),
  /** Events of others between them, whose links were followed by their digests. */
  between: z.number(),
  /** Signed heads of the chain on the way. */
  heads: z.number(),
  /** Sequence numbers of the part of the record that was gone through. */
  first: z.number().nullable(),
  last: z.number().nullable(),
  /** The id of the key that signed the end. */
  key: z.string().nullable(),
  /** What is wrong, and with which event; null where nothing is. */
  problem: z.string().nullable(),
  sequence: z.number().nullable(),
});
export type Integrity = z.infer<typeof integritySchema>;
