/**
 * Removals, step by step: first the record says what is taken out, durably and signed, and then it is. A stop in between
 * is made good at the next start.
 */
import { type Ranges, recordErased, recordRetired } from "../audit/removal_events.ts";
import type { EvidenceJournal, Removal } from "../ports.ts";
import type { Removable } from "./removal.ts";

export interface RemoverDeps {
  readonly find: (removal: Removal, after: number) => Promise<Removable>;
  readonly wipe: (ranges: Ranges) => Promise<unknown>;
  /** Signs the head: what is checked at a start begins behind it, and so never with what was taken out. */
  readonly sign: () => Promise<void>;
  readonly journal: Pick<EvidenceJournal, "append" | "events" | "cursors">;
}

/** The cursor of the last removal that was done. */
const CURSOR = "removals";

export class Remover {
  constructor(private readonly deps: RemoverDeps) {}

  async remove(removal: Removal): Promise<number> {
    const { find, journal, sign } = this.deps;
    let count = 0;
    for (let after: number | null = 0; after !== null;) {
      const found: Removable = await find(removal, after);
      after = found.next;
      const { sequences } = found;
      if (sequences.length === 0) continue;
      const event = await journal.append(
        removal.kind === "erased" ? recordErased(sequences, removal) : recordRetired(sequences, removal),
      );
      await sign();
      await this.#take(event.sequence, event.data.ranges as Ranges);
      count += sequences.length;
    }
    return count;
  }

  /** Takes out what an earlier process said that it would. */
  async finish(): Promise<void> {
    const { journal } = this.deps;
    const after = await journal.cursors.claim(CURSOR, 0, 0);
    if (after === null) return;
    for (const event of await journal.events({ types: ["record.erased", "record.retired"], after })) {
      await this.#take(event.sequence, event.data.ranges as Ranges);
    }
  }

  async #take(sequence: number, ranges: Ranges): Promise<void> {
    await this.deps.wipe(ranges);
    await this.deps.journal.cursors.advance(CURSOR, sequence);
  }
}
