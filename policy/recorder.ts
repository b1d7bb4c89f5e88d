/**
 * How statements get into the record: each durable before it is forwarded, or, where config says
 * `audit.reads: batched`, reads a moment after. What a crash may lose then is at most `TRAILING_MAX` reads, those of
 * the last fraction of a second; writes, refusals and whatever was held are never among them.
 */
import type { Journal, Recordable } from "./ports.ts";

export type ReadsRecorded = "durable" | "batched";

/** Reads that may be on their way to the store at a time, in all; further ones wait until they are durable. */
const TRAILING_MAX = 1000;
/** How long a read that was let go may wait for its end, to be recorded together with it. */
const LATE_MS = 10;

export class Recorder {
  #trailing = 0;
  #failing = false;
  readonly #late = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly journal: Pick<Journal, "record" | "trail" | "roomy">,
    private readonly reads: () => ReadsRecorded,
    private readonly log: (level: "error", message: string, fields?: Record<string, unknown>) => void,
  ) {}

  /**
   * null where the statement may be forwarded at once. Else resolves when it may, or rejects with StoreFailed, and
   * then it may not; throws StoreFailed, too.
   */
  record(event: Recordable, isRead: boolean): Promise<void> | null {
    if (isRead && this.letsGo()) {
      this.trail(event);
      return null;
    }
    return this.journal.record(event).then(() => {
      this.#failing = false;
    });
  }

  /** Whether a read may be forwarded now; then trail() is called once for it, within LATE_MS. */
  letsGo(): boolean {
    // After a failure every statement waits for proof that the store works again.
    if (this.reads() !== "batched" || this.#failing || this.#trailing >= TRAILING_MAX) return false;
    if (!this.journal.roomy) return false;
    this.#trailing++;
    return true;
  }

  /** Records a read that was let go. Never throws. */
  trail(event: Recordable): void {
    try {
      this.journal.trail(event, this.#trailed);
    } catch (error) {
      this.#trailed(error);
    }
  }

  /** Calls `record` in LATE_MS at the latest, unless it is forgotten before. */
  late(record: () => void): void {
    this.#late.add(record);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const due = [...this.#late];
      this.#late.clear();
      for (const each of due) each();
    }, LATE_MS);
  }

  forget(record: () => void): void {
    this.#late.delete(record);
  }

  readonly #trailed = (error: unknown): void => {
    this.#trailing--;
    if (error === null) return;
    this.#failing = true;
    this.log("error", "a read that was forwarded could not be recorded", { error: String(error) });
  };
}
