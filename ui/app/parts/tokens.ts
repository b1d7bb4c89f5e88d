/**
 * Colours for statements, and marks for characters that deceive the eye. Conservative: where dialects would
 * read a text differently, the rest of it stays plain; and the tokens, joined, are always the text itself.
 */

export type TokenKind = "keyword" | "string" | "quoted" | "number" | "comment" | "parameter" | "plain";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const keywords = new Set(
  `add all alter analyze and any as asc begin between by call cascade case cast check column commit
  constraint copy create cross cube current cursor database declare default delete desc describe distinct do
  drop else end escape except execute exists explain fetch first following for foreign from full function
  grant group grouping handler having if ilike in index inner insert intersect interval into is join key
  last lateral left like limit lock materialized merge natural next not nothing null nulls of offset on only
  or order outer over partition preceding prepare primary procedure range recursive references release
  rename replace restrict returning revoke right rollback rollup row rows savepoint schema select sequence
  set show similar some start table temporary then to transaction trigger truncate unbounded union unique
  update use using vacuum values view when where window with true false`.split(/\s+/),
);

/** One alternative per token, tried at the current place; the first group that matched says what it is. */
const lexeme = new RegExp(
  [
    /(?<comment>--(?=\s|$)[^\n]*)/,
    /(?<block>\/\*(?![!+])(?:(?!\*\/|\/\*)[\s\S])*\*\/)/,
    /(?<dollar>\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$)/,
    /(?<string>'(?:[^'\\]|''|\\(?!'))*')/,
    /(?<quoted>"(?:[^"\\]|""|\\(?!"))*"|`(?:[^`\\]|``)*`)/,
    /(?<parameter>\$\d+\b|\?(?![|&?]))/,
    /(?<number>\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b)/,
    /(?<word>[\p{L}_][\p{L}\p{M}\p{N}_$]*)/u,
    /(?<other>[\s,;()[\].:=<>+*%^|&~!@]+|#(?=>|-)|-(?!-)|\/(?!\*))/,
  ].map((part) => part.source).join("|"),
  "yiu",
);

export function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    lexeme.lastIndex = at;
    const match = lexeme.exec(text);
    // Unfinished, or read differently by different dialects: from here on, nothing is claimed.
    if (match === null) break;
    tokens.push({ kind: kindOf(match), text: match[0] });
    at += match[0].length;
  }
  if (at < text.length) tokens.push({ kind: "plain", text: text.slice(at) });
  return tokens;
}

function kindOf({ groups = {} }: RegExpExecArray): TokenKind {
  if (groups.comment !== undefined || groups.block !== undefined) return "comment";
  if (groups.string !== undefined || groups.dollar !== undefined) return "string";
  if (groups.quoted !== undefined) return "quoted";
  if (groups.parameter !== undefined) return "parameter";
  if (groups.number !== undefined) return "number";
  return groups.word !== undefined && keywords.has(groups.word.toLowerCase()) ? "keyword" : "plain";
}

/**
 * What is not seen, or changes how the rest is seen: controls, zero-width and bidirectional marks, unusual
 * spaces, tags, and lone surrogates. A line feed, a tab and a line feed's carriage return are as they should be.
 */
const deceptive =
  // deno-lint-ignore no-control-regex -- they are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufeff\uffa0\ufff9-\ufffc\u{e0000}-\u{e007f}]|\r(?!\n)|[\ud800-\udfff]/gu;

/** Letters that pass for Latin ones, in a word that has Latin ones, too; and the wide forms of ASCII. */
const wide = /[\uff01-\uff5e]/u;
const lookalike =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}]/u;

function confusables(text: string): { index: number; text: string }[] {
  const found: { index: number; text: string }[] = [];
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{M}\p{N}_$\uff01-\uff5e]+/gu)) {
    const mixed = /\p{Script=Latin}/u.test(word);
    if (!wide.test(word) && !(mixed && lookalike.test(word))) continue;
    let at = index;
    for (const letter of word) {
      if (wide.test(letter) || (mixed && lookalike.test(letter))) found.push({ index: at, text: letter });
      at += letter.length;
    }
  }
  return found;
}

function flagged(text: string): { index: number; text: string }[] {
  const invisible = [...text.matchAll(deceptive)].map((match) => ({ index: match.index, text: match[0] }));
  return [...invisible, ...confusables(text)].sort((one, other) => one.index - other.index);
}

export interface Piece {
  readonly text: string;
  /** `U+202E` where the piece is one deceptive character; it is shown by that, and never takes effect. */
  readonly flag: string | null;
}

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of flagged(text)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), flag: null });
    found.push({ text: match.text, flag: codePointName(match.text) });
    at = match.index + match.text.length;
  }
  if (at < text.length) found.push({ text: text.slice(at), flag: null });
  return found;
}

export function countDeceptive(text: string): number {
  return flagged(text).length;
}

function codePointName(char: string): string {
  return `U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
