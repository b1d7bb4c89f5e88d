/** Steps of a session as the rows of its replay: a statement with its outcome, its wait and its decision. */
import type { StatementStep, Step } from "../../contract.ts";
import type { Tone } from "../parts/basics.tsx";
import type { IconName } from "../parts/icons.tsx";

type HeldStep = Extract<Step, { step: "held" }>;
type ReviewStep = Extract<Step, { step: "review" }>;
type OutcomeStep = Extract<Step, { step: "outcome" }>;
type NoteStep = Extract<Step, { step: "note" }>;

export interface StatementRow {
  readonly row: "statement";
  readonly key: string;
  readonly at: number;
  /** null while it is held: it is judged once it passes or fails. */
  readonly statement: StatementStep | null;
  readonly outcome: OutcomeStep | null;
  readonly held: HeldStep | null;
  readonly review: ReviewStep | null;
}

export type ReplayRow = StatementRow | {
  readonly row: "note";
  readonly key: string;
  readonly note: NoteStep;
};

export function rowsOf(steps: readonly Step[]): ReplayRow[] {
  const rows: (ReplayRow | StatementDraft)[] = [];
  const byStatement = new Map<string, StatementDraft>();
  const byRequest = new Map<string, StatementDraft>();
  for (const step of steps) {
    const key = String(step.sequence);
    if (step.step === "note") rows.push({ row: "note", key, note: step });
    else if (step.step === "held") {
      const row = draft(key, step.at, { held: step });
      byRequest.set(step.request, row);
      rows.push(row);
    } else if (step.step === "review") {
      const row = byRequest.get(step.request);
      if (row) row.review = step;
    } else if (step.step === "outcome") {
      const row = byStatement.get(step.statement);
      if (row) row.outcome = step;
    } else {
      const waited = waitingRow(step, byRequest);
      const row = waited ?? draft(key, step.at, {});
      row.statement = step;
      byStatement.set(step.statement, row);
      if (waited === null) rows.push(row);
    }
  }
  return rows;
}

type StatementDraft = { -readonly [K in keyof StatementRow]: StatementRow[K] };

function draft(key: string, at: number, known: { held?: HeldStep }): StatementDraft {
  return {
    row: "statement",
    key,
    at,
    statement: null,
    outcome: null,
    held: known.held ?? null,
    review: null,
  };
}

/** The row of the request that a judged statement had waited for: named, or refused just before with its text. */
function waitingRow(step: StatementStep, byRequest: Map<string, StatementDraft>): StatementDraft | null {
  if (step.verdict !== "approve") return null;
  if (step.approval !== null) {
    const row = byRequest.get(step.approval);
    byRequest.delete(step.approval);
    return row ?? null;
  }
  for (const [request, row] of byRequest) {
    const over = row.review !== null && row.review.state !== "pending" && row.review.state !== "approved";
    if (!over || row.held?.text !== step.text) continue;
    byRequest.delete(request);
    return row;
  }
  return null;
}

export type RowState = "ran" | "running" | "failed" | "approved" | "waiting" | "denied" | "refused";

export const rowLooks: Readonly<Record<RowState, { tone: Tone; icon: IconName; word: string }>> = {
  ran: { tone: "allow", icon: "allow", word: "Ran" },
  running: { tone: "info", icon: "running", word: "Running" },
  failed: { tone: "error", icon: "error", word: "Failed" },
  approved: { tone: "allow", icon: "allow", word: "Approved" },
  waiting: { tone: "hold", icon: "hold", word: "Waiting" },
  denied: { tone: "deny", icon: "deny", word: "Denied" },
  refused: { tone: "deny", icon: "hold", word: "Not approved" },
};

export function stateOf(row: StatementRow, live: boolean): RowState {
  const { statement, outcome, held, review } = row;
  if (statement === null) {
    return review === null || review.state === "pending"
      ? (live ? "waiting" : "refused")
      : review.state === "approved"
      ? "approved"
      : "refused";
  }
  if (statement.verdict === "deny") return "denied";
  if (!statement.forwarded) return "refused";
  if (outcome?.error) return "failed";
  if (outcome === null && live) return "running";
  return held !== null || statement.verdict === "approve" ? "approved" : "ran";
}

export type RowFilter = "all" | "writes" | "held" | "denied" | "failed";

export function fits(row: StatementRow, filter: RowFilter, text: string, live: boolean): boolean {
  const state = stateOf(row, live);
  const passes = filter === "all" ||
    (filter === "writes" && row.statement !== null && row.statement.kind !== "read" &&
      row.statement.kind !== "session" && row.statement.kind !== "transaction") ||
    (filter === "held" && (row.held !== null || row.statement?.verdict === "approve")) ||
    (filter === "denied" && (state === "denied" || state === "refused")) ||
    (filter === "failed" && state === "failed");
  if (!passes || text === "") return passes;
  const wanted = text.toLowerCase();
  const tables = row.statement?.tables.map(({ schema, name }) => `${schema}.${name}`) ?? [];
  return [textOf(row), ...tables].some((candidate) => candidate.toLowerCase().includes(wanted));
}

export function textOf(row: StatementRow): string {
  return row.statement?.text ?? row.held?.text ?? "";
}

export type Shown = ReplayRow | {
  readonly row: "fold";
  readonly key: string;
  readonly rows: readonly StatementRow[];
};

/** Runs of statements that only ask the catalogs become one row each. */
export function folded(rows: readonly ReplayRow[]): Shown[] {
  const shown: Shown[] = [];
  let run: StatementRow[] = [];
  const flush = () => {
    if (run.length > 1) shown.push({ row: "fold", key: `fold-${run[0]!.key}`, rows: run });
    else shown.push(...run);
    run = [];
  };
  for (const row of rows) {
    const plain = row.row === "statement" && row.statement?.catalogOnly === true &&
      row.statement.verdict === "allow" && !row.outcome?.error;
    if (plain) run.push(row);
    else {
      flush();
      shown.push(row);
    }
  }
  flush();
  return shown;
}
