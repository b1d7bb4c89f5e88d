/**
 * SHOW WARNINGS and its kin repeat texts of an earlier statement, which may quote a masked value. What Postern has
 * to say to a client between statements comes as a warning, too: the protocol knows no notices.
 */
import { Writer } from "./codec.ts";
import { ErrorCode } from "./constants.ts";
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

const asksForWarnings = /^\s*SHOW\s+WARNINGS\s*;?\s*$/i;

/** What a client is warned of by Postern: counted with one statement's end, and listed until the next one. */
export class Remarks {
  /** Nothing can be said to a client between its commands, so it waits for the next answer. */
  #due: string | null = null;
  #told: string | null = null;

  say(text: string): void {
    this.#due = text;
  }

  /** What is due, now told. */
  take(): string | null {
    const text = this.#due;
    if (text === null) return null;
    this.#due = null;
    return this.#told = text;
  }

  /** The row that SHOW WARNINGS has more than the target's; null for other statements, and where there is none. */
  rowFor(statement: string): Uint8Array | null {
    const told = this.#told;
    if (told === null) return null;
    if (!asksForWarnings.test(statement)) {
      this.#told = null;
      return null;
    }
    const row = new Writer(64 + told.length);
    for (const value of ["Warning", String(ErrorCode.warning.number), told]) row.lenencText(value);
    return row.finish();
  }
}

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
