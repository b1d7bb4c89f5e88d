/** What one session records of its statements, as cheaply as repetition allows. */
import { Buffer } from "node:buffer";
import { type About, parametersOf } from "./audit/drafts.ts";
import { EventTemplate, type FilledEvent, filling, hole } from "./audit/event_template.ts";
import { type EventData, statementFinished, statementJudged } from "./audit/events.ts";
import type {
  EventDraft,
  Judgement,
  SqlState,
  StatementKind,
  StatementOutcome,
  StatementRun,
} from "./types.ts";

/** Of a judged statement's event, what is the same at each repetition. */
export type JudgedData = Pick<
  EventData["statement.judged"],
  "text" | "verbs" | "forwarded" | "kind" | "verdict" | "masked"
>;

export const isRead = ({ verdict, statements }: Judgement): boolean =>
  verdict === "allow" && statements.every(({ facts }) => facts.kind === "read");

const harmless: ReadonlySet<StatementKind> = new Set(["read", "transaction", "session", "write"]);

export const changesCatalog = ({ statements }: Judgement): boolean =>
  statements.some(({ facts }) => !harmless.has(facts.kind));

/** What the client sent of it: its text and its parameters' values. */
export const sentBytes = ({ text, parameters }: StatementRun): number =>
  parameters.reduce((sum, { bytes }) => sum + bytes, Buffer.byteLength(text));

interface Known {
  readonly text: string;
  readonly state: SqlState;
  readonly policy: string;
  /** null until the judgement comes again, and where its events differ in more than the holes. */
  template: EventTemplate | null;
}

export interface Approved {
  readonly approval: string;
  readonly waitedMs: number | null;
}

/** What was forwarded and is not finished. */
export interface Running {
  readonly at: number;
  readonly sent: number;
  /** The catalog may differ after it. */
  readonly changesCatalog: boolean;
}

export class SessionEvents {
  readonly #known = new WeakMap<Judgement, Known>();
  readonly #finished: EventTemplate;

  constructor(private readonly about: About) {
    const finished = statementFinished(about, hole(0), { rows: 0, bytes: 0, tag: hole(1), error: null }, {
      durationMs: 0,
      sent: 0,
    });
    const data = { ...finished.data, rows: hole(2), bytes: hole(3), durationMs: hole(4), sent: hole(5) };
    this.#finished = new EventTemplate({ ...finished, data });
  }

  judged(id: string, run: StatementRun, policy: string, approved: Approved | null): EventDraft | FilledEvent {
    const template = approved === null ? this.#templateOf(run, policy) : null;
    if (template === null) return statementJudged(this.about, { id, run, policy, ...approved });
    const parameters = run.parameters.length === 0 ? "[]" : filling(parametersOf(run.parameters));
    return { template, values: [`"${id}"`, run.inTransaction ? "true" : "false", parameters] };
  }

  finished(
    id: string,
    outcome: StatementOutcome,
    measured: { readonly durationMs: number; readonly sent: number },
  ): EventDraft | FilledEvent {
    if (outcome.error !== null) return statementFinished(this.about, id, outcome, measured);
    return {
      template: this.#finished,
      values: [
        `"${id}"`,
        filling(outcome.tag),
        String(outcome.rows),
        String(outcome.bytes),
        filling(measured.durationMs),
        String(measured.sent),
      ],
    };
  }

  #templateOf(run: StatementRun, policy: string): EventTemplate | null {
    const { judgement, text, state } = run;
    const known = this.#known.get(judgement);
    if (known === undefined || known.text !== text || known.state !== state || known.policy !== policy) {
      this.#known.set(judgement, { text, state, policy, template: null });
      return null;
    }
    if (known.template !== null) return known.template;
    // What is hidden from the record depends on the parameters.
    if (judgement.statements.some(({ facts }) => facts.maskedParameters.length > 0)) return null;
    const draft = statementJudged(this.about, { id: hole(0), run: { ...run, parameters: [] }, policy });
    const data = { ...draft.data, inTransaction: hole(1), parameters: hole(2) };
    return known.template = new EventTemplate({ ...draft, data });
  }
}
