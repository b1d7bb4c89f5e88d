/** What policy offers to, and asks of, the outside: proxy/ and ui/ see policy only through these. */
import type { Ahead } from "./ahead.ts";
import type { Decision } from "./approval/review.ts";
import type { PosternError } from "./errors.ts";
import type { Watcher } from "./watch.ts";
import type { JudgedData } from "./session_events.ts";
import type { LiveSession, Progress } from "./live.ts";
import type { AccessWait, SessionNotice } from "./grant_ports.ts";
import type { TokenDiscovery } from "./ports_identity.ts";
import type {
  ApprovalRequest,
  ApprovalState,
  ClientInfo,
  Identity,
  Judgement,
  MaskRule,
  SqlState,
  StatementOutcome,
  StatementRun,
  Target,
} from "./types.ts";

export * from "./ports_evidence.ts";
export * from "./ports_identity.ts";
export * from "./ports_nodes.ts";
export * from "./ports_record.ts";

/** Milliseconds since the epoch. Injected wherever time decides, so that tests own it. */
export type Clock = () => number;

/** Told what Postern adds to each statement, in milliseconds. */
export interface Meter {
  judged(ms: number): void;
  /** Until it may be forwarded, holds left out. */
  recorded(ms: number): void;
  /** A statement is in the record. */
  statement(target: string, judged: JudgedData): void;
  /** Its result has come to its end; `together` where the end is part of the statement's own event. */
  finished(
    target: string,
    outcome: StatementOutcome,
    end: { readonly ms: number; readonly together: boolean },
  ): void;
}

/** Runs SQL text on a target over Postern's own connection; rows as text. Rejects with TargetUnavailable. */
export type TargetQuery = (
  target: Target,
  database: string,
  sql: string,
  /** Statements without rows, run first on the same connection. */
  before?: readonly string[],
) => Promise<(string | null)[][]>;

// ---- for the data path -------------------------------------------------------------------------------------

/** A client that has said which target it wants, before anybody knows who it is. */
export interface ConnectionAttempt {
  readonly protocol: string;
  /** What the client named as its database: `orders-prod` or `orders-prod/otherdb`. */
  readonly database: string;
  readonly client: ClientInfo;
}

/** A browser sign-in under way for one connection. */
export interface SignIn {
  /** The link to show in the client. */
  readonly url: string;
  /** Short code that the client and the browser page both show, so that nobody confirms a stranger's connection. */
  readonly code: string;
  readonly deadlineAt: number;
  /** Settles once: the person; or AuthFailed for the deadline, a rejection in the browser, or `abandon()`. */
  readonly identity: Promise<Identity>;
  /** Nothing to wait for and nothing to show: an earlier connection of the same pool has signed in just now. */
  readonly settled?: boolean;
  /** The client went away. */
  abandon(): void;
}

/** A one-time password that the client proves without sending it. */
export interface PasswordChallenge {
  readonly verifiers: {
    readonly scram: {
      readonly salt: Uint8Array;
      readonly iterations: number;
      readonly storedKey: Uint8Array;
      readonly serverKey: Uint8Array;
    };
    /** SHA-1 of SHA-1 of the password, 20 bytes. */
    readonly doubleSha1: Uint8Array;
    /** SHA-256 of SHA-256 of the password, 32 bytes. */
    readonly doubleSha256: Uint8Array;
  };
  /** The proof was right. Uses the password up; throws AuthFailed where it has gone meanwhile. */
  succeed(): Identity;
  /** The proof was wrong: counts towards the limits. The error to show, the same for every reason. */
  fail(): PosternError;
}

/** Sign-ins by a token that a client brings, or is told where to get. */
export interface BearerSignIns extends TokenDiscovery {
  /** Whether every client is asked for a token, rather than those alone that ask by their user name. */
  readonly everyone: boolean;
  /** Rejects with AuthFailed or LimitExceeded. */
  verify(attempt: ConnectionAttempt, token: string): Promise<Identity>;
}

/** One connection's way through policy. Each method throws or rejects with a PosternError that is safe to show. */
export interface Gatekeeper {
  /** Throws PolicyDenied for a target that is not configured for that protocol (and records it). */
  resolve(attempt: ConnectionAttempt): { target: Target; database: string };
  signIn(attempt: ConnectionAttempt): SignIn;
  /** Whether an earlier connection of the same pool signed in just now: `signIn` gives one that is settled. */
  signedIn?(attempt: ConnectionAttempt): boolean;
  /** One-time password and token sign-ins; null where this password is none of ours. */
  verifyPassword(attempt: ConnectionAttempt, password: string): Promise<Identity | null>;
  /**
   * For a user name that has the form of a one-time password's, issued or not; null for any other. Throws
   * LimitExceeded after too many failures. Absent where no one-time passwords are issued.
   */
  challenge?(attempt: ConnectionAttempt): PasswordChallenge | null;
  /** Tokens by a mechanism that is made for them. Absent where none are taken that way. */
  readonly bearer?: BearerSignIns;
  /** What is missing where access is for a time and this person has none now; null where `admit` may be called. */
  access?(attempt: ConnectionAttempt, identity: Identity): AccessWait | null;
  /** Membership, limits, catalog; records `session.started` durably, or `session.refused` and rejects. */
  admit(attempt: ConnectionAttempt, identity: Identity): Promise<Session>;
}

/** A statement held for a person. */
export interface Hold {
  readonly request: ApprovalRequest;
  readonly url: string;
  /** `the group db-approvers` */
  readonly forWhom: string;
  /** Settles once, never rejects. `approved` only when the decision is durable. */
  readonly outcome: Promise<{ state: Exclude<ApprovalState, "pending">; by: string; reason: string }>;
  /** Nothing to wait for: an earlier approval covers it. Says whose, and what of it is left. */
  readonly passes?: string;
  /** Ctrl-C, disconnect, kill. After an outcome it does nothing. */
  withdraw(reason: string): void;
  /** The client went away and may come again: the request stays for a while. After an outcome it does nothing. */
  leave(reason: string): void;
}

/** An admitted connection. The data path asks it about every statement. */
export interface Session {
  readonly id: string;
  readonly identity: Identity;
  readonly target: Target;
  readonly database: string;
  /** No rule would ever let it write: the target's own session is to be READ ONLY. */
  readonly readOnly: boolean;
  /** Aborted when an admin ends the session, access ends, or Postern shuts down; `reason` is a PosternError. */
  readonly ended: AbortSignal;
  /** Total and synchronous: what cannot be judged is denied. Never throws. */
  judge(text: string, state: SqlState): Judgement;
  /**
   * What judge() of this text should wait for, so that it keeps nobody else waiting and knows what conditions ask
   * for; null or absent for nothing, which is nearly always. Never rejects; ask again after it.
   */
  ahead?(text: string, state: SqlState): Ahead | null;
  /** The mask of a column by its origin in the target's catalog (PostgreSQL: table OID, column number). */
  maskOf(origin: string): MaskRule | null;
  /** Who reads the texts of this session's results; null or absent where its target's detectors are off. */
  readonly watcher?: Watcher | null;
  /**
   * Records one execution before it is forwarded, or instead of it when refused. Gives the statement's id, at once
   * where nothing has to be waited for, or once it is durable; rejects with StoreFailed, and then nothing may be forwarded. `approval` is the id of the
   * request that let it pass.
   */
  record(run: StatementRun, approval?: string): string | Promise<string>;
  /** Rows, bytes, error: recorded soon after, nobody waits for it. */
  finished(statement: string, outcome: StatementOutcome): void;
  /** How the answer under way gets on, asked of the data path now and then; it costs nothing between. */
  watch?(progress: () => Progress | null): void;
  /** Asks for approval; resolves once the request is durable and visible to approvers. */
  hold(run: StatementRun): Promise<Hold>;
  /** Called when the person is to be told something, such as that the access ends soon. */
  onNotice?(listener: (notice: SessionNotice) => void): void;
  /** Ends it once; later calls do nothing. */
  close(reason: string): void;
}

// ---- for the dashboard -------------------------------------------------------------------------------------

/** The browser's half of a SignIn: found by the secret at the end of its link. */
export interface SignInPage {
  readonly code: string;
  readonly target: string;
  readonly client: ClientInfo;
  readonly deadlineAt: number;
}

export interface SignIns {
  /** null for an unknown, used or expired link. */
  find(secret: string): SignInPage | null;
  /** Throws AuthFailed where the link is gone. */
  confirm(secret: string, identity: Identity): void;
  reject(secret: string, by: string): void;
}

/** Asks for approval of statements that are to run later. */
export interface Advance {
  /**
   * Rejects with PolicyDenied: a target out of reach, a text that is not understood or refused, or nothing in it that
   * needs an approval. `program` names what it was submitted with.
   */
  submit(
    identity: Identity,
    asked: {
      readonly target: string;
      readonly text: string;
      readonly reason: string;
      readonly address: string;
      readonly program: string;
    },
  ): Promise<ApprovalRequest>;
}

export interface Approvals {
  /** Oldest deadline first. */
  pending(): readonly ApprovalRequest[];
  find(id: string): Promise<ApprovalRequest | null>;
  /** May this person decide this request? A reason if not. */
  mayDecide(request: ApprovalRequest, identity: Identity): string | null;
  /** Rejects with PolicyDenied (own request, not an approver, no longer pending, reason missing). */
  decide(id: string, by: Identity, decision: Decision): Promise<ApprovalRequest>;
}

/** A target that somebody may connect to, as the dashboard shows it. Nothing in it is secret. */
export interface ReachableTarget {
  /** Statements may be run from the dashboard. */
  readonly console: boolean;
  readonly name: string;
  readonly protocol: string;
  readonly database: string;
  readonly environment: string;
}

/** What somebody may reach, and a password to reach it with from a client that cannot show a link. */
export interface Access {
  targets(identity: Identity): readonly ReachableTarget[];
  /**
   * Good once, for this target, for minutes; recorded before it is given out. Rejects with PolicyDenied for a
   * target that this person may not reach, with LimitExceeded for too many unused ones.
   */
  issuePassword(
    identity: Identity,
    target: string,
    address: string,
  ): Promise<{ readonly user: string; readonly password: string; readonly expiresAt: number }>;
}

/** Running sessions, as the dashboard sees them: those of every node on the store. */
export interface LiveSessions {
  /** Ends a running session; false where there is none of that id. Rejects where its node does not answer. */
  end(id: string, by: string, reason: string): Promise<boolean>;
  ids(): Promise<readonly string[]>;
  /** What each does now, the oldest first. */
  list(): Promise<readonly LiveSession[]>;
  /** As LocalSessions.renew, of this node's sessions. */
  renew(identity: Identity, users: readonly string[]): number;
}
