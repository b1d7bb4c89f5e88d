/** Which contents an export lacks, and which of them its events say were taken out. */
import { isRemovalEvent, type Ranges } from "./removal_events.ts";

export class Removals {
  count = 0;
  readonly #found: [number, number][] = [];
  readonly #said: [number, number][] = [];

  /** `count` contents from `from` on are missing. */
  found(from: number, count: number): void {
    this.count += count;
    this.#found.push([from, from + count - 1]);
  }

  /** An event that may be about removals. */
  said(event: { readonly type: string; readonly data: { readonly [key: string]: unknown } }): void {
    if (!isRemovalEvent(event.type)) return;
    for (const [first, last] of event.data.ranges as Ranges) this.#said.push([first, last]);
  }

  /** Places of missing contents that no event speaks of. */
  unexplained(): number[] {
    const said = this.#said.toSorted((a, b) => a[0] - b[0]);
    const missing: number[] = [];
    let at = 0;
    for (const [first, last] of this.#found) {
      for (let sequence = first; sequence <= last; sequence++) {
        while (at < said.length && said[at]![1] < sequence) at++;
        if (said[at] === undefined || said[at]![0] > sequence) missing.push(sequence);
      }
    }
    return missing;
  }
}
