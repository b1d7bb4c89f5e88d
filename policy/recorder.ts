/**
 * How statements get into the record: each durable before it is forwarded, or, where config says
 * `audit.reads: batched`, reads a moment after. What a crash may lose then is at most `TRAILING_MAX` reads, those of
 * the last fraction of a second; writes, refusals and whatever was held are never among them.
 */
import type { PosternError } from "./errors.ts";
import type { Journal, Recordable } from "./ports.ts";

export type ReadsRecorded = "durable" | "batched";

/** Reads that may be on their way to the store at a time, in all; further ones wait until they are durable. */
const TRAILING_MAX = 1000;

export class Recorder {
  #trailing = 0;
  #failing = false;

  constructor(
    private readonly journal: Pick<Journal, "record" | "trail">,
    private readonly reads: () => ReadsRecorded,
    private readonly log: (level: "error", message: string, fields?: Record<string, unknown>) => void,
  ) {}

  /**
   * null where the statement may be forwarded at once. Else resolves when it may, or rejects with StoreFailed, and
   * then it may not; throws StoreFailed, too.
   */
  record(event: Recordable, isRead: boolean): Promise<void> | null {
    // After a failure every statement waits for proof that the store works again.
    if (this.reads() === "batched" && isRead && !this.#failing && this.#trailing < TRAILING_MAX) {
      this.journal.trail(event, this.#trailed);
      this.#trailing++;
      return null;
    }
    return this.journal.record(event).then(() => {
      this.#failing = false;
    });
  }

  readonly #trailed = (error: PosternError | null): void => {
    this.#trailing--;
    if (error === null) return;
    this.#failing = true;
    this.log("error", "a read that was forwarded could not be recorded", { error: String(error) });
  };
}
