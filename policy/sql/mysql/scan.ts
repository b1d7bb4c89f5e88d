/** Pieces of a text that the lexer takes whole: each from a place to where it ends. */
import { isComparison, isDigit } from "./characters.ts";
import { ambiguous } from "./refusal.ts";

/** From an opening quote to after the closing one; a doubled quote stands for itself. */
export function quoted(text: string, open: number, backslash: boolean): { end: number; value: string } {
  const quote = text.charCodeAt(open);
  const parts: string[] = [];
  let from = open + 1, at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 92 && backslash) {
      parts.push(text.slice(from, at), unescaped(text.charAt(at + 1)));
      from = at += 2;
      at--;
    } else if (code === quote) {
      if (text.charCodeAt(at + 1) !== quote) break;
      parts.push(text.slice(from, at + 1));
      from = at += 2;
      at--;
    }
  }
  if (at >= text.length) throw ambiguous("A quoted string or name is not closed", "Close the quotes");
  const rest = text.slice(from, at);
  return { end: at + 1, value: parts.length === 0 ? rest : parts.join("") + rest };
}

/** What a backslash makes of the character after it, outside of LIKE patterns. */
function unescaped(char: string): string {
  switch (char) {
    case "n":
      return "\n";
    case "t":
      return "\t";
    case "r":
      return "\r";
    case "b":
      return "\b";
    case "0":
      return "\0";
    case "Z":
      return "\x1a";
    case "%":
    case "_":
      return `\\${char}`;
    default:
      return char;
  }
}

/** Where the exponent whose `e` is at `at` ends; 0 where it is none. */
export function exponentEnd(text: string, at: number): number {
  const sign = text.charCodeAt(at + 1);
  let end = at + (sign === 43 || sign === 45 ? 2 : 1);
  if (!isDigit(text.charCodeAt(end))) return 0;
  while (end < text.length && isDigit(text.charCodeAt(end))) end++;
  return end;
}

const comparisons = new Set(["=", "<", ">", "!", "<=", ">=", "<>", "!=", "<=>", "<<", ">>"]);

/**
 * Where the comparison that begins at `at` ends. The target takes such characters in bulk before it looks them
 * up, so only what they make up as a whole counts; a last `!` is an operator of its own.
 */
export function comparisonEnd(text: string, at: number): number {
  let end = at + 1;
  while (isComparison(text.charCodeAt(end))) {
    // Each `!` of a row of them looks at all that follow.
    if (++end - at > 20) throw ambiguous("There are more than 20 operators in a row");
  }
  while (end > at + 1 && text.charCodeAt(end - 1) === 33) {
    if (comparisons.has(text.slice(at, end))) break;
    end--;
  }
  const operator = text.slice(at, end);
  if (comparisons.has(operator)) return end;
  throw ambiguous(`${operator} is not an operator`, "Put spaces between operators");
}
