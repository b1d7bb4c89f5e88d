/** The first rows of a statement's results as its client saw them, masks and all, kept for the record. */

import type { Judgement } from "./types.ts";

export interface RowLimits {
  /** Rows of one statement, of all its results together. */
  readonly rows: number;
  /**
   * Characters of the columns' names and the values, of all results together; each name and value counts one
   * more, NULL too, so that neither NULLs nor results without rows are free. The last row or header may go over
   * it by the number of its columns, and a header by its names.
   */
  readonly bytes: number;
}

export interface ShownColumn {
  readonly name: string;
  /** Its values are masked by a rule or by detectors. */
  readonly masked: boolean;
}

export interface ShownResult {
  readonly columns: readonly ShownColumn[];
  /** Values as text; null is SQL's. One that was cut ends with `…`. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** The client saw rows, or ends of values, that are not here. */
  readonly more: boolean;
}

/** Whether rows of this are worth keeping: what tools ask the catalogs while they look around is not. */
export const keepsRows = ({ statements }: Judgement): boolean =>
  statements.some(({ facts }) => !facts.catalogOnly || facts.tables.length === 0);

type Draft = { -readonly [K in keyof ShownResult]: ShownResult[K] } & {
  readonly rows: (readonly (string | null)[])[];
};

export class ShownRows {
  readonly results: Draft[] = [];
  #rows = 0;
  #room: number;
  #full = false;

  constructor(private readonly limits: RowLimits) {
    this.#room = limits.bytes;
  }

  /** Whether the next row is looked at: one past the limit still is, so that a whole result is not called cut. */
  get wants(): boolean {
    return !this.#full && this.results.length > 0;
  }

  /** Another result begins. */
  start(columns: readonly ShownColumn[]): void {
    if (this.#full) return;
    if (this.#room <= 0) return this.skip();
    for (const { name } of columns) this.#room -= name.length + 1;
    const named = columns.map(({ name, masked }) => ({ name: wellFormed(name), masked }));
    this.results.push({ columns: named, rows: [], more: false });
  }

  add(values: readonly (string | null)[]): void {
    const result = this.results.at(-1);
    if (result === undefined || this.#full) return;
    if (this.#rows >= this.limits.rows || this.#room <= 0) return this.skip();
    this.#rows++;
    result.rows.push(values.map((value) => this.#fitted(value, result)));
  }

  /** A row or a result went to the client unseen: too large to look at, or past the limit. */
  skip(): void {
    const result = this.results.at(-1);
    if (result !== undefined && !this.#full) result.more = true;
    this.#full = true;
  }

  #fitted(value: string | null, result: Draft): string | null {
    const room = Math.max(0, this.#room);
    this.#room -= 1 + (value?.length ?? 0);
    if (value === null) return null;
    if (value.length <= room) return wellFormed(value);
    result.more = true;
    return wellFormed(`${value.slice(0, room)}…`);
  }
}

/** A cut may fall between the halves of a surrogate pair, which the record's JSON does not take. */
const wellFormed = (text: string): string => text.toWellFormed();
