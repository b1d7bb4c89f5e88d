/**
 * One answer for texts that differ in plain values only, as most of a client's do that writes values into them.
 *
 * A text is cut into its shape and its plain literals: whole numbers of at most nine digits, and strings of printable
 * ASCII characters without a backslash. Two texts of one shape are the same but for these. So they are cut into the same tokens
 * and have the same tree, except for the values, as long as a real parser, or lexer, found one of them to have a literal
 * exactly where the cut says so. Which of the literals cannot change what policy says of the statement, the dialect
 * decides by where they stand (`free`); the others belong to the key. Anything else than a plain literal, comments and
 * dollar quotes among them, is part of the shape as it is written, or has the text not cut at all.
 */
import type { Understood } from "./dialect.ts";
import { TextCache } from "./text_cache.ts";

/** A text's shape: parts with a mark for each plain literal. */
export interface Cut {
  readonly shape: string;
  /** As written, quotes included, in order. */
  readonly literals: readonly string[];
  /** Where each begins, in UTF-16 units. */
  readonly starts: readonly number[];
}

/** Longer texts are rarely asked twice; all lengths in UTF-16 units. */
const cutLengthMax = 16_384;

/** Stand for a string and for a number. Neither can be in a text that is cut. */
const stringMark = "\x01";
const numberMark = "\x02";

const plainString = String.raw`'(?:[^'\\\x00-\x1f\x7f-\uffff]|'')*'`;
/** What is passed over as it is; the names end in `'` where they are a literal's prefix. */
const asWritten = String.raw`"[^"\\]*"|\`[^\`\\]*\`|[A-Za-z_][\w$]*'?|\.?[0-9][\w.$]*|\$[0-9]+`;
/** What another reader may take for something else than this one: comments, escapes, other quotes. */
const unclear = String.raw`--|/\*|[#'"\`\\$\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\uffff]`;
const piece = new RegExp(`(${plainString})|[uU]&['"]|(${asWritten})|${unclear}`, "g");
const plainNumber = /^[0-9]{1,9}$/;

/** null for a text that has no plain literal, or is better read by a parser. */
export function cut(text: string): Cut | null {
  if (text.length > cutLengthMax) return null;
  const literals: string[] = [];
  const starts: number[] = [];
  let shape = "";
  let from = 0;
  piece.lastIndex = 0;
  for (let found = piece.exec(text); found !== null; found = piece.exec(text)) {
    const [whole, string, written] = found;
    if (string === undefined) {
      if (written === undefined || written.endsWith("'")) return null;
      if (!plainNumber.test(written)) continue;
    }
    shape += text.slice(from, found.index) + (string === undefined ? numberMark : stringMark);
    from = piece.lastIndex;
    literals.push(whole);
    starts.push(found.index);
  }
  return literals.length === 0 ? null : { shape: shape + text.slice(from), literals, starts };
}

/** Answers by shape, and by those of its literals that are not free. Forgets what was not asked for lately. */
export class ShapedAnswers<T> {
  /** Of a shape: which of its literals count; null where its answers are not kept. */
  readonly #counting = new TextCache<readonly number[] | null>(bounds);
  readonly #answers = new TextCache<T>(bounds);

  /** `context`: what else the answer depends on. */
  get(context: string, cut: Cut): T | undefined {
    const counting = this.#counting.get(cut.shape);
    return counting == null ? undefined : this.#answers.get(keyOf(context, cut, counting));
  }

  /**
   * `free`: where those literals begin whose values the answer does not depend on; null where it depends on more, such
   * as where in the text they are.
   */
  keep(context: string, cut: Cut, free: ReadonlySet<number> | null, answer: T): void {
    const counting = free === null ? null : cut.starts.flatMap((start, at) => free.has(start) ? [] : [at]);
    this.#counting.set(cut.shape, counting);
    if (counting !== null && counting.length < cut.starts.length) {
      this.#answers.set(keyOf(context, cut, counting), answer);
    }
  }
}

const bounds = { entriesMax: 2_048, lengthMax: 4_194_304 };

function keyOf(context: string, { shape, literals }: Cut, counting: readonly number[]): string {
  let key = `${context.length} ${context}${shape}`;
  for (const at of counting) key += `${stringMark}${literals[at]}`;
  return key;
}

/** Then the record hides parts of the text by where they are. */
export const hidesLiterals = (answer: readonly Understood[]): boolean =>
  answer.some(({ facts }) => facts.maskedLiterals.length > 0);
