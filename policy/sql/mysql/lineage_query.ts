/** Queries: the columns of their results, each with the masked columns that it comes from. */
import { sameFlow, united } from "./flow.ts";
import { walkFrom } from "./lineage_from.ts";
import { decides, selected, sorts } from "./lineage_expression.ts";
import { objections } from "./objections.ts";
import { noteEqualities } from "./equalities.ts";
import { noteSources, rulerOf, type Standing } from "./order.ts";
import {
  type CteBinding,
  frame,
  type Output,
  output,
  type Ruler,
  ruler,
  type Scope,
  seek,
  use,
} from "./scope.ts";
import type { Cte, Query, QueryBody, QueryTail, Select, SetOperation, StarItem } from "./syntax.ts";
import { nameOf } from "./tree.ts";
import type { Walk } from "./walk.ts";
import { expandStar } from "./star.ts";

/**
 * `rows`: part of a larger query, whose rows show this one's. `condition`: what EXISTS and IN look up. `scalar`:
 * at most one row, so no order shows. `result`: a query of its own.
 */
export type Place = "rows" | "condition" | "scalar" | "result";

export interface QueryResult {
  readonly outputs: Output[];
}

export function walkQuery(
  walk: Walk,
  query: Query,
  outer: Scope,
  around: CteBinding | null,
  place: Place = "rows",
): QueryResult {
  walk.step();
  const ctes = walkWith(walk, query.ctes, query.recursive, outer, around);
  const rules = rulesOf(query, outer, place);
  const at: Standing = { top: place === "result", single: place === "scalar" && query.limit.length === 0 };
  const scope = walkBody(walk, query.body, outer, ctes, rules, at);
  scope.aliases = true;
  for (const key of query.order) {
    const touch = sorts(walk, key, "the order of the rows", scope);
    if (touch !== null && rules !== outer.ruler) rules.keys.push(touch);
  }
  for (const limit of query.limit) decides(walk, limit, "how many rows there are", scope);
  walkTail(walk, query.tail, scope.outputs);
  return { outputs: scope.outputs };
}

function walkTail(walk: Walk, { file, into, lock }: QueryTail, outputs: readonly Output[]): void {
  if (file) walk.object(objections.files());
  if (lock === "UPDATE" || walk.locks === "") walk.locks = lock;
  if (into.length > 0 && outputs.some(({ flow }) => flow !== null)) walk.object(objections.variable());
}

function rulesOf({ limit }: Query, outer: Scope, place: Place): Ruler {
  if (place === "rows" && limit.length === 0) return outer.ruler;
  const own = ruler(place === "result");
  // Which rows a condition leaves may depend on how it was looked up, and so may their order.
  if (place === "condition" && limit.length === 0) own.users.add(outer.ruler);
  return own;
}

/** The scope in which ORDER BY is read, with the outputs in it. */
function walkBody(
  walk: Walk,
  body: QueryBody,
  outer: Scope,
  ctes: CteBinding | null,
  rules: Ruler,
  at: Standing,
): Scope {
  const scope = frame(outer, ctes, body.t === "select" ? rulerOf(body, rules, at) : rules);
  switch (body.t) {
    case "select":
      walkSelect(walk, body, scope);
      break;
    case "set":
      scope.outputs = walkSet(walk, body, outer, ctes, rules, at);
      break;
    case "nested": {
      // A query in parentheses, whose own ORDER BY or LIMIT counts for itself.
      const { ctes: own, order, limit, tail } = body.query;
      if (own.length + order.length + limit.length === 0) {
        const inner = walkBody(walk, body.query.body, outer, ctes, rules, at);
        walkTail(walk, tail, inner.outputs);
        return inner;
      }
      scope.outputs = walkQuery(walk, body.query, scope, ctes, at.single ? "scalar" : "rows").outputs;
      break;
    }
    case "values":
      scope.outputs = (body.rows[0] ?? []).map((expr, at) => selected(walk, expr, `column_${at}`, scope));
      for (const row of body.rows.slice(1)) {
        row.forEach((expr, at) =>
          scope.outputs[at] = joinOutputs(scope.outputs[at], selected(walk, expr, "", scope))
        );
      }
      break;
    case "table": {
      const base = { t: "base", table: body.table, alias: null, indexes: [], partition: false } as const;
      walkFrom(walk, [base], scope);
      noteSources(walk, scope);
      scope.outputs = expandStar(walk, [], scope);
      break;
    }
  }
  return scope;
}

function walkSelect(walk: Walk, select: Select, scope: Scope): void {
  walkFrom(walk, select.from, scope);
  noteSources(walk, scope);
  noteEqualities(walk, select.where, scope);
  if (select.where !== null) decides(walk, select.where, "which rows there are", scope);
  walkItems(walk, select.items, scope);
  scope.aliases = true;
  for (const expr of select.windows) decides(walk, expr, "a window", scope);
  for (const key of select.group) sorts(walk, key, "how rows are grouped", scope);
  if (select.having !== null) decides(walk, select.having, "which groups there are", scope);
  scope.aliases = false;
  walkTail(walk, select.tail, scope.outputs);
  if (select.distinct) distinct(walk, scope.outputs);
  if (select.group.length > 0) scope.outputs.forEach(({ touches }) => use(touches));
}

function distinct(walk: Walk, outputs: readonly Output[]): void {
  for (const { flow, touches } of outputs) {
    seek(touches);
    if (flow !== null) walk.object(objections.predicate("which rows are duplicates"));
  }
}

/** A select list, also that of RETURNING: fills the scope's outputs. */
export function walkItems(walk: Walk, items: Select["items"], scope: Scope): void {
  scope.list = items;
  for (const item of items) {
    if (isStar(item)) { for (const column of expandStar(walk, item.star, scope)) scope.outputs.push(column); }
    else scope.outputs.push(selected(walk, item.expr, item.alias ?? nameOf(item.expr), scope));
  }
  const { outputs } = scope;
  if (outputs.some(({ open }) => open) && outputs.some(({ flow }) => flow !== null)) {
    walk.object(objections.openStar());
  }
}

function isStar(item: Select["items"][number]): item is StarItem {
  return "star" in item;
}

function walkSet(
  walk: Walk,
  set: SetOperation,
  outer: Scope,
  ctes: CteBinding | null,
  rules: Ruler,
  { top }: Standing,
): Output[] {
  const at = { top, single: false };
  const left = walkBody(walk, set.left, outer, ctes, rules, at).outputs;
  const right = walkBody(walk, set.right, outer, ctes, rules, at).outputs;
  const both = left.map((one, at) => joinOutputs(one, right[at]));
  const compares = !set.all || set.op !== "UNION";
  if (compares) distinct(walk, both);
  if ([...left, ...right].some(({ open }) => open) && both.some(({ flow }) => flow !== null)) {
    walk.object(objections.openStar());
  }
  return both;
}

function joinOutputs(left: Output | undefined, right: Output | undefined): Output {
  if (left === undefined || right === undefined) return left ?? right ?? output("", null);
  return {
    name: left.name,
    flow: united(left.flow, right.flow) ?? null,
    open: left.open || right.open,
    numeric: left.numeric && right.numeric,
    constant: false,
    touches: [...left.touches, ...right.touches],
    key: null,
  };
}

export function walkWith(
  walk: Walk,
  ctes: readonly Cte[],
  recursive: boolean,
  outer: Scope,
  around: CteBinding | null,
): CteBinding | null {
  let bindings = around;
  if (ctes.length > 0) walk.detour = true;
  ctes.forEach((cte, at) => {
    const later = recursive ? ctes.slice(at + 1) : [];
    if (later.some(({ name }) => mentions(cte.query, walk, name))) {
      walk.object(objections.forwardReference(cte.name));
    }
    bindings = bind(walk, cte, recursive, outer, bindings);
  });
  return bindings;
}

function bind(walk: Walk, cte: Cte, recursive: boolean, outer: Scope, around: CteBinding | null): CteBinding {
  const name = walk.model.fold(cte.name);
  const rules = ruler();
  const walked = (query: Query, ctes: CteBinding | null) =>
    renamed(walkQuery(walk, query, frame(outer, ctes, rules), ctes).outputs, cte.columns);
  const seed = recursive ? seedOf(cte.query) : null;
  if (seed === null) return { name, columns: walked(cte.query, around), ruler: rules, next: around };
  let columns = walked(seed, around);
  // Each round can only add origins; it ends after as many as there are columns, and one to see that it did.
  for (let round = 0; round <= columns.length + 1; round++) {
    const next = walked(cte.query, { name, columns, ruler: rules, next: around });
    const settled = next.every((one, at) => sameFlow(one.flow, columns[at]?.flow ?? null));
    columns = next;
    if (settled) break;
  }
  return { name, columns, ruler: rules, next: around };
}

/** The part of a recursive query that the others start from; null where it is not of that form. */
function seedOf(query: Query): Query | null {
  let { body } = query;
  if (body.t !== "set") return null;
  while (body.t === "set") body = body.left;
  return { ...query, body, order: [], limit: [] };
}

function renamed(outputs: readonly Output[], names: readonly string[]): Output[] {
  return outputs.map((one, at) => ({ ...one, name: names[at] ?? one.name }));
}

/** Does a query's text name this table without a schema? Errs on the side of yes. */
function mentions(query: Query, walk: Walk, name: string): boolean {
  const folded = walk.model.fold(name);
  return JSON.stringify(query).includes(JSON.stringify(name)) ||
    (folded !== name && JSON.stringify(query).includes(JSON.stringify(folded)));
}
