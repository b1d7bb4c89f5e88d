/** The rows of a replay as they are listed: what only asked the catalogs is folded, and long pauses are named. */
import { endOf, GAP_MS, type ReplayRow, type Shown, startOf, type StatementRow } from "./replay_rows.ts";

/** Runs of statements that only ask the catalogs become one row each, and long pauses a row of their own. */
export class Folds {
  readonly shown: Shown[] = [];
  /** Of each that is shown, the place of its first row; of a pause, that of the row after it. */
  readonly #firsts: number[] = [];
  /** When all rows before one were over, by place; null for the first. */
  readonly #endBefore: (number | null)[] = [];

  /** Lists what is new or changed from this place on; `rows` is what it was before that. */
  update(rows: readonly ReplayRow[], from: number): void {
    const before = rows[from - 1];
    const start = before !== undefined && isPlain(before) ? this.#firsts[this.#shownAt(from - 1)]! : from;
    const keep = this.#firsts.length === 0 ? 0 : this.#firstShown(start);
    this.shown.length = keep;
    this.#firsts.length = keep;
    let run: StatementRow[] = [];
    let runAt = start;
    const flush = () => {
      const [first] = run;
      if (first !== undefined) {
        this.#push(run.length > 1 ? { row: "fold", key: `fold-${first.key}`, rows: run } : first, runAt);
      }
      run = [];
    };
    for (let at = start; at < rows.length; at++) {
      const row = rows[at]!;
      const lastEnd = this.#endBefore[at] ??= null;
      const pause = lastEnd === null ? 0 : startOf(row) - lastEnd;
      if (pause >= GAP_MS) {
        flush();
        this.#push({ row: "gap", key: `gap-${row.key}`, ms: pause }, at);
      }
      this.#endBefore[at + 1] = Math.max(lastEnd ?? 0, endOf(row));
      if (isPlain(row)) {
        if (run.length === 0) runAt = at;
        run.push(row);
      } else {
        flush();
        this.#push(row, at);
      }
    }
    flush();
  }

  #push(shown: Shown, first: number): void {
    this.shown.push(shown);
    this.#firsts.push(first);
  }

  /** Which of those shown has this place's row. */
  #shownAt(place: number): number {
    return this.#firstShown(place + 1) - 1;
  }

  /** The first of those shown whose rows begin at this place or later. */
  #firstShown(place: number): number {
    let low = 0;
    let high = this.#firsts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#firsts[middle]! < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isPlain(row: ReplayRow): row is StatementRow {
  return row.row === "statement" && row.statement?.catalogOnly === true &&
    row.statement.verdict === "allow" && !row.outcome?.error;
}

export function folded(rows: readonly ReplayRow[]): readonly Shown[] {
  const folds = new Folds();
  folds.update(rows, 0);
  return folds.shown;
}
