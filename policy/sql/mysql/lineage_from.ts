/** FROM: tables, views, derived tables and joins -> the sources of a scope. */
import { isSystemSchema, type TableData } from "./catalog_data.ts";
import { noteEqual, noteEqualities } from "./equalities.ts";
import { decides, walkExpr } from "./lineage_expression.ts";
import { walkQuery } from "./lineage_query.ts";
import { objections } from "./objections.ts";
import { risksByIndex } from "./order.ts";
import { findCte, frame, named, type Output, output, type Scope, seek, type Source } from "./scope.ts";
import { starOf } from "./star.ts";
import type { Expr, Join, TableRef } from "./syntax.ts";
import { isHarmlessSystemTable } from "./system_tables.ts";
import type { TableTaint } from "./taints.ts";
import { Walk } from "./walk.ts";

type Base = Extract<TableRef, { t: "base" }>;
type Derived = Extract<TableRef, { t: "derived" }>;

export function walkFrom(walk: Walk, refs: readonly TableRef[], scope: Scope): void {
  const conditions: Condition[] = [];
  scope.star = refs.flatMap((ref) => addSources(walk, ref, scope, conditions));
  for (const { on, among } of conditions) {
    decides(walk, on, "which rows are joined", scope);
    noteEqualities(walk, on, scope, among);
  }
}

interface Condition {
  readonly on: Expr;
  /** See noteEqualities. */
  readonly among: (source: Source) => boolean;
}

/** Adds to the scope; yields what `*` shows of it. */
function addSources(walk: Walk, ref: TableRef, scope: Scope, conditions: Condition[]): readonly Output[] {
  const add = (source: Source) => {
    scope.sources.push(source);
    return starOf(source);
  };
  switch (ref.t) {
    case "base":
      return add(baseSource(walk, ref, scope));
    case "derived":
      walk.detour = true;
      return add(derivedSource(walk, ref, scope));
    case "function":
      walk.detour = true;
      if (walkExpr(walk, ref.arg, scope).flow !== null) {
        walk.object(objections.predicate("rows that a function makes"));
      }
      return add(plainSource(walk, ref.alias, ref.columns.map((name) => output(name, null))));
    case "group":
      return ref.items.flatMap((item) => addSources(walk, item, scope, conditions));
    case "join":
      return addJoin(walk, ref, scope, conditions);
  }
}

function addJoin(walk: Walk, join: Join, scope: Scope, conditions: Condition[]): readonly Output[] {
  const from = scope.sources.length;
  const left = addSources(walk, join.left, scope, conditions);
  const middle = scope.sources.length;
  const right = addSources(walk, join.right, scope, conditions);
  const optional = join.side === "left"
    ? scope.sources.slice(middle)
    : join.side === "right"
    ? scope.sources.slice(from, middle)
    : scope.sources.slice(from);
  const among = (source: Source) => optional.includes(source);
  if (join.on !== null) conditions.push({ on: join.on, among });
  if (!join.natural && join.using.length === 0) return [...left, ...right];
  if ([...left, ...right].some(({ open }) => open)) walk.object(objections.openStar());
  const common = new Set(
    join.natural ? commonNames(left, right) : join.using.map((name) => name.toLowerCase()),
  );
  const isCommon = (column: Output) => common.has(column.name.toLowerCase());
  for (const column of [...left, ...right].filter(isCommon)) {
    seek(column.touches);
    walk.flow(column.flow);
    if (column.flow !== null) walk.object(objections.predicate("which rows are joined"));
  }
  for (const name of common) {
    const pair = [left, right].map((side) =>
      side.find((column) => column.name.toLowerCase() === name) ?? null
    );
    const [one = null, other = null] = pair;
    noteEqual(scope, one, other, false, among);
    noteEqual(scope, other, one, false, among);
  }
  // A RIGHT JOIN is turned around by the target, and its columns with it.
  const [first, second] = join.side === "right" ? [right, left] : [left, right];
  return [...first.filter(isCommon), ...[...first, ...second].filter((column) => !isCommon(column))];
}

function commonNames(left: readonly Output[], right: readonly Output[]): string[] {
  const others = new Set(right.map(({ name }) => name.toLowerCase()));
  return left.map(({ name }) => name.toLowerCase()).filter((name) => others.has(name));
}

/** A derived table sees nothing of its neighbours unless it is LATERAL; its rows show in theirs. */
function derivedSource(walk: Walk, ref: Derived, scope: Scope): Source {
  const outer = ref.lateral ? scope : frame(scope.outer, scope.ctes, scope.ruler);
  const inner = walkQuery(walk, ref.query, outer, scope.ctes).outputs;
  const columns = inner.map((one, at) => ({ ...one, name: ref.columns[at] ?? one.name }));
  return plainSource(walk, ref.alias ?? "", columns);
}

function plainSource(walk: Walk, alias: string, columns: readonly Output[]): Source {
  const open = columns.some((column) => column.open);
  const source = { alias: walk.model.fold(alias), schema: null, table: null, ownRows: false, columns, open };
  return { ...source, byName: named(columns), used: new Set(), sought: new Set() };
}

function baseSource(walk: Walk, ref: Base, scope: Scope): Source {
  const { schema, name } = ref.table;
  const alias = ref.alias ?? name;
  if (schema === "") {
    const cte = findCte(scope.ctes, walk.model.fold(name));
    if (cte !== null) {
      cte.ruler.users.add(scope.ruler);
      scope.ruler.repeated ||= scope.ruler.parts.has(cte.ruler);
      scope.ruler.parts.add(cte.ruler);
      return plainSource(walk, alias, cte.columns);
    }
    if (hasCteLike(scope, name)) walk.object(objections.unknownRelation(name));
  }
  walk.step();
  const home = schema === "" ? walk.mode.schema : schema;
  const found = walk.use(home, name, "read");
  if (isSystemSchema(home) && !isHarmlessSystemTable(home, name)) {
    walk.object(objections.systemTable(`${home}.${name}`));
  }
  const folded = { alias: walk.model.fold(alias), schema: walk.model.fold(home) };
  if (found === null) {
    if (!isSystemSchema(home)) {
      walk.object(objections.unknownRelation(home === "" ? name : `${home}.${name}`));
    }
    return {
      ...folded,
      table: null,
      ownRows: true,
      columns: [],
      byName: new Map(),
      open: true,
      used: new Set(),
      sought: new Set(),
    };
  }
  const { table, taint } = found;
  if (ref.partition && taint.tainted) walk.object(objections.predicate("which partition a row is in"));
  if (risksByIndex(walk, table, taint, ref.indexes)) {
    walk.object(objections.order(`${table.schema}.${table.name}`));
  }
  return tableSource(walk, folded, table, taint, scope);
}

/** Names that differ in case only: which of them is meant depends on more than we know. */
function hasCteLike(scope: Scope, name: string): boolean {
  for (let cte = scope.ctes; cte !== null; cte = cte.next) {
    if (cte.name.toLowerCase() === name.toLowerCase()) return true;
  }
  return false;
}

function tableSource(
  walk: Walk,
  folded: { readonly alias: string; readonly schema: string },
  table: TableData,
  taint: TableTaint,
  scope: Scope,
): Source {
  const behind = inlined(walk, table, taint, scope);
  const tracked = walk.taints.any;
  const columns: Output[] = [];
  const byName = new Map<string, Output>();
  const ownRows = behind === null;
  const source: Source = {
    ...folded,
    table,
    ownRows,
    columns,
    byName,
    open: false,
    used: new Set(),
    sought: new Set(),
  };
  table.columns.forEach(({ name, numeric, invisible }, at) => {
    const touch = { source, column: name.toLowerCase() };
    const column: Output = {
      ...output(name, taint.flows[at] ?? null),
      numeric,
      touches: behind === null ? (tracked ? [touch] : []) : behind[at]?.touches ?? [],
      key: behind === null ? (tracked ? touch : null) : behind[at]?.key ?? null,
    };
    if (!invisible) columns.push(column);
    byName.set(name.toLowerCase(), column);
  });
  return source;
}

/** A view is merged into the query, so the order of its rows depends on what the query needs of it. */
function inlined(walk: Walk, view: TableData, taint: TableTaint, scope: Scope): readonly Output[] | null {
  if (view.kind !== "view" || !walk.taints.any || taint.query === undefined) return null;
  const inner = new Walk(walk.model, walk.taints, { ...walk.mode, schema: view.schema }, walk.shared);
  return walkQuery(inner, taint.query, frame(null, null, scope.ruler), null).outputs;
}
