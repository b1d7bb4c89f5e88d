/** One request while it waits: the connections that wait for it, and its timers. */
import type { Clock, Hold } from "../ports.ts";
import type { ApprovalRequest, ApprovalState, Identity } from "../types.ts";

export type Ended = Exclude<ApprovalState, "pending">;
type Outcome = Awaited<Hold["outcome"]>;
type Waiter = (outcome: Outcome) => void;

/** setTimeout takes at most this; deadlines are shorter. */
const timerMsMax = 2 ** 31 - 1;

export class PendingRequest {
  /** The append that ends it, while under way. */
  closing: Promise<void> | null = null;
  /** Asked for while a decision was being recorded; takes effect only if recording fails. */
  withdrawal: { state: "withdrawn" | "expired"; reason: string } | null = null;
  /** The newest last; none while its client is away. */
  readonly #waiters = new Set<Waiter>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(
    public request: ApprovalRequest,
    readonly requester: Identity,
    private readonly clock: Clock,
  ) {}

  get abandoned(): boolean {
    return this.#waiters.size === 0;
  }

  /**
   * One more connection that waits. `last` is called where it goes and no other waits; `stays` says that the
   * request is to wait for it to come again.
   */
  join(last: (reason: string, stays: boolean) => void): Pick<Hold, "outcome" | "withdraw" | "leave"> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#waiters.add(resolve);
    let gone = false;
    const go = (reason: string, stays: boolean): void => {
      if (gone || !this.#waiters.has(resolve)) return;
      gone = true;
      const alone = this.#waiters.size === 1;
      if (!alone || stays) {
        this.#waiters.delete(resolve);
        resolve({ state: "withdrawn", by: "", reason });
      }
      if (alone) last(reason, stays);
    };
    return {
      outcome: promise,
      withdraw: (reason) => go(reason, false),
      leave: (reason) => go(reason, true),
    };
  }

  at(time: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, Math.min(timerMsMax, Math.max(0, time - this.clock())));
    this.#timers.add(timer);
  }

  /** An approval is for one of those who wait: the newest, which is the likeliest to be there still. */
  settle(state: Ended, by: string, reason: string): void {
    for (const timer of this.#timers) clearTimeout(timer);
    const newest = [...this.#waiters].at(-1);
    const taken = `${by} approved it, and another connection of yours runs it; send it again to ask anew`;
    for (const waiter of this.#waiters) {
      if (state !== "approved" || waiter === newest) waiter({ state, by, reason });
      else waiter({ state: "withdrawn", by: "", reason: taken });
    }
    this.#waiters.clear();
  }
}
