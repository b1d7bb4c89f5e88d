/** Refusals: what the client is told, what the record gets, and what goes to the target instead. */
import { PosternError } from "../../policy/errors.ts";
import type { Judgement, StatementRun } from "../../policy/types.ts";
import type { Step } from "./steps.ts";
import type { Conversation } from "./conversation.ts";
import { parse, query } from "./encode.ts";
import { sqlState } from "./errors.ts";
import { headerBytes } from "./frames.ts";

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

export function tooLarge(bytes: number, bytesMax: number): PosternError {
  return new PosternError(
    "LimitExceeded",
    `A message of ${bytes} bytes is more than Postern judges (listen.limits.statement: ${bytesMax})`,
    { rule: "listen.limits.statement", hint: "Send less at once, or load rows with COPY … FROM STDIN" },
  );
}

export function noFunctionCalls(): PosternError {
  return new PosternError("PolicyDenied", "Function-call messages are not offered through Postern", {
    rule: "no function calls",
    hint: "Call the function with SELECT, so that it can be judged",
  });
}

/** What `refuse` makes of a message that does not keep to its own format. */
export function unlessUnreadable(run: () => Step, refuse: (error: PosternError) => Step): Step {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== "ProtocolViolation") throw error;
    return refuse(error);
  }
}

const lossy = new TextDecoder();

/** What can be shown of a text that is no text: enough to tell later what was tried. */
export function lossyText(frame: Uint8Array): string {
  return lossy.decode(frame.subarray(headerBytes, headerBytes + 4096)).replaceAll("\0", "\ufffd");
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
