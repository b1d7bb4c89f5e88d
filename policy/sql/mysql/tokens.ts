/** What the lexer hands out. */

export type TokenKind =
  /** A bare word: keyword or identifier. */
  | "word"
  /** An identifier in quotes. */
  | "name"
  | "string"
  | "number"
  /** 0x…, x'…', 0b…, b'…' */
  | "bits"
  /** `?` */
  | "param"
  /** `@x`, `@'x'`; also the host of `user@host`. */
  | "variable"
  /** An introducer: `_utf8mb4`. */
  | "charset"
  | "op"
  /** `;` */
  | "end"
  /** Below: not seen by the parser. */
  | "space"
  | "comment"
  /** An optimizer hint, its text in `value`. */
  | "hint";

/** One token; the source's tokens, trivia included, concatenate to it. */
export interface Token {
  readonly kind: TokenKind;
  /** Offsets in the source, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** As meant: without quotes and escapes; a word as it was written; an operator's text. */
  readonly value: string;
  /** A word in upper case where the target would look it up as a keyword; else empty. */
  readonly keyword: string;
  /** Written in double quotes, so that what it is depends on ANSI_QUOTES. */
  readonly doubleQuoted: boolean;
}

export function isTrivia(token: Token): boolean {
  return token.kind === "space" || token.kind === "comment" || token.kind === "hint";
}
