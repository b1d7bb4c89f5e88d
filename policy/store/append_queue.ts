/**
 * What was appended, on its way through the spool into the database: durable first, for which callers wait,
 * then, some of them together, at its place in the chain.
 */
import { eventOf } from "../audit/chain.ts";
import { PosternError } from "../errors.ts";
import type { AuditEvent, EventType } from "../types.ts";
import type { Drained } from "./engine.ts";
import type { Encoded } from "./projection.ts";
import { isBefore, type Position } from "./spool_format.ts";
import { metaOf } from "./spool_meta.ts";
import { full, type QueueDeps, type QueueLimits } from "./queue_limits.ts";
import { SpoolWriter } from "./spool_writer.ts";

/** How long events gather for one transaction where nobody waits for their place. */
const DRAIN_MS = 100;
/** How long a record may wait for others on its way to the disk where nobody waits for it. */
const LAZY_MS = 10;
/** After a failure of the database's, until it is asked again. */
const RETRY_MS = 500;

/** Told once: null when the event is durable, or why it is not. */
export type Settled = (error: PosternError | null) => void;

interface Entry {
  bytes: number;
  segment: number;
  end: number;
  readonly chars: number;
  /** Kept for those who want to hear of it; null where nobody does. */
  readonly content: string | null;
  readonly type: EventType;
  readonly settled: Settled | null;
  readonly placed: PromiseWithResolvers<AuditEvent> | null;
}

interface Flush {
  readonly to: Position;
  readonly done: PromiseWithResolvers<void>;
}

export class AppendQueue {
  readonly #spool: SpoolWriter<Entry>;
  /** Durable, not in the database yet. */
  #entries: Entry[] = [];
  #from = 0;
  #count = 0;
  #chars = 0;
  #flushes: Flush[] = [];
  #draining: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failingSince: number | null = null;
  /** Up to where the database said that it has the spool. */
  #reached: Position = { segment: 0, offset: 0 };

  constructor(private readonly deps: QueueDeps, private readonly limits: QueueLimits) {
    this.#spool = new SpoolWriter<Entry>({
      folder: deps.spool,
      segment: deps.segment,
      lazyMs: LAZY_MS,
      durable: (entries) => this.#durable(entries),
      failed: (entries, error) => this.#failed(entries, error),
    });
  }

  /** Events that the database does not have yet. */
  get backlog(): number {
    return this.#count;
  }

  /** Whether less than half of what may wait does. */
  get roomy(): boolean {
    const { backlogEvents, backlogChars } = this.limits;
    return this.#count < backlogEvents / 2 && this.#chars < backlogChars / 2;
  }

  /** The end of what is durable. */
  get end(): Position {
    return this.#spool.end;
  }

  /** Resolves once the event is durable and has its place. */
  add(encoded: Encoded): Promise<AuditEvent> {
    const placed = Promise.withResolvers<AuditEvent>();
    this.#add(metaOf(encoded), encoded.content, encoded.type, null, placed, true);
    return placed.promise;
  }

  /**
   * Throws StoreFailed where too much waits already. `urgent`: somebody waits for `settled`, so the disk is
   * asked at once.
   */
  record(meta: string, content: string, type: EventType, settled: Settled, urgent: boolean): void {
    this.#add(meta, content, type, settled, null, urgent);
  }

  /** Resolves when everything that was added before is in the database; rejects while that fails. */
  async flush(): Promise<void> {
    await this.#spool.flush();
    if (this.#from === this.#entries.length) return;
    const done = Promise.withResolvers<void>();
    this.#flushes.push({ to: this.#spool.end, done });
    this.#hurry();
    await done.promise;
  }

  /** Takes over what an earlier process left. Rejects where the database fails. */
  async catchUp(): Promise<void> {
    this.#reached = this.#spool.end;
    await this.#reach();
  }

  /** Everything to the disk, and to the database as far as that works. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.deps.log("error", "events stay in the spool until the next start", { error: String(error) });
    } finally {
      clearTimeout(this.#timer);
      await this.#spool.close();
      this.#giveUp(0, new PosternError("StoreFailed", "the session store is closed"));
      this.#entries = [];
      this.#from = 0;
    }
  }

  #add(
    meta: string,
    content: string,
    type: EventType,
    settled: Settled | null,
    placed: Entry["placed"],
    urgent: boolean,
  ): void {
    this.#admit(content.length);
    const kept = placed !== null || this.deps.wanted(type) ? content : null;
    const chars = content.length;
    this.#count++;
    this.#chars += chars;
    const entry = { bytes: 0, segment: 0, end: 0, chars, content: kept, type, settled, placed };
    this.#spool.add(entry, meta, content, urgent);
  }

  #admit(length: number): void {
    const { limits } = this;
    if (length > limits.eventChars) {
      throw full(`an event of ${length} characters is more than the store takes (${limits.eventChars})`);
    }
    if (this.#count >= limits.backlogEvents) {
      throw full(`${limits.backlogEvents} events wait for the session store already`);
    }
    if (this.#chars + length > limits.backlogChars) {
      throw full(`${limits.backlogChars} characters of events wait for the session store already`);
    }
  }

  #durable(entries: readonly Entry[]): void {
    let urgent = false;
    for (const entry of entries) {
      this.#entries.push(entry);
      urgent ||= entry.placed !== null;
      entry.settled?.(null);
    }
    if (urgent) this.#hurry();
    else if (this.#draining === null) this.#later(DRAIN_MS);
  }

  #failed(entries: readonly Entry[], error: PosternError): void {
    this.deps.log("error", "events could not be written", { events: entries.length, cause: error.cause });
    for (const entry of entries) {
      this.#count--;
      this.#chars -= entry.chars;
      entry.settled?.(error);
      entry.placed?.reject(error);
    }
  }

  #later(ms: number): void {
    this.#timer ??= setTimeout(() => this.#hurry(), ms);
  }

  #hurry(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    try {
      if (this.#failingSince !== null) await this.#reach();
      while (this.#from < this.#entries.length) {
        const { placed, content } = this.#wishes();
        const to = this.#spool.end;
        const drained = await this.deps.drain(to, placed || content);
        this.#failingSince = null;
        this.#tell(drained);
        this.#settle(drained);
        // One transaction does not take what 100 ms bring: a pause would let the backlog grow until it is full.
        const behind = isBefore(drained.next, to);
        if (!placed && this.#flushes.length === 0 && !behind) break;
      }
    } catch (error) {
      this.#databaseFailed(error);
    } finally {
      this.#draining = null;
    }
    if (this.#from === this.#entries.length) this.#flushed(null);
    else this.#later(this.#failingSince === null ? DRAIN_MS : RETRY_MS);
  }

  /** A database that stopped may have lost what it said that it has: it takes that over anew, with the same places. */
  async #reach(): Promise<void> {
    for (;;) {
      const drained = await this.deps.drain(this.#reached, false);
      this.#tell(drained);
      if (!isBefore(drained.next, this.#reached)) return;
    }
  }

  /** Whether anybody waits for, or wants to hear of, what comes. */
  #wishes(): { placed: boolean; content: boolean } {
    let content = false;
    for (let at = this.#from; at < this.#entries.length; at++) {
      const entry = this.#entries[at]!;
      if (entry.placed !== null) return { placed: true, content: true };
      content ||= entry.content !== null;
    }
    return { placed: false, content };
  }

  #tell({ torn, from }: Drained): void {
    if (torn > 0) this.deps.log("warn", "the end of a spool file was cut off by a crash", { ...from, torn });
  }

  #settle({ from, next, count, first, previous, hashes }: Drained): void {
    // Committed by a Worker that died before it said so: their places are not known here.
    while (this.#first !== undefined && !isBefore(from, place(this.#first))) {
      this.#shift()?.placed?.reject(full("the event is recorded, but the store failed before it said where"));
    }
    for (let i = 0; i < count; i++) {
      const entry = this.#shift();
      if (entry?.content == null || hashes.length === 0) continue;
      const before = i === 0 ? previous : hashes[i - 1]!;
      const event = eventOf(first + i, before, hashes[i]!, entry.content);
      this.deps.placed(event);
      entry.placed?.resolve(event);
    }
    this.#reached = next;
    this.deps.grew(count);
    this.#flushed(next);
  }

  get #first(): Entry | undefined {
    return this.#entries[this.#from];
  }

  #shift(): Entry | undefined {
    const entry = this.#entries[this.#from];
    if (entry === undefined) return undefined;
    this.#count--;
    this.#chars -= entry.chars;
    if (++this.#from === this.#entries.length) {
      this.#entries = [];
      this.#from = 0;
    }
    return entry;
  }

  /** `upTo`: what is in the database; null for everything. */
  #flushed(upTo: Position | null): void {
    if (this.#flushes.length === 0) return;
    this.#flushes = this.#flushes.filter(({ to, done }) => {
      if (upTo !== null && isBefore(upTo, to)) return true;
      done.resolve();
      return false;
    });
  }

  #databaseFailed(error: unknown): void {
    const now = performance.now();
    this.#failingSince ??= now;
    for (const { done } of this.#flushes.splice(0)) done.reject(error);
    if (now - this.#failingSince >= this.limits.patienceMs) this.#giveUp(this.#from, error);
  }

  /** Who waits for a place learns that there is none yet. The events stay, and are taken over later. */
  #giveUp(from: number, error: unknown): void {
    for (let at = from; at < this.#entries.length; at++) this.#entries[at]!.placed?.reject(error);
  }
}

const place = ({ segment, end }: Entry): Position => ({ segment, offset: end });
