/** What a dialect must offer to policy: statement text -> facts and masks. */
import type { Colour } from "./colour.ts";
import type { TargetQuery } from "../ports.ts";
import type { Impact, ImpactInput } from "./impact.ts";
import type {
  AnswerMasks,
  MaskKind,
  MaskRule,
  ParameterView,
  SqlState,
  StatementFacts,
  Target,
} from "../types.ts";

/** Which columns are masked for the one who asks. Names as the catalog spells them; tags as its comments have them. */
export type MaskLookup = (
  schema: string,
  table: string,
  column: string,
  tags?: readonly string[],
) => MaskKind | null;

/** What a column's comment says of it: `postern:pii postern:secret` are the tags pii and secret. */
export function tagsIn(comment: string): string[] {
  return Array.from(
    comment.matchAll(/(?<!\w)postern:([A-Za-z0-9][\w.-]*)/g),
    (match) => match[1]!.toLowerCase(),
  );
}

/** One statement of a message, understood. */
export interface Understood extends AnswerMasks {
  readonly facts: StatementFacts;
}

/** A text that cannot be judged: why, and what the person can do. */
export interface NotUnderstood {
  readonly refused: { readonly code: string; readonly reason: string; readonly hint: string };
}

/** The target's catalog, bound to one person's masks: analyses texts. Synchronous, pure but for its cache, never throws. */
export interface Analyst {
  analyse(text: string, state: SqlState): readonly Understood[] | NotUnderstood;
  /** The state after `text` ran without an error, where texts change it; the same object where nothing changes. */
  after?(text: string, state: SqlState): SqlState;
  /** The same for two texts that differ in their values only; null for one that is not understood. */
  template(text: string, state: SqlState): string | null;
  /** See Session.maskOf. */
  maskOf(origin: string): MaskRule | null;
  /** `schema.table.column` of the same; null for what the catalog does not know. */
  nameOf(origin: string): string | null;
}

/** The catalog of one database of one target, as JSON for a file, and ready for use. */
export interface Catalog {
  readonly json: string;
  /** Epoch milliseconds. */
  readonly readAt: number;
  /** `key` names the set of masks (people with the same masks share an analyst's cache). */
  analyst(key: string, masks: MaskLookup): Analyst;
  /** SQL that makes such a role, for a person to run. */
  probeRole(masks: MaskLookup, role: string): string;
}

/** Statements that put the side connection into the session's state, and the one that is planned. */
export interface ProbeQuestion {
  readonly before: readonly string[];
  readonly text: string;
}

/** What a target's planner expects. */
export interface Estimate {
  /** Returned, or changed. */
  readonly rows: number;
  /** In the planner's own unit; null where the target tells none. */
  readonly cost: number | null;
}

/** A statement to be planned. */
export interface EstimateInput {
  readonly target: Target;
  readonly database: string;
  readonly query: TargetQuery;
  readonly text: string;
  readonly state: SqlState;
}

export interface Dialect {
  /** The same id as its protocol's in proxy/. */
  readonly id: string;
  /** Loads parsers; call once at start-up. */
  ready(): Promise<void>;
  /** As the dialect's own lexer cuts the text, for people who read it; null where that is not certain. Never throws. */
  colours(text: string): readonly Colour[] | null;
  readCatalog(target: Target, database: string, query: TargetQuery): Promise<Catalog>;
  /** What is another text once anything has changed that a catalog tells: cheaper than reading it. */
  catalogMark?(target: Target, database: string, query: TargetQuery): Promise<string>;
  catalogFromJson(json: string): Catalog;
  /** What a new session on the target is in, as its stock client starts it: what digests of approvals cover. */
  startState(target: Target, database: string, query: TargetQuery): Promise<SqlState>;
  /** A text's statements as the stock client would send them one by one; null for what is not understood. */
  split(text: string, state: SqlState): readonly string[] | null;
  /** What a held statement would do: an estimate, without running it. */
  impact(input: ImpactInput): Promise<Impact>;
  /** Of one statement, whatever its parameters will be. Rejects, or gives null, where there is none. */
  estimate(input: EstimateInput): Promise<Estimate | null>;
  /** What a role without rights on masked columns is asked to plan, for a second opinion; null where it cannot be. */
  probe(
    text: string,
    parameters: readonly ParameterView[],
    facts: StatementFacts,
    state: SqlState,
  ): ProbeQuestion | null;
  /** What the target's error on it means. `mistaken`: the statement itself is wrong. */
  probeAnswer(code: string): "refused" | "mistaken" | "unknown";
}
