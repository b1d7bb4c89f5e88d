/** Optimizer hints: comments that begin with a plus sign, and that the target obeys. */
import { objections } from "./objections.ts";
import type { Token } from "./tokens.ts";
import type { Walk } from "./walk.ts";

/** Hints that change how long a statement takes, and nothing else. */
const harmless = new Set(
  ("BKA NO_BKA BNL NO_BNL DERIVED_CONDITION_PUSHDOWN NO_DERIVED_CONDITION_PUSHDOWN HASH_JOIN NO_HASH_JOIN " +
    "MAX_EXECUTION_TIME MERGE NO_MERGE MRR NO_MRR NO_ICP NO_RANGE_OPTIMIZATION QB_NAME SEMIJOIN NO_SEMIJOIN " +
    "SUBQUERY JOIN_FIXED_ORDER JOIN_ORDER JOIN_PREFIX JOIN_SUFFIX").split(" "),
);

export function checkHints(walk: Walk, tokens: readonly Token[]): void {
  for (const { kind, value } of tokens) {
    if (kind === "hint" && !isHarmless(value)) walk.object(objections.hint());
  }
}

function isHarmless(text: string): boolean {
  if (!/^(?:\s*[A-Za-z_]+\s*\([\w\s@,.`]*\))*\s*$/.test(text)) return false;
  return [...text.matchAll(/([A-Za-z_]+)\s*\(/g)].every(([, name = ""]) => harmless.has(name.toUpperCase()));
}
