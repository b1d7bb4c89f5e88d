/**
 * How a session's statements and their ends get into the record. Reads may be let go before they are recorded
 * (`audit.reads: batched`): one whose answer is here at once is recorded together with it, as one event, which halves
 * what most of a record is made of. Any other is recorded by itself: at the latest some milliseconds after it was let go,
 * and before anything else that the session records.
 */
import type { FilledEvent } from "./audit/event_template.ts";
import type { About } from "./audit/events.ts";
import { resultRecorded } from "./audit/result_events.ts";
import type { Journal } from "./ports.ts";
import type { Recorder } from "./recorder.ts";
import type { JudgedEvent, Measured, SessionEvents, Trailing } from "./session_events.ts";
import type { StatementOutcome } from "./types.ts";

/** Answers with more rows have an event of their own, by which large ones are found. */
const ROWS_MAX = 1000;

export interface TrailDeps {
  readonly journal: Pick<Journal, "note">;
  readonly recorder: Pick<Recorder, "letsGo" | "trail" | "late" | "forget">;
}

export class SessionTrail {
  #waiting: { readonly id: string; readonly read: Trailing; readonly at: number }[] = [];

  constructor(
    private readonly deps: TrailDeps,
    private readonly about: About,
    private readonly events: SessionEvents,
  ) {}

  /** Whether a statement may be forwarded at once; if not, it is for the caller to record, and to wait for it. */
  letsGo(id: string, { trailing }: JudgedEvent, isRead: boolean, at: number): boolean {
    const { recorder } = this.deps;
    if (trailing === null || !isRead || !recorder.letsGo()) {
      this.flush();
      return false;
    }
    this.#waiting.push({ id, read: trailing, at });
    if (this.#waiting.length === 1) recorder.late(this.flush);
    return true;
  }

  /** Records a statement's end; whether that is part of the statement's own event. */
  finished(id: string, outcome: StatementOutcome, measured: Measured): boolean {
    const { recorder, journal } = this.deps;
    const { results = [], error, rows } = outcome;
    // Results come in the order of their statements.
    const first = this.#waiting[0];
    if (first?.id === id && results.length === 0 && error === null && (rows ?? 0) <= ROWS_MAX) {
      this.#waiting.shift();
      if (this.#waiting.length === 0) recorder.forget(this.flush);
      recorder.trail(dated(this.events.together(first.read, outcome, measured), first.at));
      return true;
    }
    this.flush();
    if (results.length > 0) journal.note(resultRecorded(this.about, id, results));
    journal.note(this.events.finished(id, outcome, measured));
    return false;
  }

  /** Records those that wait, in their order. */
  readonly flush = (): void => {
    if (this.#waiting.length === 0) return;
    const { recorder } = this.deps;
    recorder.forget(this.flush);
    for (const { read, at } of this.#waiting) recorder.trail(dated(read.event, at));
    this.#waiting = [];
  };
}

/** It happened when it was let go. */
const dated = ({ template, values }: FilledEvent, at: number): FilledEvent => ({ template, values, at });
