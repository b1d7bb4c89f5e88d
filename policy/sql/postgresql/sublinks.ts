/** Queries inside expressions. */
import { type NodeOf, strings } from "./ast.ts";
import { value } from "./expressions.ts";
import { queryShape } from "./queries.ts";
import type { Scope } from "./scope.ts";
import { type Column, derived, either, isScalar, risky, type Taint, type Value } from "./taint.ts";
import { noteOperator } from "./types_used.ts";
import type { Walk } from "./walk.ts";

export function subLink(node: NodeOf<"SubLink">, walk: Walk, scope: Scope): Value {
  const asked = node.subLinkType !== "EXPR_SUBLINK" && node.subLinkType !== "ARRAY_SUBLINK";
  const shape = queryShape(node.subselect, asked ? { ...walk, unordered: true } : walk, scope);
  const all = shape.columns.reduce<Taint | null>((taint, column) => either(taint, column.taint), null);
  switch (node.subLinkType) {
    case "EXISTS_SUBLINK":
      // What the rows hold is not even computed; which rows there are was judged within.
      return risky;
    case "ARRAY_SUBLINK":
      if (all !== null && !isScalar(all)) walk.found.maskedInExpression(all.column, "ARRAY(…)");
      return all === null ? risky : { taint: derived, fails: true };
    case "EXPR_SUBLINK":
      // A second row is an error.
      return { taint: rowTaint(shape.columns, all), fails: true };
    default: {
      noteOperator(node.operName === undefined ? ["="] : strings(node.operName), walk);
      const test = value(node.testexpr, walk, scope);
      const taint = test.taint ?? all;
      if (taint === null) return risky;
      // The first match ends it: which rows were computed by then, and may have failed, depends on the value.
      walk.found.maskedInExpression(taint.column, "a comparison with a query's rows");
      return { taint: derived, fails: false };
    }
  }
}

function rowTaint(columns: readonly Column[], all: Taint | null): Taint | null {
  return columns.length === 1 || all === null ? all : derived;
}
