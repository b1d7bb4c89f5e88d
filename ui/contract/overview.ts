/** A day at the gate, and how the parts are. */
import { z } from "zod";

const who = { person: z.string() };
const where = { ...who, target: z.string(), session: z.string() };

export const unusualSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("first-time"), ...where }),
  z.strictObject({
    kind: z.literal("hour"),
    ...where,
    /** When the first session in that hour started, and how many there were. */
    at: z.number(),
    sessions: z.number(),
    /** Hours of the day, counted from `from`. */
    usual: z.array(z.number()),
  }),
  z.strictObject({ kind: z.literal("rows"), ...where, rows: z.number(), sequence: z.number() }),
  z.strictObject({ kind: z.literal("refusals"), ...who, refusals: z.number() }),
]);
export type Unusual = z.infer<typeof unusualSchema>;

export const hourSchema = z.strictObject({
  /** Counted from `from`. */
  hour: z.number(),
  sessions: z.number(),
  allowed: z.number(),
  held: z.number(),
  refused: z.number(),
});
export type Hour = z.infer<typeof hourSchema>;

export const overviewSchema = z.strictObject({
  now: z.number(),
  from: z.number(),
  live: z.number(),
  waiting: z.number(),
  people: z.number(),
  sessions: z.number(),
  hours: z.array(hourSchema),
  holds: z.strictObject({
    asked: z.number(),
    approved: z.number(),
    denied: z.number(),
    expired: z.number(),
    withdrawn: z.number(),
    medianWaitMs: z.number().nullable(),
  }),
  masked: z.number(),
  unusual: z.array(unusualSchema),
  /** How many events the counts of statements are behind the record, and up to when they count. */
  behind: z.strictObject({ events: z.number(), countedTo: z.number().nullable() }),
  lookedAt: z.number(),
  health: z.strictObject({
    at: z.number(),
    ready: z.boolean(),
    parts: z.array(z.strictObject({
      name: z.string(),
      ok: z.boolean(),
      detail: z.string(),
      vital: z.boolean(),
    })),
  }),
});
export type Overview = z.infer<typeof overviewSchema>;
