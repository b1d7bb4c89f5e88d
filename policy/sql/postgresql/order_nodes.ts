/** What the nodes of a query say of the order in which it reads rows: calls, joins, conditions. */
import type { JoinExpr, Node, SelectStmt, WindowDef } from "libpg-query";
import { as, strings } from "./ast.ts";
import type { Walk } from "./walk.ts";

/** Aggregates of which the result depends on the order of what they take. */
export const ordered =
  /^(?:array_agg|string_agg|json_agg|jsonb_agg|json_object_agg|jsonb_object_agg|xmlagg|first|last|any_value)/;

export interface Call {
  readonly name: string;
  readonly sorted: boolean;
  /** undefined where it is no window function. */
  readonly over: WindowDef | undefined;
}

/** Does something give another value for each row that is read, whichever that is? */
export function counts(nodes: unknown, { catalog }: Walk): boolean {
  return callsIn(nodes).some(({ name }) =>
    catalog.volatile.has(name) || catalog.routinesNamed(name).some(({ volatility }) => volatility === "v")
  );
}

export function callsIn(nodes: unknown): Call[] {
  const calls: Call[] = [];
  visit(nodes, (node) => {
    const call = as(node, "FuncCall");
    if (call === undefined) return;
    const sorted = call.agg_order !== undefined || call.agg_within_group === true;
    calls.push({ name: strings(call.funcname).at(-1) ?? "", sorted, over: call.over });
  });
  return calls;
}

export function joinsOf({ fromClause }: SelectStmt): JoinExpr[] {
  const joins: JoinExpr[] = [];
  const look = (node: Node | undefined): void => {
    const join = as(node, "JoinExpr");
    if (join === undefined) return;
    joins.push(join);
    look(join.larg);
    look(join.rarg);
  };
  for (const node of fromClause ?? []) look(node);
  return joins;
}

/** WHERE and the ONs of joins. */
export function conditionsOf(select: SelectStmt): Node[] {
  const { whereClause } = select;
  const quals = joinsOf(select).flatMap((one) => one.quals ?? []);
  return whereClause === undefined ? quals : [whereClause, ...quals];
}

/** Of the parts of a condition that all must hold. */
export function equalitiesIn(condition: Node | undefined): { readonly left: Node; readonly right: Node }[] {
  const both = as(condition, "BoolExpr");
  if (both?.boolop === "AND_EXPR") return (both.args ?? []).flatMap(equalitiesIn);
  const compared = as(condition, "A_Expr");
  const { lexpr: left, rexpr: right } = compared ?? {};
  if (compared?.kind !== "AEXPR_OP" || strings(compared.name).join(".") !== "=") return [];
  if (left === undefined || right === undefined) return [];
  return [left, right].every(isPlain) ? [{ left, right }] : [];
}

function isPlain(node: Node): boolean {
  const cast = as(node, "TypeCast");
  if (cast !== undefined) {
    return cast.arg !== undefined && isPlain(cast.arg) && as(cast.arg, "ColumnRef") === undefined;
  }
  return "ColumnRef" in node || "A_Const" in node || "ParamRef" in node;
}

export function visit(node: unknown, look: (node: Node) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) { for (const each of node) visit(each, look); }
  else {
    look(node as Node);
    for (const inner of Object.values(node)) visit(inner, look);
  }
}
