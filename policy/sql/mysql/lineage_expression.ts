/** Expressions: which masked columns a value comes from, and whether computing it could tell of them. */
import { type Flow, merged } from "./flow.ts";
import { isTotal, isTotalForNumbers, isVouched } from "./functions.ts";
import { objections } from "./objections.ts";
import { walkQuery } from "./lineage_query.ts";
import { resolve, resolvePosition } from "./resolve.ts";
import { type Output, output, type Scope, seek, type Touch } from "./scope.ts";
import type { Call, Expr } from "./syntax.ts";
import { columnsNamed, isConstant, some } from "./tree.ts";
import type { Walk } from "./walk.ts";

export interface Value {
  readonly flow: Flow | null;
  /** No error, warning or side effect depends on the values in it. */
  readonly total: boolean;
  readonly touches: readonly Touch[];
  /** Of a column. */
  readonly column: Output | null;
}

const clean: Value = { flow: null, total: true, touches: [], column: null };

/** A column of the select list. Objects where the computation itself would tell of masked values. */
export function selected(walk: Walk, expr: Expr, name: string, scope: Scope): Output {
  if (expr.t === "column") {
    const column = resolve(walk, expr, scope);
    walk.flow(column.flow);
    return { ...column, name };
  }
  if (expr.t === "subquery" && !expr.exists) {
    const [first] = walkQuery(walk, expr.query, scope, scope.ctes, "scalar").outputs;
    return output(name, first?.flow ?? null, first?.touches ?? []);
  }
  const value = walkExpr(walk, expr, scope);
  if (value.flow !== null && !value.total) walk.object(objections.expression());
  const flow = value.flow === null ? null : { ...value.flow, plain: false };
  return { ...output(name, flow, value.touches), constant: isConstant(expr) };
}

/** An expression that decides which rows there are, or in which order. */
export function decides(walk: Walk, expr: Expr, where: string, scope: Scope): void {
  const value = walkExpr(walk, expr, scope);
  seek(value.touches);
  if (value.flow !== null) walk.object(objections.predicate(where));
}

/** ORDER BY and GROUP BY: a position, an alias or an expression. Yields the column that it is, if it is one. */
export function sorts(walk: Walk, expr: Expr, where: string, scope: Scope): Touch | null {
  const column = resolvePosition(expr, scope);
  if (column === null) {
    decides(walk, expr, where, scope);
    return expr.t === "column" ? resolve(walk, expr, scope).key : null;
  }
  seek(column.touches);
  walk.flow(column.flow);
  if (column.flow !== null) walk.object(objections.predicate(where));
  return column.key;
}

export function walkExpr(walk: Walk, expr: Expr, scope: Scope): Value {
  switch (expr.t) {
    case "literal":
    case "param":
    case "variable":
    case "setting":
      return clean;
    case "column": {
      const column = resolve(walk, expr, scope);
      walk.flow(column.flow);
      return { flow: column.flow, total: true, touches: column.touches, column };
    }
    case "assign": {
      const value = walkExpr(walk, expr.value, scope);
      if (value.flow !== null) walk.object(objections.variable());
      // Where the variable goes later is not known here: maybe into a masked column.
      if (walk.taints.any) walk.hidden.add(expr);
      return { ...value, total: false, column: null };
    }
    case "subquery":
      return subquery(walk, expr, scope);
    case "call":
      return called(walk, expr, scope);
    case "op":
      return operator(walk, expr, scope);
  }
}

function subquery(walk: Walk, expr: Extract<Expr, { t: "subquery" }>, scope: Scope): Value {
  const { outputs } = walkQuery(walk, expr.query, scope, scope.ctes, expr.exists ? "rows" : "scalar");
  // EXISTS asks for rows only; what decides on those was walked with the query.
  const flows = expr.exists ? [] : outputs.map(({ flow }) => flow);
  return {
    flow: merged(flows),
    total: false,
    touches: outputs.flatMap(({ touches }) => touches),
    column: null,
  };
}

function together(
  walk: Walk,
  args: readonly Expr[],
  scope: Scope,
): Value & { readonly values: readonly Value[] } {
  const values = args.map((arg) => walkExpr(walk, arg, scope));
  return {
    flow: merged(values.map(({ flow }) => flow)),
    total: values.every(({ total }) => total),
    touches: values.flatMap(({ touches }) => touches),
    column: null,
    values,
  };
}

function called(walk: Walk, expr: Call, scope: Scope): Value {
  const args = together(walk, expr.args, scope);
  if (args.flow !== null) walk.hidden.add(expr);
  for (const key of expr.order) {
    decides(walk, key, "the order inside of a function", scope);
    for (const meant of aliased(key, expr, scope)) {
      // Once is enough for what it may carry; and aliases may name each other.
      if (walk.followed.has(meant)) continue;
      walk.followed.add(meant);
      decides(walk, meant, "the order inside of a function", scope);
    }
  }
  const stored = callee(walk, expr);
  if (stored !== null) return { ...args, flow: merged([args.flow, stored]), total: false };
  return { ...args, total: args.total && isTotalCall(expr, args.values) };
}

/** MariaDB lets a window's keys mean what the select list calls so, even further on in the list. */
function aliased(key: Expr, inside: Call, { list }: Scope): readonly Expr[] {
  const names = columnsNamed(key);
  return list.flatMap((item) => {
    const meant = "expr" in item && item.alias !== null && names.has(item.alias.toLowerCase());
    return meant && !some(item.expr, (part) => part === inside) ? [item.expr] : [];
  });
}

/** Functions of a JSON document fail on a key that is NULL: only literal keys are certain. */
function isTotalCall({ name, schema, args }: Call, values: readonly Value[]): boolean {
  if (schema !== "") return false;
  if (name === "json_object") return args.every((arg, at) => at % 2 === 1 || arg.t === "literal");
  if (isTotalForNumbers(name)) {
    return values[0]?.column?.numeric === true && args.slice(1).every(({ t }) => t === "literal");
  }
  return isTotal(name);
}

/** Judges the function itself. null for a built-in; else what a routine's result may carry. */
function callee(walk: Walk, { schema, name }: Call): Flow | null {
  const { model } = walk;
  if (schema === "" && isVouched(name) && !model.routineNames.has(name)) {
    walk.functions.add(`builtin.${name}`);
    return null;
  }
  const home = schema === "" ? walk.mode.schema : schema;
  const routine = model.routine("function", home, name);
  if (routine === undefined && schema === "") {
    walk.functions.add(`builtin.${name}`);
    walk.object(objections.func(name));
    return null;
  }
  const full = `${routine?.schema ?? home}.${name}`.toLowerCase();
  walk.functions.add(full);
  walk.object(objections.func(full));
  if (!walk.taints.any || (routine !== undefined && !walk.taints.routine(routine))) return null;
  walk.tainted = true;
  return { origins: new Map([[`${full}()`, { kind: "null" }]]), plain: false };
}

/** Comparisons of clean values fail on nothing that masks care about; of masked ones they answer questions. */
const safeOperators = new Set([
  "=",
  "<=>",
  "<>",
  "!=",
  "<",
  ">",
  "<=",
  ">=",
  "IN",
  "NOT IN",
  "BETWEEN",
  "NOT BETWEEN",
  "LIKE",
  "NOT LIKE",
  "AND",
  "OR",
  "NOT",
  "XOR",
]);
/** What stands beside a masked value in these has nothing to do with it. */
const connectives = new Set(["AND", "OR", "NOT", "XOR"]);
const totalOperators = new Set(["CONCAT", "COLLATE", "IS NULL", "IS NOT NULL"]);
const totalCasts = new Set(["CHAR", "BINARY", "USING utf8mb4", "USING binary"]);

function operator(walk: Walk, expr: Extract<Expr, { t: "op" }>, scope: Scope): Value {
  const all = together(walk, expr.args, scope);
  if (all.flow !== null && !connectives.has(expr.op)) walk.hidden.add(expr);
  // DEFAULT(c) names a column whose value is not read.
  const touches = expr.op === "DEFAULT" ? [] : all.touches;
  return { ...all, touches, total: all.total && isTotalOperator(expr, all.values) };
}

function isTotalOperator({ op, detail }: Extract<Expr, { t: "op" }>, values: readonly Value[]): boolean {
  if (totalOperators.has(op)) return true;
  if (op === "CAST") return totalCasts.has(detail);
  if (op === "CASE") return detail === "" || compared(values).every(({ flow }) => flow === null);
  return safeOperators.has(op) && values.every(({ flow }) => flow === null);
}

/** `CASE a WHEN b THEN c WHEN d THEN e ELSE f END` compares a with b and d. */
function compared(values: readonly Value[]): readonly Value[] {
  const branches = values.length % 2 === 0 ? values.slice(0, -1) : values;
  return branches.filter((_, at) => at === 0 || at % 2 === 1);
}
