/** What tells a tracer what happens. Nothing given to it is sent as it is: see session_spans.ts for what is. */
import type { SessionPlace } from "../session_deps.ts";
import type { ConnectionAttempt } from "../ports.ts";
import type { Identity, Judgement, StatementOutcome, StatementRun } from "../types.ts";

export interface Traces {
  /** A way in began; call what it gives when it is over, with the person or the error. */
  signIn(attempt: ConnectionAttempt, target: string, method: string): (outcome: Identity | Error) => void;
  session(place: SessionPlace, templateOf: (run: StatementRun) => string | null): SessionSpans;
  /** Spans since the start: made, taken by the collector, and given up. */
  readonly counts: { readonly made: number; readonly sent: number; readonly failed: number };
  /** Sends what is left, within seconds. Never rejects. */
  close(): Promise<void>;
}

/** Times are of `performance.now()`. */
export interface SessionSpans {
  judged(judgement: Judgement, began: number): void;
  /** A hold is over; `id` is its request's. */
  held(id: string, run: StatementRun, began: number, outcome: string): void;
  /** It is in the record since now; `began` is when recording did. */
  recorded(statement: string, run: StatementRun, began: number, approval?: string): void;
  finished(statement: string, outcome: StatementOutcome): void;
  ended(statements: number): void;
}
