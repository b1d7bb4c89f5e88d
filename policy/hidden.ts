/**
 * What the record and the approver see of a statement: its text, with the literals and parameters that go to a
 * masked column replaced. What is judged, bound by the digest and sent to the target is the true text.
 */
import type { ParameterView, StatementRun } from "./types.ts";

/** Stands for a value. Where it stands for one is told by `hidden`: a text may hold the same characters by itself. */
export const hiddenMark = "‹masked›";

export interface Shown {
  readonly text: string;
  readonly parameters: readonly ParameterView[];
  /** Where marks stand in `text`, `[start, end)` in UTF-16 units, in order. */
  readonly hidden: readonly (readonly number[])[];
  /** Which parameters are replaced, from 0. */
  readonly hiddenParameters: readonly number[];
}

export function shownOf({ text, parameters, judgement, rows = 1 }: StatementRun): Shown {
  const facts = judgement.statements.map((statement) => statement.facts);
  const ranges = facts.flatMap(({ maskedLiterals }) => [...maskedLiterals]).sort(([a], [b]) => a - b);
  const numbers = new Set(facts.flatMap(({ maskedParameters }) => [...maskedParameters]));
  if (ranges.length === 0 && numbers.size === 0) {
    return { text, parameters, hidden: [], hiddenParameters: [] };
  }
  const width = parameters.length / rows;
  const hides = (at: number) => numbers.has(rows === 1 ? at : at % width);
  return {
    ...replaced(text, ranges),
    // The length of a value tells of it, too.
    parameters: parameters.map((one, at) =>
      hides(at) && one.text !== null ? { ...one, text: hiddenMark, bytes: 0 } : one
    ),
    hiddenParameters: parameters.flatMap((_, at) => hides(at) ? [at] : []),
  };
}

function replaced(
  text: string,
  ranges: readonly (readonly [number, number])[],
): Pick<Shown, "text" | "hidden"> {
  const hidden: [number, number][] = [];
  let shown = "";
  let at = 0;
  for (const [start, end] of ranges) {
    // Ranges of several statements do not overlap; if one did, hiding it twice hides enough.
    if (end <= at) continue;
    shown += text.slice(at, Math.max(at, start));
    hidden.push([shown.length, shown.length + hiddenMark.length]);
    shown += hiddenMark;
    at = end;
  }
  return { text: shown + text.slice(at), hidden };
}
