/** Literals whose values no fact of a statement depends on: only where they stand counts. See ../shapes.ts. */
import type { Node, RawStmt } from "libpg-query";
import { as, type NodeOf, strings } from "./ast.ts";

/** Operators of which where.ts reads the columns on both sides, and no value. `LIKE '%'` is none of them. */
const compares = new Set(["=", "<>", "<", ">", "<=", ">=", "+", "-", "*"]);

/** Where they begin in `text`, which is ASCII: the parser counts bytes of UTF-8. */
export function freeLiterals(statements: readonly RawStmt[], text: string): Set<number> {
  const found = new Found(text);
  found.visit(statements);
  return found.places;
}

class Found {
  readonly places = new Set<number>();

  constructor(private readonly text: string) {}

  visit(node: unknown): void {
    if (typeof node !== "object" || node === null) return;
    if (Array.isArray(node)) {
      for (const each of node) this.visit(each);
      return;
    }
    this.#look(node as Node);
    for (const inner of Object.values(node)) this.visit(inner);
  }

  #look(node: Node): void {
    const expression = as(node, "A_Expr");
    if (expression !== undefined) return this.#expression(expression);
    const select = as(node, "SelectStmt");
    if (select !== undefined) {
      this.#take(select.limitCount);
      this.#take(select.limitOffset);
    }
    const insert = as(node, "InsertStmt");
    for (const row of as(insert?.selectStmt, "SelectStmt")?.valuesLists ?? []) this.#takeAll(row);
    this.#assigned(as(node, "UpdateStmt")?.targetList);
    const { onConflictClause } = insert ?? {};
    this.#assigned(onConflictClause?.targetList);
  }

  #assigned(targets: readonly Node[] = []): void {
    for (const target of targets) this.#take(as(target, "ResTarget")?.val);
  }

  /** One side at least is more than a literal: `1 = 1` is true whatever the row. */
  #expression({ kind, name, lexpr, rexpr }: NodeOf<"A_Expr">): void {
    const [operator = "", ...more] = strings(name);
    if (kind === "AEXPR_OP" && more.length === 0 && compares.has(operator)) {
      if (as(lexpr, "A_Const") === undefined) this.#take(rexpr);
      else if (rexpr !== undefined && as(rexpr, "A_Const") === undefined) this.#take(lexpr);
    }
    if (kind === "AEXPR_IN" || kind === "AEXPR_BETWEEN" || kind === "AEXPR_NOT_BETWEEN") {
      if (as(lexpr, "A_Const") === undefined) this.#takeAll(rexpr);
    }
  }

  #takeAll(list: Node | undefined): void {
    for (const item of as(list, "List")?.items ?? []) this.#take(item);
  }

  #take(node: Node | undefined): void {
    const constant = as(node, "A_Const");
    if (constant === undefined || (constant.ival === undefined && constant.sval === undefined)) return;
    let at = constant.location ?? 0;
    // A number's sign belongs to it, and stays in the shape.
    if (this.text[at] === "-") {
      do at++; while (/\s/.test(this.text[at] ?? ""));
    }
    this.places.add(at);
  }
}
