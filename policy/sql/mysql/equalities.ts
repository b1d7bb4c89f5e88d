/** Which columns a condition fixes by which: `a.id = b.a_id`, `id = 5`. */
import { resolve } from "./resolve.ts";
import type { Output, Scope, Source } from "./scope.ts";
import type { Expr } from "./syntax.ts";
import { conjuncts } from "./tree.ts";
import type { Walk } from "./walk.ts";

/**
 * Notes the equalities of a condition. `among`: the tables that one row of the others meets at most once by it:
 * those that an outer join may leave out; all of them for WHERE and inner joins.
 */
export function noteEqualities(
  walk: Walk,
  condition: Expr | null,
  scope: Scope,
  among: (source: Source) => boolean = () => true,
): void {
  if (!walk.taints.any) return;
  for (const expr of conjuncts(condition)) {
    if (expr.t !== "op" || expr.op !== "=" || expr.detail !== "") continue;
    const [left, right] = expr.args;
    if (left === undefined || right === undefined) continue;
    const [first, second] = [columnOf(walk, left, scope), columnOf(walk, right, scope)];
    noteEqual(scope, first, second, isConstant(right), among);
    noteEqual(scope, second, first, isConstant(left), among);
  }
}

function columnOf(walk: Walk, expr: Expr, scope: Scope): Output | null {
  return expr.t === "column" ? resolve(walk, expr, scope) : null;
}

function isConstant({ t }: Expr): boolean {
  return t === "literal" || t === "param" || t === "variable";
}

/** `target` has one value for each of `by`'s, or one at all. */
export function noteEqual(
  scope: Scope,
  target: Output | null,
  by: Output | null,
  constant: boolean,
  among: (source: Source) => boolean,
): void {
  if (!target?.key || !among(target.key.source)) return;
  if (constant) scope.ruler.equalities.push({ target: target.key, by: null });
  else if (by?.key && by.key.source !== target.key.source) {
    scope.ruler.equalities.push({ target: target.key, by: by.key });
  }
}
