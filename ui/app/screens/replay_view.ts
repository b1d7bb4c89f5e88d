/** What a replay draws of its steps, kept up as they come: the work is by what is new, not by what there is. */
import type { Step } from "../../contract.ts";
import { Folds } from "./replay_folds.ts";
import { fits, type RowFilter, Rows, type Shown, type StatementRow } from "./replay_rows.ts";
import { Tally } from "./replay_tally.ts";

export interface Wanted {
  readonly filter: RowFilter;
  readonly text: string;
  readonly live: boolean;
}

/** So many statements are looked through at once; the next ones follow in the browser's next frame. */
const SLICE_ROWS = 5000;

export class ReplayView {
  /** Another number whenever something of what is shown is: components are not drawn anew for the same lists. */
  version = 0;
  readonly rows = new Rows();
  readonly tally: Tally;
  readonly #folds = new Folds();
  #live: boolean | null = null;
  #wanted: Wanted = { filter: "all", text: "", live: false };
  /** Places of statements that fit, ascending, and these statements. */
  #places: number[] = [];
  #fitting: StatementRow[] = [];
  #lookedAt = 0;

  constructor(from: number) {
    this.tally = new Tally(from);
  }

  /** What is shown now. The lists are the same ones each time, and grow. */
  get shown(): readonly Shown[] {
    return isFiltered(this.#wanted) ? this.#fitting : this.#folds.shown;
  }

  /** The statements that are shown, folded or not. */
  get statements(): readonly StatementRow[] {
    return isFiltered(this.#wanted) ? this.#fitting : this.rows.statements;
  }

  /** Takes in what is new; whether all of it has been looked through, or another call is needed. */
  update(steps: readonly Step[], wanted: Wanted): boolean {
    const { from, statements } = this.rows.take(steps);
    if (from !== null) this.#folds.update(this.rows.all, from);
    if (this.#live === null || this.#live === wanted.live) {
      for (const at of statements) this.tally.count(at, this.rows.statements[at]!, wanted.live);
    } else {
      // What still ran has become something else.
      for (const [at, row] of this.rows.statements.entries()) this.tally.count(at, row, wanted.live);
    }
    if (from !== null || this.#live !== wanted.live) this.version++;
    this.#live = wanted.live;
    return this.#look(statements, wanted);
  }

  #look(changed: readonly number[], wanted: Wanted): boolean {
    const before = this.#wanted;
    this.#wanted = wanted;
    if (!isFiltered(wanted)) return true;
    if (before.filter !== wanted.filter || before.text !== wanted.text || before.live !== wanted.live) {
      this.#places = [];
      this.#fitting = [];
      this.#lookedAt = 0;
      this.version++;
    }
    for (const at of changed) if (at < this.#lookedAt) this.#put(at, wanted);
    const all = this.rows.statements;
    const end = Math.min(all.length, this.#lookedAt + SLICE_ROWS);
    if (this.#lookedAt < end) this.version++;
    for (; this.#lookedAt < end; this.#lookedAt++) {
      const row = all[this.#lookedAt]!;
      if (!fits(row, wanted.filter, wanted.text, wanted.live)) continue;
      this.#places.push(this.#lookedAt);
      this.#fitting.push(row);
    }
    return end === all.length;
  }

  /** One that was looked at before, and has changed since. */
  #put(at: number, { filter, text, live }: Wanted): void {
    const row = this.rows.statements[at]!;
    const place = this.#places.findLastIndex((one) => one <= at);
    const known = this.#places[place] === at;
    if (fits(row, filter, text, live)) {
      this.#places.splice(known ? place : place + 1, known ? 1 : 0, at);
      this.#fitting.splice(known ? place : place + 1, known ? 1 : 0, row);
    } else if (known) {
      this.#places.splice(place, 1);
      this.#fitting.splice(place, 1);
    }
  }
}

export const isFiltered = ({ filter, text }: Pick<Wanted, "filter" | "text">): boolean =>
  filter !== "all" || text !== "";

/** Where the row of this key is, in rows of one session in their order; -1 where it is not among them. */
export function placeOf(rows: readonly StatementRow[], key: string | null): number {
  if (key === null) return -1;
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    // Keys are places in the record.
    if (Number(rows[middle]!.key) < Number(key)) low = middle + 1;
    else high = middle;
  }
  return rows[low]?.key === key ? low : -1;
}
