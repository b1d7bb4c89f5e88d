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
