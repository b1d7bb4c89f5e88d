/** Refusals: what the client is told, what the record gets, and what goes to the target instead. */
import { PosternError } from "../../policy/errors.ts";
import type { Judgement, StatementRun } from "../../policy/types.ts";
import type { Step } from "./steps.ts";
import type { Conversation } from "./conversation.ts";
import { parse, query } from "./encode.ts";
import { sqlState } from "./errors.ts";

export function refusalOf(judgement: Judgement): PosternError {
  return new PosternError("PolicyDenied", judgement.reason, { rule: judgement.rule, hint: judgement.hint });
}

/** The record of something that is refused for its form and was never judged. */
export function protocolRun(text: string, error: PosternError, c: Conversation): StatementRun {
  const judgement: Judgement = {
    verdict: "deny",
    rule: error.rule ?? "built-in: protocol",
    reason: error.message,
    hint: error.hint ?? "",
    terms: null,
    tainted: false,
    statements: [],
  };
  return { text, parameters: [], judgement, state: c.state, inTransaction: c.inTransaction };
}

export function unknownName(what: "statement" | "portal", name: string): Step {
  const error = new PosternError(
    "ProtocolViolation",
    `The ${what === "statement" ? "prepared statement" : "portal"} "${name}" does not exist`,
    { hint: "Postern knows what was made with Parse and Bind messages on this connection, until it ends" },
  );
  return {
    kind: "refuse",
    run: null,
    error,
    sqlState: what === "statement" ? sqlState.invalidStatementName : sqlState.invalidCursorName,
    place: "pipeline",
  };
}

/**
 * What goes to the target in place of a refused statement: certain to fail, whatever the transaction's state,
 * since the target's parser comes before everything else. The comment is for the target's own log.
 */
function certainToFail(rule: string): string {
  return `refused_by_postern /* by rule: ${rule.replace(/[^A-Za-z0-9 :._-]/g, "_").slice(0, 100)} */`;
}

export function failingQuery(rule: string): Uint8Array {
  return query(certainToFail(rule));
}

/** A named statement, so that the client's unnamed one stays as it is. */
export function failingParse(rule: string): Uint8Array {
  return parse("postern_refused", certainToFail(rule));
}
