/** Postern's errors as the protocol's: error number, SQLSTATE, and one text that holds it all. */
import type { PosternError, PosternErrorCode } from "../../policy/errors.ts";
import { ErrorCode } from "./constants.ts";
import { encodeError, type ErrorReply } from "./replies.ts";

type Numbered = (typeof ErrorCode)[keyof typeof ErrorCode];

const numbers: Readonly<Record<PosternErrorCode, Numbered>> = {
  ProtocolViolation: ErrorCode.malformed,
  LimitExceeded: ErrorCode.resourceLimit,
  AuthFailed: ErrorCode.accessDenied,
  PolicyDenied: ErrorCode.statementDenied,
  ApprovalRequired: ErrorCode.privilege,
  TargetUnavailable: ErrorCode.targetUnavailable,
  StoreFailed: ErrorCode.storeFailed,
  Internal: ErrorCode.unknown,
};

/** Total. `as` says what an error of Postern's means at this place, where its code alone would mislead a client. */
export function toClient(error: PosternError, as?: Numbered): Uint8Array {
  return encodeError(replyOf(error, as));
}

export function replyOf(error: PosternError, as: Numbered = numbers[error.code]): ErrorReply {
  return { code: as.number, state: as.state, message: textOf(error) };
}

/** As what an answer's end is told that the target did not end: the session goes on, so no state of class 08. */
export const refusedAs = (error: PosternError): Numbered | undefined =>
  error.code === "LimitExceeded" ? ErrorCode.resultTooLarge : undefined;

/** The protocol has one text: what was refused first, for clients cut at 512 bytes. */
function textOf(error: PosternError): string {
  const said = error.message.startsWith("Postern") ? error.message : `Postern: ${error.message}`;
  const rule = error.rule === undefined ? "" : ` [rule: ${error.rule}]`;
  const hint = error.hint === undefined ? "" : ` Hint: ${error.hint}`;
  const stop = /[.!?)\]]$/.test(said) || (rule === "" && hint === "") ? "" : ".";
  return `${said}${stop}${rule}${hint}`;
}

/** The target's error without its text, which may quote a masked value. Number and SQLSTATE stay. */
export function withoutText(error: ErrorReply): ErrorReply {
  return {
    ...error,
    message: `Postern: the target reported error ${error.code}; its text is withheld, ` +
      "since the statement touches masked columns",
  };
}
