/** The name that PostgreSQL gives to an unnamed column of a SELECT list (FigureColname in parse_target.c). */
import type { Node } from "libpg-query";
import { as, strings } from "./ast.ts";

interface Choice {
  /** null where this code does not follow PostgreSQL that far. */
  readonly name: string | null;
  /** 0 none found, 1 a weak one that a better one inside replaces, 2 a good one. */
  readonly strength: 0 | 1 | 2;
}

const none: Choice = { name: "?column?", strength: 0 };
const good = (name: string | null): Choice => ({ name, strength: 2 });

export function columnName(node: Node | undefined): string | null {
  return choose(node).name;
}

function choose(node: Node | undefined): Choice {
  if (node === undefined) return none;
  const column = as(node, "ColumnRef");
  if (column !== undefined) return good(strings(column.fields).at(-1) ?? null);
  const call = as(node, "FuncCall");
  if (call !== undefined) return good(strings(call.funcname).at(-1) ?? null);
  const cast = as(node, "TypeCast");
  if (cast !== undefined) {
    const inner = choose(cast.arg);
    return inner.strength > 1 ? inner : { name: strings(cast.typeName?.names).at(-1) ?? null, strength: 1 };
  }
  const collate = as(node, "CollateClause");
  if (collate !== undefined) return choose(collate.arg);
  const indirection = as(node, "A_Indirection");
  if (indirection !== undefined) {
    const field = strings(indirection.indirection).at(-1);
    return field === undefined ? choose(indirection.arg) : good(field);
  }
  return chooseOther(node);
}

const fixed: Readonly<Record<string, string>> = {
  A_ArrayExpr: "array",
  RowExpr: "row",
  CoalesceExpr: "coalesce",
  GroupingFunc: "grouping",
};

function chooseOther(node: Node): Choice {
  for (const kind in fixed) if (kind in node) return good(fixed[kind] ?? null);
  const minMax = as(node, "MinMaxExpr");
  if (minMax !== undefined) return good(minMax.op === "IS_LEAST" ? "least" : "greatest");
  const caseExpr = as(node, "CaseExpr");
  if (caseExpr !== undefined) {
    const inner = choose(caseExpr.defresult);
    return inner.strength > 1 ? inner : { name: "case", strength: 1 };
  }
  if (as(node, "A_Expr")?.kind === "AEXPR_NULLIF") return good("nullif");
  const link = as(node, "SubLink");
  if (link?.subLinkType === "EXISTS_SUBLINK") return good("exists");
  if (link?.subLinkType === "ARRAY_SUBLINK") return good("array");
  // The column's own name, the standard's functions without brackets, XML and JSON: not followed.
  const plain = ["A_Const", "ParamRef", "A_Expr", "BoolExpr", "NullTest", "BooleanTest"];
  return plain.some((kind) => kind in node) || link?.subLinkType === "ANY_SUBLINK" ? none : good(null);
}
