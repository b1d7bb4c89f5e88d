/** Marks for characters that deceive the eye. */

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
