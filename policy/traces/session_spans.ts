/**
 * One session's spans. A statement is a trace of its own, linked to its session's: `statement` with `judge`, `hold`,
 * `record` and `target` in it, made at once when it is over, from times that were kept.
 *
 * What is sent of a statement: its commands, the tables that it names, a keyed digest of it without its values, and what
 * policy made of it. Never its text, parameters, rows, the person, or an error's text: the statement's id leads to the
 * record, where whoever may see these finds them.
 */
import { type Attributes, type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { createHmac } from "node:crypto";
import type { Judgement, StatementOutcome, StatementRun } from "../types.ts";
import type { SessionSpans } from "./ports.ts";

export const STATEMENT = "statement";

/** Of `db.query.summary`. */
const SUMMARY_CHARS_MAX = 255;

export interface SpansDeps {
  readonly about: Attributes;
  /** The session's own. */
  readonly span: Span;
  /** A span of its own trace where `parent` is null. `startTime` in epoch milliseconds, with fractions. */
  readonly start: (name: string, kind: SpanKind, startTime: number, parent: Span | null) => Span;
  readonly templateOf: (run: StatementRun) => string | null;
  readonly secret: Uint8Array;
}

/** Times of `performance.now()`. */
interface Timed {
  readonly began: number;
  readonly over: number;
}

/** With the judging that led to it: approved statements are judged once more. */
interface Held extends Timed {
  readonly judged: Timed | undefined;
}

interface Open {
  readonly span: Span;
  /** What makes epoch milliseconds of a time. */
  readonly offset: number;
  readonly forwardedAt: number;
}

export class SpansOfSession implements SessionSpans {
  /** The last time that each was judged. */
  readonly #judged = new WeakMap<Judgement, Timed>();
  /** Approved holds whose statement is still to be recorded. */
  readonly #held = new Map<string, Held>();
  /** By the statement's id: under way at the target. */
  readonly #open = new Map<string, Open>();

  constructor(private readonly deps: SpansDeps) {}

  judged(judgement: Judgement, began: number): void {
    this.#judged.set(judgement, { began, over: performance.now() });
  }

  held(id: string, run: StatementRun, began: number, outcome: string): void {
    const judged = this.#judged.get(run.judgement);
    const hold = { began, over: performance.now(), judged };
    if (outcome === "approved") return void this.#held.set(id, hold);
    const { span, offset } = this.#statement(run, began, judged);
    if (span.isRecording()) {
      this.#child(span, offset, "hold", hold, { "postern.approval": id, "postern.outcome": outcome });
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end(hold.over + offset);
  }

  recorded(statement: string, run: StatementRun, began: number, approval?: string): void {
    const recorded = { began, over: performance.now() };
    const hold = approval === undefined ? undefined : this.#held.get(approval);
    if (approval !== undefined) this.#held.delete(approval);
    const { span, offset } = this.#statement(
      run,
      hold?.began ?? began,
      hold?.judged ?? this.#judged.get(run.judgement),
    );
    const { verdict } = run.judgement;
    if (span.isRecording()) {
      span.setAttribute("postern.statement", statement);
      if (hold !== undefined) {
        this.#child(span, offset, "hold", hold, {
          "postern.approval": approval ?? "",
          "postern.outcome": "approved",
        });
      }
      this.#child(span, offset, "record", recorded);
    }
    if (verdict !== "deny") {
      this.#open.set(statement, { span, offset, forwardedAt: recorded.over });
      return;
    }
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(recorded.over + offset);
  }

  finished(statement: string, { rows, bytes, error }: StatementOutcome): void {
    const open = this.#open.get(statement);
    if (open === undefined) return;
    this.#open.delete(statement);
    const { span, offset, forwardedAt } = open;
    const over = performance.now();
    if (span.isRecording()) {
      const answer = {
        "postern.bytes": bytes,
        ...(rows === null ? {} : { "db.response.returned_rows": rows }),
      };
      const failed = error === null ? {} : { "error.type": error.code };
      const target = this.#child(
        span,
        offset,
        "target",
        { began: forwardedAt, over },
        {
          ...answer,
          ...failed,
        },
        SpanKind.CLIENT,
        error !== null,
      );
      span.setAttributes({ ...answer, ...failed });
      if (target) span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end(over + offset);
  }

  ended(statements: number): void {
    for (const { span } of this.#open.values()) span.end();
    this.#open.clear();
    this.deps.span.setAttribute("postern.statements", statements).end();
  }

  /** Its attributes are worked out for those alone that are sent. */
  #statement(run: StatementRun, began: number, judged: Timed | undefined) {
    const offset = Date.now() - performance.now();
    // The judgement may be of another execution of the same text, much earlier or later.
    const judgedHere = judged !== undefined && judged.over <= began;
    const span = this.deps.start(
      STATEMENT,
      SpanKind.SERVER,
      (judgedHere ? judged.began : began) + offset,
      null,
    );
    if (span.isRecording()) {
      span.setAttributes({ ...this.deps.about, ...this.#facts(run) });
      if (judgedHere) this.#child(span, offset, "judge", judged);
    }
    return { span, offset };
  }

  #facts(run: StatementRun): Attributes {
    const { judgement } = run;
    const facts = judgement.statements.map((one) => one.facts);
    const verbs = facts.map(({ verb }) => verb);
    const tables = facts.flatMap((one) => one.tables.map(({ schema, name }) => `${schema}.${name}`));
    const template = this.deps.templateOf(run);
    return {
      "db.query.summary": [...new Set([...verbs, ...tables])].join(" ").slice(0, SUMMARY_CHARS_MAX),
      "postern.kind": [...new Set(facts.map(({ kind }) => kind))].join(", "),
      "postern.verdict": judgement.verdict,
      "postern.rule": judgement.rule,
      "postern.masked": facts.some(({ masked }) => masked.length > 0),
      ...(template === null ? {} : {
        "postern.template": createHmac("sha256", this.deps.secret).update(template).digest("hex").slice(
          0,
          16,
        ),
      }),
    };
  }

  /** Gives back whether it failed. */
  #child(
    parent: Span,
    offset: number,
    name: string,
    { began, over }: Timed,
    attributes: Attributes = {},
    kind: SpanKind = SpanKind.INTERNAL,
    failed = false,
  ): boolean {
    const span = this.deps.start(name, kind, began + offset, parent);
    span.setAttributes(attributes);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(over + offset);
    return failed;
  }
}
