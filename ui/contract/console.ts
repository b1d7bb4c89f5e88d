/** Statements that are run from the dashboard: what is asked, and the lines of JSON that come back. */
import { z } from "zod";

export const consoleTargetsSchema = z.strictObject({
  targets: z.array(z.strictObject({ name: z.string(), environment: z.string(), database: z.string() })),
});
export type ConsoleTargets = z.infer<typeof consoleTargetsSchema>;

export const consoleRunSchema = z.strictObject({
  target: z.string().min(1).max(200),
  text: z.string().min(1).max(50_000),
});
export type ConsoleRun = z.infer<typeof consoleRunSchema>;

const told = { message: z.string(), detail: z.string(), hint: z.string() };

/** One line each, in order; after `end` nothing comes. A stream without its `end` was cut off. */
export const consoleEventSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("columns"), names: z.array(z.string()) }),
  z.strictObject({ kind: z.literal("rows"), rows: z.array(z.array(z.string().nullable())) }),
  z.strictObject({ kind: z.literal("notice"), ...told }),
  z.strictObject({ kind: z.literal("tag"), tag: z.string(), rows: z.number() }),
  z.strictObject({ kind: z.literal("error"), code: z.string(), ...told }),
  z.strictObject({ kind: z.literal("end") }),
]);
export type ConsoleEvent = z.infer<typeof consoleEventSchema>;
