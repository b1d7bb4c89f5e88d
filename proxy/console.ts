/** What the clients for statements from the dashboard have in common: where they connect, and how much they keep. */
import { type ConsoleEvent, ROWS_MAX, RUN_LENGTH_MAX, VALUE_LENGTH_MAX } from "../policy/console.ts";
import type { Target } from "../policy/types.ts";
import { gateOf } from "./forward.ts";
import type { ConsoleRequest } from "./protocol.ts";

export const consoleTimeoutMs = 30_000;
/** A row of a result, in bytes; larger ones end the run with the limit's error. */
export const consoleRowBytesMax = 64 * 1024 * 1024;
/** What a target's own lists of connections, and the record, call it. */
export const consoleName = "Postern console";
/** Rows that travel to the browser together. */
const batchRows = 100;

/** The listener is this process: its certificate proves nothing that the address does not. */
export function listenerAsTarget(request: ConsoleRequest): Target {
  return gateOf({ ...request, ca: null }, request);
}

/** The rows of one run's results: all are counted, the first are kept. */
export class ConsoleRows {
  #batch: (string | null)[][] = [];
  #kept = 0;
  #count = 0;

  /** Whether the next row is looked at; the others are only counted. */
  get wants(): boolean {
    return this.#count < ROWS_MAX && this.#kept <= RUN_LENGTH_MAX;
  }

  /** A row that nobody wants. */
  skip(): void {
    this.#count++;
  }

  /** A batch to send, once there is one. */
  *add(values: readonly (string | null)[]): Iterable<ConsoleEvent> {
    this.#count++;
    const row = values.map((value) => value?.slice(0, VALUE_LENGTH_MAX) ?? null);
    this.#kept += row.reduce((sum, value) => sum + (value?.length ?? 0), 0);
    this.#batch.push(row);
    if (this.#batch.length >= batchRows) yield this.#take();
  }

  /** A result's end: what is left of it, and how many rows it had. The next result counts anew. */
  *end(tagOf: (rows: number) => string, rows: number = this.#count): Iterable<ConsoleEvent> {
    if (this.#batch.length > 0) yield this.#take();
    this.#count = 0;
    yield { kind: "tag", tag: tagOf(rows), rows };
  }

  #take(): ConsoleEvent {
    const rows = this.#batch;
    this.#batch = [];
    return { kind: "rows", rows };
  }
}
