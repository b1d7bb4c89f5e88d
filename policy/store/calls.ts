/** What the Journal's side asks of the Worker, and how the answers look. */
import type { StoredEvent } from "../audit/export.ts";
import type { SignedHead } from "../audit/heads.ts";
import type { OverviewAsked, OverviewFigures } from "../overview.ts";
import type { EventFilter, SessionSummary, StatementSearch, StatementsFound } from "../ports.ts";
import type { Grant } from "../grant.ts";
import type { ApprovalRequest, ApprovalUse, EventDraft } from "../types.ts";
import type { CursorClaim } from "./cursors.ts";
import type { Removal } from "../ports_evidence.ts";
import type { Channel } from "./database.ts";
import type { AskedQuestion, Beat, Follow, Followed, LostNode, readAnswer } from "./nodes.ts";
import type { Ranges } from "../audit/removal_events.ts";
import type { Wiped } from "./parts.ts";
import type { Removable } from "./removal.ts";
import type { Drained, EngineOptions } from "./engine.ts";
import type { GrantFilter } from "./grants.ts";
import type { EventsPage, SessionFilter } from "./queries.ts";
import type { Position } from "./spool_format.ts";

/** Where the store is. */
export interface OpenOptions extends EngineOptions {
  /** The embedded database's folder; not used where there is a URL. */
  readonly folder: string;
  readonly url: string | null;
  /** How long a node may be silent on a database that several share; 2 s at least. */
  readonly leaseMs: number;
}

/** Each call's argument and answer. */
export interface Calls {
  /** Answers with the first segment of the spool that may be written. */
  open: { argument: OpenOptions; answer: number };
  drain: { argument: { to: Position; hashes: boolean }; answer: Drained };
  /** Of that node; null for this one. */
  unfinished: { argument: string | null; answer: EventDraft[] };
  follow: { argument: Follow; answer: Followed };
  beat: { argument: Beat; answer: LostNode[] };
  agree: { argument: { node: string; secret: string }; answer: string | null };
  bury: { argument: { node: string; heir: string }; answer: null };
  leave: { argument: string; answer: null };
  otherNodes: { argument: string; answer: string[] };
  putQuestion: { argument: AskedQuestion; answer: null };
  takeQuestions: { argument: string; answer: AskedQuestion[] };
  answerQuestion: { argument: { id: string; answer: string }; answer: null };
  readAnswer: {
    argument: { id: string; withdraw: boolean };
    answer: Awaited<ReturnType<typeof readAnswer>>;
  };
  openElsewhere: { argument: string; answer: string[] };
  sign: { argument: number; answer: SignedHead };
  signStatement: {
    argument: Record<string, string | number>;
    answer: Record<string, string | number>;
  };
  heads: { argument: { after: number; to: number }; answer: SignedHead[] };
  publicKeys: { argument: null; answer: string };
  events: { argument: { filter: EventFilter; after: number; limit: number }; answer: EventsPage };
  range: { argument: { filter: EventFilter; after: number; to: number }; answer: StoredEvent[] };
  bounds: { argument: EventFilter; answer: { first: number; last: number } | null };
  sessions: { argument: SessionFilter; answer: SessionSummary[] };
  session: { argument: string; answer: SessionSummary | null };
  approval: { argument: string; answer: ApprovalRequest | null };
  approvals: { argument: { before?: number; limit: number }; answer: ApprovalRequest[] };
  claimCursor: { argument: CursorClaim; answer: number | null };
  advanceCursor: { argument: { name: string; node: string; sequence: number }; answer: boolean };
  releaseCursor: { argument: { name: string; node: string }; answer: null };
  overview: { argument: OverviewAsked; answer: OverviewFigures };
  removable: { argument: { removal: Removal; after: number }; answer: Removable };
  wipe: { argument: Ranges; answer: null };
  reclaim: { argument: Wiped; answer: null };
  search: { argument: StatementSearch; answer: StatementsFound };
  /** Brings the search index forward by at most so many events; how many it went through. */
  index: { argument: number; answer: number };
  grant: { argument: string; answer: Grant | null };
  grants: { argument: GrantFilter; answer: Grant[] };
  usableApproval: { argument: { digest: string; at: number }; answer: ApprovalRequest | null };
  leftOut: { argument: { digest: string; at: number }; answer: ApprovalRequest | null };
  unusedApprovals: { argument: { person: string; at: number }; answer: ApprovalRequest[] };
  useApproval: { argument: ApprovalUse; answer: boolean };
  /** Into a new folder; whether there was a database of ours to copy. */
  copy: { argument: string; answer: boolean };
  upkeep: { argument: null; answer: null };
  close: { argument: Position; answer: null };
}

export type CallName = keyof Calls;

export type CallHandlers = {
  readonly [N in CallName]: (argument: Calls[N]["argument"]) => Promise<Calls[N]["answer"]>;
};

export interface CallMessage {
  readonly id: number;
  readonly name: CallName;
  readonly argument: unknown;
}

/** How a failure crosses: `code` is the SQLSTATE or the system's error code where there is one. */
export interface Failure {
  readonly message: string;
  readonly hint: string | null;
  readonly code: string | null;
  /** A PosternError's text is safe to show; any other is for the log. */
  readonly safe: boolean;
  /** The database is beyond use; the Worker ends itself after this answer. */
  readonly fatal: boolean;
}

/** Another connection told of something on this channel. */
export interface NewsMessage {
  readonly news: Channel;
}

export type AnswerMessage =
  | { readonly id: number; readonly ok: true; readonly answer: unknown }
  | { readonly id: number; readonly ok: false; readonly failure: Failure };
