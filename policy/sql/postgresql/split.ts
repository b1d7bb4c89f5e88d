/** A file's statements, as psql sends them; and the state of a session that psql starts. */
import type { TargetQuery } from "../../ports.ts";
import type { SqlState, Target } from "../../types.ts";
import { parse } from "./parser.ts";
import { checkText } from "./text_limits.ts";

/** White space and line comments before a statement, which psql does not send. */
const ahead = /^(?:\s+|--[^\n]*(?:\n|$))+/;

/** Each with its semicolon. Places are in bytes. */
export function split(text: string): readonly string[] | null {
  if (checkText(text) !== null) return null;
  const parsed = parse(text);
  if ("error" in parsed) return null;
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  return parsed.statements.map(({ stmt_location: from = 0, stmt_len: length }) => {
    const end = length === undefined ? bytes.length : from + length;
    return decoder.decode(bytes.subarray(from, bytes[end] === 0x3b ? end + 1 : end)).replace(ahead, "");
  });
}

export async function startState(target: Target, database: string, query: TargetQuery): Promise<SqlState> {
  const [row] = await query(target, database, "SHOW search_path");
  return { client_encoding: "UTF8", search_path: row?.[0] ?? "", standard_conforming_strings: "on" };
}
