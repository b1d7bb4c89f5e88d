/** Postern's errors as PostgreSQL's: SQLSTATE, message, detail with the rule, hint. */
import type { PosternError, PosternErrorCode } from "../../policy/errors.ts";
import type { Watch } from "../../policy/watch.ts";
import { errorResponse, noticeResponse } from "./encode.ts";

const sqlStates: Readonly<Record<PosternErrorCode, string>> = {
  ProtocolViolation: "08P01",
  LimitExceeded: "54000",
  AuthFailed: "28000",
  PolicyDenied: "42501",
  ApprovalRequired: "42501",
  TargetUnavailable: "08006",
  StoreFailed: "58030",
  Internal: "XX000",
};

/** SQLSTATEs of what Postern does on its own account, where the error's own would mislead a client. */
export const sqlState = {
  adminShutdown: "57P01",
  featureNotSupported: "0A000",
  idleTimeout: "57P05",
  invalidAuthorization: "28000",
  invalidStatementName: "26000",
  invalidCursorName: "34000",
  queryCanceled: "57014",
  tooManyConnections: "53300",
} as const;

export interface Shown {
  /** FATAL ends the connection; clients rely on it. */
  readonly fatal?: boolean;
  readonly sqlState?: string;
}

export function sqlStateOf(error: PosternError): string {
  return sqlStates[error.code];
}

/** Total: every error has a frame, and every frame an SQLSTATE. */
export function toClient(error: PosternError, shown: Shown = {}): Uint8Array {
  const severity = shown.fatal === true ? "FATAL" : "ERROR";
  return errorResponse({
    S: severity,
    V: severity,
    C: shown.sqlState ?? sqlStateOf(error),
    M: withPrefix(error.message),
    ...(error.rule === undefined ? {} : { D: `Rule: ${error.rule}` }),
    ...(error.hint === undefined ? {} : { H: error.hint }),
  });
}

/** Something to tell in between, that is no error. */
export function notice(message: string, detail: string, hint: string): Uint8Array {
  return noticeResponse({
    S: "NOTICE",
    V: "NOTICE",
    C: "00000",
    M: withPrefix(message),
    ...(detail === "" ? {} : { D: detail }),
    ...(hint === "" ? {} : { H: hint }),
  });
}

/** Who speaks: the person reads it between messages of the database. */
function withPrefix(message: string): string {
  return message.startsWith("Postern") ? message : `Postern: ${message}`;
}

/**
 * The target's error or notice with nothing of its text: where masked data is involved, a text may hold it
 * (a failed cast quotes the value, a unique violation shows the key).
 */
export function withoutText(fields: Readonly<Record<string, string>>): Record<string, string> {
  const { S = "ERROR", V = S, C = "XX000" } = fields;
  return {
    S,
    V,
    C,
    M: `The target reported ${C}; its text is withheld, since the statement touches masked columns`,
    H: "Somebody without masks on these columns, or the target's own log, can tell the text",
  };
}

/** What the target's own code sets: severities, SQLSTATE, positions, the place in its source. */
const noText: ReadonlySet<string> = new Set(["S", "V", "C", "P", "p", "F", "L", "R"]);

/** Every text of an error or notice as detectors show it; `fields` itself where nothing is hidden. */
export function watchedFields(
  fields: Readonly<Record<string, string>>,
  watch: Watch,
): Readonly<Record<string, string>> {
  const shown = Object.entries(fields).map(([name, text]) =>
    [name, noText.has(name) ? text : watch.seeCut(text)] as const
  );
  return shown.every(([name, text]) => text === fields[name]) ? fields : Object.fromEntries(shown);
}
