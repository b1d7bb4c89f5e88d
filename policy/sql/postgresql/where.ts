/**
 * Whether a WHERE narrows an UPDATE or DELETE down at all. Best effort on the side of refusing: a condition must
 * depend on the target's columns, and not be true of every row by its form alone.
 */
import type { Node, SelectStmt } from "libpg-query";
import { as, constantText, literalOf, type NodeOf, strings } from "./ast.ts";
import { systemColumns } from "./column_refs.ts";
import { value } from "./expressions.ts";
import { Findings } from "./findings.ts";
import { type Item, resolveMember, resolveName, type Scope } from "./scope.ts";
import type { Walk } from "./walk.ts";

interface Judge {
  readonly target: Item;
  readonly walk: Walk;
  readonly scope: Scope;
}

export function restricts(where: Node | undefined, target: Item, walk: Walk, scope: Scope): boolean {
  return narrows(where, { target, walk: { ...walk, found: new Findings() }, scope });
}

function narrows(node: Node | undefined, judge: Judge): boolean {
  if (node === undefined) return false;
  const constant = as(node, "A_Const");
  if (constant !== undefined) return isFalse(constant);
  if (as(node, "CurrentOfExpr") !== undefined) return true;
  const bool = as(node, "BoolExpr");
  if (bool !== undefined) return boolNarrows(bool, judge);
  const comparison = as(node, "A_Expr");
  if (comparison !== undefined) return comparisonNarrows(comparison, judge);
  const nullTest = as(node, "NullTest");
  if (nullTest !== undefined) return nullTestNarrows(nullTest, judge);
  const link = as(node, "SubLink");
  if (link !== undefined) return subLinkNarrows(link, judge);
  const inner = as(node, "BooleanTest")?.arg ?? as(node, "TypeCast")?.arg ?? as(node, "CollateClause")?.arg;
  if (inner !== undefined) return narrows(inner, judge);
  const options = as(node, "CoalesceExpr")?.args ?? caseParts(as(node, "CaseExpr"));
  // A constant among them may be what every row gets.
  if (options !== undefined) {
    return options.some((each) => as(each, "A_Const") === undefined && narrows(each, judge));
  }
  return targetColumns(node, judge).size > 0;
}

/** WHERE false and WHERE NULL touch nothing. */
function isFalse(constant: NodeOf<"A_Const">): boolean {
  const literal = literalOf(constant);
  return literal.type === "null" || (literal.type === "boolean" && !literal.value);
}

function caseParts(node: NodeOf<"CaseExpr"> | undefined): Node[] | undefined {
  if (node === undefined) return undefined;
  const arms = (node.args ?? []).flatMap((arm) => {
    const when = as(arm, "CaseWhen");
    return [when?.expr, when?.result];
  });
  // CASE x WHEN 1 THEN … compares x.
  return [node.arg, ...arms, node.defresult].filter((each) => each !== undefined);
}

function boolNarrows({ boolop, args = [] }: NodeOf<"BoolExpr">, judge: Judge): boolean {
  if (boolop === "OR_EXPR") return args.every((arg) => narrows(arg, judge)) && !complementary(args, judge);
  if (boolop === "NOT_EXPR") {
    const [only] = args;
    const constant = as(only, "A_Const");
    return constant === undefined ? narrows(only, judge) : !isFalse(constant);
  }
  return args.some((arg) => narrows(arg, judge));
}

const opposites: Readonly<Record<string, string>> = {
  "=": "<>",
  "<>": "=",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">",
  "is null": "is not null",
  "is not null": "is null",
};

/** `a IS NULL OR a IS NOT NULL`, `x = 1 OR x <> 1`, `x OR NOT x`: two arms that may leave nothing out. */
function complementary(args: readonly Node[], judge: Judge): boolean {
  const seen = new Map<string, Set<string>>();
  for (const arg of args) {
    const columns = [...targetColumns(arg, judge)].sort().join();
    const form = formOf(arg);
    const others = seen.get(columns) ?? new Set<string>();
    const negated = form === "not" ? others.size > 0 : others.has("not");
    if (negated || others.has(opposites[form] ?? "none")) return true;
    seen.set(columns, others.add(form));
  }
  return false;
}

function formOf(node: Node): string {
  const nullTest = as(node, "NullTest");
  if (nullTest !== undefined) return nullTest.nulltesttype === "IS_NULL" ? "is null" : "is not null";
  if (as(node, "BoolExpr")?.boolop === "NOT_EXPR") return "not";
  return strings(as(node, "A_Expr")?.name).at(-1) ?? "other";
}

function comparisonNarrows(node: NodeOf<"A_Expr">, judge: Judge): boolean {
  const left = targetColumns(node.lexpr, judge);
  const right = targetColumns(node.rexpr, judge);
  if (left.size === 0 && right.size === 0) return false;
  // `id = id`, `id + 0 = id`, `id BETWEEN id AND id`: the same columns on both sides.
  if (left.size === right.size && [...left].every((name) => right.has(name))) return false;
  const pattern = constantText(node.rexpr);
  const matches = node.kind === "AEXPR_LIKE" || node.kind === "AEXPR_ILIKE";
  const everything = pattern !== undefined && /^%+$/.test(pattern) &&
    strings(node.name).at(-1)?.startsWith("~~");
  return !(matches && everything);
}

function nullTestNarrows({ arg, nulltesttype }: NodeOf<"NullTest">, judge: Judge): boolean {
  const columns = targetColumns(arg, judge);
  if (columns.size === 0) return false;
  if (nulltesttype !== "IS_NOT_NULL" || as(arg, "ColumnRef") === undefined) return true;
  // Every row's primary key IS NOT NULL.
  const [name] = columns;
  return judge.target.relation?.columns.some((column) => column.name === name && column.notNull) !== true;
}

/** `id IN (SELECT id FROM t)` of the same table leaves nothing out; a query without a link to the row neither. */
function subLinkNarrows(link: NodeOf<"SubLink">, judge: Judge): boolean {
  const select = as(link.subselect, "SelectStmt");
  const tested = as(link.testexpr, "ColumnRef");
  if (tested !== undefined && select !== undefined && isWhole(select, judge.target)) return false;
  return targetColumns({ SubLink: link }, judge).size > 0;
}

function isWhole(select: SelectStmt, target: Item): boolean {
  const [from, other] = select.fromClause ?? [];
  const table = as(from, "RangeVar");
  return table !== undefined && other === undefined && select.whereClause === undefined &&
    select.havingClause === undefined && select.limitCount === undefined &&
    select.limitOffset === undefined &&
    table.relname === target.relation?.name;
}

/** The target's columns that a condition depends on, through queries in it too. */
function targetColumns(node: Node | undefined, { target, walk, scope }: Judge): Set<string> {
  const columns = new Set<string>();
  if (node === undefined || "A_Const" in node || "ParamRef" in node) return columns;
  const reference = as(node, "ColumnRef");
  if (reference !== undefined) {
    const names = strings(reference.fields);
    const found = names.length === 1
      ? resolveName(scope, names[0]!)
      : resolveMember(scope, names.at(-3) ?? null, names.at(-2) ?? "", names.at(-1) ?? "");
    // A column that is not known may be anybody's: of the target, for want of another.
    if (found.kind === "none") {
      return systemColumns.has(names[0] ?? "") ? columns.add(names[0] ?? "") : columns;
    }
    if (found.kind === "open") return target.open ? columns.add(names.at(-1) ?? "") : columns;
  }
  walk.found.onColumn = (item, column) => {
    if (item === target) columns.add(column);
  };
  value(node, walk, scope);
  walk.found.onColumn = null;
  return columns;
}
