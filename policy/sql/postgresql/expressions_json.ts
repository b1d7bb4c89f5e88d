/**
 * SQL/JSON and XML syntax. Which masked values such an expression survives depends on much; so a masked value in
 * it is refused. Older targets read the same text as calls of functions with those names: users' ones count.
 */
import type { Node, TypeName } from "libpg-query";
import { type NodeKind } from "./ast.ts";
import { type Handlers, opaque, value } from "./expressions.ts";
import { noteRoutine } from "./functions.ts";
import { queryShape } from "./queries.ts";
import type { Scope } from "./scope.ts";
import { isTainted, type Value } from "./taint.ts";
import { noteType } from "./types_used.ts";
import type { Walk } from "./walk.ts";

/** The names that each kind of node has in the text. */
const writtenAs: Partial<Record<NodeKind, readonly string[]>> = {
  JsonObjectConstructor: ["json_object"],
  JsonArrayConstructor: ["json_array"],
  JsonArrayQueryConstructor: ["json_array"],
  JsonObjectAgg: ["json_objectagg"],
  JsonArrayAgg: ["json_arrayagg"],
  JsonFuncExpr: ["json_value", "json_query", "json_exists"],
  JsonParseExpr: ["json"],
  JsonScalarExpr: ["json_scalar"],
  JsonSerializeExpr: ["json_serialize"],
  JsonTable: ["json_table"],
  JsonIsPredicate: [],
  XmlExpr: [],
  XmlSerialize: [],
};

/** Every expression, query and type anywhere within a part of the tree. */
export function partsWithin(part: unknown, walk: Walk, scope: Scope): Value[] {
  if (Array.isArray(part)) return part.flatMap((each) => partsWithin(each, walk, scope));
  if (part === null || typeof part !== "object") return [];
  if ("names" in part && "typemod" in part) {
    noteType(part as TypeName, walk);
    return [];
  }
  const [only, second] = Object.keys(part);
  const body = (part as Record<string, unknown>)[only ?? ""];
  if (only === undefined || second !== undefined || !/^[A-Z]/.test(only)) {
    return Object.values(part).flatMap((each) => partsWithin(each, walk, scope));
  }
  if (only === "SelectStmt") {
    const shape = queryShape(part as Node, walk, scope);
    const taint = shape.columns.find((column) => column.taint !== null)?.taint ?? null;
    return [{ taint: isTainted(shape) ? taint : null, fails: true }];
  }
  if (only === "String" || only === "A_Star") return [];
  return isExpression(only) ? [value(part as Node, walk, scope)] : partsWithin(body, walk, scope);
}

/** Wrappers within JSON and XML syntax that are no expressions themselves. */
const wrappers: ReadonlySet<string> = new Set([
  "JsonKeyValue",
  "JsonValueExpr",
  "JsonArgument",
  "JsonAggConstructor",
  "JsonBehavior",
  "JsonFormat",
  "JsonOutput",
  "JsonReturning",
  "JsonTableColumn",
  "JsonTablePathSpec",
  "RangeTableFuncCol",
  "ResTarget",
  "SortBy",
  "WindowDef",
  "Alias",
  "TypeName",
]);

function isExpression(kind: string): boolean {
  return !wrappers.has(kind);
}

export function noteSyntax(kind: NodeKind, walk: Walk): void {
  for (const name of writtenAs[kind] ?? []) {
    for (const routine of walk.catalog.routinesNamed(name)) noteRoutine(routine, walk);
  }
}

function handler(kind: NodeKind): (node: unknown, walk: Walk, scope: Scope) => Value {
  return (node, walk, scope) => {
    noteSyntax(kind, walk);
    return opaque(partsWithin(node, walk, scope), walk, "a JSON or XML expression");
  };
}

export const jsonAndXml: Handlers = Object.fromEntries(
  Object.keys(writtenAs).filter((kind) => kind !== "JsonTable").map((
    kind,
  ) => [kind, handler(kind as NodeKind)]),
);
