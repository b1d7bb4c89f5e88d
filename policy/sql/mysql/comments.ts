/** Comments, and the comments that are none: `/*! … *\/`, `/*!50000 … *\/`, MariaDB's `/*M! … *\/`. */
import type { Mode } from "./mode.ts";
import { ambiguous } from "./refusal.ts";

/** `code`: what follows the opening is executed up to the closing; else the whole comment ends at `end`. */
export interface Opened {
  readonly kind: "comment" | "code" | "hint";
  readonly end: number;
}

const without = "Write the statement without version comments";

/** After the newline's place or the text's end; a carriage return does not end it. */
export function lineCommentEnd(text: string, at: number): number {
  const newline = text.indexOf("\n", at);
  return newline < 0 ? text.length : newline;
}

/** After the closing of the block comment that opens at `at`. They do not nest. */
function commentEnd(text: string, at: number): number {
  const close = text.indexOf("*/", at + 2);
  if (close < 0) throw ambiguous("A comment is not closed", "Close it with */");
  return close + 2;
}

/** What the block comment at `at` is to this target. Throws Refusal where that is not certain. */
export function openComment(text: string, at: number, mode: Mode): Opened {
  const third = text.charAt(at + 2);
  if (third === "+") return { kind: "hint", end: commentEnd(text, at) };
  const own = third === "M" && text.charAt(at + 3) === "!";
  if (third !== "!" && !own) return { kind: "comment", end: commentEnd(text, at) };
  if (own && mode.flavour === "mysql") return { kind: "comment", end: commentEnd(text, at) };
  const from = at + (own ? 4 : 3);
  const digits = /^\d*/.exec(text.slice(from, from + 8))?.[0] ?? "";
  if (digits === "") return { kind: "code", end: from };
  if (runs(digits, own, mode)) return { kind: "code", end: from + digits.length };
  const end = commentEnd(text, at);
  // Skipped comments may nest one level on some versions and none on others.
  if (text.slice(from, end - 2).includes("/*")) {
    throw ambiguous("A version comment has a comment in it", without);
  }
  return { kind: "comment", end };
}

/** Would this target execute a comment of that version? */
function runs(digits: string, own: boolean, mode: Mode): boolean {
  const lengths = mode.flavour === "mariadb" ? [5, 6] : [5];
  if (!lengths.includes(digits.length)) {
    throw ambiguous(`A version comment's number has ${digits.length} digits`, without);
  }
  if (mode.version === 0) {
    throw ambiguous("There is a version comment, and the target's version is not known", without);
  }
  const version = Number(digits);
  if (version > mode.version) return false;
  // MariaDB leaves out what is meant for MySQL 5.7 and later.
  return mode.flavour === "mysql" || own || version < 50_700 || version > 99_999;
}
