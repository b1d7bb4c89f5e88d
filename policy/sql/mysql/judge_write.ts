/** INSERT, REPLACE, UPDATE, DELETE. */
import { isSystemSchema, type TableData } from "./catalog_data.ts";
import { noteEqualities } from "./equalities.ts";
import type { Flow } from "./flow.ts";
import { isVolatile } from "./functions.ts";
import { hideGiven } from "./hidden.ts";
import { objectToConflicts } from "./conflicts.ts";
import { factsOf, type Judged, masksOf, rootScope } from "./judged.ts";
import { decides, sorts, walkExpr } from "./lineage_expression.ts";
import { walkFrom } from "./lineage_from.ts";
import { walkItems, walkQuery, walkWith } from "./lineage_query.ts";
import { noteSources } from "./order.ts";
import { notUnderstood } from "./refusal.ts";
import { objections } from "./objections.ts";
import { resolve } from "./resolve.ts";
import { type Changed, joinConditions, restricts } from "./restrict.ts";
import { frame, output, ruler, type Scope, type Source, use } from "./scope.ts";
import type { Assignment, Delete, Expr, Insert, TableName, TableRef, Update } from "./syntax.ts";
import { some } from "./tree.ts";
import type { Walk } from "./walk.ts";

export function judgeWrite(walk: Walk, statement: Insert | Update | Delete): Judged {
  switch (statement.t) {
    case "insert":
      return judgeInsert(walk, statement);
    case "update":
      return judgeUpdate(walk, statement);
    case "delete":
      return judgeDelete(walk, statement);
  }
}

function judgeInsert(walk: Walk, insert: Insert): Judged {
  const scope = rootScope();
  const base: TableRef = { t: "base", table: insert.table, alias: null, indexes: [], partition: false };
  walkFrom(walk, [base], scope);
  written(walk, scope, [insert.table]);
  const flows = insert.columns.map((column) =>
    resolve(walk, columnExpr(insert.table.name, column), scope).flow
  );
  if (insert.columns.length === 0) scope.sources.forEach((source) => flows.push(...writesAll(walk, source)));
  hideGiven(walk, insert, flows);
  if (insert.ignore || insert.verb === "REPLACE" || insert.update.length > 0) {
    objectToConflicts(walk, scope.sources[0], insert.columns.length > 0 ? insert.columns : null);
  }
  for (const value of insert.values) assigned(walk, value, scope);
  if (insert.query !== null) {
    const { outputs } = walkQuery(walk, insert.query, rootScope(), null, "result");
    for (const { touches } of outputs) use(touches);
    if (outputs.some(({ flow }) => flow !== null)) walk.object(objections.write());
  }
  if (insert.update.length > 0) {
    const both = frame(null, null, ruler());
    both.sources.push(...scope.sources, ...rowSource(walk, insert, scope.sources[0]));
    assign(walk, insert.update, both);
  }
  walkItems(walk, insert.returning, scope);
  return { ...factsOf("write", insert.verb), result: masksOf(scope.outputs) };
}

function columnExpr(table: string, name: string): Extract<Expr, { t: "column" }> {
  return { t: "column", parts: [table, name], doubleQuoted: false };
}

/** INSERT without a list of columns writes all of them. */
function writesAll(walk: Walk, source: Source): (Flow | null)[] {
  for (const { name, flow } of source.columns) {
    walk.flow(flow);
    if (source.table !== null) walk.columns.add(`${source.table.schema}.${source.table.name}.${name}`);
  }
  return source.columns.map(({ flow }) => flow);
}

/** The new row under its alias: what it holds was written by the statement itself. */
function rowSource(walk: Walk, insert: Insert, table: Source | undefined): Source[] {
  if (insert.rowAlias === null || table === undefined) return [];
  const names = insert.columns.length > 0 ? insert.columns : table.columns.map(({ name }) => name);
  const columns = names.map((name, at) => output(insert.rowColumns[at] ?? name, null));
  const byName = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const alias = walk.model.fold(insert.rowAlias);
  return [{
    alias,
    schema: null,
    table: null,
    ownRows: true,
    columns,
    byName,
    open: false,
    used: new Set(),
    sought: new Set(),
  }];
}

function assign(walk: Walk, assignments: readonly Assignment[], scope: Scope): void {
  for (const { column, value } of assignments) {
    const flow = column.t === "column" ? resolve(walk, column, scope).flow : null;
    walk.flow(flow);
    if (flow !== null) walk.hidden.add(value);
    assigned(walk, value, scope);
  }
}

function assigned(walk: Walk, value: Expr, scope: Scope): void {
  const { flow, touches } = walkExpr(walk, value, scope);
  use(touches);
  if (flow !== null) walk.object(objections.write());
}

function judgeUpdate(walk: Walk, update: Update): Judged {
  const scope = withScope(walk, update);
  walkFrom(walk, update.from, scope);
  assign(walk, update.set, scope);
  if (update.ignore) {
    const names = update.set.map(({ column }) => column.t === "column" ? column.parts.at(-1) ?? "" : "");
    for (const source of scope.sources) objectToConflicts(walk, source, names);
  }
  const targets = update.set.map(({ column }) => targetOf(column, scope));
  written(
    walk,
    scope,
    targets.map((source) => ({ schema: source?.schema ?? "", name: source?.alias ?? "" })),
  );
  restrict(walk, update, scope);
  settle(walk, update, scope);
  const sources = new Set(targets.filter((source) => source !== undefined));
  return { ...factsOf("write", "UPDATE"), missingWhere: missing(walk, update, sources) };
}

/** The table whose column is set. */
function targetOf(column: Expr, scope: Scope): Source | undefined {
  if (scope.sources.length === 1) return scope.sources[0];
  if (column.t !== "column") return undefined;
  const [name = "", table] = [...column.parts].reverse();
  return scope.sources.find((source) => {
    if (table !== undefined) return source.alias.toLowerCase() === table.toLowerCase();
    return source.byName.has(name.toLowerCase());
  });
}

function judgeDelete(walk: Walk, statement: Delete): Judged {
  const scope = withScope(walk, statement);
  walkFrom(walk, statement.from, scope);
  const sources = new Set(statement.targets.map((target) => {
    const found = scope.sources.find((source) => isNamed(walk, source, target));
    if (found === undefined) throw notUnderstood(`${target.name} is not a table of this DELETE`);
    return found;
  }));
  written(walk, scope, statement.targets);
  restrict(walk, statement, scope);
  walkItems(walk, statement.returning, scope);
  const result = masksOf(scope.outputs);
  settle(walk, statement, scope);
  return { ...factsOf("write", "DELETE"), result, missingWhere: missing(walk, statement, sources) };
}

function withScope(walk: Walk, { ctes, recursive }: Update | Delete): Scope {
  return frame(null, walkWith(walk, ctes, recursive, rootScope(), null), ruler());
}

function isNamed(walk: Walk, source: Source, { schema, name }: TableName): boolean {
  return source.alias === walk.model.fold(name) &&
    (schema === "" || source.schema === walk.model.fold(schema));
}

/** Marks the relations behind these names as written. */
function written(walk: Walk, scope: Scope, names: readonly TableName[]): void {
  for (const name of names) {
    const source = scope.sources.find((one) => isNamed(walk, one, name));
    if (source === undefined) continue;
    const relation = source.table ?? { schema: source.schema ?? "", name: name.name };
    walk.relation(relation.schema, relation.name, "write");
    if (isSystemSchema(relation.schema)) {
      walk.object(objections.systemTable(`${relation.schema}.${relation.name}`));
    }
  }
}

/** In which order rows are changed shows in those that RETURNING gives, that LIMIT leaves, and in what counts them. */
function settle(walk: Walk, statement: Update | Delete, scope: Scope): void {
  const { returning, set } = { returning: [], set: [], ...statement };
  if (returning.length + statement.limit.length === 0 && !set.some(({ value }) => counts(value))) return;
  noteEqualities(walk, statement.where, scope);
  noteSources(walk, scope);
  // Whole rows are read.
  for (const { used, byName } of scope.sources) for (const name of byName.keys()) used.add(name);
}

/** Another value for each row that is read, whichever that is. */
function counts(expr: Expr): boolean {
  return some(expr, (part) => {
    return part.t === "assign" || (part.t === "call" && (part.schema !== "" || isVolatile(part.name)));
  });
}

function restrict(walk: Walk, { where, order, limit }: Update | Delete, scope: Scope): void {
  if (where !== null) decides(walk, where, "which rows are changed", scope);
  for (const key of order) {
    const touch = sorts(walk, key, "which rows are changed", scope);
    if (touch !== null) scope.ruler.keys.push(touch);
  }
  for (const one of limit) decides(walk, one, "how many rows are changed", scope);
}

/** Is there a changed table none of whose rows are left out? */
function missing(walk: Walk, { from, where }: Update | Delete, sources: ReadonlySet<Source>): boolean {
  if (sources.size === 0) return !restricts(where, changedOf(walk, undefined));
  return [...sources].some((source) => {
    const changed = changedOf(walk, source);
    const isChanged = (ref: TableRef) => {
      return ref.t === "base" && walk.model.fold(ref.alias ?? ref.table.name) === source.alias;
    };
    const conditions = [...(where === null ? [] : [where]), ...joinConditions(from, isChanged)];
    return !conditions.some((condition) => restricts(condition, changed));
  });
}

function changedOf(walk: Walk, source: Source | undefined): Changed {
  const table: TableData | null = source?.table ?? null;
  const lower = (names: Iterable<string>) => new Set(Array.from(names, (name) => name.toLowerCase()));
  return {
    table: table?.name.toLowerCase() ?? "",
    names: lower([source?.alias ?? ""]),
    columns: lower(source?.byName.keys() ?? []),
    key: lower(table === null ? [] : walk.model.primaryKey(table)),
    notNull: lower(table?.columns.filter(({ notNull }) => notNull).map(({ name }) => name) ?? []),
  };
}
