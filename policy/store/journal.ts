/** The Journal of policy/ports.ts on the store. */
import { exportLines } from "../audit/export.ts";
import type {
  Cursors,
  EventFilter,
  EvidenceJournal,
  ExportFormat,
  SessionSummary,
  StatementSearch,
  StatementsFound,
} from "../ports.ts";
import type { Clock } from "../ports.ts";
import type { Grant } from "../grant.ts";
import type { ApprovalRequest, AuditEvent, EventDraft } from "../types.ts";
import { AppendQueue, type QueueLimits, queueLimits } from "./append_queue.ts";
import { type DataFolder, openDataFolder } from "./data_folder.ts";
import { Indexer } from "./indexer.ts";
import { EVENTS_DEFAULT } from "./queries.ts";
import { type Log, storeFailed, WorkerClient } from "./worker_client.ts";

export interface JournalOptions {
  /** Keeps the signing key, and the embedded database where `url` names no other. */
  readonly folder: string;
  /** `postgres://…` of a database to share with other nodes. */
  readonly url?: string | null;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly limits?: Partial<QueueLimits>;
}

/** A head is signed after so many events, or after so long where there were fewer. */
const HEAD_EVENTS = 1000;
const HEAD_INTERVAL_MS = 60_000;

/**
 * Opens the store, creates it where there is none (some seconds), and records the end of what a crash left
 * open. Rejects with StoreFailed: a folder in use, not writable, or changed from outside; a database that
 * cannot be reached.
 */
export async function openJournal(options: JournalOptions): Promise<EvidenceJournal> {
  const folder = await openDataFolder(options.folder);
  const journal = new StoreJournal(options, folder);
  try {
    await journal.recover();
    return journal;
  } catch (error) {
    await journal.close().catch(() => {});
    throw error;
  }
}

class StoreJournal implements EvidenceJournal {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: WorkerClient;
  readonly #queue: AppendQueue;
  readonly #listeners = new Set<(event: AuditEvent) => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #indexer: Indexer;
  #unsigned = 0;
  #lost = 0;
  #closing: Promise<void> | null = null;

  constructor(options: JournalOptions, readonly folder: DataFolder) {
    this.#clock = options.clock ?? Date.now;
    this.#log = options.log ?? (() => {});
    this.#client = new WorkerClient({
      folder: folder.store,
      url: options.url ?? null,
      node: folder.node,
      key: folder.key,
    }, this.#log);
    this.#queue = new AppendQueue(
      (events) => this.#client.call("append", events),
      (event) => this.#durable(event),
      { ...queueLimits, ...options.limits },
    );
    this.#indexer = new Indexer((limit) => this.#client.call("index", limit), this.#log);
    this.#timer = setInterval(() => this.#upkeep(), HEAD_INTERVAL_MS);
  }

  async recover(): Promise<void> {
    const found = await this.#client.call("recover", this.#now());
    if (found.sessions + found.approvals > 0) {
      this.#log("warn", "Postern was not stopped properly; what was open is recorded as ended", { ...found });
    }
    this.#indexer.poke();
  }

  append(draft: EventDraft): Promise<AuditEvent> {
    if (this.#closing !== null) return Promise.reject(storeFailed("the session store is closed", null));
    return this.#queue.add(draft, this.#now());
  }

  note(draft: EventDraft): void {
    this.append(draft).catch((error) => {
      this.#lost++;
      this.#log("error", "an event could not be recorded", { type: draft.type, lost: this.#lost, error });
    });
  }

  subscribe(listener: (event: AuditEvent) => void): () => void {
    // Its own object, so that one function can be subscribed twice.
    const entry = (event: AuditEvent) => listener(event);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  async events(filter: EventFilter): Promise<AuditEvent[]> {
    const limit = filter.limit ?? EVENTS_DEFAULT;
    const found: AuditEvent[] = [];
    let after: number | null = filter.after ?? 0;
    while (after !== null && found.length < limit) {
      const page = await this.#page(filter, after, limit - found.length);
      found.push(...page.events);
      after = page.next;
    }
    return found;
  }

  async *export(filter: EventFilter): AsyncIterable<AuditEvent> {
    let left = filter.limit ?? Infinity;
    let after: number | null = filter.after ?? 0;
    while (after !== null && left > 0) {
      const page = await this.#page(filter, after, left);
      yield* page.events;
      left -= page.events.length;
      after = page.next;
    }
  }

  lines(filter: EventFilter, format: ExportFormat = "jsonl"): AsyncIterable<string> {
    const client = this.#client;
    return exportLines(
      {
        sign: () => client.call("sign", this.#now()),
        signStatement: (statement) => client.call("signStatement", statement),
        publicKeys: () => client.call("publicKeys", null),
        heads: (after, to) => client.call("heads", { after, to }),
        bounds: (wanted) => client.call("bounds", wanted),
        range: (wanted, after, to) => client.call("range", { filter: wanted, after, to }),
        now: () => this.#now(),
      },
      filter,
      format,
    );
  }

  sessions(filter: Parameters<EvidenceJournal["sessions"]>[0]): Promise<SessionSummary[]> {
    return this.#client.call("sessions", filter);
  }

  session(id: string): Promise<SessionSummary | null> {
    return this.#client.call("session", id);
  }

  approval(id: string): Promise<ApprovalRequest | null> {
    return this.#client.call("approval", id);
  }

  approvals(filter: { before?: number; limit: number }): Promise<ApprovalRequest[]> {
    return this.#client.call("approvals", filter);
  }

  /** What was recorded a moment ago is found, too, unless there is much of it. */
  async search(search: StatementSearch): Promise<StatementsFound> {
    await this.#indexer.catchUp();
    return await this.#client.call("search", search);
  }

  grant(id: string): Promise<Grant | null> {
    return this.#client.call("grant", id);
  }

  grants(filter: Parameters<EvidenceJournal["grants"]>[0]): Promise<Grant[]> {
    return this.#client.call("grants", filter);
  }

  readonly cursors: Cursors = {
    claim: (name, start, forMs) =>
      this.#client.call("claimCursor", { name, start, forMs, node: this.folder.node, at: this.#now() }),
    advance: (name, sequence) =>
      this.#client.call("advanceCursor", { name, sequence, node: this.folder.node }),
    release: async (name) => {
      await this.#client.call("releaseCursor", { name, node: this.folder.node });
    },
  };

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#indexer.close();
    try {
      await this.#queue.idle();
      if (this.#unsigned > 0) await this.#sign();
    } finally {
      try {
        await this.#client.close();
      } finally {
        this.folder.unlock();
      }
    }
  }

  #page(filter: EventFilter, after: number, limit: number) {
    return this.#client.call("events", { filter, after, limit });
  }

  #now(): number {
    return Math.trunc(this.#clock());
  }

  #durable(event: AuditEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#log("error", "a listener of the record failed", { type: event.type, error });
      }
    }
    this.#indexer.poke();
    this.#unsigned++;
    if (this.#unsigned % HEAD_EVENTS === 0) this.#upkeep();
  }

  /** Off the callers' way: signs the head, and lets the store tidy up. */
  #upkeep(): void {
    if (this.#unsigned === 0 || this.#closing !== null) return;
    this.#sign()
      .then(() => this.#client.call("upkeep", null))
      .catch((error) => this.#log("error", "the record's head could not be signed", { error }));
  }

  async #sign(): Promise<void> {
    this.#unsigned = 0;
    const head = await this.#client.call("sign", this.#now());
    // In the log of another machine this line tells what the record was, whoever changes it later.
    this.#log("info", "the record's head was signed", { ...head });
  }
}
