/** The record, as who appends to it and who reads it see it. */
import type { FilledEvent } from "./audit/event_template.ts";
import type { PosternError } from "./errors.ts";
import type { OverviewAsked, OverviewFigures } from "./overview.ts";
import type { HeadTimes, SignedHead } from "./audit/heads.ts";
import type { Grant } from "./grant.ts";
import type { Nodes, PendingElsewhere } from "./ports_nodes.ts";
import type { Cursors, Removal, StatementSearch, StatementsFound } from "./ports_evidence.ts";
import type {
  ApprovalRequest,
  ApprovalUse,
  AuditEvent,
  ClientInfo,
  EventDraft,
  EventType,
  StatementKind,
  Verdict,
} from "./types.ts";

/** One row of the sessions list. */
export interface SessionSummary {
  readonly id: string;
  readonly person: string;
  readonly target: string;
  readonly database: string;
  readonly client: ClientInfo;
  readonly method: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly endReason: string | null;
  readonly statements: number;
  readonly denied: number;
  readonly held: number;
  /** What let it in for a time; null where membership was enough. */
  readonly grant: { readonly id: string; readonly breakGlass: boolean } | null;
}

export interface EventFilter {
  readonly session?: string;
  readonly person?: string;
  readonly target?: string;
  readonly types?: readonly string[];
  /** Epoch milliseconds, inclusive. */
  readonly from?: number;
  readonly to?: number;
  readonly text?: string;
  /** Statements of this kind, verdict or table (`schema.name`, or a name in any schema), and requests for them. */
  readonly kind?: StatementKind;
  readonly verdict?: Verdict;
  readonly table?: string;
  /** Statements that a search finds by these words, this template or this rule; see StatementSearch. */
  readonly words?: string;
  readonly template?: string;
  readonly rule?: string;
  /** Only events after this sequence number. */
  readonly after?: number;
  readonly limit?: number;
}

/** An event as a draft, or filled into a template, which is cheaper where many are alike. */
export type Recordable = EventDraft | FilledEvent;

/** The record: append and read. */
export interface Journal {
  /** Resolves once durable and at its place, in the order of the calls; rejects with StoreFailed. */
  append(draft: EventDraft): Promise<AuditEvent>;
  /**
   * Resolves once durable; its place in the record it gets a moment later. For what many wait for. Rejects with
   * StoreFailed.
   */
  record(event: Recordable): Promise<void>;
  /**
   * Durable within some hundredths of a second: `settled` is told null then, or why it is not. Throws StoreFailed
   * where the event is not taken at all.
   */
  trail(event: Recordable, settled: (error: PosternError | null) => void): void;
  /** Whether some thousand more events would be taken now. */
  readonly roomy: boolean;
  /** Same, but nobody waits: failures are counted and logged. */
  note(event: Recordable): void;
  /**
   * Called with each event once it has its place, or with those of some types, which is cheaper. Returns the
   * way to stop.
   */
  subscribe(listener: (event: AuditEvent) => void, types?: readonly EventType[]): () => void;
  /** The same for the events of every node on the store, in the chain's order, a moment after they have their places. */
  follow(listener: (event: AuditEvent) => void, types?: readonly EventType[]): () => void;
  /** Requests that wait at other nodes, as of the newest event that was followed. */
  readonly elsewhere: readonly PendingElsewhere[];
  /** null where the store is this node's alone. */
  readonly nodes: Nodes | null;
  /** In order of sequence; 1,000 where the filter names no limit. */
  events(filter: EventFilter): Promise<AuditEvent[]>;
  /** The whole record in order of sequence, for export; constant memory. */
  export(filter: EventFilter): AsyncIterable<AuditEvent>;
  /** Newest first. May give a few more than `limit`: those of the same millisecond as the last, for `before` skips it. */
  sessions(
    filter: { person?: string; target?: string; before?: number; limit: number },
  ): Promise<SessionSummary[]>;
  session(id: string): Promise<SessionSummary | null>;
  approval(id: string): Promise<ApprovalRequest | null>;
  /** Newest first; `limit` and `before` as for sessions. */
  approvals(filter: { before?: number; limit: number }): Promise<ApprovalRequest[]>;
  /** An approval for exactly this that nobody has used, and that is good at that time. */
  usableApproval(digest: string, at: number): Promise<ApprovalRequest | null>;
  /** That an approver left exactly this out of what was approved in advance, where that is the last word on it and its window is open. */
  leftOut(digest: string, at: number): Promise<ApprovalRequest | null>;
  /** All that this person may still use. */
  unusedApprovals(person: string, at: number): Promise<ApprovalRequest[]>;
  /** Uses it up, durably; false where it is used, over, or not for that digest. True for one caller alone. */
  useApproval(use: ApprovalUse): Promise<boolean>;
  grant(id: string): Promise<Grant | null>;
  /** `open`: all that are requested or granted, `limit` aside. Otherwise newest first, as for sessions. */
  grants(filter: { open?: boolean; before?: number; limit: number }): Promise<Grant[]>;
  /** Flushes what is under way and closes. */
  close(): Promise<void>;
}

/** `jsonl` carries its proof (policy/audit/export.ts); `csv` is for spreadsheets, without one. */
export type ExportFormat = "jsonl" | "csv";

/** A journal whose record can be searched, and taken out with its proof. */
export interface EvidenceJournal extends Journal {
  /** Resolves with how many contents were taken out. Events about removals stay. */
  remove(removal: Removal): Promise<number>;
  /** Signed heads after this sequence, some at once, in order. */
  heads(after: number): Promise<SignedHead[]>;
  readonly cursors: Cursors;
  /** A day in figures. */
  overview(asked: OverviewAsked): Promise<OverviewFigures>;
  /** Within a second in a record of a million statements. */
  search(search: StatementSearch): Promise<StatementsFound>;
  /**
   * The export as text lines, each with its line break; constant memory. `limit` is not used: a filtered
   * export holds digests in place of what was left out, so that it still verifies.
   */
  lines(filter: EventFilter, format?: ExportFormat): AsyncIterable<string>;
}

/** A record that is kept in a data folder. */
export interface KeptRecord {
  /** Events that are acknowledged and that no query finds yet. */
  readonly backlog: number;
  /** From now on the head is signed at these times. */
  configureHeads(times: HeadTimes): void;
  /**
   * Copies the record, as it is now, and the keys into the new folder `to`, while it goes on; `database` is
   * false where the record is in a database of somebody else's. Rejects with StoreFailed.
   */
  backup(to: string): Promise<{ readonly database: boolean }>;
}
