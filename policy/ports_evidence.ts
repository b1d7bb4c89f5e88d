/** What whoever looks into the record is offered; part of policy/ports.ts. */
import type { RelationUse, StatementKind, Verdict } from "./types.ts";

/** What is wanted of the statements of the record; all that are named must hold. */
export interface StatementSearch {
  readonly person?: string;
  readonly target?: string;
  readonly session?: string;
  /** `schema.name`, or a name in any schema. */
  readonly table?: string;
  /** Words of its text and parameters, in any order; `ord*` for any that begin so, `"in this order"` as it stands. */
  readonly text?: string;
  /** A template's id, or a statement like those that are wanted: they differ from it in literals only. */
  readonly template?: string;
  readonly verdict?: Verdict;
  readonly kind?: StatementKind;
  readonly rule?: string;
  /** Epoch milliseconds, inclusive. */
  readonly from?: number;
  readonly to?: number;
  /** Only statements before this sequence. */
  readonly before?: number;
  readonly limit: number;
}

/** One statement that was found. */
export interface StatementHit {
  readonly sequence: number;
  readonly at: number;
  readonly person: string;
  readonly session: string;
  readonly target: string;
  /** The statement's id within the record. */
  readonly statement: string;
  /** At most 1,000 characters of it. */
  readonly text: string;
  readonly textLength: number;
  readonly template: string;
  readonly templateText: string;
  readonly verdict: Verdict;
  /** Whether it was sent to the target. */
  readonly forwarded: boolean;
  readonly rule: string;
  readonly reason: string;
  readonly kind: StatementKind;
  readonly verbs: readonly string[];
  readonly tables: readonly RelationUse[];
  readonly masked: readonly string[];
}

export interface StatementsFound {
  /** Newest first. */
  readonly hits: readonly StatementHit[];
  /** `before` of the next page, which may be empty, and this one short, with more to come; null at the end. */
  readonly next: number | null;
  /** The record reaches to `recordedTo`, and what search finds to `indexedTo`: it follows within seconds. */
  readonly indexedTo: number;
  readonly recordedTo: number;
}

/** How far each reader of the record has come, durably. Of several nodes on one store, one reads for a name at a time. */
export interface Cursors {
  /**
   * Claims it for some time, or for longer: the last sequence that was done with. null while another node has it.
   * `start` is where a new one begins; null for the end of the record.
   */
  claim(name: string, start: number | null, forMs: number): Promise<number | null>;
  /** What is up to there is done with. False where another node has it meanwhile. */
  advance(name: string, sequence: number): Promise<boolean>;
  /** Lets another node have it at once. */
  release(name: string): Promise<void>;
}

/**
 * Which contents are taken out of the record: of a target, from before a time; or those about a person or that mention
 * them, or that hold a text. Their digests stay, and an event says so.
 */
export type Removal =
  & { readonly by: string; readonly reason: string }
  & (
    | { readonly kind: "retired"; readonly target: string; readonly before: number }
    | { readonly kind: "erased"; readonly person?: string; readonly text?: string }
  );

/** Something that what happens goes out through: a chat, a mailbox, a collector of logs. */
export interface DeliveryState {
  readonly name: string;
  /** `webhook`, `slack`, `teams`, `email`, `syslog`, `file`. */
  readonly kind: string;
  readonly purpose: "notify" | "stream";
  /** `elsewhere`: another node delivers for it. */
  readonly state: "waiting" | "working" | "failing" | "elsewhere";
  /** Everything up to this sequence has gone out, or was given up. */
  readonly sequence: number;
  readonly delivered: number;
  readonly dropped: number;
  /** In a row. */
  readonly failures: number;
  /** Epoch milliseconds; null for never. */
  readonly deliveredAt: number | null;
  readonly failedAt: number | null;
  /** Why it failed last, without anything secret. */
  readonly reason: string;
}

export interface Deliveries {
  states(): readonly DeliveryState[];
}
