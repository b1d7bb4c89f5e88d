/**
 * Removals, step by step: first the record says what is taken out, durably and signed, and then it is. A stop in between
 * is made good at the next start.
 */
import { type Ranges, recordErased, recordRetired } from "../audit/removal_events.ts";
import type { EvidenceJournal, Removal } from "../ports.ts";
import type { AuditEvent } from "../types.ts";
import type { Wiped } from "./parts.ts";
import type { Removable } from "./removal.ts";

export interface RemoverDeps {
  readonly find: (removal: Removal, after: number) => Promise<Removable>;
  readonly wipe: (ranges: Ranges) => Promise<unknown>;
  /** Gives the room back that wiped contents took. */
  readonly reclaim: (wiped: Wiped) => Promise<unknown>;
  /** Signs the head: what is checked at a start begins behind it, and so never with what was taken out. */
  readonly sign: () => Promise<void>;
  readonly journal: Pick<EvidenceJournal, "append" | "events" | "cursors">;
}

/** The cursor of the last removal that was done. */
const CURSOR = "removals";

export class Remover {
  #running: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: RemoverDeps) {}

  /** One after the other: the cursor stands for all that the record announced before it. */
  remove(removal: Removal): Promise<number> {
    const removed = this.#running.then(() => this.#remove(removal));
    this.#running = removed.catch(() => {});
    return removed;
  }

  async #remove(removal: Removal): Promise<number> {
    const { find, journal, sign } = this.deps;
    const taken: AuditEvent[] = [];
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
      await this.deps.wipe(event.data.ranges as Ranges);
      taken.push(event);
      count += sequences.length;
    }
    await this.#done(taken);
    return count;
  }

  /** Takes out what an earlier process said that it would. */
  async finish(): Promise<void> {
    const { journal } = this.deps;
    const after = await journal.cursors.claim(CURSOR, 0, 0);
    if (after === null) return;
    const said = await journal.events({ types: ["record.erased", "record.retired"], after });
    for (const { data } of said) await this.deps.wipe(data.ranges as Ranges);
    await this.#done(said);
  }

  async #done(events: readonly AuditEvent[]): Promise<void> {
    const last = events.at(-1);
    if (last === undefined) return;
    await this.deps.reclaim({
      ranges: events.flatMap(({ data }) => data.ranges as Ranges),
      erased: events.some(({ type }) => type === "record.erased"),
    });
    await this.deps.journal.cursors.advance(CURSOR, last.sequence);
  }
}
