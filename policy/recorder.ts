/**
 * How statements get into the record: each durable before it is forwarded, or, where config says
 * `audit.reads: batched`, reads a moment after. What a crash may lose then is at most `TRAILING_MAX` reads, those of
 * the last fraction of a second; writes, refusals and whatever was held are never among them.
 */
import type { Journal } from "./ports.ts";
import type { EventDraft } from "./types.ts";

export type ReadsRecorded = "durable" | "batched";

/** Reads that may be on their way to the store at a time, in all; further ones wait until they are durable. */
const TRAILING_MAX = 1000;

export class Recorder {
  #trailing = 0;
  #failing = false;

  constructor(
    private readonly journal: Pick<Journal, "append">,
    private readonly reads: () => ReadsRecorded,
    private readonly log: (level: "error", message: string, fields?: Record<string, unknown>) => void,
  ) {}

  /** Resolves when the statement may be forwarded; rejects with StoreFailed, and then it may not. */
  async record(draft: EventDraft, isRead: boolean): Promise<void> {
    const durable = this.journal.append(draft);
    // After a failure every statement waits for proof that the store works again.
    const trails = this.reads() === "batched" && isRead && !this.#failing && this.#trailing < TRAILING_MAX;
    if (!trails) {
      await durable;
      this.#failing = false;
      return;
    }
    this.#trailing++;
    durable.catch((error) => {
      this.#failing = true;
      this.log("error", "a read that was forwarded could not be recorded", { error: String(error) });
    }).finally(() => this.#trailing--);
  }
}
