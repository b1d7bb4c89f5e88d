/** A statement's tokens for people who read it, from the lexer of the dialect that judged it. */

export type ColourKind = "keyword" | "string" | "quoted" | "number" | "comment" | "parameter" | "plain";

/** What it is, and its length in UTF-16 units. The lengths of a text's colours add up to the text's. */
export type Colour = readonly [kind: ColourKind, length: number];

/** Longer texts are shown plain: nobody reads their colours. */
export const COLOURED_LENGTH_MAX = 60_000;

/**
 * Words that are shown as keywords where the lexer says that they may be some. A dialect's own lists hold hundreds
 * that are mostly names in practice: name, status, type.
 */
const shown = new Set(
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

export const isShownKeyword = (word: string): boolean => shown.has(word.toLowerCase());

/** Marked tokens, in order, by their places in UTF-16 units; what is between them is plain. */
export function coloursOf(
  length: number,
  tokens: Iterable<{ readonly start: number; readonly end: number; readonly kind: ColourKind }>,
): Colour[] {
  const colours: [ColourKind, number][] = [];
  const push = (kind: ColourKind, size: number) => {
    const last = colours.at(-1);
    if (size <= 0) return;
    if (last?.[0] === kind) last[1] += size;
    else colours.push([kind, size]);
  };
  let at = 0;
  for (const { start, end, kind } of tokens) {
    push("plain", start - at);
    push(kind, end - Math.max(at, start));
    at = Math.max(at, end);
  }
  push("plain", length - at);
  return colours;
}
