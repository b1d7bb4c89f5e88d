/** Signs the record's head from time to time, off the callers' way, and lets the store tidy up after it. */
import type { HeadTimes, SignedHead } from "../audit/heads.ts";
import type { Log } from "./worker_client.ts";

export class HeadKeeper {
  #timer: ReturnType<typeof setInterval> | undefined;
  #times!: HeadTimes;
  #unsigned = 0;
  #signing = false;
  #closed = false;

  constructor(
    private readonly store: { sign(): Promise<SignedHead>; upkeep(): Promise<unknown> },
    times: HeadTimes,
    private readonly log: Log,
  ) {
    this.configure(times);
  }

  configure(times: HeadTimes): void {
    clearInterval(this.#timer);
    this.#times = times;
    this.#timer = setInterval(() => this.#due(), times.intervalMs);
  }

  /** So many events came into the chain. */
  grew(events: number): void {
    this.#unsigned += events;
    if (this.#unsigned >= this.#times.events) this.#due();
  }

  async sign(): Promise<void> {
    this.#unsigned = 0;
    const head = await this.store.sign();
    // In the log of another machine this line tells what the record was, whoever changes it later.
    this.log("info", "the record's head was signed", { ...head });
  }

  stop(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  /** What came since the last head is signed, too. */
  async signLast(): Promise<void> {
    if (this.#unsigned > 0) await this.sign();
  }

  #due(): void {
    if (this.#unsigned === 0 || this.#signing || this.#closed) return;
    this.#signing = true;
    this.sign()
      .then(() => this.store.upkeep())
      .catch((error) => this.log("error", "the record's head could not be signed", { error }))
      .finally(() => this.#signing = false);
  }
}
