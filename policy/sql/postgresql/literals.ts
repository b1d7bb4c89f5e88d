/** The literals and parameters of a statement that go to a masked column, or are put together with one. */
import type { Node } from "libpg-query";
import type { NodeKind } from "./ast.ts";

/** UTF-16 offsets in the message, ordered, not overlapping; and parameters, counted from 0. */
export interface Hidden {
  readonly literals: readonly (readonly [number, number])[];
  readonly parameters: readonly number[];
}

export const nothingHidden: Hidden = { literals: [], parameters: [] };

/** A value made of these may be anything; of others, what stands in them is what is compared or computed with. */
const passedOver: ReadonlySet<NodeKind> = new Set<NodeKind>([
  "ColumnRef",
  "BoolExpr",
  "SubLink",
  "A_Const",
  "ParamRef",
]);

/** Whether the literals in a tainted value of this kind are to be hidden. */
export const hidesWithin = (kind: NodeKind): boolean => !passedOver.has(kind);

/** Where a literal can reach a masked column under another name: which one is not followed, so all are hidden. */
const detours: ReadonlySet<string> = new Set(["RangeSubselect", "CommonTableExpr", "RangeFunction"]);

/** `roots`: values that are hidden. `whole`: the statement that they are in. */
export function hiddenIn(roots: ReadonlySet<Node>, whole: Node, text: string): Hidden {
  if (roots.size === 0) return nothingHidden;
  const search = new Search();
  if (hasDetour(whole)) search.visit(whole, true);
  else for (const root of roots) search.visit(root, false);
  return { literals: spansOf(search.places, text), parameters: [...search.parameters].sort((a, b) => a - b) };
}

function hasDetour(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasDetour);
  if (typeof node !== "object" || node === null) return false;
  return Object.entries(node).some(([key, inner]) => detours.has(key) || hasDetour(inner));
}

class Search {
  /** Offsets in bytes of UTF-8, as the parser counts. */
  readonly places = new Set<number>();
  readonly parameters = new Set<number>();
  readonly #seen = new WeakSet<object>();

  visit(node: unknown, deep: boolean): void {
    if (typeof node !== "object" || node === null || this.#seen.has(node)) return;
    this.#seen.add(node);
    if (Array.isArray(node)) {
      for (const each of node) this.visit(each, deep);
      return;
    }
    for (const [key, inner] of Object.entries(node)) {
      // A type's size is no value; a query within decides on its own.
      if (key === "typeName" || (!deep && key === "subselect")) continue;
      if (key === "A_Const") this.places.add((inner as { location?: number }).location ?? 0);
      else if (key === "ParamRef") this.parameters.add(((inner as { number?: number }).number ?? 1) - 1);
      else this.visit(inner, deep);
    }
  }
}

function spansOf(places: ReadonlySet<number>, text: string): (readonly [number, number])[] {
  const starts = [...places].sort((a, b) => a - b);
  const spans: [number, number][] = [];
  let byte = 0;
  let at = 0;
  for (const start of starts) {
    for (; byte < start && at < text.length; at++) {
      const unit = text.charCodeAt(at);
      // Each half of a surrogate pair stands for two of its four bytes.
      byte += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3;
    }
    spans.push([at, endOfLiteral(text, at)]);
  }
  return spans;
}

const space = /\s*/y;
const lineComment = /--[^\n\r]*/y;
const strings = /(?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*'/y;
const escaped = /[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*'/y;
const dollar = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const number = /(?:\d|\.\d)(?:[eE][-+]\d|[\w.])*/y;
const word = /[A-Za-z_]+/y;

/** A literal that is not recognised hides all that follows it. */
function endOfLiteral(text: string, start: number): number {
  const signed = text[start] === "-" || text[start] === "+";
  const at = signed ? afterGap(text, start + 1) : start;
  const tag = match(dollar, text, at);
  if (tag !== null) {
    const close = text.slice(at, tag);
    const end = text.indexOf(close, tag);
    return end < 0 ? text.length : end + close.length;
  }
  for (const pattern of [escaped, strings]) {
    let end = match(pattern, text, at);
    if (end === null) continue;
    // A string that follows on another line belongs to the same literal.
    for (let next = afterGap(text, end); text[next] === "'"; next = afterGap(text, end)) {
      if (!/[\n\r]/.test(text.slice(end, next))) break;
      end = match(strings, text, next) ?? text.length;
    }
    return end;
  }
  return match(number, text, at) ?? match(word, text, at) ?? text.length;
}

/** Behind white space and comments. */
function afterGap(text: string, start: number): number {
  for (let at = start;;) {
    const next = match(space, text, at) ?? at;
    if (text.startsWith("/*", next)) at = afterComment(text, next);
    else {
      const line = match(lineComment, text, next);
      if (line === null) return next;
      at = line;
    }
  }
}

function afterComment(text: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    depth += found[0] === "/*" ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return text.length;
}

function match(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}
