/**
 * Brings events to one channel, at least once and in order: reads the record after a durable cursor, sends, and moves
 * the cursor only then. Each channel has a courier of its own, so that one that fails holds up no other, and nothing
 * else in Postern waits for any of them.
 */
import { deliveryChanged, deliveryDropped } from "../audit/delivery_events.ts";
import type { DeliveryState, EventFilter } from "../ports.ts";
import type { AuditEvent } from "../types.ts";
import { type Channel, ChannelError, networkError } from "./channel.ts";
import type { CourierDeps, CourierOptions } from "./courier_options.ts";

/** A message that the other side refuses, understanding it, is tried so often before it is given up. */
const PERMANENT_TRIES = 3;
/** What is read at once at least: what is too late is given up together. */
const PAGE_MIN = 50;
/** After so many failures in a row the channel counts as failing, and the record says so. */
const FAILING_AFTER = 3;

export class Courier {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  readonly #unsubscribe: () => void;
  #wake: (() => void) | null = null;
  #news = true;
  /** Sent and perhaps not arrived yet: up to which sequence, and when. */
  #unconfirmed: { readonly sequence: number; readonly at: number }[] = [];
  /** The next is after this one. */
  #position = 0;
  #rewind = false;
  #recordedFailing = false;
  #claimedAt = -Infinity;
  #state: DeliveryState;

  constructor(readonly channel: Channel, readonly options: CourierOptions, readonly deps: CourierDeps) {
    const { name, purpose, types } = options;
    this.#state = {
      name,
      kind: channel.kind,
      purpose,
      state: "waiting",
      sequence: 0,
      delivered: 0,
      dropped: 0,
      failures: 0,
      deliveredAt: null,
      failedAt: null,
      reason: "",
    };
    channel.onBroken = () => {
      this.#rewind = true;
      this.#poke();
    };
    // A stream of everything only looks now and then: hearing of each event would cost every statement something.
    this.#unsubscribe = types === null ? () => {} : deps.journal.subscribe(() => this.#poke(), types);
    this.#done = this.#run();
  }

  get state(): DeliveryState {
    return this.#state;
  }

  /** Stops, tells what has arrived, and lets another node go on. Never rejects. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#unsubscribe();
    this.#wake?.();
    await this.#done;
    try {
      const arrived = await this.channel.close();
      const last = this.#unconfirmed.at(-1);
      if (arrived && last !== undefined) await this.#advance(last.sequence);
      if (this.#state.state !== "elsewhere") await this.deps.journal.cursors.release(this.#cursor);
    } catch (error) {
      this.deps.log("warn", "a channel was not closed properly", {
        channel: this.options.name,
        error: String(error),
      });
    }
  }

  get #cursor(): string {
    return `${this.options.purpose}:${this.options.name}`;
  }

  get #over(): boolean {
    return this.#stop.signal.aborted;
  }

  #poke(): void {
    this.#news = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#round();
      } catch (error) {
        // The store's own failure: it is said elsewhere, and passes or not.
        this.deps.log("warn", "a channel cannot read the record", {
          channel: this.options.name,
          error: String(error),
        });
        await this.#pause(this.options.retry.mostMs);
      }
    }
  }

  /** Claims, reads a page, sends it; or waits for something to come. */
  async #round(): Promise<void> {
    if (!await this.#claim()) {
      this.#set({ state: "elsewhere" });
      await this.#pause(this.options.retry.leaseMs / 3);
      return;
    }
    if (this.#rewind) {
      this.#rewind = false;
      this.#unconfirmed = [];
      this.#position = this.#state.sequence;
    }
    await this.#confirm();
    this.#news = false;
    const page = await this.deps.journal.events(this.#filter());
    if (page.length === 0) {
      if (this.#state.state !== "failing") this.#set({ state: "waiting" });
      if (!this.#news) await this.#pause(this.options.retry.pollMs);
      return;
    }
    await this.#deliver(page);
  }

  #filter(): EventFilter {
    const { types } = this.options;
    return {
      after: this.#position,
      limit: Math.max(this.channel.batchMax, PAGE_MIN),
      ...(types === null ? {} : { types }),
    };
  }

  async #claim(): Promise<boolean> {
    const now = this.deps.clock();
    const { leaseMs } = this.options.retry;
    const held = this.#state.state !== "elsewhere" && now - this.#claimedAt < leaseMs / 3;
    if (held) return true;
    const start = this.options.fromBeginning ? 0 : null;
    const sequence = await this.deps.journal.cursors.claim(this.#cursor, start, leaseMs);
    if (sequence === null) return false;
    if (this.#claimedAt === -Infinity || this.#state.state === "elsewhere") {
      this.#position = sequence;
      this.#unconfirmed = [];
      this.#set({ state: "waiting", sequence });
    }
    this.#claimedAt = now;
    return true;
  }

  async #deliver(page: readonly AuditEvent[]): Promise<void> {
    const wanted = page.filter((event) => this.options.wants(event));
    const { giveUpMs } = this.options;
    const late = giveUpMs === null ? [] : wanted.filter((event) => event.at < this.deps.clock() - giveUpMs);
    if (late.length > 0) this.#drop(late, this.#state.reason || "it was not sent in time");
    const due = wanted.filter((event) => !late.includes(event));
    for (let at = 0; at < due.length; at += this.channel.batchMax) {
      const batch = due.slice(at, at + this.channel.batchMax);
      if (!await this.#send(batch)) return;
      await this.#sent(batch.at(-1)!.sequence);
    }
    // What nobody wants is done with, too.
    const last = page.at(-1)!.sequence;
    this.#position = last;
    if (this.#unconfirmed.length === 0 && last > this.#state.sequence) await this.#advance(last);
  }

  async #sent(sequence: number): Promise<void> {
    this.#position = sequence;
    if (this.channel.confirmMs > 0) this.#unconfirmed.push({ sequence, at: this.deps.clock() });
    else await this.#advance(sequence);
  }

  /** Sends until it is done, given up, or to be read anew. Whether the page is done with. */
  async #send(events: readonly AuditEvent[]): Promise<boolean> {
    for (let refusals = 0; !this.#over && !this.#rewind;) {
      this.#set({ state: this.#state.state === "failing" ? "failing" : "working" });
      try {
        await this.channel.send(events, this.#stop.signal);
        this.#succeeded(events.length);
        return true;
      } catch (error) {
        if (this.#over) return false;
        const failure = error instanceof ChannelError ? error : networkError(error);
        this.#failed(failure);
        if (failure.permanent) refusals++;
        if (this.options.giveUpMs !== null && refusals >= PERMANENT_TRIES) {
          this.#drop(events, failure.message);
          return true;
        }
        // What was sent just before may be lost as well: it is read again from the durable cursor.
        if (this.#unconfirmed.length > 0) this.#rewind = true;
        await this.#pause(this.#backOff(failure), false);
        if (!await this.#claim()) return false;
        const { giveUpMs } = this.options;
        if (giveUpMs !== null && events.some((event) => event.at < this.deps.clock() - giveUpMs)) {
          return false;
        }
      }
    }
    return false;
  }

  /** Doubled with each failure, and between half and the whole of that by chance. */
  #backOff({ retryAfterMs }: ChannelError): number {
    const { firstMs, mostMs } = this.options.retry;
    const most = Math.min(mostMs, firstMs * 2 ** Math.min(this.#state.failures - 1, 20));
    const random = this.deps.random ?? Math.random;
    return Math.max(most * (0.5 + random() / 2), Math.min(retryAfterMs ?? 0, mostMs));
  }

  #succeeded(count: number): void {
    const delivered = this.#state.delivered + count;
    this.#set({ state: "working", delivered, failures: 0, deliveredAt: this.deps.clock() });
    if (!this.#recordedFailing) return;
    this.#recordedFailing = false;
    this.deps.log("info", "a channel works again", { channel: this.options.name });
    this.deps.journal.note(deliveryChanged("delivery.recovered", this.#described("")));
  }

  #failed(failure: ChannelError): void {
    const failures = this.#state.failures + 1;
    this.#set({ state: "failing", failures, failedAt: this.deps.clock(), reason: failure.message });
    if (this.#recordedFailing || (failures < FAILING_AFTER && !failure.permanent)) return;
    this.#recordedFailing = true;
    this.deps.log("warn", "a channel fails and is tried again", {
      channel: this.options.name,
      reason: failure.message,
    });
    this.deps.journal.note(deliveryChanged("delivery.failing", this.#described(failure.message)));
  }

  #drop(events: readonly AuditEvent[], reason: string): void {
    this.#set({ dropped: this.#state.dropped + events.length });
    this.deps.log("error", "messages were given up", {
      channel: this.options.name,
      count: events.length,
      reason,
    });
    // Of messages about channels nothing is said: each would be the cause of the next.
    const sequences = events.filter(({ type }) => !type.startsWith("delivery.")).map(({ sequence }) =>
      sequence
    );
    if (sequences.length > 0) this.deps.journal.note(deliveryDropped(this.#described(reason), sequences));
  }

  #described(reason: string) {
    const { name, purpose } = this.options;
    return { channel: name, kind: this.channel.kind, purpose, reason };
  }

  /** Moves the cursor over what was sent long enough ago. */
  async #confirm(): Promise<void> {
    const until = this.deps.clock() - this.channel.confirmMs;
    let confirmed: number | null = null;
    while (this.#unconfirmed.length > 0 && this.#unconfirmed[0]!.at <= until) {
      confirmed = this.#unconfirmed.shift()!.sequence;
    }
    if (confirmed !== null) await this.#advance(confirmed);
    if (this.#unconfirmed.length === 0 && this.#position > this.#state.sequence) {
      await this.#advance(this.#position);
    }
  }

  async #advance(sequence: number): Promise<void> {
    if (await this.deps.journal.cursors.advance(this.#cursor, sequence)) this.#set({ sequence });
    else this.#claimedAt = -Infinity;
  }

  #set(changes: Partial<DeliveryState>): void {
    this.#state = { ...this.#state, ...changes };
  }

  /** Until the time is over, or, where it may be woken, until there is something new. */
  async #pause(ms: number, wakeable = true): Promise<void> {
    if (this.#over) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
      this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
      if (wakeable) this.#wake = resolve;
    });
    clearTimeout(timer);
    this.#wake = null;
  }
}
