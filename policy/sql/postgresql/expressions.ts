/** Expressions: names resolved, functions and types noted, and where each value comes from. */
import type { Node } from "libpg-query";
import { as, constantText, kindOf, type NodeKind, type NodeOf, strings } from "./ast.ts";
import { jsonAndXml } from "./expressions_json.ts";
import { funcCall } from "./func_call.ts";
import { columnRef, rowMember } from "./column_refs.ts";
import { isTotalOperator } from "./functions.ts";
import { hidesWithin } from "./literals.ts";
import type { Scope } from "./scope.ts";
import { subLink } from "./sublinks.ts";
import { derived, derivedText, isScalar, isText, pure, risky, type Taint, type Value } from "./taint.ts";
import { noteOperator, noteType } from "./types_used.ts";
import { spend, type Walk } from "./walk.ts";

export type Handlers = { [K in NodeKind]?: (node: NodeOf<K>, walk: Walk, scope: Scope) => Value };

/** The value of an expression. A kind of node that is not known here is an objection, not a guess. */
export function value(node: Node | undefined, walk: Walk, scope: Scope): Value {
  if (node === undefined) return pure;
  spend(walk, 1);
  const kind = kindOf(node);
  const handler = handlers[kind] as ((node: unknown, walk: Walk, scope: Scope) => Value) | undefined;
  if (handler !== undefined) {
    const found = handler((node as Record<string, unknown>)[kind], walk, scope);
    if (found.taint !== null && hidesWithin(kind)) walk.found.hidden.add(node);
    return found;
  }
  walk.found.object(
    "unknown-syntax",
    `it uses syntax that Postern does not know (${kind})`,
    "Write it in another way",
  );
  return risky;
}

export function values(nodes: readonly Node[] | undefined, walk: Walk, scope: Scope): Value[] {
  return (nodes ?? []).map((node) => value(node, walk, scope));
}

export function firstTaint(parts: readonly Value[]): Taint | null {
  return parts.find((part) => part.taint !== null)?.taint ?? null;
}

/** Parts put together by something that computes them all, and never fails by itself. */
function eager(parts: readonly Value[], text = false): Value {
  const fails = parts.some((part) => part.fails);
  if (firstTaint(parts) === null) return fails ? risky : pure;
  return { taint: text ? derivedText : derived, fails };
}

/** Parts of which some are only computed depending on others: what may fail must not depend on masked values. */
function lazy(parts: readonly Value[], walk: Walk, by: string, text = false): Value {
  const taint = firstTaint(parts);
  if (taint === null || !parts.some((part) => part.fails)) return eager(parts, text);
  walk.found.maskedInExpression(taint.column, by);
  return { taint: text ? derivedText : derived, fails: false };
}

/** Parts put together by something that may fail, or act, depending on what they are. */
export function opaque(parts: readonly Value[], walk: Walk, by: string): Value {
  const taint = firstTaint(parts);
  if (taint === null) return risky;
  walk.found.maskedInExpression(taint.column, by);
  return { taint: derived, fails: false };
}

const allText = (parts: readonly Value[]): boolean =>
  parts.every(({ taint }) => taint === null || isText(taint));

function operation(node: NodeOf<"A_Expr">, walk: Walk, scope: Scope): Value {
  const names = strings(node.name);
  const name = names.at(-1) ?? "";
  // BETWEEN and IN carry their bounds and members as a list.
  const right = as(node.rexpr, "List")?.items;
  const operands = [
    ...(node.lexpr === undefined ? [] : [value(node.lexpr, walk, scope)]),
    ...(right === undefined ? [value(node.rexpr, walk, scope)] : values(right, walk, scope)),
  ];
  switch (node.kind) {
    case "AEXPR_DISTINCT":
    case "AEXPR_NOT_DISTINCT":
      noteOperator(["="], walk);
      return eager(operands);
    case "AEXPR_NULLIF":
      noteOperator(["="], walk);
      return eager(operands, allText(operands));
    case "AEXPR_BETWEEN":
    case "AEXPR_NOT_BETWEEN":
    case "AEXPR_BETWEEN_SYM":
    case "AEXPR_NOT_BETWEEN_SYM":
      for (const bound of ["<", ">", "<=", ">="]) noteOperator([bound], walk);
      return lazy(operands, walk, "BETWEEN");
    case "AEXPR_IN":
      noteOperator(names, walk);
      return lazy(operands, walk, "IN");
  }
  noteOperator(names, walk);
  if (!isTotalOperator(name, operands)) return opaque(operands, walk, `the operator ${name}`);
  // Of JSON, || may fail; of what is clean the type is not known.
  const { taint, fails } = eager(operands, name === "||");
  return { taint, fails: fails || (name === "||" && taint === null) };
}

function typeCast(node: NodeOf<"TypeCast">, walk: Walk, scope: Scope): Value {
  const from = value(node.arg, walk, scope);
  const { text, sized } = noteType(node.typeName, walk);
  if (from.taint === null) {
    // A constant is converted before anything runs, whatever the rows hold.
    return constantText(node.arg) !== undefined || (text && !from.fails) ? pure : risky;
  }
  if (!text) return isRowCast(node, from, walk) ? from : opaque([from], walk, "a cast");
  if (from.taint.plain && isText(from.taint) && !sized && from.row === undefined) return from;
  return { taint: derivedText, fails: from.fails };
}

/** A whole row under its own table's type, as view definitions print it. */
function isRowCast(node: NodeOf<"TypeCast">, from: Value, walk: Walk): boolean {
  const name = strings(node.typeName?.names).at(-1) ?? "";
  const relations = walk.catalog.relationsNamed(name);
  return from.row !== undefined &&
    relations.some(({ columns }) => columns.length === from.row?.columns.length);
}

function caseExpr(node: NodeOf<"CaseExpr">, walk: Walk, scope: Scope): Value {
  const parts = [value(node.arg, walk, scope), value(node.defresult, walk, scope)];
  if (node.arg !== undefined) noteOperator(["="], walk);
  const results = [parts[1]!];
  let conditions = parts[0]!.taint !== null;
  for (const each of node.args ?? []) {
    const when = as(each, "CaseWhen");
    const condition = value(when?.expr, walk, scope);
    const result = value(when?.result, walk, scope);
    if (condition.taint !== null) conditions = true;
    parts.push(condition, result);
    results.push(result);
  }
  const taint = firstTaint(parts);
  const fails = parts.some((part) => part.fails);
  if (taint === null) return fails ? risky : pure;
  // Which branch runs must not show by its failing.
  if (conditions && fails) walk.found.maskedInExpression(taint.column, "CASE");
  return { taint: !conditions && allText(results) ? derivedText : derived, fails: !conditions && fails };
}

function indirection(node: NodeOf<"A_Indirection">, walk: Walk, scope: Scope): Value {
  const base = value(node.arg, walk, scope);
  const [first, ...others] = node.indirection ?? [];
  const field = as(first, "String")?.sval;
  if (base.row !== undefined && field !== undefined) {
    const member = rowMember(base, field, walk);
    return others.length === 0 ? member : subscripts(member, others, walk, scope);
  }
  return subscripts(base, node.indirection ?? [], walk, scope);
}

function subscripts(base: Value, steps: readonly Node[], walk: Walk, scope: Scope): Value {
  const parts = [base];
  for (const step of steps) {
    const indices = as(step, "A_Indices");
    if (indices !== undefined) parts.push(value(indices.lidx, walk, scope), value(indices.uidx, walk, scope));
  }
  return firstTaint(parts) === null ? risky : eager(parts);
}

/** The standard's functions without brackets: CURRENT_DATE and the like. None fails. */
const handlers: Handlers = {
  A_Const: () => pure,
  ParamRef: () => pure,
  SQLValueFunction: () => pure,
  SetToDefault: () => pure,
  MergeSupportFunc: () => pure,
  CurrentOfExpr: (node, walk) => {
    if (node.cursor_name !== undefined) walk.found.cursors.add(node.cursor_name);
    return pure;
  },
  ColumnRef: columnRef,
  FuncCall: funcCall,
  SubLink: subLink,
  A_Expr: operation,
  TypeCast: typeCast,
  CaseExpr: caseExpr,
  A_Indirection: indirection,
  NamedArgExpr: (node, walk, scope) => value(node.arg, walk, scope),
  CollateClause: (node, walk, scope) => value(node.arg, walk, scope),
  BoolExpr: (node, walk, scope) => lazy(values(node.args, walk, scope), walk, "AND, OR or NOT"),
  NullTest: (node, walk, scope) => eager([value(node.arg, walk, scope)]),
  BooleanTest: (node, walk, scope) => eager([value(node.arg, walk, scope)]),
  GroupingFunc: (node, walk, scope) => eager(values(node.args, walk, scope)),
  A_ArrayExpr: (node, walk, scope) => {
    const parts = values(node.elements, walk, scope);
    const scalars = parts.every(({ taint }) => taint === null || isScalar(taint));
    return scalars ? eager(parts) : opaque(parts, walk, "ARRAY[…]");
  },
  RowExpr: (node, walk, scope) => eager(values(node.args, walk, scope)),
  List: (node, walk, scope) => eager(values(node.items, walk, scope)),
  CoalesceExpr: (node, walk, scope) => {
    const parts = values(node.args, walk, scope);
    return lazy(parts, walk, "COALESCE", allText(parts));
  },
  MinMaxExpr: (node, walk, scope) => {
    noteOperator(["<"], walk);
    const parts = values(node.args, walk, scope);
    return eager(parts, allText(parts));
  },
  MultiAssignRef: (node, walk, scope) => value(node.source, walk, scope),
  ...jsonAndXml,
};
