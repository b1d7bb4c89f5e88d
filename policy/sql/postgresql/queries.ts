/** Queries: SELECT, VALUES, set operations, and changes with RETURNING. What columns they give, and from where. */
import type { Node, ResTarget, SelectStmt } from "libpg-query";
import { as, endsInStar, kindOf, literalOf, strings } from "./ast.ts";
import { change } from "./changes.ts";
import { noteColumn } from "./column_refs.ts";
import { withFrame } from "./ctes.ts";
import { value } from "./expressions.ts";
import { fromClause } from "./from_clause.ts";
import { window } from "./func_call.ts";
import { columnName } from "./names.ts";
import { judgeOrder, within } from "./order.ts";
import { findItem, type Item, resolveMember, resolveName, type Scope, starShape } from "./scope.ts";
import { type Column, either, isTainted, nothing, type Shape } from "./taint.ts";
import { noteOperator } from "./types_used.ts";
import { nearTaint, predicate, spend, TooComplex, type Walk } from "./walk.ts";

/** `outer`: what names may mean around the query. */
export function queryShape(node: Node | undefined, walk: Walk, outer: Scope): Shape {
  const select = as(node, "SelectStmt");
  if (select !== undefined) return selectShape(select, walk, outer);
  const changed = node === undefined ? undefined : change(node, walk, outer);
  if (changed !== undefined) return changed;
  const kind = node === undefined ? "nothing" : kindOf(node);
  walk.found.object(
    "unknown-syntax",
    `it has a query that Postern does not know (${kind})`,
    "Write it as SELECT",
  );
  return { columns: [], open: true };
}

/** PostgreSQL's MaxTupleAttributeNumber is 1664. */
const selectListMax = 1_700;

export function selectShape(select: SelectStmt, walk: Walk, outer: Scope): Shape {
  spend(walk, 1);
  const inner = within(select, walk);
  const ctes = withFrame(select.withClause, inner, outer);
  const around: Scope = { ...outer, ctes };
  if (select.op !== "SETOP_NONE" && select.op !== undefined) return setOperation(select, walk, around);
  if (select.valuesLists !== undefined) {
    return tail(select, valuesShape(select.valuesLists, walk, around), walk, around);
  }
  if (select.intoClause !== undefined) walk.found.into = true;
  const items = fromClause(select.fromClause, inner, around);
  const scope: Scope = { items, parent: around, ctes };
  predicate(walk, value(select.whereClause, walk, scope), "WHERE");
  const shape = targets(select.targetList, walk, scope);
  distinct(select.distinctClause, shape, walk, scope);
  for (const node of select.groupClause ?? []) groupKey(node, shape, walk, scope);
  predicate(walk, value(select.havingClause, walk, scope), "HAVING");
  for (const node of select.windowClause ?? []) window(as(node, "WindowDef"), walk, scope);
  lock(select.lockingClause, items, walk);
  judgeOrder(select, items, walk, scope);
  return tail(select, shape, walk, scope);
}

/** ORDER BY, LIMIT and OFFSET. */
function tail(select: SelectStmt, shape: Shape, walk: Walk, scope: Scope): Shape {
  for (const node of select.sortClause ?? []) {
    const sort = as(node, "SortBy");
    if (sort?.useOp !== undefined) noteOperator(strings(sort.useOp), walk);
    key(sort?.node, shape, walk, scope, "ORDER BY", false);
  }
  predicate(walk, value(select.limitCount, walk, scope), "LIMIT");
  predicate(walk, value(select.limitOffset, walk, scope), "OFFSET");
  return shape;
}

export function targets(list: readonly Node[] | undefined, walk: Walk, scope: Scope): Shape {
  const columns: Column[] = [];
  let open = false;
  for (const node of list ?? []) {
    const target = as(node, "ResTarget");
    if (target === undefined) continue;
    const expanded = expansion(target, walk, scope);
    if (expanded === null) {
      const { taint } = value(target.val, walk, scope);
      columns.push({ name: target.name ?? columnName(target.val), taint, origin: originOf(target, scope) });
    } else {
      columns.push(...expanded.columns);
      if (expanded.open) open = true;
    }
  }
  const shape = { columns, open };
  if (columns.length > selectListMax) throw new TooComplex("the statement gives too many columns");
  if (open && isTainted(shape)) walk.found.untraceable("a * stands for columns that Postern cannot count");
  return shape;
}

/** Of a column that is given as it is. */
function originOf({ val }: ResTarget, scope: Scope): string | null {
  const names = strings(as(val, "ColumnRef")?.fields);
  const [name, qualifier, schema = null] = [...names].reverse();
  if (name === undefined) return null;
  const found = qualifier === undefined
    ? resolveName(scope, name)
    : resolveMember(scope, schema, qualifier, name);
  if (found.kind !== "column") return null;
  const [only, ...others] = found.hits;
  return only === undefined || others.length > 0 ? null : only.column.origin;
}

/** `*`, `t.*`, `(row).*`; null for anything else. */
function expansion(target: ResTarget, walk: Walk, scope: Scope): Shape | null {
  const reference = as(target.val, "ColumnRef");
  if (reference !== undefined && endsInStar(reference.fields)) {
    const [qualifier, schema = null] = strings(reference.fields).reverse();
    if (qualifier === undefined) {
      for (const item of scope.items) if (item.bare) noteAll(item, walk);
      return starShape(scope);
    }
    const item = findItem(scope, schema, qualifier);
    if (item !== undefined) return noteAll(item, walk);
    if (nearTaint(scope)) walk.found.untraceable(`${qualifier}.* is of no table that Postern knows of`);
    return { columns: [], open: true };
  }
  const indirection = as(target.val, "A_Indirection");
  if (indirection === undefined || !endsInStar(indirection.indirection)) return null;
  const base = value(indirection.arg, walk, scope);
  if (base.row !== undefined && indirection.indirection?.length === 1) return base.row;
  if (base.taint !== null) walk.found.untraceable("a row made of masked values is taken apart");
  return { columns: [], open: true };
}

function noteAll(item: Item, walk: Walk): Shape {
  spend(walk, item.columns.length);
  for (const column of item.columns) noteColumn(item, column, walk);
  return item;
}

function distinct(clause: readonly Node[] | undefined, shape: Shape, walk: Walk, scope: Scope): void {
  if (clause === undefined) return;
  noteOperator(["="], walk);
  // Plain DISTINCT is a list of one empty node.
  const keys = clause.filter((node) => Object.keys(node).length > 0);
  for (const node of keys) key(node, shape, walk, scope, "DISTINCT ON", false);
  if (keys.length === 0) compareAll(shape, walk, "DISTINCT");
}

function compareAll(shape: Shape, walk: Walk, where: string): void {
  for (const { taint } of shape.columns) {
    if (taint !== null) walk.found.maskedInPredicate(taint.column, where);
  }
}

function groupKey(node: Node, shape: Shape, walk: Walk, scope: Scope): void {
  // A row in GROUP BY is a list of keys, each of which may be a position or a name.
  const keys = as(node, "GroupingSet")?.content ?? as(node, "RowExpr")?.args;
  if (keys !== undefined) { for (const each of keys) groupKey(each, shape, walk, scope); }
  else if (as(node, "GroupingSet") === undefined) key(node, shape, walk, scope, "GROUP BY", true);
}

/**
 * A key of ORDER BY, GROUP BY or DISTINCT ON: a position, a name, or an expression. A name means an output
 * column first; in GROUP BY an input column of this level first (findTargetlistEntrySQL92).
 */
function key(
  node: Node | undefined,
  shape: Shape,
  walk: Walk,
  scope: Scope,
  where: string,
  inputFirst: boolean,
): void {
  noteOperator(["="], walk);
  noteOperator(["<"], walk);
  const constant = as(node, "A_Const");
  if (constant !== undefined) return position(literalOf(constant), shape, walk, where);
  const names = strings(as(node, "ColumnRef")?.fields);
  const [name] = names;
  if (name !== undefined && names.length === 1 && !(inputFirst && hasInput(scope, name))) {
    const outputs = shape.columns.filter((column) => column.name === name);
    const unsure = shape.columns.filter((column) => column.name === null && column.taint !== null);
    const meant = outputs.length > 0 ? outputs : unsure;
    for (const { taint } of meant) predicate(walk, { taint, fails: false }, where);
    if (outputs.length > 0) return;
  }
  predicate(walk, value(node, walk, scope), where);
}

function hasInput(scope: Scope, name: string): boolean {
  return scope.items.some((item) => item.bare && item.columns.some((column) => column.name === name));
}

function position(literal: ReturnType<typeof literalOf>, shape: Shape, walk: Walk, where: string): void {
  if (literal.type !== "number") return;
  if (shape.open) return compareAll(shape, walk, where);
  const taint = shape.columns[Number(literal.text) - 1]?.taint ?? null;
  predicate(walk, { taint, fails: false }, where);
}

function valuesShape(lists: readonly Node[], walk: Walk, scope: Scope): Shape {
  let columns: Column[] = [];
  for (const node of lists) {
    const row = as(node, "List")?.items ?? [];
    columns = row.map((each, index) => {
      const { taint } = value(each, walk, scope);
      const name = `column${index + 1}`;
      return { name, taint: either(columns[index]?.taint ?? null, taint), origin: null };
    });
  }
  return { columns, open: false };
}

const setNames: Readonly<Record<string, string>> = {
  SETOP_UNION: "UNION",
  SETOP_INTERSECT: "INTERSECT",
  SETOP_EXCEPT: "EXCEPT",
};

function setOperation(select: SelectStmt, walk: Walk, around: Scope): Shape {
  const left = select.larg === undefined ? nothing : selectShape(select.larg, walk, around);
  const right = select.rarg === undefined ? nothing : selectShape(select.rarg, walk, around);
  const name = setNames[select.op ?? ""] ?? "a set operation";
  if (select.op !== "SETOP_UNION" || !select.all) {
    noteOperator(["="], walk);
    compareAll(left, walk, name);
    compareAll(right, walk, name);
  }
  return tail(select, mergedShape(left, right, walk), walk, { items: [], parent: around, ctes: around.ctes });
}

export function mergedShape(left: Shape, right: Shape, walk: Walk): Shape {
  const open = left.open || right.open;
  const columns = (left.columns.length >= right.columns.length ? left : right).columns.map((_, index) => ({
    name: left.columns[index]?.name ?? null,
    taint: either(left.columns[index]?.taint ?? null, right.columns[index]?.taint ?? null),
    origin: null,
  }));
  const shape = { columns, open };
  if (open && isTainted(shape)) {
    walk.found.untraceable("a set operation has columns that Postern cannot count");
  }
  return shape;
}

/** FOR UPDATE and the like take locks that only a writer may take. */
function lock(clauses: readonly Node[] | undefined, items: readonly Item[], walk: Walk): void {
  for (const node of clauses ?? []) {
    const names = (as(node, "LockingClause")?.lockedRels ?? []).map((each) => as(each, "RangeVar")?.relname);
    walk.found.writes = true;
    const share = as(node, "LockingClause")?.strength?.includes("SHARE") === true;
    walk.found.locks.add(share ? "FOR SHARE" : "FOR UPDATE");
    for (const { relation, name } of items) {
      if (relation !== null && (names.length === 0 || names.includes(name ?? ""))) {
        walk.found.use(relation, "write");
      }
    }
  }
}
