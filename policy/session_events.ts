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
  "verbs" | "forwarded" | "kind" | "verdict" | "masked"
>;

export const isRead = ({ verdict, statements }: Judgement): boolean =>
  verdict === "allow" && statements.every(({ facts }) => facts.kind === "read");

const harmless: ReadonlySet<StatementKind> = new Set(["read", "transaction", "session", "write", "copy"]);

export const changesCatalog = ({ statements }: Judgement): boolean =>
  statements.some(({ facts }) => !harmless.has(facts.kind));

/** What the client sent of it: its text and its parameters' values. */
export const sentBytes = ({ text, parameters }: StatementRun): number =>
  parameters.reduce((sum, { bytes }) => sum + bytes, Buffer.byteLength(text));

interface Known {
  /** Whether what is recorded of the text depends on where in it the values are. */
  readonly hides: boolean;
  /** The last one, and what it fills its hole with; null until there is a hole. */
  text: string;
  filling: string | null;
  readonly state: SqlState;
  readonly policy: string;
  /** null until the judgement comes again, and where its events differ in more than the holes. */
  template: EventTemplate | null;
  /** The same with the statement's end; made when it is asked for. */
  whole: EventTemplate | null;
}

/** What is measured of a statement here. */
export interface Measured {
  readonly durationMs: number;
  /** Bytes from the client. */
  readonly sent: number;
}

/** A judged statement that may be recorded together with its end. */
export interface Trailing {
  readonly event: FilledEvent;
  readonly known: Known;
}

/** The event of a judged statement, with what others want of it. */
export interface JudgedEvent {
  readonly event: EventDraft | FilledEvent;
  /** null for one that is recorded by itself. */
  readonly trailing: Trailing | null;
  /** As it is recorded. */
  readonly text: string;
  readonly data: JudgedData;
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

  judged(id: string, run: StatementRun, policy: string, approved: Approved | null): JudgedEvent {
    const known = approved === null ? this.#knownOf(run, policy) : null;
    if (known?.template == null) {
      const draft = statementJudged(this.about, { id, run, policy, ...approved });
      return { event: draft, trailing: null, text: draft.data.text, data: draft.data };
    }
    const { template } = known;
    const parameters = run.parameters.length === 0 ? "[]" : filling(parametersOf(run.parameters));
    known.filling ??= filling(run.text);
    const values = [`"${id}"`, run.inTransaction ? "true" : "false", parameters, known.filling];
    const data = template.sample.data as EventData["statement.judged"];
    const event = { template, values };
    const text = known.hides ? data.text : run.text;
    return { event, trailing: text.length > TRAILING_TEXT_MAX ? null : { event, known }, text, data };
  }

  /** The one event of a read that ended without an error. */
  together({ event, known }: Trailing, outcome: StatementOutcome, measured: Measured): FilledEvent {
    known.whole ??= withEnd(event.template);
    return { template: known.whole, values: [...event.values, ...endOf(outcome, measured)] };
  }

  finished(
    id: string,
    outcome: StatementOutcome,
    measured: Measured,
  ): EventDraft | FilledEvent {
    if (outcome.error !== null) return statementFinished(this.about, id, outcome, measured);
    return {
      template: this.#finished,
      values: [`"${id}"`, ...endOf(outcome, measured)],
    };
  }

  #knownOf(run: StatementRun, policy: string): Known | null {
    const { judgement, text, state } = run;
    const known = this.#known.get(judgement);
    const differs = known?.state !== state || known.policy !== policy;
    if (known === undefined || differs || (known.hides && known.text !== text)) {
      const hides = hidesText(judgement);
      this.#known.set(judgement, { hides, text, filling: null, state, policy, template: null, whole: null });
      return null;
    }
    if (known.text !== text) {
      known.text = text;
      known.filling = null;
    }
    if (known.template !== null) return known;
    // What is hidden from the record depends on the parameters.
    if (judgement.statements.some(({ facts }) => facts.maskedParameters.length > 0)) return null;
    const draft = statementJudged(this.about, { id: hole(0), run: { ...run, parameters: [] }, policy });
    const data = { ...draft.data, inTransaction: hole(1), parameters: hole(2) };
    known.template = new EventTemplate({ ...draft, data: known.hides ? data : { ...data, text: hole(3) } });
    return known;
  }
}

/** In UTF-16 units. What waits for its end is not counted among what the store has to take yet. */
const TRAILING_TEXT_MAX = 65_536;

/** The holes of a judged statement, 0 to 3, are followed by those of its end. */
function withEnd({ sample }: EventTemplate): EventTemplate {
  const [tag, rows, bytes, durationMs, sent] = [4, 5, 6, 7, 8].map(hole) as [string, ...string[]];
  const finished = { tag, rows, bytes, durationMs, sent, error: null } as EventDraft["data"];
  return new EventTemplate({ ...sample, data: { ...sample.data, finished } });
}

const endOf = ({ tag, rows, bytes }: StatementOutcome, { durationMs, sent }: Measured): string[] => [
  filling(tag),
  String(rows),
  String(bytes),
  filling(durationMs),
  String(sent),
];

const hidesText = ({ statements }: Judgement): boolean =>
  statements.some(({ facts }) => facts.maskedLiterals.length > 0);
