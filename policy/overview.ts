/** A day at the gate in figures, as the dashboard's overview shows it. Types only; policy/store/overview.ts counts. */

export interface OverviewAsked {
  /** Epoch milliseconds; the day's hours are counted from here. At most `HOURS_MAX` of them. */
  readonly from: number;
  readonly to: number;
}

export const HOURS_MAX = 48;

/** One hour of the day, counted from `from`. */
export interface HourFigures {
  readonly hour: number;
  readonly sessions: number;
  readonly allowed: number;
  readonly held: number;
  readonly refused: number;
}

export type Unusual =
  | {
    readonly kind: "first-time";
    readonly person: string;
    readonly target: string;
    readonly session: string;
  }
  /** They had many sessions in the last month, and none at about this hour of the day. */
  | {
    readonly kind: "hour";
    readonly person: string;
    /** When the first session in it started. */
    readonly at: number;
    readonly sessions: number;
    /** The first of them, and its target. */
    readonly session: string;
    readonly target: string;
    /** Hours of the day in which they had sessions, ascending, 0 to 23, counted from `from`. */
    readonly usual: readonly number[];
  }
  | {
    readonly kind: "rows";
    readonly person: string;
    readonly target: string;
    readonly session: string;
    readonly rows: number;
    /** Of the statement, not of its result. */
    readonly sequence: number;
  }
  | { readonly kind: "refusals"; readonly person: string; readonly refusals: number };

export interface OverviewFigures {
  readonly hours: readonly HourFigures[];
  readonly people: number;
  readonly sessions: number;
  readonly holds: {
    readonly asked: number;
    readonly approved: number;
    readonly denied: number;
    readonly expired: number;
    readonly withdrawn: number;
    /** From the request to its decision; null where none was decided. */
    readonly medianWaitMs: number | null;
  };
  /** Statements that touched masked columns, of the newest `lookedAt` events. */
  readonly masked: number;
  readonly unusual: readonly Unusual[];
  /**
   * Statements are counted in the search index, which follows the record: how many events it is behind, and up to
   * when it counts; null where it has come to no event yet.
   */
  readonly behind: { readonly events: number; readonly countedTo: number | null };
  /** How many of the newest events were opened for what is in no index: masked columns and large results. */
  readonly lookedAt: number;
}
