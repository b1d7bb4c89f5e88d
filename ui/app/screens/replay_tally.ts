/** How many statements of each kind a session has, and when they were, in a bounded number of stretches of time. */
import { fits, rowFilters, type RowState, type StatementRow, stateOf } from "./replay_rows.ts";

/** Stretches of equal length. They double their length when the session outgrows them. */
const STRETCHES = 1024;

interface Counted {
  readonly state: RowState;
  /** Places of `rowFilters` that it fits. */
  readonly filters: readonly number[];
}

export class Tally {
  /** By places of `rowFilters`. */
  readonly fitting: number[] = rowFilters.map(() => 0);
  readonly totals = new Map<RowState, number>();
  /** Statements that waited, by place: drawn as lines. */
  readonly held = new Map<number, StatementRow>();
  readonly #counted: Counted[] = [];
  readonly #stretches = new Map<RowState, Uint32Array>();
  #stretchMs = 1;

  /** `from`: when the session began, epoch milliseconds. */
  constructor(private readonly from: number) {}

  /** Counts the statement at this place, in place of what was counted there before. */
  count(at: number, row: StatementRow, live: boolean): void {
    const state = stateOf(row, live);
    const filters = rowFilters.flatMap((filter, place) => fits(row, filter, "", live) ? [place] : []);
    const before = this.#counted[at];
    if (before !== undefined) this.#add(before, row.at, -1);
    this.#add(this.#counted[at] = { state, filters }, row.at, 1);
    if (row.held) this.held.set(at, row);
  }

  /** Where on a line of this span statements of a state are, as shares of it, ascending. */
  *marks(state: RowState, spanMs: number): Iterable<number> {
    const stretches = this.#stretches.get(state) ?? [];
    for (const [place, count] of stretches.entries()) {
      if (count > 0) yield place * this.#stretchMs / spanMs;
    }
  }

  #add({ state, filters }: Counted, at: number, by: number): void {
    this.totals.set(state, (this.totals.get(state) ?? 0) + by);
    for (const place of filters) this.fitting[place]! += by;
    let stretches = this.#stretches.get(state);
    if (stretches === undefined) this.#stretches.set(state, stretches = new Uint32Array(STRETCHES));
    const offset = Math.max(0, at - this.from);
    while (offset >= STRETCHES * this.#stretchMs) this.#double();
    stretches[Math.floor(offset / this.#stretchMs)]! += by;
  }

  #double(): void {
    this.#stretchMs *= 2;
    for (const stretches of this.#stretches.values()) {
      for (let at = 0; at < STRETCHES; at++) {
        const pair = (stretches[2 * at] ?? 0) + (stretches[2 * at + 1] ?? 0);
        stretches[at] = 2 * at < STRETCHES ? pair : 0;
      }
    }
  }
}
