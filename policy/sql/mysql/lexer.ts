/**
 * Text -> tokens, as the target's own lexer would cut it (sql/sql_lex.cc of both flavours), or a refusal where
 * that depends on more than the tracked state. Linear in the text's length.
 */
import { asciiUpper, isComparison, isDigit, isHexDigit, isSpace, isWordPart } from "./characters.ts";
import { charsetNames } from "./charsets.ts";
import { lineCommentEnd, openComment, type Opened } from "./comments.ts";
import type { Mode } from "./mode.ts";
import { ambiguous as refused } from "./refusal.ts";
import { comparisonEnd, exponentEnd, quoted } from "./scan.ts";
import type { Token, TokenKind } from "./tokens.ts";

const longOperators = ["->>", ":=", "&&", "||", "->", "@@"];
const firstOfLong = new Set(longOperators.map((operator) => operator.charCodeAt(0)));
const operators = new Set([..."+-*/%^&|~(),.{}"].map((char) => char.charCodeAt(0)));

/** What no text may hold anywhere: NUL, and halves of surrogate pairs (which no encoding yields). */
export function checkCharacters(text: string): void {
  if (text.includes("\0")) throw refused("The text has a NUL byte");
  if (!text.isWellFormed()) throw refused("The text is not valid in its character set");
}

/** Lexes one statement at a time: what follows a `;` may have to be read in another mode. */
export class Lexer {
  #at: number;
  #tokens: Token[] = [];
  /** Where the executed version comment that is open began; -1 for none. */
  #comment = -1;
  /** The token before, without anything in between, ends in a word that a dot may continue. */
  #afterWord = false;
  #afterDot = false;

  constructor(private readonly text: string, from: number, private readonly mode: Mode) {
    this.#at = from;
  }

  /** Up to and with the next `;`, or to the end. Throws Refusal. */
  statement(): { readonly tokens: readonly Token[]; readonly end: number } {
    this.#tokens = [];
    while (this.#at < this.text.length) {
      if (this.#token() !== "end") continue;
      if (this.#comment >= 0) throw refused("A version comment has a semicolon in it");
      return { tokens: this.#tokens, end: this.#at };
    }
    if (this.#comment >= 0) throw refused("A version comment is not closed", "Close it with */");
    return { tokens: this.#tokens, end: this.#at };
  }

  #code(offset = 0): number {
    const at = this.#at + offset;
    return at < this.text.length ? this.text.charCodeAt(at) : 0;
  }

  #push(kind: TokenKind, end: number, value: string, keyword = "", doubleQuoted = false): TokenKind {
    this.#tokens.push({ kind, start: this.#at, end, value, keyword, doubleQuoted });
    this.#at = end;
    return kind;
  }

  #token(): TokenKind {
    const code = this.#code();
    const afterWord = this.#afterWord, afterDot = this.#afterDot;
    this.#afterWord = this.#afterDot = false;
    if (isSpace(code)) return this.#space();
    if (afterDot && isWordPart(code)) return this.#word(true);
    if (isDigit(code)) return this.#number();
    if (isWordPart(code)) return this.#quotedLiteral() ?? this.#word(false);
    switch (code) {
      case 39: // '
        return this.#string(this.#at, false);
      case 34: // "
        return this.mode.ansiQuotes ? this.#name(34) : this.#string(this.#at, true);
      case 96: // `
        return this.#name(96);
      case 35: // #
        return this.#lineComment();
      case 45: // -
        if (this.#startsLineComment()) return this.#lineComment();
        break;
      case 47: // /
        if (this.#code(1) === 42) return this.#block();
        break;
      case 42: // *
        if (this.#comment >= 0 && this.#code(1) === 47) return this.#closeVersionComment();
        break;
      case 46: // .
        return this.#dot(afterWord);
      case 64: // @
        if (this.#code(1) !== 64) return this.#variable();
        break;
      case 63: // ?
        return this.#push("param", this.#at + 1, "?");
      case 59: // ;
        return this.#push("end", this.#at + 1, ";");
    }
    return this.#operator(code);
  }

  #space(): TokenKind {
    let end = this.#at + 1;
    while (end < this.text.length && isSpace(this.text.charCodeAt(end))) end++;
    return this.#push("space", end, " ");
  }

  /** `-- ` opens a comment only before white space or at the end; `--1` is minus minus one. */
  #startsLineComment(): boolean {
    if (this.#code(1) !== 45) return false;
    if (this.#at + 2 >= this.text.length) return true;
    const code = this.#code(2);
    if (isSpace(code)) return true;
    if (code < 32 || code === 127) throw refused("A control character follows --");
    return false;
  }

  #lineComment(): TokenKind {
    if (this.#comment >= 0) throw refused("A version comment has a line comment in it");
    return this.#push("comment", lineCommentEnd(this.text, this.#at), "");
  }

  #block(): TokenKind {
    if (this.#comment >= 0) throw refused("A version comment has a comment in it");
    const opened: Opened = openComment(this.text, this.#at, this.mode);
    if (opened.kind === "code") this.#comment = this.#at;
    if (opened.kind === "hint") {
      return this.#push("hint", opened.end, this.text.slice(this.#at + 3, opened.end - 2));
    }
    return this.#push("comment", opened.end, "");
  }

  #closeVersionComment(): TokenKind {
    this.#comment = -1;
    return this.#push("comment", this.#at + 2, "");
  }

  /** A dot right after a word, or before no digit, joins names; else `.5` is a number. */
  #dot(afterWord: boolean): TokenKind {
    const next = this.#code(1);
    if (!afterWord && isDigit(next)) return this.#real(this.#at + 1);
    this.#afterDot = isWordPart(next);
    return this.#push("op", this.#at + 1, ".");
  }

  #word(afterDot: boolean): TokenKind {
    const { text } = this;
    let end = this.#at, ascii = true;
    while (end < text.length && isWordPart(text.charCodeAt(end))) {
      if (text.charCodeAt(end) > 127) ascii = false;
      end++;
    }
    const value = text.slice(this.#at, end);
    if (!ascii) this.#checkWide(value, true);
    if (value.startsWith("$")) throw refused("A bare name begins with a dollar sign", "Put it in backticks");
    const joined = text.charCodeAt(end) === 46 && isWordPart(text.charCodeAt(end + 1));
    this.#afterWord = joined;
    if (value.startsWith("_") && !joined && !afterDot) {
      if (charsetNames.has(value.slice(1).toLowerCase())) return this.#push("charset", end, value);
      if (/^[\t-\r ]*'/.test(text.slice(end, end + 64))) {
        throw refused(`${value} before a literal is not a character set that Postern knows`);
      }
    }
    const keyword = joined || afterDot || !ascii ? "" : asciiUpper(value);
    return this.#push("word", end, value, keyword);
  }

  /** Characters that the target would replace, or read by another table than ours, must not be in names. */
  #checkWide(value: string, bare: boolean): void {
    if (bare && !this.mode.utf8) {
      throw refused("A bare name has letters beyond ASCII", "Connect with utf8mb4");
    }
    if (/[\u{10000}-\u{10ffff}]/u.test(value)) {
      throw refused("A name has a character beyond the target's names");
    }
  }

  /** x'…', b'…', n'…'; null where the word is something else. */
  #quotedLiteral(): TokenKind | null {
    if (this.#code(1) !== 39) return null;
    const letter = this.text.charAt(this.#at).toLowerCase();
    if (letter === "n") return this.#string(this.#at + 1, false);
    if (letter !== "x" && letter !== "b") return null;
    const close = this.text.indexOf("'", this.#at + 2);
    const digits = this.text.slice(this.#at + 2, close < 0 ? this.text.length : close);
    const valid = letter === "x" ? /^(?:[0-9a-f]{2})*$/i : /^[01]*$/;
    if (close < 0 || !valid.test(digits)) throw refused("A hexadecimal or bit literal is not valid");
    return this.#push("bits", close + 1, digits);
  }

  #number(): TokenKind {
    const { text } = this;
    const start = this.#at;
    if (text.charCodeAt(start) === 48 && (this.#code(1) === 120 || this.#code(1) === 98)) {
      const fits = this.#code(1) === 120 ? isHexDigit : (code: number) => code === 48 || code === 49;
      let end = start + 2;
      while (end < text.length && fits(text.charCodeAt(end))) end++;
      if (end > start + 2 && !isWordPart(text.charCodeAt(end))) {
        return this.#push("bits", end, text.slice(start + 2, end));
      }
    }
    let end = start;
    while (end < text.length && isDigit(text.charCodeAt(end))) end++;
    const code = text.charCodeAt(end);
    if (code === 46) return this.#real(end + 1);
    if (!isWordPart(code)) return this.#push("number", end, text.slice(start, end));
    if (code === 101 || code === 69) {
      const exponent = exponentEnd(this.text, end);
      if (exponent > 0) return this.#push("number", exponent, text.slice(start, exponent));
    }
    return this.#word(false);
  }

  /** The digits after a decimal point, from `at`. */
  #real(at: number): TokenKind {
    let end = at;
    while (end < this.text.length && isDigit(this.text.charCodeAt(end))) end++;
    const code = this.text.charCodeAt(end);
    if (code === 101 || code === 69) {
      end = exponentEnd(this.text, end);
      if (end === 0) throw refused("A number has an exponent without digits");
    }
    return this.#push("number", end, this.text.slice(this.#at, end));
  }

  /** A string whose opening quote is at `quote`; the token begins at the lexer's place. */
  #string(quote: number, doubleQuoted: boolean): TokenKind {
    const { end, value } = quoted(this.text, quote, !this.mode.noBackslashEscapes);
    return this.#push("string", end, value, "", doubleQuoted);
  }

  #name(quote: number): TokenKind {
    const { end, value } = quoted(this.text, this.#at, false);
    if (value === "") throw refused("A quoted name is empty");
    this.#checkWide(value, false);
    return this.#push("name", end, value, "", quote === 34);
  }

  #variable(): TokenKind {
    const next = this.#code(1);
    if (next === 39 || next === 34 || next === 96) {
      const isString = next === 39 || (next === 34 && !this.mode.ansiQuotes);
      const { end, value } = quoted(this.text, this.#at + 1, isString && !this.mode.noBackslashEscapes);
      return this.#push("variable", end, value, "", next === 34);
    }
    let end = this.#at + 1;
    while (end < this.text.length && /[A-Za-z0-9._$]/.test(this.text.charAt(end))) end++;
    if (end === this.#at + 1) throw refused("There is an @ without a name");
    if (this.text.charCodeAt(end) > 127) {
      throw refused("A variable's name has letters beyond ASCII", "Quote the name");
    }
    return this.#push("variable", end, this.text.slice(this.#at + 1, end));
  }

  #operator(code: number): TokenKind {
    if (isComparison(code)) {
      const end = comparisonEnd(this.text, this.#at);
      return this.#push("op", end, this.text.slice(this.#at, end));
    }
    if (firstOfLong.has(code)) {
      for (const operator of longOperators) {
        if (!this.text.startsWith(operator, this.#at)) continue;
        if (operator === "@@" && !isWordPart(this.#code(2)) && this.#code(2) !== 96) break;
        return this.#push("op", this.#at + operator.length, operator);
      }
    }
    if (operators.has(code)) return this.#push("op", this.#at + 1, String.fromCharCode(code));
    if (code < 32 || code === 127) throw refused("The text has a control character");
    throw refused(`The character ${JSON.stringify(String.fromCharCode(code))} has no meaning there`);
  }
}
