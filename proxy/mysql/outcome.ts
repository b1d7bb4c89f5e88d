/** What the record is told of a statement's answer. */
import type { PosternError } from "../../policy/errors.ts";
import type { StatementOutcome, StatementRun } from "../../policy/types.ts";
import { refusedAs, replyOf } from "./errors.ts";
import type { Response } from "./response.ts";

export function outcomeOf(run: StatementRun, response: Response): StatementOutcome {
  const { answer, rows, bytes, failure } = response;
  const verb = run.judgement.statements[0]?.facts.verb ?? "";
  if (failure !== null) {
    const { code, message } = replyOf(failure, refusedAs(failure));
    return { rows, bytes, error: { code: String(code), message }, tag: "" };
  }
  if (answer.error !== null) {
    const { code, message } = answer.error;
    return { rows, bytes, error: { code: String(code), message }, tag: "" };
  }
  const count = rows > 0 || answer.hadRows ? rows : Number(answer.affectedRows);
  return { rows: count, bytes, error: null, tag: `${verb} ${count}`.trim() };
}

export function broken(error: PosternError, response: Response | null): StatementOutcome {
  const { code, message } = replyOf(error);
  return {
    rows: response?.rows ?? null,
    bytes: response?.bytes ?? 0,
    error: { code: String(code), message },
    tag: "",
  };
}
