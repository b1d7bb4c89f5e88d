/** Refusals: what the client is told, what the record gets, and what goes to the target instead. */
import { PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
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

/** Of all prepared statements of a connection together. */
const preparedCharsMax = 16 * 1_048_576;
const shortTextChars = 4_096;

export function tooLarge(bytes: number, bytesMax: number): PosternError {
  return limitReached(
    "listen.limits.statement",
    `A message of ${bytes} bytes is more than Postern judges (listen.limits.statement: ${bytesMax})`,
    "Send less at once, or load rows with COPY … FROM STDIN",
  );
}

/** Why there is no room for one more; null where there is. */
export function preparedLimit(
  statements: ReadonlyMap<string, { readonly text: string }>,
  most: number,
  name: string,
  text: string,
): PosternError | null {
  const others = [...text.length > shortTextChars ? statements : []].filter(([one]) => one !== name);
  const chars = others.reduce((sum, [, one]) => sum + one.text.length, text.length);
  const tooMany = statements.size >= most && !statements.has(name);
  // One text of the largest size is always kept; short ones are held by their number alone.
  if (!tooMany && (others.length === 0 || chars <= preparedCharsMax)) return null;
  const kept = tooMany ? `${most}` : "too much text in its";
  return limitReached(
    "listen.limits.preparedStatements",
    `This connection has ${kept} prepared statements already (listen.limits.preparedStatements)`,
    "Deallocate those that are no longer needed",
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
