/** The target refused to the probe role what Postern's own analysis called clean: somebody should look. */
import { z } from "zod";
import type { EventDraft } from "../types.ts";

export const probeDisagreedData = z.strictObject({
  /** The refused statement's; its text is in `statement.judged`. */
  statement: z.string(),
  /** The target's code of its refusal. */
  code: z.string(),
}).readonly();

export function probeDisagreed(
  about: { readonly person: string; readonly session: string; readonly target: string },
  statement: string,
  code: string,
): EventDraft & { readonly type: "probe.disagreed"; readonly data: z.infer<typeof probeDisagreedData> } {
  return { type: "probe.disagreed", ...about, data: { statement, code } };
}
