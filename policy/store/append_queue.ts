/**
 * Group commit: what is appended while one batch is on its way travels together in the next. One batch at a
 * time, in the order of the calls.
 */
import { PosternError } from "../errors.ts";
import type { AuditEvent, EventDraft } from "../types.ts";
import type { Appended } from "./engine.ts";
import { encode, type Encoded } from "./projection.ts";

export interface QueueLimits {
  /** Events, and characters of them, that may wait for the store. */
  readonly backlogEvents: number;
  readonly backlogChars: number;
  /** Characters of one event. */
  readonly eventChars: number;
}

export const queueLimits: QueueLimits = {
  backlogEvents: 20_000,
  backlogChars: 128 * 1024 * 1024,
  eventChars: 48 * 1024 * 1024,
};

/** What one transaction takes at most: more would only make the first of them wait. */
const BATCH_EVENTS = 512;
const BATCH_CHARS = 4 * 1024 * 1024;

interface Entry {
  readonly draft: EventDraft;
  readonly encoded: Encoded;
  readonly resolve: (event: AuditEvent) => void;
  readonly reject: (error: unknown) => void;
}

export class AppendQueue {
  #entries: Entry[] = [];
  #chars = 0;
  #running = false;
  #idle: (() => void)[] = [];

  constructor(
    readonly send: (events: readonly Encoded[]) => Promise<Appended>,
    /** Called with each event once it is durable, before its promise resolves. */
    readonly durable: (event: AuditEvent) => void,
    readonly limits: QueueLimits,
  ) {}

  /** Resolves once durable. Rejects with StoreFailed; the event may be in the record even so if the store died. */
  add(draft: EventDraft, at: number): Promise<AuditEvent> {
    return new Promise((resolve, reject) => {
      const encoded = this.#admit(draft, at);
      this.#entries.push({ draft, encoded, resolve, reject });
      this.#chars += encoded.content.length;
      if (!this.#running) {
        this.#running = true;
        // What the same turn of the event loop appends still gets into the first batch.
        queueMicrotask(() => this.#run());
      }
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #admit(draft: EventDraft, at: number): Encoded {
    const { limits } = this;
    const encoded = encode(draft, at);
    const { length } = encoded.content;
    if (length > limits.eventChars) {
      throw full(`an event of ${length} characters is more than the store takes (${limits.eventChars})`);
    }
    if (this.#entries.length >= limits.backlogEvents) {
      throw full(`${limits.backlogEvents} events wait for the session store already`);
    }
    if (this.#chars + length > limits.backlogChars) {
      throw full(`${limits.backlogChars} characters of events wait for the session store already`);
    }
    return encoded;
  }

  async #run(): Promise<void> {
    while (this.#entries.length > 0) {
      const batch = this.#take();
      try {
        this.#settle(batch, await this.send(batch.map((entry) => entry.encoded)));
      } catch (error) {
        for (const entry of batch) entry.reject(error);
      }
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #take(): Entry[] {
    let chars = 0;
    let count = 0;
    for (const { encoded } of this.#entries) {
      if (count === BATCH_EVENTS || (count > 0 && chars + encoded.content.length > BATCH_CHARS)) break;
      chars += encoded.content.length;
      count++;
    }
    this.#chars -= chars;
    return this.#entries.splice(0, count);
  }

  #settle(batch: readonly Entry[], { first, previous, hashes }: Appended): void {
    batch.forEach(({ draft, encoded, resolve }, i) => {
      const event: AuditEvent = {
        type: draft.type,
        person: draft.person,
        session: draft.session,
        target: draft.target,
        data: draft.data,
        at: encoded.at,
        sequence: first + i,
        previous: i === 0 ? previous : hashes[i - 1]!,
        hash: hashes[i]!,
      };
      this.durable(event);
      resolve(event);
    });
  }
}

const full = (message: string) =>
  new PosternError("StoreFailed", message, {
    hint: "wait until the store has caught up; if that does not help, tell whoever runs Postern",
  });
