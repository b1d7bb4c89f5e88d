/** Questions about expressions that need no catalog. */
import { isOrderedAggregate, isUnorderedAggregate } from "./functions.ts";
import type { Expr, Select } from "./syntax.ts";

/** Direct parts of an expression; sub-queries are not entered. */
export function parts(expr: Expr): readonly Expr[] {
  switch (expr.t) {
    case "op":
      return expr.args;
    case "call":
      return expr.order.length === 0 ? expr.args : [...expr.args, ...expr.order];
    case "assign":
      return [expr.value];
    default:
      return [];
  }
}

export function some(expr: Expr, test: (expr: Expr) => boolean): boolean {
  return test(expr) || parts(expr).some((part) => some(part, test));
}

/** Does nothing in it depend on the row, or on the rows before? */
export function isConstant(expr: Expr): boolean {
  if (expr.t === "literal" || expr.t === "param" || expr.t === "setting") return true;
  const plain = expr.t === "op" ||
    (expr.t === "call" && !expr.window && !isUnordered(expr) && !isOrdered(expr));
  return plain && parts(expr).length > 0 && parts(expr).every(isConstant);
}

/** Last parts of the columns that an expression names, in lower case. */
export function columnsNamed(expr: Expr, found = new Set<string>()): Set<string> {
  if (expr.t === "column") found.add((expr.parts.at(-1) ?? "").toLowerCase());
  for (const part of parts(expr)) columnsNamed(part, found);
  return found;
}

/** The same text for expressions that are the same. */
export function keyOf(expr: Expr): string {
  switch (expr.t) {
    case "literal":
      return JSON.stringify(expr.value);
    case "column":
      return expr.parts.map((part) => `\`${part.toLowerCase()}`).join(".");
    case "variable":
      return `@${expr.name.toLowerCase()}`;
    case "setting":
      return `@@${expr.scope}.${expr.name}`;
    case "op":
      return `(${expr.op} ${expr.detail} ${expr.args.map(keyOf).join(",")})`;
    case "call":
      return `${expr.schema}.${expr.name}(${expr.args.map(keyOf).join(",")})`;
    default:
      // A parameter or a sub-query is never known to be the same as another.
      return `?${Math.random()}`;
  }
}

/** The conditions that all must hold. */
export function conjuncts(expr: Expr | null): readonly Expr[] {
  if (expr === null) return [];
  return expr.t === "op" && expr.op === "AND" ? expr.args.flatMap(conjuncts) : [expr];
}

/** One row whose value does not depend on the order in which rows are read. */
export function isSingleRow(select: Select): boolean {
  return select.group.length === 0 && select.having === null && select.items.length > 0 &&
    select.items.every((item) => "expr" in item && aggregated(item.expr)) && someItem(select, isUnordered);
}

export function someItem({ items }: Select, test: (expr: Expr) => boolean): boolean {
  return items.some((item) => "expr" in item && some(item.expr, test));
}

/** An aggregate that gives the same for any order of its rows. */
function isUnordered(expr: Expr): boolean {
  return expr.t === "call" && expr.schema === "" && !expr.window && isUnorderedAggregate(expr.name);
}

function isOrdered(expr: Expr): boolean {
  return expr.t === "call" && !expr.window && isOrderedAggregate(expr.name);
}

function aggregated(expr: Expr): boolean {
  if (isUnordered(expr)) return !some(expr, (part) => part.t === "assign" || part.t === "subquery");
  if (expr.t === "op" || expr.t === "call") return parts(expr).every(aggregated) && !isOrdered(expr);
  return expr.t === "literal" || expr.t === "param" || expr.t === "setting";
}

/** Groups that show a value of whichever of their rows was read first, or values in the order of reading. */
export function picksRows(select: Select): boolean {
  if (someItem(select, isOrdered)) return true;
  if (select.group.length === 0 && !someItem(select, isUnordered)) return false;
  const keys = new Set(select.group.map(keyOf));
  return select.items.some((item) => "star" in item || !settledIn(item.expr, keys));
}

/** Is the value the same for all rows of a group with these keys? */
function settledIn(expr: Expr, keys: ReadonlySet<string>): boolean {
  if (isUnordered(expr) || keys.has(keyOf(expr))) return true;
  if (expr.t === "column" || expr.t === "subquery" || expr.t === "assign") return false;
  return parts(expr).every((part) => settledIn(part, keys));
}

/** What the target calls such a column of a result; empty where that depends on the text. */
export function nameOf(expr: Expr): string {
  return expr.t === "column" ? expr.parts.at(-1) ?? "" : "";
}
