/**
 * The grants that are open, kept in step with the record: what decides first becomes durable first, one step of
 * a grant at a time, so that steps that race have one winner. What is open survives a restart: it is read back
 * from the store. Time alone ends a grant, whether or not the record takes the event of it.
 */
import { accessChanged, accessEventData, isAccessEvent } from "./audit/access_events.ts";
import { PosternError } from "./errors.ts";
import { type Grant, moved } from "./grant.ts";
import type { Clock, Journal } from "./ports.ts";
import type { AccessEventType, AuditEvent } from "./types.ts";

export interface GrantBookDeps {
  readonly journal: Pick<Journal, "append" | "grant" | "grants" | "follow" | "nodes">;
  readonly clock: Clock;
  readonly log: (level: "info" | "warn" | "error", message: string, fields?: Record<string, unknown>) => void;
}

export interface GrantStep {
  readonly type: AccessEventType;
  readonly grant: Grant;
}

/** Called with each grant as it changes; `wait` is the door that a new request came through. */
export type GrantListener = (grant: Grant, wait: string | null) => void;

const doneMax = 10_000;
const over = 1_000_000;

/** Grows with every step of a grant's life. */
function ageOf({ state, reviews, examined }: Grant): number {
  const stage = state === "requested" ? 0 : state === "granted" ? over / 2 : over;
  return stage + reviews.length + (examined === null ? 0 : over / 4);
}

export class GrantBook {
  /** Requested and granted ones. */
  readonly #open = new Map<string, Grant>();
  /** Those that ended lately: what was read before that does not bring them back. */
  readonly #done = new Set<string>();
  /** The step under way, by grant: the next one waits for it. */
  readonly #steps = new Map<string, Promise<unknown>>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #listeners = new Set<GrantListener>();
  #unsubscribe: () => void = () => {};

  constructor(private readonly deps: GrantBookDeps) {}

  /** Reads back what is open, and follows what other nodes on the store decide. Rejects with StoreFailed. */
  async load(): Promise<void> {
    this.#unsubscribe = this.deps.journal.follow(
      (event) => this.#learn(event),
      Object.keys(accessEventData) as AccessEventType[],
    );
    for (const grant of await this.deps.journal.grants({ open: true, limit: 0 })) this.#keep(grant, null);
  }

  close(): void {
    this.#unsubscribe();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  onChange(listener: GrantListener): void {
    this.#listeners.add(listener);
  }

  all(): readonly Grant[] {
    return [...this.#open.values()];
  }

  async find(id: string): Promise<Grant | null> {
    return this.#open.get(id) ?? await this.deps.journal.grant(id);
  }

  /** A grant's first event. Rejects with StoreFailed. */
  async begin(type: AccessEventType, grant: Grant, wait: string | null): Promise<Grant> {
    const begun = this.deps.journal.append(accessChanged(type, grant)).then(() => this.#keep(grant, wait));
    this.#busy(grant.id, begun);
    await begun;
    return grant;
  }

  /** The next step of a grant, after the one that is under way. Rejects with what `next` throws, or StoreFailed. */
  step(id: string, next: (grant: Grant) => GrantStep): Promise<Grant> {
    const before = this.#steps.get(id) ?? Promise.resolve();
    const { nodes } = this.deps.journal;
    const take = () => this.#step(id, next);
    const step = before.catch(() => {}).then(() => nodes === null ? take() : nodes.alone("access", take));
    this.#busy(id, step);
    return step;
  }

  async #step(id: string, next: (grant: Grant) => GrantStep): Promise<Grant> {
    const { journal } = this.deps;
    const grant = journal.nodes === null ? await this.find(id) : await journal.grant(id);
    if (grant === null) throw new PosternError("PolicyDenied", "There is no such request");
    // Another node may have decided a moment ago.
    if (this.#isNews(grant)) this.#keep(grant, null);
    const after = next(grant);
    await journal.append(accessChanged(after.type, after.grant));
    this.#keep(after.grant, null);
    return after.grant;
  }

  #busy(id: string, step: Promise<unknown>): void {
    this.#steps.set(id, step);
    const over = () => {
      if (this.#steps.get(id) === step) this.#steps.delete(id);
    };
    step.then(over, over);
  }

  #keep(grant: Grant, wait: string | null): void {
    clearTimeout(this.#timers.get(grant.id));
    this.#timers.delete(grant.id);
    if (grant.state === "requested" || grant.state === "granted") {
      this.#open.set(grant.id, grant);
      this.#schedule(grant);
    } else {
      this.#open.delete(grant.id);
      this.#done.add(grant.id);
      if (this.#done.size > doneMax) this.#done.delete(this.#done.values().next().value!);
    }
    for (const listener of this.#listeners) listener(grant, wait);
  }

  /** setTimeout takes at most 2^31 - 1 ms; a later end is looked at again then. */
  #schedule(grant: Grant): void {
    const now = this.deps.clock();
    const starts = grant.state === "granted" && (grant.startsAt ?? 0) > now;
    const at = (grant.state === "requested" ? grant.deadlineAt : starts ? grant.startsAt : grant.endsAt) ?? 0;
    const left = Math.max(0, at - now);
    const due = () =>
      left > 2 ** 31 - 2 ? this.#schedule(grant) : starts ? this.#begun(grant) : this.#over(grant.id);
    this.#timers.set(grant.id, setTimeout(due, Math.min(left, 2 ** 31 - 1)));
  }

  /** Its time has come: who waits at the door gets in. */
  #begun(grant: Grant): void {
    this.#schedule(grant);
    for (const listener of this.#listeners) listener(grant, null);
  }

  #over(id: string): void {
    this.step(
      id,
      (grant) =>
        grant.state === "requested"
          ? { type: "access.expired", grant: moved(grant, "expired", { outcome: "nobody decided in time" }) }
          : { type: "access.ended", grant: moved(grant, "ended", { outcome: "its time was over" }) },
    )
      .catch((error) => {
        // Another node on the store was faster, and tells.
        if (error instanceof PosternError && error.code === "PolicyDenied") return;
        this.deps.log("error", "the end of an access could not be recorded", {
          grant: id,
          error: String(error),
        });
        // It counts no more, by the clock; the next start records its end.
        const grant = this.#open.get(id);
        if (grant !== undefined) { for (const listener of this.#listeners) listener(grant, null); }
      });
  }

  #learn(event: AuditEvent): void {
    if (isAccessEvent(event.type)) this.#take(event.data as unknown as Grant);
  }

  /** As the record has it; what is being decided here is known already. */
  #take(grant: Grant): void {
    if (!this.#steps.has(grant.id) && this.#isNews(grant)) this.#keep(grant, null);
  }

  /** What was read before a step of ours was done must not undo it. */
  #isNews(grant: Grant): boolean {
    if (this.#done.has(grant.id)) return false;
    const mine = this.#open.get(grant.id);
    return mine === undefined ? ageOf(grant) < over : ageOf(grant) > ageOf(mine);
  }
}
