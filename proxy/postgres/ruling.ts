/** What a verdict comes to, once the kept queries that a message names are followed. */
import type { Judgement, StatementRun } from "../../policy/types.ts";
import type { Execution } from "./execution.ts";
import { follow, type FollowInput } from "./kept.ts";
import { protocolRun, refusalOf } from "./refusals.ts";
import type { Prepared, Step } from "./steps.ts";

export type Prepare = (judgement: Judgement, source: Execution["source"]) => Prepared;

export function ruled(
  judged: Judgement,
  parameters: StatementRun["parameters"],
  prepare: Prepare,
  input: FollowInput,
): Step {
  const { c, text, place } = input;
  const { state, inTransaction } = c;
  const runOf = (judgement: Judgement) => ({ text, parameters, judgement, state, inTransaction });
  if (judged.verdict === "deny") {
    return { kind: "refuse", run: runOf(judged), error: refusalOf(judged), place };
  }
  const followed = follow(judged, input);
  if ("wait" in followed) return followed.wait;
  if ("problem" in followed) {
    const { problem: error } = followed;
    return { kind: "refuse", run: protocolRun(text, error, c), error, place };
  }
  const { judgement } = followed;
  return {
    kind: judgement.verdict === "approve" ? "hold" : "run",
    run: runOf(judgement),
    prepare: () => prepare(judgement, { text, state }),
    place,
  };
}
