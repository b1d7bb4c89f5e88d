/** The first rows of what a statement gave, as its client saw them: where a target's `record` asks for that. */
import { z } from "zod";
import type { ShownResult } from "../shown_rows.ts";
import type { EventDraft } from "../types.ts";
import { type About, draft } from "./drafts.ts";

const value = z.string().nullable();

export const resultRecordedData = z.strictObject({
  statement: z.string(),
  results: z.array(
    z.strictObject({
      columns: z.array(z.strictObject({ name: z.string(), masked: z.boolean() }).readonly()).readonly(),
      rows: z.array(z.array(value).readonly()).readonly(),
      more: z.boolean(),
    }).readonly(),
  ).readonly(),
}).readonly();

export const resultRecorded = (
  about: About,
  statement: string,
  results: readonly ShownResult[],
): EventDraft => draft("result.recorded", about, { statement, results });
