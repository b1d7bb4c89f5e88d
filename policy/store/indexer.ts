/** Brings the search index forward in the background, in small steps between which appends have their turn. */
import type { Log } from "./worker_client.ts";

/** How soon after an event the index follows, and how many events one step takes. */
const PAUSE_MS = 1000;
const STEP_EVENTS = 256;

/** How long a search waits for the index: a few steps. */
const CATCH_UP_MS = 250;

export class Indexer {
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<void> | null = null;
  /** Events came since the last round began. */
  #behind = false;
  #closed = false;

  /**
   * `step` indexes at most so many events, and gives how many it went through; `busy`: there is more urgent work
   * for the store than that, and the index waits for calmer times.
   */
  constructor(
    readonly step: (limit: number) => Promise<number>,
    readonly busy: () => boolean,
    readonly log: Log,
  ) {}

  /** There are new events. */
  poke(): void {
    this.#behind = true;
    if (this.#timer !== null || this.#running !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#start();
    }, PAUSE_MS);
  }

  /** Resolves when the index has all events that there are now, or after a moment. Never rejects. */
  async catchUp(): Promise<void> {
    if (!this.#behind || this.#closed) return;
    this.#start();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => timer = setTimeout(resolve, CATCH_UP_MS));
    await Promise.race([this.#running, enough]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#behind) this.poke();
    });
  }

  async #run(): Promise<void> {
    this.#behind = false;
    try {
      while (!this.#closed && await this.step(STEP_EVENTS) > 0) {
        this.#behind = this.busy();
        if (this.#behind) break;
      }
    } catch (error) {
      // The next event tries again; until then a search says how far it reaches.
      this.log("warn", "the search index could not be brought forward", { error: String(error) });
    }
  }
}
