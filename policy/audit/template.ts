/**
 * What statements look like without their literals, so that those that differ only in values count as one; and
 * the words by which they are found. For searching only: nothing is decided by either.
 */
import { hash } from "node:crypto";

/** How much of a text is looked at: what is longer is a load of data, told apart by its beginning well enough. */
const TEXT_CHARS_MAX = 20_000;

/**
 * Comments, strings (with the quotes doubled inside; an E before it allows backslashes), dollar-quoted strings,
 * names in quotes, numbers, words, blanks, and any other single character.
 */
const tokens = new RegExp(
  [
    String.raw`--[^\n]*`,
    // What is never closed reaches to the end, so that the whole takes time in proportion to the text.
    String.raw`/\*[\s\S]*?(?:\*/|$)`,
    String.raw`\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'?`,
    String.raw`'(?:[^']|'')*'?`,
    String.raw`\$(?:[A-Za-z_]\w*)?\$[\s\S]*?(?:\$(?:[A-Za-z_]\w*)?\$|$)`,
    String.raw`"(?:[^"]|"")*"?`,
    "`(?:[^`]|``)*`?",
    String.raw`\$\d+`,
    String.raw`(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\b`,
    String.raw`[\p{L}_][\p{L}\p{N}_$]*`,
    String.raw`\s+`,
    String.raw`[\s\S]`,
  ].join("|"),
  "gu",
);

function tokenOf(token: string): string {
  const first = token[0]!;
  if (token.startsWith("--") || token.startsWith("/*")) return " ";
  if (first === "'" || /^[eE]'/.test(token) || /^[\d.]\d*/.test(token) && /\d/.test(token)) return "?";
  if (first === "$") return "?";
  if (first === '"' || first === "`") return token;
  return /^\s/.test(token) ? " " : token.toLowerCase();
}

/**
 * The text with a `?` for each literal and parameter, lists of them folded to one, blanks and comments folded,
 * words outside quotes in lower case: `select * from t where id in (?)`.
 */
export function templateOf(text: string): string {
  const cut = text.slice(0, TEXT_CHARS_MAX);
  return [...cut.matchAll(tokens)].map(([token]) => tokenOf(token)).join("")
    .replace(/\s+/g, " ")
    .replace(/\?(?: ?, ?\?)+/g, "?")
    .replace(/\(\?\)(?: ?, ?\(\?\))+/g, "(?)")
    .replace(/ ?; ?$/, "")
    .trim();
}

/** The name of a template: the first 64 bits of its SHA-256, hex. */
export const templateId = (template: string): string => hash("sha256", template, "hex").slice(0, 16);

/** Words of one statement that are kept, and characters of each. */
const WORDS_MAX = 300;
const WORD_CHARS_MAX = 100;

/** Letters, digits and underscores in a row, in lower case, each once. */
export function wordsOf(text: string, max = WORDS_MAX): string[] {
  const found = new Set<string>();
  for (const [word] of text.slice(0, TEXT_CHARS_MAX).matchAll(/[\p{L}\p{N}_]+/gu)) {
    found.add(word.toLowerCase().slice(0, WORD_CHARS_MAX));
    if (found.size === max) break;
  }
  return [...found];
}

/** What somebody types to search: words, words with a `*` at the end for any that begin so, and "exact passages". */
export interface Wanted {
  readonly words: readonly string[];
  readonly beginnings: readonly string[];
  readonly passages: readonly string[];
}

export function wantedOf(query: string): Wanted {
  const words = new Set<string>();
  const beginnings = new Set<string>();
  const passages: string[] = [];
  for (const [, passage, plain = ""] of query.matchAll(/"([^"]+)"|([^"\s]+)/g)) {
    if (passage !== undefined) passages.push(passage);
    const found = wordsOf(passage ?? plain, 20);
    const last = passage === undefined && plain.endsWith("*") ? found.pop() : undefined;
    for (const word of found) words.add(word);
    if (last !== undefined) beginnings.add(last);
  }
  return { words: [...words], beginnings: [...beginnings], passages };
}
