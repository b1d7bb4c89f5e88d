/** Limits on guessing: so many failures for one key within a window, then a pause. */
import { type LimitName, limitReached } from "../limits.ts";
import type { Clock } from "../ports.ts";
import { minute } from "./options.ts";

const windowMs = 5 * minute;
const keysMax = 20_000;

export class AttemptLimiter {
  /** The times of recent failures, oldest first; keys in the order of their last failure. */
  readonly #failures = new Map<string, number[]>();

  constructor(
    private readonly limit: LimitName,
    private readonly what: string,
    private readonly failuresMax: () => number,
    private readonly clock: Clock,
  ) {}

  /** Throws LimitExceeded while the key has failed too often. */
  check(key: string): void {
    const recent = this.#recent(key);
    const [oldest] = recent;
    if (recent.length < this.failuresMax() || oldest === undefined) return;
    const seconds = Math.max(1, Math.ceil((oldest + windowMs - this.clock()) / 1000));
    throw limitReached(
      this.limit,
      `Too many failed sign-ins ${this.what}: the limit is ${this.failuresMax()} in ${
        windowMs / minute
      } minutes`,
      `Try again in ${seconds} s`,
    );
  }

  fail(key: string): void {
    const recent = [...this.#recent(key), this.clock()].slice(-this.failuresMax());
    this.#failures.delete(key);
    this.#failures.set(key, recent);
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= keysMax) break;
      this.#failures.delete(oldest);
    }
  }

  #recent(key: string): number[] {
    const since = this.clock() - windowMs;
    return (this.#failures.get(key) ?? []).filter((at) => at > since);
  }
}
