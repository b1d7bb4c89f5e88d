/** The vocabulary of policy: what is known of people, targets, statements, verdicts and events. Types only. */
import type { DetectorSetting } from "./detectors.ts";
import type { ProbeSetting } from "./probes.ts";
import type { EventType } from "./event_types.ts";
import type { TargetAccess } from "./grant.ts";
import type { RowLimits, ShownResult } from "./shown_rows.ts";
import type { ScopeLimits } from "./approval/types.ts";
import type { AnswerMasks } from "./answer_masks.ts";

export type * from "./event_types.ts";
export type * from "./answer_masks.ts";

/** Somebody the identity provider vouched for. Times are epoch milliseconds. */
export interface Identity {
  /** The issuer's `sub`, unique together with `issuer`. */
  readonly subject: string;
  readonly issuer: string;
  /** How people call them: e-mail where the issuer gives one, else preferred_username, else subject. */
  readonly name: string;
  readonly groups: readonly string[];
  readonly signedInAt: number;
  /** When what the issuer said stops counting; sessions end then. */
  readonly expiresAt: number;
  /** `browser`, `one-time-password`, `token`, `service`, … */
  readonly method: string;
  /** For a service account: the targets that it is bound to, whatever its groups. */
  readonly targets?: readonly string[];
}

/** The client's end of a connection, as far as the wire tells. None of it is proof of who it is. */
export interface ClientInfo {
  readonly address: string;
  readonly port: number;
  /** application_name, or MySQL's program_name; empty where the client gave none. */
  readonly application: string;
  /** The user name the client asked for. */
  readonly user: string;
  /** TLS version, or null for plain text. */
  readonly tls: string | null;
}

/** How accounts are made that live as long as one session. */
export interface EphemeralAccount {
  /** Makes and drops them; the target's own account where left out. */
  readonly admin?: { readonly user: string; readonly password?: string };
  /** What they are members of. */
  readonly roles: readonly string[];
  /** What becomes of the objects that one owns: given to `reassignTo` (or the admin), or dropped with it. */
  readonly onDrop: "reassign" | "drop";
  readonly reassignTo?: string;
}

/** How Postern reaches a target, secrets resolved. Never serialised, never logged. */
export interface Target {
  readonly name: string;
  /** The id of a protocol in proxy/protocol.ts, which is also its dialect's id in policy/sql. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  /** The database on the target; a client may ask for another with `target/otherdb` where `databases` allows it. */
  readonly database: string;
  /** Globs of the other databases that may be asked for; none where left out. */
  readonly databases?: readonly string[];
  /** Free text that approvers see: `production`, `staging`. */
  readonly environment: string;
  /** Who may connect at all; the rules judge statements after that. */
  readonly groups: readonly string[];
  /** Membership is not enough: access is asked for, and lasts for a time. */
  readonly access?: TargetAccess;
  /** Groups that own it: they may approve where a rule says `owners`. */
  readonly owners?: readonly string[];
  readonly tls: {
    readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
    /** PEM text. */
    readonly ca?: string;
    readonly certificate?: string;
    readonly key?: string;
    /** From the first byte, where the protocol knows that. */
    readonly direct?: boolean;
  };
  /** What goes over this way is compressed, where protocol and target know that. */
  readonly compress?: boolean;
  readonly account: {
    readonly user: string;
    readonly password?: string;
    /** Each session gets an account of its own; this one reads catalogs. */
    readonly ephemeral?: EphemeralAccount;
  };
  /** Reads texts of results for what no rule named; off where left out. */
  readonly detectors?: DetectorSetting;
  /** How much of each result is kept in the record; nothing where left out. */
  readonly record?: RowLimits;
  /** In the place of the listener's, each. */
  readonly limits?: { readonly [key in "resultRows" | "resultBytes"]?: number | undefined };
  /** Whether statements may be run from the dashboard. */
  readonly console?: boolean;
  /** Who is asked for a second opinion; nobody where left out. */
  readonly probe?: ProbeSetting;
}

/**
 * Session state that changes what a text means (search_path, sql_mode, character set, …), kept by the
 * protocol and read by its dialect. Replace the object when something changes; never mutate it: its
 * identity is a cache key.
 */
export type SqlState = Readonly<Record<string, string>>;

export type StatementKind =
  | "read"
  | "write"
  | "ddl"
  | "session"
  | "transaction"
  | "admin"
  | "copy"
  | "call"
  | "unknown";

export interface RelationUse {
  readonly schema: string;
  readonly name: string;
  readonly access: "read" | "write";
}

/**
 * What one statement is and touches, from the dialect's parser and the target's catalog.
 * Names are as resolved: lower case where the dialect folds, schema filled in where it is known.
 */
export interface StatementFacts {
  readonly dialect: string;
  readonly kind: StatementKind;
  /** The command in upper case: `SELECT`, `UPDATE`, `DROP TABLE`. */
  readonly verb: string;
  readonly tables: readonly RelationUse[];
  /** `schema.table.column`, read or written. */
  readonly columns: readonly string[];
  /** `schema.function`, lower case. */
  readonly functions: readonly string[];
  /** Those of `functions` that may do more than compute, or give something else each time, as the catalog says. */
  readonly volatile?: readonly string[];
  /** `schema.operator`; all that a name without a schema may mean. PostgreSQL only. */
  readonly operators?: readonly string[];
  /** Names of session settings that it changes, lower case. */
  readonly settings?: readonly string[];
  /** `FOR UPDATE`, `FOR SHARE`, `LOCK TABLE`: what it locks beyond its own need. */
  readonly locks?: readonly string[];
  /** An UPDATE or DELETE without a WHERE that restricts it (absent, `true`, `1=1`, `id = id`, …). */
  readonly missingWhere: boolean;
  /** Touches only the system catalogs: what tools ask at start-up. */
  readonly catalogOnly: boolean;
  /** Masked columns that the statement touches in any way, `schema.table.column`. */
  readonly masked: readonly string[];
  /**
   * Literals that go to a masked column or are put together with one: the record hides them. UTF-16 offsets
   * `[start, end)` in the whole message, ordered, quotes included. Where in doubt, more than needed.
   */
  readonly maskedLiterals: readonly (readonly [start: number, end: number])[];
  /** The same for parameters, counted from 0. */
  readonly maskedParameters: readonly number[];
  /** What the built-in floor objects to; each is refused unless the config names it. */
  readonly unsafe: readonly UnsafeUse[];
  /** Names of session objects that the statement refers to and the protocol must know of (EXECUTE p, FETCH c). */
  readonly refers: { readonly statements: readonly string[]; readonly cursors: readonly string[] };
}

/** One thing that the floor refuses: `code` is stable and can be named in config, `what` is for people. */
export interface UnsafeUse {
  readonly code: string;
  readonly what: string;
  /** What would be allowed instead. */
  readonly hint: string;
}

/** How a masked column is shown. */
export type MaskKind =
  | { readonly kind: "null" }
  | { readonly kind: "fixed"; readonly text: string }
  | { readonly kind: "partial"; readonly keepFirst: number; readonly keepLast: number }
  | { readonly kind: "hash" }
  /** Numbers to multiples of `size`; dates to that many of `unit` (default 1 year). */
  | { readonly kind: "bucket"; readonly size: number; readonly unit?: "day" | "month" | "year" }
  /** Other letters and digits of the same shape, the same for the same value. */
  | { readonly kind: "fake" };

export interface MaskRule {
  /** `schema.table.column` that the value comes from, or `expression` where several or a derived one do. */
  readonly column: string;
  readonly mask: MaskKind;
}

export type Verdict = "allow" | "approve" | "deny";

/** Who may approve and how long the statement may wait. */
export interface ApprovalTerms {
  readonly groups: readonly string[];
  readonly deadlineMs: number;
  /** How many different people must agree. */
  readonly quorum: number;
  /** The owners of the target may approve, too. */
  readonly owners?: boolean;
  /** Each of the quorum must speak for another group. */
  readonly distinctGroups?: boolean;
  /** Who else may decide, after this long. */
  readonly escalate?: { readonly afterMs: number; readonly groups: readonly string[] };
  /** What an approver may choose beside "this statement, once". */
  readonly template?: ScopeLimits;
  readonly tables?: ScopeLimits;
  /** What approvers see beside an estimate: an exact count, and so many masked sample rows. */
  readonly preview?: { readonly count: boolean; readonly samples: number };
}

export interface JudgedStatement extends AnswerMasks {
  readonly facts: StatementFacts;
  readonly verdict: Verdict;
  readonly rule: string;
  readonly reason: string;
  readonly hint: string;
  readonly terms: ApprovalTerms | null;
}

/** The verdict on one message, which may hold several statements: the strictest of theirs, refused as a whole. */
export interface Judgement {
  readonly verdict: Verdict;
  /** Of the statement that decided. */
  readonly rule: string;
  readonly reason: string;
  readonly hint: string;
  readonly terms: ApprovalTerms | null;
  readonly tainted: boolean;
  /** In order; empty for an empty message. */
  readonly statements: readonly JudgedStatement[];
}

/** A bound parameter as the approver and the record see it. `text` is null for SQL NULL. */
export interface ParameterView {
  readonly text: string | null;
  /** The dialect's name of the type, or `?` where the client left it open. */
  readonly type: string;
  /** The length of the value on the wire, in bytes. */
  readonly bytes: number;
}

/** One execution that a client asks for: exactly what would be sent. */
export interface StatementRun {
  readonly text: string;
  readonly parameters: readonly ParameterView[];
  /** Executions with as many parameters each, where one request asks for several (MariaDB's bulk execution). */
  readonly rows?: number;
  readonly judgement: Judgement;
  readonly state: SqlState;
  readonly inTransaction: boolean;
}

export interface StatementOutcome {
  readonly rows: number | null;
  /** Of the result: as the client got it (PostgreSQL), as the target sent it (MySQL); masks may change lengths. */
  readonly bytes: number;
  /** Bytes of data that the client sent for it, after the statement itself (COPY). */
  readonly copied?: number;
  /** SQLSTATE or errno of an error, with a safe message; null where it succeeded. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** The target's own completion tag: `UPDATE 3`. */
  readonly tag: string;
  /** What the client saw of its rows, where that is recorded. */
  readonly results?: readonly ShownResult[];
}

/** JSON that survives canonicalization (RFC 8785): no undefined, no NaN, no bigint. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What is known before the journal gives it a place. */
export interface EventDraft {
  readonly type: EventType;
  /** Whom it is about, Identity.name; null before sign-in. */
  readonly person: string | null;
  readonly session: string | null;
  readonly target: string | null;
  /** By type: see policy/audit/events.ts. */
  readonly data: { readonly [key: string]: Json };
}

/** An event in the chain. `hash` covers every other field, `previous` included: see policy/audit/chain.ts. */
export interface AuditEvent extends EventDraft {
  readonly sequence: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly previous: string;
  readonly hash: string;
}

export type {
  ApprovalRequest,
  ApprovalScope,
  ApprovalState,
  ApprovalUse,
  Granted,
  Review,
  ScopeLimits,
} from "./approval/types.ts";
