/** What a JOIN makes visible: merged columns of USING and NATURAL, aliases. */
import type { JoinExpr } from "libpg-query";
import { strings } from "./ast.ts";
import { itemOf } from "./from_clause.ts";
import type { Item } from "./scope.ts";
import { type Column, either, isTainted, type Shape } from "./taint.ts";
import { noteOperator } from "./types_used.ts";
import { spend, type Walk } from "./walk.ts";

export function join(node: JoinExpr, left: readonly Item[], right: readonly Item[], walk: Walk): Item[] {
  const leftShape = bareShape(left);
  const rightShape = bareShape(right);
  const names = node.isNatural ? common(leftShape, rightShape, walk) : strings(node.usingClause);
  const merged = names.map((name) => mergedColumn(name, leftShape, rightShape, walk));
  const rest = (shape: Shape) => shape.columns.filter(({ name }) => name === null || !names.includes(name));
  const whole: Shape = {
    columns: [...merged, ...rest(leftShape), ...rest(rightShape)],
    open: leftShape.open || rightShape.open,
  };
  // Each join of a chain has the columns of all before it.
  spend(walk, whole.columns.length * 2);
  if (node.alias !== undefined) return [itemOf(node.alias, whole)];
  if (names.length === 0) return [...left, ...right];
  const hidden = [...left, ...right].map((item) => ({ ...item, bare: false }));
  const using = node.join_using_alias === undefined
    ? []
    : [{ ...itemOf(node.join_using_alias, { columns: merged, open: false }), bare: false }];
  return [itemOf(null, whole), ...hidden, ...using];
}

function bareShape(items: readonly Item[]): Shape {
  const bare = items.filter((item) => item.bare);
  return { columns: bare.flatMap((item) => item.columns), open: bare.some((item) => item.open) };
}

/** The names that both sides have. Where a side's are not all known, masked columns may be compared. */
function common(left: Shape, right: Shape, walk: Walk): string[] {
  const unsure = (shape: Shape) => shape.open || shape.columns.some(({ name }) => name === null);
  if ((unsure(left) || unsure(right)) && (isTainted(left) || isTainted(right))) {
    walk.found.untraceable("NATURAL JOIN compares columns whose names are not all known");
  }
  const names = new Set(right.columns.map(({ name }) => name));
  return left.columns.map(({ name }) => name).filter((name) => name !== null).filter((name) =>
    names.has(name)
  );
}

function mergedColumn(name: string, left: Shape, right: Shape, walk: Walk): Column {
  noteOperator(["="], walk);
  const columns = [...left.columns, ...right.columns].filter((column) =>
    column.name === name || (column.name === null && column.taint !== null)
  );
  for (const { taint, origin } of columns) {
    if (origin !== null) walk.found.columns.add(origin);
    if (taint !== null) walk.found.maskedInPredicate(taint.column, "a join's USING");
  }
  const taint = columns.reduce<Column["taint"]>((sum, column) => either(sum, column.taint), null);
  return { name, taint, origin: columns[0]?.origin ?? null };
}
