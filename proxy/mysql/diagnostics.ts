/** SHOW WARNINGS and its kin repeat texts of an earlier statement, which may quote a masked value. */
import type { JudgedStatement, Judgement, MaskRule } from "../../policy/types.ts";

/** Columns of SHOW WARNINGS and SHOW ERRORS: level, code, message. */
const shown: readonly (MaskRule | null)[] = [
  null,
  null,
  {
    column: "expression",
    mask: { kind: "fixed", text: "withheld: an earlier statement touches masked columns" },
  },
];

const shows = /^SHOW (WARNINGS|ERRORS)\b/;
const reads = /^(GET DIAGNOSTICS|GET CURRENT DIAGNOSTICS|GET STACKED DIAGNOSTICS|RESIGNAL)\b/;

/** Numbers alone. */
const counts = /^\s*SHOW\s+COUNT\s*\(\s*\*\s*\)\s*(WARNINGS|ERRORS)\s*;?\s*$/i;

/** The judgement of a text, where an earlier statement or one before it in the same message was tainted. */
export function withDiagnostics(judgement: Judgement, text: string, tainted: boolean): Judgement {
  const asks = judgement.statements.some(({ facts: { verb } }) => shows.test(verb) || reads.test(verb));
  if (!asks || counts.test(text)) return judgement;
  let before = tainted;
  let changed = false;
  let refused = false;
  const statements = judgement.statements.map((statement): JudgedStatement => {
    const { verb } = statement.facts;
    const was = before;
    before ||= statement.tainted;
    if (!was || !(shows.test(verb) || reads.test(verb))) return statement;
    changed = true;
    if (reads.test(verb)) refused = true;
    return { ...statement, result: { kind: "columns", masks: shown }, tainted: true };
  });
  if (!changed) return judgement;
  if (!refused) return { ...judgement, statements, tainted: true };
  return {
    ...judgement,
    statements,
    tainted: true,
    verdict: "deny",
    rule: "built-in: masks",
    reason: "the diagnostics are of a statement that touches masked columns",
    hint: "Run a statement without masked columns first",
    terms: null,
  };
}
