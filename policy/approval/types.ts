/** What is known of one request for approval. Types only; what is optional is absent in records of before. */
import type { Impact } from "../sql/impact.ts";
import type { ClientInfo, ParameterView, RelationUse, StatementKind } from "../types.ts";

export type ApprovalState = "pending" | "approved" | "denied" | "expired" | "withdrawn";

/**
 * What an approval lets through: this statement, once; further statements of its template in its session; or
 * further writes on its tables in its session.
 */
export type ApprovalScope = "once" | "template" | "tables";

/** How far an approver may go beyond "once"; limits of what they may choose. */
export interface ScopeLimits {
  readonly minutesMax: number;
  readonly statementsMax: number;
}

/** What was granted. `until` in epoch milliseconds; `statementsMax` counts the held statement, too. */
export interface Granted {
  readonly scope: ApprovalScope;
  readonly until: number;
  readonly statementsMax: number;
  /** Which of the statements asked for in advance, by their places in that list; all where it is absent. */
  readonly only?: readonly number[];
}

export interface Review {
  readonly by: string;
  readonly approve: boolean;
  readonly reason: string;
  readonly at: number;
  /** The approving groups that this person spoke for. */
  readonly groups?: readonly string[];
  /** When their sign-in ends: a review of somebody whose access is over does not count at the decision. */
  readonly until?: number;
  /** Their access ended before the decision. */
  readonly lapsed?: boolean;
  readonly scope?: ApprovalScope;
  readonly minutes?: number;
  readonly statements?: number;
  /** Of statements asked for in advance, the places of those that this person agrees to. */
  readonly only?: readonly number[];
}

/** One of several statements asked for in advance, as approvers see it. */
export interface AdvanceStatement {
  readonly text: string;
  readonly verbs: readonly string[];
}

/** One held statement as approvers see it. Also what `approval.*` events carry in `data`. */
export interface ApprovalRequest {
  readonly id: string;
  readonly session: string;
  readonly person: string;
  readonly groups: readonly string[];
  readonly target: string;
  readonly database: string;
  readonly environment: string;
  readonly client: ClientInfo;
  readonly text: string;
  readonly parameters: readonly ParameterView[];
  /** Over true text, true parameters, identity, target, database, role and state; what the approval is good for. */
  readonly digest: string;
  readonly kind: StatementKind;
  readonly verbs: readonly string[];
  readonly tables: readonly RelationUse[];
  /** Nothing in a WHERE restricts the rows that it changes. */
  readonly missingWhere?: boolean;
  readonly rule: string;
  readonly reason: string;
  /** Groups; those of an escalation come to them when its time has come. */
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly inTransaction: boolean;
  readonly requestedAt: number;
  readonly deadlineAt: number;
  readonly state: ApprovalState;
  readonly reviews: readonly Review[];
  /** Why it ended, for people; empty while pending. */
  readonly outcome: string;
  /** Where values that go to masked columns are replaced, in `text` and `parameters`: see policy/hidden.ts. */
  readonly hidden?: readonly (readonly number[])[];
  readonly hiddenParameters?: readonly number[];
  /** Each approving review must speak for another group. */
  readonly distinctGroups?: boolean;
  /** Who else may decide from when on. */
  readonly escalation?: { readonly at: number; readonly groups: readonly string[] } | null;
  /** What approvers may choose beside "once"; null or absent where they may not. */
  readonly template?: { readonly digest: string } & ScopeLimits | null;
  readonly tableScope?: ScopeLimits | null;
  /** Nothing waits for it: approved, so many statements may run within the window after the decision, each once. */
  readonly advance?: {
    readonly statements: number;
    readonly windowMs: number;
    /** In their order in the text; absent in records of before. */
    readonly list?: readonly AdvanceStatement[];
  } | null;
  /** This is one statement of the request `of`, which was asked for in advance and is decided until `until`. */
  readonly part?: { readonly of: string; readonly until: number } | null;
  /** null until approved. */
  readonly granted?: Granted | null;
  /** What it would do, by an estimate; absent until that is computed. */
  readonly impact?: Impact | null;
  /** When the statement ran on this approval, and in which session; null while it did not. */
  readonly used?: { readonly at: number; readonly session: string } | null;
}

/** Which approval is to be used up, by whom, for what. */
export interface ApprovalUse {
  readonly id: string;
  readonly digest: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly session: string;
}
