/** INSERT, UPDATE, DELETE and MERGE, at the top or in a WITH list; the shape is what RETURNING gives. */
import type { DeleteStmt, InsertStmt, MergeStmt, Node, ReturningClause, UpdateStmt } from "libpg-query";
import { as, endsInStar, strings } from "./ast.ts";
import { withFrame } from "./ctes.ts";
import { value } from "./expressions.ts";
import { fromClause, fromItem } from "./from_clause.ts";
import { judgeChangeOrder } from "./order.ts";
import { queryShape, targets } from "./queries.ts";
import { relationItem } from "./relations.ts";
import type { Item, Scope } from "./scope.ts";
import { isTainted, nothing, type Shape, type Taint } from "./taint.ts";
import { predicate, type Walk } from "./walk.ts";
import { restricts } from "./where.ts";

/** undefined where the node is none of the four. */
export function change(node: Node, walk: Walk, outer: Scope): Shape | undefined {
  const insert = as(node, "InsertStmt");
  if (insert !== undefined) return inserted(insert, walk, outer);
  const update = as(node, "UpdateStmt");
  if (update !== undefined) return updated(update, walk, outer);
  const remove = as(node, "DeleteStmt");
  if (remove !== undefined) return deleted(remove, walk, outer);
  const merge = as(node, "MergeStmt");
  return merge === undefined ? undefined : merged(merge, walk, outer);
}

function targetOf(relation: InsertStmt["relation"], walk: Walk, scope: Scope): Item {
  const item = relationItem(relation ?? {}, walk, scope, "write");
  const { found, catalog, masks } = walk;
  // An UPDATE of pg_settings is a SET that nobody follows; other catalogs are DDL in disguise.
  if (item.relation?.system === true) {
    const { name } = item.relation;
    found.object(
      "catalog-write",
      `a write to the system's own ${name}`,
      "Use the statement that is made for it: SET for a setting, DDL for the rest",
    );
  }
  // Constraints and triggers may tell of other columns and other rows; a view's, of columns it does not show.
  if (isTainted(item) || (item.relation !== null && masks.endangers(item.relation))) found.murky = true;
  if (item.relation?.kind === "v" && masks.any) found.murky = true;
  for (const oid of item.relation?.triggers ?? []) {
    const routine = catalog.routineByOid(oid);
    if (routine !== undefined) found.functions.add(`${routine.schema}.${routine.name}`.toLowerCase());
    if (masks.any) found.murky = true;
  }
  if (item.relation?.rules && masks.any) found.murky = true;
  return item;
}

/** A value that is written to a column. A masked value may only stay where it is. */
function assign(
  target: Item,
  column: string,
  taint: Taint | null,
  walk: Walk,
  written: () => readonly (Node | undefined)[],
): void {
  const { relation } = target;
  const full = relation === null ? column : `${relation.schema}.${relation.name}.${column}`;
  walk.found.columns.add(full);
  const own = target.columns.find(({ name }) => name === column)?.taint;
  if (own) {
    walk.found.masked.add(own.column);
    for (const node of written()) if (node !== undefined) walk.found.hidden.add(node);
  }
  if (taint !== null && !(taint.plain && taint.column === own?.column)) {
    walk.found.maskedWrite(taint.column, full);
  }
}

function assignList(list: readonly Node[] | undefined, target: Item, walk: Walk, scope: Scope): void {
  for (const node of list ?? []) {
    const each = as(node, "ResTarget");
    if (each === undefined) continue;
    for (const step of each.indirection ?? []) {
      const indices = as(step, "A_Indices");
      predicate(walk, value(indices?.lidx, walk, scope), "a subscript");
      predicate(walk, value(indices?.uidx, walk, scope), "a subscript");
    }
    assign(target, each.name ?? "", value(each.val, walk, scope).taint, walk, () => [each.val]);
  }
}

function returning(
  clause: ReturningClause | undefined,
  target: Item,
  items: readonly Item[],
  walk: Walk,
  outer: Scope,
) {
  if (clause === undefined) return nothing;
  const names = new Set([
    "old",
    "new",
    ...(clause.options ?? []).map((node) => as(node, "ReturningOption")?.value),
  ]);
  const versions = [...names].filter((name) => name !== undefined)
    .filter((name) => !items.some((item) => item.name === name))
    .map((name): Item => ({ ...target, name, bare: false }));
  return targets(clause.exprs, walk, { items: [...items, ...versions], parent: outer, ctes: outer.ctes });
}

function inserted(insert: InsertStmt, walk: Walk, outer: Scope): Shape {
  const around: Scope = { ...outer, ctes: withFrame(insert.withClause, walk, outer) };
  walk.found.write("INSERT");
  const target = targetOf(insert.relation, walk, around);
  const shape = insert.selectStmt === undefined ? nothing : queryShape(insert.selectStmt, walk, around);
  const names = insert.cols === undefined
    ? target.columns.map(({ name }) => name ?? "")
    : insert.cols.map((node) => as(node, "ResTarget")?.name ?? "");
  shape.columns.forEach(({ taint }, index) =>
    assign(target, names[index] ?? "?", taint, walk, () => givenAt(insert.selectStmt, index))
  );
  onConflict(insert, target, walk, around);
  return returning(insert.returningClause, target, [target], walk, around);
}

/** What a query gives in one place: from VALUES, a select list, each arm of a UNION. More, where a * hides it. */
function givenAt(query: Node | undefined, index: number): readonly (Node | undefined)[] {
  const select = as(query, "SelectStmt");
  if (select === undefined) return [];
  if (select.valuesLists !== undefined) {
    return select.valuesLists.map((row) => as(row, "List")?.items?.[index]);
  }
  const arms = [select.larg, select.rarg].filter((arm) => arm !== undefined);
  if (arms.length > 0) return arms.flatMap((SelectStmt) => givenAt({ SelectStmt }, index));
  const given = (select.targetList ?? []).map((node) => as(node, "ResTarget")?.val);
  const stars = given.some((node) =>
    endsInStar(as(node, "ColumnRef")?.fields ?? as(node, "A_Indirection")?.indirection)
  );
  return stars ? given : [given[index]];
}

/** Which rows conflict shows in the row count: not by masked columns, then. */
function onConflict({ onConflictClause: clause }: InsertStmt, target: Item, walk: Walk, around: Scope): void {
  if (clause === undefined) return;
  const { infer } = clause;
  const scope: Scope = { items: [target], parent: around, ctes: around.ctes };
  if (infer?.indexElems === undefined) conflictByAny(target, walk);
  for (const node of infer?.indexElems ?? []) {
    const element = as(node, "IndexElem");
    const taint = target.columns.find(({ name }) => name === element?.name)?.taint ?? null;
    predicate(walk, { taint, fails: false }, "ON CONFLICT");
    predicate(walk, value(element?.expr, walk, scope), "ON CONFLICT");
  }
  predicate(walk, value(infer?.whereClause, walk, scope), "ON CONFLICT");
  const excluded: Item = {
    ...target,
    name: "excluded",
    bare: false,
    columns: target.columns.map((column) => ({ ...column, taint: null })),
  };
  const updating: Scope = { ...scope, items: [target, excluded] };
  assignList(clause.targetList, target, walk, updating);
  predicate(walk, value(clause.whereClause, walk, updating), "WHERE");
}

/** Any unique index may be the one in conflict. 0 stands for an expression. */
function conflictByAny({ relation, columns }: Item, walk: Walk): void {
  const taints = columns.map(({ taint }) => taint);
  const first = taints.find((taint) => taint !== null);
  if (relation === null || !first) return;
  const masked = relation.columns.filter((_, index) => taints[index]).map(({ number }) => number);
  // A view's indexes are its tables'.
  const risky = relation.kind === "v" ||
    relation.unique.some((key) => key.some((number) => number === 0 || masked.includes(number)));
  if (risky) walk.found.maskedInPredicate(first.column, "ON CONFLICT without named columns");
}

function updated(update: UpdateStmt, walk: Walk, outer: Scope): Shape {
  const around: Scope = { ...outer, ctes: withFrame(update.withClause, walk, outer) };
  walk.found.write("UPDATE");
  const target = targetOf(update.relation, walk, around);
  const items = [target, ...fromClause(update.fromClause, walk, around)];
  const scope: Scope = { items, parent: around, ctes: around.ctes };
  assignList(update.targetList, target, walk, scope);
  predicate(walk, value(update.whereClause, walk, scope), "WHERE");
  if (!restricts(update.whereClause, target, walk, scope)) walk.found.missingWhere = true;
  const { whereClause, fromClause: from, targetList, returningClause } = update;
  const change = { whereClause, fromClause: from, computed: [targetList], returning: returningClause };
  judgeChangeOrder(change, items, walk, scope);
  return returning(update.returningClause, target, items, walk, around);
}

function deleted(remove: DeleteStmt, walk: Walk, outer: Scope): Shape {
  const around: Scope = { ...outer, ctes: withFrame(remove.withClause, walk, outer) };
  walk.found.write("DELETE");
  const target = targetOf(remove.relation, walk, around);
  const items = [target, ...fromClause(remove.usingClause, walk, around)];
  const scope: Scope = { items, parent: around, ctes: around.ctes };
  predicate(walk, value(remove.whereClause, walk, scope), "WHERE");
  if (!restricts(remove.whereClause, target, walk, scope)) walk.found.missingWhere = true;
  const { whereClause, usingClause, returningClause } = remove;
  const change = { whereClause, fromClause: usingClause, computed: [], returning: returningClause };
  judgeChangeOrder(change, items, walk, scope);
  return returning(remove.returningClause, target, items, walk, around);
}

function merged(merge: MergeStmt, walk: Walk, outer: Scope): Shape {
  const around: Scope = { ...outer, ctes: withFrame(merge.withClause, walk, outer) };
  walk.found.write("MERGE");
  const target = targetOf(merge.relation, walk, around);
  const source = merge.sourceRelation === undefined ? [] : fromItem(merge.sourceRelation, walk, around, []);
  const scope: Scope = { items: [...source, target], parent: around, ctes: around.ctes };
  predicate(walk, value(merge.joinCondition, walk, scope), "MERGE's ON");
  const joined = restricts(merge.joinCondition, target, walk, scope);
  for (const node of merge.mergeWhenClauses ?? []) {
    const when = as(node, "MergeWhenClause");
    if (when === undefined) continue;
    predicate(walk, value(when.condition, walk, scope), "WHEN");
    const unmatched = when.matchKind === "MERGE_WHEN_NOT_MATCHED_BY_SOURCE";
    const changes = when.commandType === "CMD_UPDATE" || when.commandType === "CMD_DELETE";
    const narrow = restricts(when.condition, target, walk, scope) || (joined && !unmatched);
    if (changes && !narrow) walk.found.missingWhere = true;
    if (when.commandType === "CMD_INSERT") mergeInsert(when.targetList, when.values, target, walk, scope);
    else assignList(when.targetList, target, walk, scope);
  }
  const change = {
    whereClause: merge.joinCondition,
    fromClause: undefined,
    computed: (merge.mergeWhenClauses ?? []).flatMap((node) => {
      const when = as(node, "MergeWhenClause");
      return [when?.targetList, when?.values, when?.condition === undefined ? [] : [when.condition]];
    }),
    returning: merge.returningClause,
  };
  judgeChangeOrder(change, scope.items, walk, scope);
  return returning(merge.returningClause, target, [...source, target], walk, around);
}

function mergeInsert(
  columns: readonly Node[] | undefined,
  list: readonly Node[] | undefined,
  target: Item,
  walk: Walk,
  scope: Scope,
): void {
  const names = columns === undefined
    ? target.columns.map(({ name }) => name ?? "")
    : columns.map((node) => as(node, "ResTarget")?.name ?? strings([node])[0] ?? "");
  (list ?? []).forEach((node, index) =>
    assign(target, names[index] ?? "?", value(node, walk, scope).taint, walk, () => [node])
  );
}
