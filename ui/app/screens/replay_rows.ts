/** Steps of a session as the rows of its replay: a statement with its outcome, its wait and its decision. */
import type { StatementStep, Step } from "../../contract.ts";
import type { Tone } from "../parts/basics.tsx";
import type { IconName } from "../parts/icons.tsx";

type HeldStep = Extract<Step, { step: "held" }>;
type ReviewStep = Extract<Step, { step: "review" }>;
type OutcomeStep = Extract<Step, { step: "outcome" }>;
type ResultStep = Extract<Step, { step: "result" }>;
type NoteStep = Extract<Step, { step: "note" }>;

export interface StatementRow {
  readonly row: "statement";
  readonly key: string;
  readonly at: number;
  /** null while it is held: it is judged once it passes or fails. */
  readonly statement: StatementStep | null;
  /** Rows of its results are in the record. */
  readonly result: ResultStep | null;
  readonly outcome: OutcomeStep | null;
  readonly held: HeldStep | null;
  readonly review: ReviewStep | null;
}

export type ReplayRow = StatementRow | {
  readonly row: "note";
  readonly key: string;
  readonly note: NoteStep;
};

/** What a step changed, of lists that grow at their ends. */
export interface Changes {
  /** The lowest place in `all` that is new or another row than before; null where none is. */
  readonly from: number | null;
  /** Those in `statements`, ascending. */
  readonly statements: readonly number[];
}

/** Steps become rows as they come: each is looked at once, however long the session is. */
export class Rows {
  /** A row that changes is a new object here: who draws it sees that it has. */
  readonly all: ReplayRow[] = [];
  readonly statements: StatementRow[] = [];
  readonly #places = new Map<StatementDraft, { readonly row: number; readonly statement: number }>();
  readonly #byStatement = new Map<string, StatementDraft>();
  readonly #byRequest = new Map<string, StatementDraft>();
  #taken = 0;
  #from: number | null = null;
  #changed = new Set<number>();

  /** Takes in what is new: `steps` is what it was, and more at its end. */
  take(steps: readonly Step[]): Changes {
    this.#from = null;
    this.#changed = new Set();
    for (; this.#taken < steps.length; this.#taken++) this.#add(steps[this.#taken]!);
    return { from: this.#from, statements: [...this.#changed].sort((a, b) => a - b) };
  }

  #add(step: Step): void {
    const key = String(step.sequence);
    if (step.step === "note") {
      this.#from ??= this.all.length;
      this.all.push({ row: "note", key, note: step });
    } else if (step.step === "held") {
      const row = draft(key, step.at, { held: step });
      this.#byRequest.set(step.request, row);
      this.#change(row);
    } else if (step.step === "review") {
      const row = this.#byRequest.get(step.request);
      if (row === undefined) return;
      row.review = step;
      this.#change(row);
    } else if (step.step === "result") {
      const row = this.#byStatement.get(step.statement);
      if (row === undefined) return;
      row.result = step;
      this.#change(row);
    } else if (step.step === "outcome") {
      const row = this.#byStatement.get(step.statement);
      if (row === undefined) return;
      row.outcome = step;
      this.#byStatement.delete(step.statement);
      this.#change(row);
    } else {
      const row = waitingRow(step, this.#byRequest) ?? draft(key, step.at, {});
      row.statement = step;
      this.#byStatement.set(step.statement, row);
      this.#change(row);
    }
  }

  #change(row: StatementDraft): void {
    let place = this.#places.get(row);
    if (place === undefined) {
      this.#places.set(row, place = { row: this.all.length, statement: this.statements.length });
    }
    this.all[place.row] = this.statements[place.statement] = { ...row };
    this.#from = Math.min(this.#from ?? place.row, place.row);
    this.#changed.add(place.statement);
  }
}

export function rowsOf(steps: readonly Step[]): readonly ReplayRow[] {
  const rows = new Rows();
  rows.take(steps);
  return rows.all;
}

type StatementDraft = { -readonly [K in keyof StatementRow]: StatementRow[K] };

function draft(key: string, at: number, known: { held?: HeldStep }): StatementDraft {
  return {
    row: "statement",
    key,
    at,
    statement: null,
    result: null,
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

export const rowFilters = ["all", "writes", "held", "denied", "failed"] as const;
export type RowFilter = (typeof rowFilters)[number];

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

export type Shown =
  | ReplayRow
  | { readonly row: "fold"; readonly key: string; readonly rows: readonly StatementRow[] }
  /** Nothing happened for so long. */
  | { readonly row: "gap"; readonly key: string; readonly ms: number };

/** Shorter pauses are how people type. */
export const GAP_MS = 30_000;

/** When a row was over, as far as is known. */
export function endOf(row: ReplayRow): number {
  if (row.row === "note") return row.note.at;
  return Math.max(row.at, row.statement?.at ?? 0, row.review?.at ?? 0, row.outcome?.at ?? 0);
}

export const startOf = (row: ReplayRow): number => row.row === "note" ? row.note.at : row.at;
