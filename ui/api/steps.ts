/** Events of the record as the steps of a replay. */
import { detectionText } from "../../policy/audit/detection_events.ts";
import { known, type KnownEvent } from "../../policy/audit/events.ts";
import type { AuditEvent } from "../../policy/types.ts";
import type { Parameter, Step } from "../contract.ts";
import { cut, reviewOf } from "./views.ts";

/** Characters of a statement in a replay; the rest is asked for. */
export const STEP_TEXT_LENGTH_MAX = 4000;

/** Characters of a parameter in a replay. */
const STEP_PARAMETER_LENGTH_MAX = 200;

type Known<T extends KnownEvent["type"]> = Extract<KnownEvent, { type: T }>;

/** One event as a replay shows it: two steps where a statement's end is part of its event. */
export function stepsOf(event: AuditEvent): Step[] {
  const step = stepOf(event);
  const it = known(event);
  const { statement, finished } = it?.type === "statement.judged" ? it.data : {};
  if (statement === undefined || finished === undefined) return [step];
  const at = event.at + finished.durationMs;
  return [step, {
    sequence: event.sequence,
    at,
    step: "outcome",
    statement,
    ...finished,
    sent: finished.sent ?? null,
  }];
}

/** An event that is not of its type's shape is shown as such, not left out. */
function stepOf(event: AuditEvent): Step {
  const it = known(event);
  switch (it?.type) {
    case "statement.judged":
      return judged(it);
    case "statement.finished":
      return finished(it);
    case "result.recorded": {
      const { statement, results } = it.data;
      const rows = results.reduce((sum, one) => sum + one.rows.length, 0);
      return { ...place(event), step: "result", statement, rows };
    }
    case "approval.requested":
      return held(it);
    case "approval.decided":
    case "approval.withdrawn":
      return reviewed(it);
    case "session.started": {
      const { address, role, readOnly } = it.data;
      return note(event, `Connected to ${address} as ${role}${readOnly ? ", read only" : ""}`);
    }
    case "values.detected":
      return note(event, it.data.found.map(detectionText).join("; "));
    case "session.ended":
      return note(event, it.data.reason);
    case "dashboard.action":
      return note(event, `${it.data.action} ${it.data.detail}`.trim());
    case undefined:
      return note(event, "This event is not of a known shape");
    default:
      return note(event, "");
  }
}

function place(event: AuditEvent | KnownEvent): { sequence: number; at: number } {
  return { sequence: event.sequence, at: event.at };
}

function note(event: AuditEvent, text: string): Step {
  return { ...place(event), step: "note", type: event.type, person: event.person ?? "", text };
}

function judged(event: Known<"statement.judged">): Step {
  const { statement, text, verdict, forwarded, rule, reason, kind, approval, waitedMs } = event.data;
  const { missingWhere, inTransaction, catalogOnly } = event.data;
  return {
    ...place(event),
    step: "statement",
    statement,
    text: cut(text, STEP_TEXT_LENGTH_MAX),
    textLength: text.length,
    parameters: event.data.parameters.map(shortened),
    verdict,
    forwarded,
    rule,
    reason,
    kind,
    verbs: [...event.data.verbs],
    tables: event.data.tables.map(({ schema, name, access }) => ({ schema, name, access })),
    masked: [...event.data.masked],
    missingWhere,
    inTransaction,
    catalogOnly,
    approval,
    waitedMs,
  };
}

function shortened({ text, type, bytes }: Parameter): Parameter {
  return { text: text === null ? null : cut(text, STEP_PARAMETER_LENGTH_MAX), type, bytes };
}

function finished(event: Known<"statement.finished">): Step {
  const { statement, rows, bytes, sent = null, tag, error, durationMs } = event.data;
  return { ...place(event), step: "outcome", statement, rows, bytes, sent, tag, error, durationMs };
}

function held(event: Known<"approval.requested">): Step {
  const { id, text, verbs, rule, deadlineAt } = event.data;
  return {
    ...place(event),
    step: "held",
    request: id,
    text: cut(text, STEP_TEXT_LENGTH_MAX),
    textLength: text.length,
    verbs: [...verbs],
    rule,
    deadlineAt,
  };
}

function reviewed(event: Known<"approval.decided"> | Known<"approval.withdrawn">): Step {
  const { id, state, reviews, outcome } = event.data;
  return {
    ...place(event),
    step: "review",
    request: id,
    state,
    reviews: reviews.map(reviewOf),
    outcome,
  };
}
