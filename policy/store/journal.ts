/** The Journal of policy/ports.ts on the store. */
import { type HeadTimes, headTimes } from "../audit/heads.ts";
import { exportLines } from "../audit/export.ts";
import type {
  Clock,
  Cursors,
  EventFilter,
  EvidenceJournal,
  ExportFormat,
  KeptRecord,
  Nodes,
  PendingElsewhere,
  Recordable,
  Removal,
  StatementSearch,
  StatementsFound,
} from "../ports.ts";
import type { PosternError } from "../errors.ts";
import type { ApprovalUse, AuditEvent, EventDraft, EventType } from "../types.ts";
import type { CallName, Calls } from "./calls.ts";
import { AppendQueue } from "./append_queue.ts";
import { type QueueLimits, queueLimits } from "./queue_limits.ts";
import { writeBackup } from "./backup.ts";
import { type DataFolder, openDataFolder } from "./data_folder.ts";
import { cursorsOf, exportSource } from "./evidence_calls.ts";
import { HeadKeeper } from "./head_keeper.ts";
import { Indexer } from "./indexer.ts";
import { Listeners } from "./listeners.ts";
import { encode } from "./projection.ts";
import { RecordReader } from "./record_reader.ts";
import { Sharing } from "./sharing.ts";
import { Remover } from "./remover.ts";
import { metaFor, metaOf } from "./spool_meta.ts";
import { type Log, storeFailed, WorkerClient } from "./worker_client.ts";

export interface JournalOptions {
  /** Keeps the signing key, and the embedded database where `url` names no other. */
  readonly folder: string;
  /** `postgres://…` of a database to share with other nodes. */
  readonly url?: string | null;
  /** After so long another node that is not heard of is lost. */
  readonly nodeTimeoutMs?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly limits?: Partial<QueueLimits>;
  readonly heads?: Partial<HeadTimes>;
}

const NODE_TIMEOUT_MS = 30_000;
/** With more events than this on their way, the search index waits. */
const BUSY_EVENTS = 300;

/**
 * Opens the store, creates it where there is none (some seconds), and records the end of what a crash left
 * open. Rejects with StoreFailed: a folder in use, not writable, or changed from outside; a database that
 * cannot be reached.
 */
export async function openJournal(options: JournalOptions): Promise<EvidenceJournal & KeptRecord> {
  const folder = await openDataFolder(options.folder);
  const journal = new StoreJournal(options, folder);
  try {
    await journal.open();
    return journal;
  } catch (error) {
    await journal.close().catch(() => {});
    throw error;
  }
}

class StoreJournal extends RecordReader implements EvidenceJournal, KeptRecord {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: WorkerClient;
  #queue: AppendQueue | null = null;
  readonly #listeners: Listeners;
  readonly #heads: HeadKeeper;
  readonly #remover: Remover;
  readonly #indexer: Indexer;
  /** null where the database is this node's alone. */
  readonly #sharing: Sharing | null;
  readonly cursors: Cursors;
  #lost = 0;
  #closing: Promise<void> | null = null;

  constructor(private readonly options: JournalOptions, readonly folder: DataFolder) {
    super();
    this.#clock = options.clock ?? Date.now;
    this.#log = options.log ?? (() => {});
    this.#listeners = new Listeners(this.#log);
    this.#client = new WorkerClient(
      {
        folder: folder.store,
        spool: folder.spool,
        url: options.url ?? null,
        leaseMs: options.nodeTimeoutMs ?? NODE_TIMEOUT_MS,
        node: folder.node,
        key: folder.key,
      },
      this.#log,
      (channel) => this.#sharing?.heard(channel),
    );
    this.#sharing = options.url == null ? null : new Sharing({
      client: this.#client,
      node: folder.node,
      leaseMs: options.nodeTimeoutMs ?? NODE_TIMEOUT_MS,
      append: (draft) => this.append(draft),
      log: this.#log,
    });
    this.#indexer = new Indexer(
      (limit) => this.#client.call("index", limit),
      () => this.backlog > BUSY_EVENTS,
      this.#log,
    );
    this.cursors = cursorsOf(this.#client, folder.node);
    this.#heads = new HeadKeeper(
      {
        sign: () => this.#client.call("sign", this.#now()),
        upkeep: () => this.#client.call("upkeep", null),
      },
      { ...headTimes, ...options.heads },
      this.#log,
    );
    this.#remover = new Remover({
      find: (removal, after) => this.#client.call("removable", { removal, after }),
      wipe: (ranges) => this.#client.call("wipe", ranges),
      reclaim: (wiped) => this.#client.call("reclaim", wiped),
      sign: () => this.#heads.sign(),
      journal: this,
    });
  }

  /** Takes over what an earlier process had acknowledged, and records the end of what it left open. */
  async open(): Promise<void> {
    const queue = this.#queue = new AppendQueue({
      spool: this.folder.spool,
      segment: await this.#client.open(),
      drain: (to, hashes) => this.#client.call("drain", { to, hashes }),
      wanted: (type) => this.#listeners.wanted(type),
      placed: (event) => this.#listeners.tell(event),
      grew: (events) => this.#grew(events),
      log: this.#log,
    }, { ...queueLimits, ...this.options.limits });
    await queue.catchUp();
    await this.#sharing?.start();
    const drafts = await this.#client.call("unfinished", null);
    await Promise.all(drafts.map((draft) => this.append(draft)));
    const count = (type: EventType) => drafts.filter((draft) => draft.type === type).length;
    const found = { sessions: count("session.ended"), approvals: count("approval.withdrawn") };
    if (drafts.length > 0) {
      this.#log("warn", "Postern was not stopped properly; what was open is recorded as ended", found);
    }
    await this.#remover.finish();
    this.#indexer.poke();
  }

  async append(draft: EventDraft): Promise<AuditEvent> {
    return await this.#usable().add(encode(draft, this.#now()));
  }

  record(event: Recordable): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#record(event, true, (error) => error === null ? resolve() : reject(error))
    );
  }

  trail(event: Recordable, settled: (error: PosternError | null) => void): void {
    this.#record(event, false, settled);
  }

  note(event: Recordable): void {
    const lost = (error: unknown) => {
      if (error === null) return;
      const { type } = "template" in event ? event.template.sample : event;
      this.#lost++;
      this.#log("error", "an event could not be recorded", { type, lost: this.#lost, error });
    };
    try {
      this.#record(event, false, lost);
    } catch (error) {
      lost(error);
    }
  }

  subscribe(listener: (event: AuditEvent) => void, types?: readonly EventType[]): () => void {
    return this.#listeners.add(listener, types);
  }

  follow(listener: (event: AuditEvent) => void, types?: readonly EventType[]): () => void {
    return (this.#sharing?.follower ?? this.#listeners).add(listener, types);
  }

  get elsewhere(): readonly PendingElsewhere[] {
    return this.#sharing?.follower.pending ?? [];
  }

  get nodes(): Nodes | null {
    return this.#sharing?.fleet ?? null;
  }

  lines(filter: EventFilter, format: ExportFormat = "jsonl"): AsyncIterable<string> {
    const source = exportSource(this.#client, () => this.#settled(), () => this.#now());
    return exportLines(source, filter, format);
  }

  /** What was recorded a moment ago is found, too, unless there is much of it. */
  async search(search: StatementSearch): Promise<StatementsFound> {
    await this.#settled();
    await this.#indexer.catchUp();
    return await this.#client.call("search", search);
  }

  async remove(removal: Removal): Promise<number> {
    await this.#settled();
    return await this.#remover.remove(removal);
  }

  /** Not by what an old database says: an approval may have ended since. */
  async useApproval(use: ApprovalUse): Promise<boolean> {
    await this.#usable().flush();
    return await this.#client.call("useApproval", use);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#heads.stop();
    await this.#indexer.close();
    try {
      await this.#queue?.close();
      await this.#heads.signLast();
    } finally {
      await this.#sharing?.close();
      try {
        await this.#client.close(this.#queue?.end ?? { segment: 0, offset: 0 });
      } finally {
        this.folder.unlock();
      }
    }
  }

  #usable(): AppendQueue {
    if (this.#closing !== null || this.#queue === null) {
      throw storeFailed("the session store is closed", null);
    }
    return this.#queue;
  }

  get backlog(): number {
    return this.#queue?.backlog ?? 0;
  }
  get roomy(): boolean {
    return this.#closing === null && this.#queue?.roomy === true;
  }

  readonly configureHeads = (times: HeadTimes): void => this.#heads.configure(times);

  async backup(to: string) {
    await this.#settled().then(() => this.#heads.sign());
    return await writeBackup(this.options.folder, to, (into) => this.#client.call("copy", into));
  }

  #record(event: Recordable, urgent: boolean, settled: (error: PosternError | null) => void): void {
    const queue = this.#usable();
    if ("template" in event) {
      const { template, values } = event;
      const at = event.at === undefined ? this.#now() : Math.trunc(event.at);
      const { type } = template.sample;
      queue.record(metaFor(template, at), template.content(at, values), type, settled, urgent);
    } else {
      const encoded = encode(event, this.#now());
      queue.record(metaOf(encoded), encoded.content, event.type, settled, urgent);
    }
  }

  /** What was appended so far can be read, unless the database takes nothing: then what it has can be. */
  async #settled(): Promise<void> {
    await this.#queue?.flush().catch(() => {});
  }

  protected async read<N extends CallName>(
    name: N,
    argument: Calls[N]["argument"],
  ): Promise<Calls[N]["answer"]> {
    await this.#settled();
    return await this.#client.call(name, argument);
  }

  #now(): number {
    return Math.trunc(this.#clock());
  }

  #grew(events: number): void {
    if (events > 0) this.#indexer.poke();
    this.#heads.grew(events);
  }
}
