/** WITH lists: what a name stands for, recursion to a fixed point. */
import type { CommonTableExpr, Node, WithClause } from "libpg-query";
import { as, strings } from "./ast.ts";
import { queryShape, selectShape } from "./queries.ts";
import { type Cte, type CteFrame, renamed, type Scope } from "./scope.ts";
import { type Column, derived, isTainted, type Shape } from "./taint.ts";
import type { Walk } from "./walk.ts";

/** Taints usually settle in two turns; each turn can pass them on by one column. */
const turnsMax = 16;

/** The frame with the WITH list's names in it. Every query of the list is walked, used or not: changes run anyway. */
export function withFrame(clause: WithClause | undefined, walk: Walk, outer: Scope): CteFrame | null {
  if (clause === undefined) return outer.ctes;
  const expressions = (clause.ctes ?? []).map((node) => as(node, "CommonTableExpr")).filter((each) =>
    each !== undefined
  );
  let frame = outer.ctes;
  if (clause.recursive) {
    const ctes = new Map<string, Cte>();
    frame = { ctes, parent: outer.ctes };
    const scope: Scope = { ...outer, ctes: frame };
    for (const each of expressions) ctes.set(each.ctename ?? "", recursive(each, walk, scope));
    for (const cte of ctes.values()) cte.shape();
    return frame;
  }
  for (const each of expressions) {
    const name = each.ctename ?? "";
    const shape = renamed(
      queryShape(each.ctequery, walk, { ...outer, ctes: frame }),
      strings(each.aliascolnames),
    );
    frame = { ctes: new Map([[name, { name, shape: () => shape }]]), parent: frame };
  }
  return frame;
}

function recursive(expression: CommonTableExpr, walk: Walk, scope: Scope): Cte {
  let done: Shape | null = null;
  /** What is known so far, while the query refers to itself. */
  let provisional: Shape | null = null;
  const compute = (): Shape => {
    // Where the query comes to itself before anything is known of it, nothing can be said.
    provisional = { columns: [{ name: null, taint: null, origin: null }], open: true };
    provisional = named(expression, firstTerm(expression.ctequery, walk, scope) ?? provisional, walk);
    for (let turn = 0; turn < turnsMax; turn++) {
      const next: Shape = named(expression, queryShape(expression.ctequery, walk, scope), walk);
      if (same(next, provisional)) return next;
      provisional = next;
    }
    // Not settled, or not of the form that PostgreSQL takes: whatever comes out counts as masked.
    provisional = allTainted(provisional);
    return allTainted(named(expression, queryShape(expression.ctequery, walk, scope), walk));
  };
  const shape = (): Shape => {
    if (done !== null) return done;
    if (provisional !== null) return provisional;
    return done = compute();
  };
  return { name: expression.ctename ?? "", shape };
}

/** The part of a recursive query that does not refer to it. */
function firstTerm(query: Node | undefined, walk: Walk, scope: Scope): Shape | null {
  const select = as(query, "SelectStmt");
  if (select?.larg === undefined) return null;
  const ctes = withFrame(select.withClause, walk, scope);
  return selectShape(select.larg, walk, { ...scope, ctes });
}

function same(a: Shape, b: Shape): boolean {
  return a.open === b.open && a.columns.length === b.columns.length &&
    a.columns.every(({ name, taint }, index) => {
      const other = b.columns[index];
      return name === other?.name && taint?.column === other?.taint?.column &&
        taint?.type === other?.taint?.type;
    });
}

function allTainted(shape: Shape): Shape {
  return { ...shape, columns: shape.columns.map((column) => ({ ...column, taint: derived })) };
}

/** The CTE's own names, and the columns that SEARCH and CYCLE add. */
function named(expression: CommonTableExpr, shape: Shape, walk: Walk): Shape {
  const { columns, open } = renamed(shape, strings(expression.aliascolnames));
  const { search_clause: search, cycle_clause: cycle } = expression;
  const added: Column[] = [];
  const taintOf = (names: readonly Node[] | undefined) => {
    const list = strings(names);
    const listed = columns.filter(({ name }) => name === null || list.includes(name));
    return isTainted({ columns: listed, open }) ? derived : null;
  };
  if (search !== undefined) {
    added.push({
      name: search.search_seq_column ?? null,
      taint: taintOf(search.search_col_list),
      origin: null,
    });
  }
  if (cycle !== undefined) {
    const taint = taintOf(cycle.cycle_col_list);
    if (taint !== null) walk.found.maskedInPredicate(taint.column, "CYCLE");
    added.push({ name: cycle.cycle_mark_column ?? null, taint, origin: null });
    added.push({ name: cycle.cycle_path_column ?? null, taint, origin: null });
  }
  return { columns: [...columns, ...added], open };
}
