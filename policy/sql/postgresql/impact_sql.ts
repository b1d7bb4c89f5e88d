/** Text that goes into Postern's own queries. */
import type { ParameterView } from "../../types.ts";

/** A string literal; the connection has standard_conforming_strings on, and NUL passes no statement. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name in quotes. */
export const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** The statement as one that is prepared, and the values to execute it with: never put together with its text. */
export function prepared(
  text: string,
  parameters: readonly ParameterView[],
): { prepare: string; run: string } {
  const types = parameters.map(({ type }, at) => {
    if (/^[a-z_][a-z0-9_]*(\[\])?$/.test(type)) return type;
    // A part of a statement may leave one out, which then has no type to be found by.
    return new RegExp(`\\$${at + 1}(?!\\d)`).test(text) ? "unknown" : "text";
  });
  const values = parameters.map(({ text: value }) => value === null ? "NULL" : literal(value));
  const list = (items: readonly string[]) => items.length === 0 ? "" : `(${items.join(", ")})`;
  return {
    // The text may end in a comment.
    prepare: `PREPARE postern_preview${list(types)} AS ${text}\n`,
    run: `EXECUTE postern_preview${list(values)}`,
  };
}

/** A text's words, names and strings at no depth of brackets, where its clauses are to be cut. */
export interface Word {
  /** In upper case; empty for anything but a bare word. */
  readonly keyword: string;
  readonly start: number;
  readonly end: number;
}

const token =
  /--[^\n]*|\/\*|\$(?<tag>[A-Za-z_]\w*|)\$|[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[()[\];,]|[^\s]/gy;

/** Throws where brackets do not fit: then nothing is cut. */
export function topWords(text: string): Word[] {
  const found: Word[] = [];
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) {
      at++;
      continue;
    }
    const [shown] = match;
    const start = at;
    at = endOf(text, match, start);
    if (shown === "(" || shown === "[") depth++;
    else if (shown === ")" || shown === "]") depth--;
    if (depth < 0) throw new TypeError("brackets that do not fit");
    if (shown.startsWith("--") || shown === "/*") continue;
    if (depth === 0) {
      found.push({ keyword: /^[A-Za-z_]\w*$/.test(shown) ? shown.toUpperCase() : shown, start, end: at });
    }
  }
  if (depth !== 0) throw new TypeError("brackets that do not fit");
  return found;
}

function endOf(text: string, match: RegExpExecArray, start: number): number {
  const [shown] = match;
  if (shown === "/*") return endOfComment(text, start);
  const { tag } = match.groups ?? {};
  if (tag === undefined) return start + shown.length;
  const close = text.indexOf(`$${tag}$`, start + shown.length);
  if (close < 0) throw new TypeError("a string without an end");
  return close + shown.length;
}

function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length - 1; at++) {
    const two = text.slice(at, at + 2);
    if (two === "/*") depth++;
    else if (two === "*/") depth--;
    else continue;
    at++;
    if (depth === 0) return at + 1;
  }
  throw new TypeError("a comment without an end");
}
