/** FROM: tables, sub-selects, functions, joins; which names they make visible (parse_clause.c). */
import type { Alias, JoinExpr, Node, RangeFunction, RangeSubselect } from "libpg-query";
import { as, kindOf, type NodeOf, strings } from "./ast.ts";
import { knownRows, knownScalars } from "./builtins.ts";
import { noteSyntax, partsWithin } from "./expressions_json.ts";
import { firstTaint, opaque, value } from "./expressions.ts";
import { join } from "./joins.ts";
import { queryShape } from "./queries.ts";
import { relationItem } from "./relations.ts";
import { type Item, renamed, type Scope } from "./scope.ts";
import { type Column, derived, type Shape } from "./taint.ts";
import { noteType } from "./types_used.ts";
import { predicate, type Walk } from "./walk.ts";

export function fromClause(nodes: readonly Node[] | undefined, walk: Walk, outer: Scope): Item[] {
  const items: Item[] = [];
  for (const node of nodes ?? []) items.push(...fromItem(node, walk, outer, items));
  return items;
}

/** `left`: the items to the left, which LATERAL and functions see. */
export function fromItem(node: Node, walk: Walk, outer: Scope, left: readonly Item[]): Item[] {
  const lateral: Scope = { items: left, parent: outer, ctes: outer.ctes };
  const table = as(node, "RangeVar");
  if (table !== undefined) return [relationItem(table, walk, outer, "read")];
  const sub = as(node, "RangeSubselect");
  if (sub !== undefined) return [subselect(sub, walk, sub.lateral ? lateral : outer)];
  const joined = as(node, "JoinExpr");
  if (joined !== undefined) return joinItems(joined, walk, outer, left);
  const call = as(node, "RangeFunction");
  if (call !== undefined) return [functionItem(call, walk, lateral)];
  const sample = as(node, "RangeTableSample");
  if (sample !== undefined) return sampled(sample, walk, outer, left);
  const xml = as(node, "RangeTableFunc");
  if (xml !== undefined) return [tableFunction(xml, xml.alias, xmlColumns(xml), walk, lateral)];
  const json = as(node, "JsonTable");
  if (json !== undefined) {
    noteSyntax("JsonTable", walk);
    return [tableFunction(json, json.alias, jsonColumns(json.columns), walk, lateral)];
  }
  walk.found.object(
    "unknown-syntax",
    `its FROM has something that Postern does not know (${kindOf(node)})`,
    "Write it in another way",
  );
  return [itemOf(null, { columns: [], open: true })];
}

export function itemOf(alias: Alias | null | undefined, shape: Shape, fallback: string | null = null): Item {
  const { columns, open } = renamed(shape, strings(alias?.colnames));
  return { name: alias?.aliasname ?? fallback, schema: null, bare: true, relation: null, columns, open };
}

function subselect(sub: RangeSubselect, walk: Walk, scope: Scope): Item {
  return itemOf(sub.alias, queryShape(sub.subquery, walk, scope));
}

function joinItems(joined: JoinExpr, walk: Walk, outer: Scope, left: readonly Item[]): Item[] {
  const leftItems = joined.larg === undefined ? [] : fromItem(joined.larg, walk, outer, left);
  const rightItems = joined.rarg === undefined
    ? []
    : fromItem(joined.rarg, walk, outer, [...left, ...leftItems]);
  const scope: Scope = { items: [...leftItems, ...rightItems], parent: outer, ctes: outer.ctes };
  predicate(walk, value(joined.quals, walk, scope), "a join's ON");
  return join(joined, leftItems, rightItems, walk);
}

/** `f(…)`, `ROWS FROM (f(…), g(…))`, with ordinality, alias and column definitions. */
function functionItem(call: RangeFunction, walk: Walk, lateral: Scope): Item {
  const columns: Column[] = [];
  let open = false;
  const functions = call.functions ?? [];
  for (const node of functions) {
    // Each is a list of the call and its own column definitions.
    const [expression, definitions] = as(node, "List")?.items ?? [node];
    const shape = functionShape(expression, as(definitions, "List")?.items ?? call.coldeflist, walk, lateral);
    // A function of one unnamed scalar gives it its alias' name.
    const called = strings(as(expression, "FuncCall")?.funcname).at(-1) ?? "";
    const scalar = functions.length === 1 && knownScalars.has(called) && shape.columns.length === 1;
    const alias = scalar && call.coldeflist === undefined ? call.alias?.aliasname : undefined;
    columns.push(
      ...(alias === undefined ? shape.columns : shape.columns.map((each) => ({ ...each, name: alias }))),
    );
    if (shape.open) open = true;
  }
  if (call.ordinality) columns.push({ name: "ordinality", taint: null, origin: null });
  const [first] = functions;
  const name = strings(as(as(first, "List")?.items?.[0], "FuncCall")?.funcname).at(-1) ?? null;
  return itemOf(call.alias, { columns, open }, name);
}

function functionShape(
  expression: Node | undefined,
  definitions: readonly Node[] | undefined,
  walk: Walk,
  lateral: Scope,
): Shape {
  const { taint } = value(expression, walk, lateral);
  const defined = (definitions ?? []).map((node) => as(node, "ColumnDef")).filter((each) =>
    each !== undefined
  );
  for (const definition of defined) noteType(definition.typeName, walk);
  const column = (name: string | null): Column => ({
    name,
    taint: taint === null ? null : derived,
    origin: null,
  });
  if (defined.length > 0) {
    return { columns: defined.map(({ colname }) => column(colname ?? null)), open: false };
  }
  const name = strings(as(expression, "FuncCall")?.funcname).at(-1) ?? "";
  const user = walk.catalog.routinesNamed(name).length > 0;
  const rows = knownRows[name];
  if (rows !== undefined && !user) return { columns: rows.map(column), open: false };
  const args = as(expression, "FuncCall")?.args?.length ?? 0;
  if (knownScalars.has(name) && !user && !(name === "unnest" && args !== 1)) {
    // The function of one array may still give rows: then its columns have names of their own.
    return name === "unnest" ? { columns: [], open: true } : { columns: [column(name)], open: false };
  }
  return taint === null ? { columns: [], open: true } : { columns: [column(null)], open: true };
}

function sampled(
  sample: NodeOf<"RangeTableSample">,
  walk: Walk,
  outer: Scope,
  left: readonly Item[],
): Item[] {
  const method = strings(sample.method).at(-1) ?? "";
  if (method !== "bernoulli" && method !== "system") {
    walk.found.object(
      `function:${method}`,
      `it samples by ${method}, which nobody vouched for`,
      "Use TABLESAMPLE SYSTEM or BERNOULLI",
    );
  }
  for (const arg of [...(sample.args ?? []), ...(sample.repeatable ? [sample.repeatable] : [])]) {
    predicate(walk, value(arg, walk, outer), "TABLESAMPLE");
  }
  return sample.relation === undefined ? [] : fromItem(sample.relation, walk, outer, left);
}

/** XMLTABLE and JSON_TABLE: rows and columns depend on the document. */
function tableFunction(
  node: unknown,
  alias: Alias | undefined,
  names: readonly string[],
  walk: Walk,
  lateral: Scope,
): Item {
  const parts = partsWithin(Object.values(node as Record<string, unknown>), walk, lateral);
  const taint = firstTaint(parts) === null ? null : opaque(parts, walk, "a table made of a document").taint;
  return itemOf(alias, { columns: names.map((name) => ({ name, taint, origin: null })), open: false });
}

function xmlColumns(xml: NodeOf<"RangeTableFunc">): string[] {
  return (xml.columns ?? []).map((node) => as(node, "RangeTableFuncCol")?.colname ?? "");
}

function jsonColumns(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((node) => {
    const column = as(node, "JsonTableColumn");
    return column?.columns === undefined ? [column?.name ?? ""] : jsonColumns(column.columns);
  });
}
