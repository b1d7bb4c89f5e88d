/**
 * Reads the record as it grows, by whichever node: whoever follows it hears of each event once, in the chain's order.
 * Told of more it reads at once, and now and then in any case: what tells of it may be lost with its connection.
 */
import type { PendingElsewhere } from "../ports_nodes.ts";
import type { AuditEvent, EventType } from "../types.ts";
import { Listeners } from "./listeners.ts";
import type { Log, WorkerClient } from "./worker_client.ts";

const POLL_MS = 5_000;

export class Follower {
  readonly #listeners: Listeners;
  #after: number | null = null;
  #pending: readonly PendingElsewhere[] = [];
  #reading: Promise<void> | null = null;
  #again = false;
  #failing = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly client: Pick<WorkerClient, "call">,
    private readonly node: string,
    private readonly log: Log,
  ) {
    this.#listeners = new Listeners(log);
  }

  /** What waits at other nodes, as of the newest event that was told. */
  get pending(): readonly PendingElsewhere[] {
    return this.#pending;
  }

  /** Rejects with StoreFailed. */
  async start(): Promise<void> {
    await this.#page();
    this.#timer = setInterval(() => this.heard(), POLL_MS);
  }

  add(listener: (event: AuditEvent) => void, types?: readonly EventType[]): () => void {
    return this.#listeners.add(listener, types);
  }

  heard(): void {
    if (this.#timer === undefined) return;
    this.#again = true;
    this.#reading ??= this.#read();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      while (this.#again && this.#timer !== undefined) {
        this.#again = false;
        while (await this.#page()) if (this.#timer === undefined) break;
      }
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        this.log("warn", "the record of other nodes cannot be read", { error: String(error) });
      }
      this.#failing = true;
    } finally {
      this.#reading = null;
    }
  }

  /** Whether there is more. */
  async #page(): Promise<boolean> {
    const types = this.#listeners.types([...approvalTypes]);
    const { events, reached, more, pending } = await this.client.call("follow", {
      after: this.#after,
      types,
      node: this.node,
    });
    this.#after = reached;
    if (pending !== null) this.#pending = pending;
    for (const event of events) this.#listeners.tell(event);
    return more;
  }
}

/** What changes what waits elsewhere. */
const approvalTypes: readonly EventType[] = [
  "approval.requested",
  "approval.decided",
  "approval.withdrawn",
  "approval.previewed",
];
