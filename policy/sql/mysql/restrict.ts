/** Does a WHERE restrict the rows of an UPDATE or DELETE, or is it true of all of them? */
import type { Expr, Query, TableRef } from "./syntax.ts";
import { conjuncts, keyOf, parts } from "./tree.ts";

/** What is known of the table that loses or changes rows. Names in lower case. */
export interface Changed {
  /** Its name in the catalog, in lower case. */
  readonly table: string;
  /** Names it goes by in the statement. */
  readonly names: ReadonlySet<string>;
  readonly columns: ReadonlySet<string>;
  /** Columns of the primary key. */
  readonly key: ReadonlySet<string>;
  readonly notNull: ReadonlySet<string>;
}

/** Errs on the side of no: a condition that cannot be seen to restrict does not. */
export function restricts(where: Expr | null, table: Changed): boolean {
  return where !== null && isRestricting(where, table);
}

/** Conditions of joins that leave out rows of the changed table: those of inner joins, and of its outer side. */
export function joinConditions(
  refs: readonly TableRef[],
  isChanged: (ref: TableRef) => boolean,
): readonly Expr[] {
  const found: Expr[] = [];
  const visit = (ref: TableRef): void => {
    if (ref.t === "group") ref.items.forEach(visit);
    if (ref.t !== "join") return;
    const kept = ref.side === "left" ? holds(ref.left, isChanged) : holds(ref.right, isChanged);
    if (ref.side === "inner" || !kept) {
      if (ref.on !== null) found.push(ref.on);
      for (const name of ref.using) found.push(sameColumn(name));
    }
    visit(ref.left);
    visit(ref.right);
  };
  refs.forEach(visit);
  return found;
}

/** USING compares a column of one table with that of another: it restricts like an equality with a parameter. */
function sameColumn(name: string): Expr {
  const column: Expr = { t: "column", parts: [name], doubleQuoted: false };
  return { t: "op", op: "=", args: [column, { t: "param" }], detail: "" };
}

function holds(ref: TableRef, isChanged: (ref: TableRef) => boolean): boolean {
  if (ref.t === "join") return holds(ref.left, isChanged) || holds(ref.right, isChanged);
  if (ref.t === "group") return ref.items.some((item) => holds(item, isChanged));
  return isChanged(ref);
}

function isRestricting(expr: Expr, table: Changed): boolean {
  const constant = truth(expr);
  if (constant !== null) return !constant;
  if (expr.t === "op") {
    if (expr.op === "AND") return expr.args.some((arg) => isRestricting(arg, table));
    if (expr.op === "OR") return isRestrictingOr(expr.args, table);
    if (expr.op === "XOR") return expr.args.every((arg) => isRestricting(arg, table));
    if (expr.op === "NOT") return isRestrictingNot(expr.args[0], table);
    if (isAlwaysTrue(expr, table)) return false;
  }
  // The key itself as a condition is true for every key but 0.
  if (expr.t === "column" && isColumn(expr, table.key)) return false;
  return namesColumn(expr, table);
}

function isRestrictingOr(args: readonly Expr[], table: Changed): boolean {
  const open = args.filter((arg) => truth(arg) !== false);
  if (!open.every((arg) => isRestricting(arg, table))) return false;
  // a OR NOT a, in any of its spellings.
  const keys = new Set(open.map((arg) => keyOf(plainNot(arg))));
  return !open.some((arg) => keys.has(keyOf(negated(arg))));
}

const opposites: Readonly<Record<string, string>> = {
  "=": "<>",
  "<>": "=",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">",
  "IS NULL": "IS NOT NULL",
  "IS NOT NULL": "IS NULL",
  IN: "NOT IN",
  "NOT IN": "IN",
  LIKE: "NOT LIKE",
  "NOT LIKE": "LIKE",
  BETWEEN: "NOT BETWEEN",
  "NOT BETWEEN": "BETWEEN",
  REGEXP: "NOT REGEXP",
  "NOT REGEXP": "REGEXP",
};

function plainNot(expr: Expr): Expr {
  if (expr.t !== "op") return expr;
  if (expr.op === "!=") return { ...expr, op: "<>" };
  const [inside] = expr.args;
  return expr.op === "NOT" && inside !== undefined ? negated(inside) : expr;
}

function negated(expr: Expr): Expr {
  const plain = plainNot(expr);
  const opposite = plain.t === "op" ? opposites[plain.op] : undefined;
  if (plain.t === "op" && opposite !== undefined) return { ...plain, op: opposite };
  return { t: "op", op: "NOT", args: [plain], detail: "" };
}

/** Constants only: true, false (NULL counts as false); null where it depends on the row or is not known. */
function truth(expr: Expr): boolean | null {
  if (expr.t === "literal") return isTrue(expr.value);
  if (expr.t !== "op") return null;
  if (expr.op === "NOT") {
    const [inside] = expr.args;
    if (inside?.t === "literal" && inside.value === null) return false;
    const value = inside === undefined ? null : truth(inside);
    return value === null ? null : !value;
  }
  if (expr.op === "AND" || expr.op === "OR") {
    const values = expr.args.map(truth);
    const decisive = expr.op === "OR";
    if (values.includes(decisive)) return decisive;
    return values.includes(null) ? null : !decisive;
  }
  return compared(expr.op, expr.args);
}

function isTrue(value: string | number | boolean | null): boolean {
  if (typeof value === "string") {
    return Number.parseFloat(value) !== 0 && !Number.isNaN(Number.parseFloat(value));
  }
  return value !== null && value !== 0 && value !== false;
}

function compared(op: string, args: readonly Expr[]): boolean | null {
  const [left, right] = args;
  if (args.length !== 2 || left?.t !== "literal" || right?.t !== "literal") return null;
  if (left.value === null || right.value === null) return op === "<=>" ? left.value === right.value : false;
  const [a, b] = typeof left.value === "string" && typeof right.value === "string"
    ? [left.value.toLowerCase(), right.value.toLowerCase()]
    : [Number(left.value), Number(right.value)];
  switch (op) {
    case "=":
    case "<=>":
      return a === b;
    case "<>":
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    default:
      return null;
  }
}

/** `NOT id <> id`, `NOT (a OR b)`, `NOT (a AND b)`: pushed down to comparisons, which have opposites. */
function isRestrictingNot(inside: Expr | undefined, table: Changed): boolean {
  if (inside === undefined) return false;
  if (inside.t === "op" && (inside.op === "AND" || inside.op === "OR")) {
    const args = inside.args.map(negated);
    return isRestricting({ ...inside, op: inside.op === "AND" ? "OR" : "AND", args }, table);
  }
  const opposite = negated(inside);
  return opposite.t === "op" && opposite.op !== "NOT"
    ? isRestricting(opposite, table)
    : namesColumn(inside, table);
}

function sameSides([left, right]: readonly Expr[]): boolean {
  return left !== undefined && right !== undefined && isSame(left, right);
}

/** `orders.id` and `id` are one column; `a.id` and `b.id` are two. */
function isSame(left: Expr, right: Expr): boolean {
  if (left.t !== "column" || right.t !== "column") return keyOf(left) === keyOf(right);
  const short = Math.min(left.parts.length, right.parts.length);
  return left.parts.slice(-short).join("\n").toLowerCase() ===
    right.parts.slice(-short).join("\n").toLowerCase();
}

/** True of every row, or of every row that matters. */
function isAlwaysTrue({ op, args }: Extract<Expr, { t: "op" }>, table: Changed): boolean {
  const [left, right, third] = args;
  if (left === undefined) return false;
  switch (op) {
    case "=":
    case "<=>":
      return sameSides(args);
    case ">=":
    case "<=":
      return sameSides(args) || beyondKeys(op, left, right, table);
    case ">":
    case "<>":
    case "!=":
    case "<":
      return beyondKeys(op, left, right, table);
    case "BETWEEN":
      return right !== undefined && third !== undefined && isSame(left, right) && isSame(left, third);
    case "LIKE":
      return sameSides(args) || (right?.t === "literal" && /^%+$/.test(String(right.value)));
    case "REGEXP":
      return right?.t === "literal" && /^(?:\^?\.\*\$?|\^|\$|)$/.test(String(right.value));
    case "IS NOT NULL":
      return left.t === "column" && isColumn(left, table.notNull);
    case "IN":
      return args.slice(1).some((arg) =>
        isSame(arg, left) || (arg.t === "subquery" && isAllOf(arg.query, left, table))
      );
    default:
      return false;
  }
}

/** `id > 0`, `0 <= id`, `id <> -1`: keys begin at 1. */
function beyondKeys(op: string, left: Expr, right: Expr | undefined, table: Changed): boolean {
  if (right === undefined) return false;
  const flipped = left.t === "literal";
  const [column, literal] = flipped ? [right, left] : [left, right];
  if (column.t !== "column" || !isColumn(column, table.key) || literal.t !== "literal") return false;
  const value = Number(literal.value);
  if (Number.isNaN(value) || value > 0) {
    return value >= 2 ** 31 - 1 && (flipped ? op === ">" || op === ">=" : op === "<" || op === "<=");
  }
  return op === "<>" || op === "!=" || (flipped ? op === "<" || op === "<=" : op === ">" || op === ">=");
}

/** `id IN (SELECT id FROM t)`: all of the table's own values. */
function isAllOf(query: Query, column: Expr, { table }: Changed): boolean {
  const { body } = query;
  if (body.t !== "select" || body.where !== null || body.having !== null || query.limit.length > 0) {
    return false;
  }
  const [item] = body.items, [from, ...others] = body.from;
  if (from?.t !== "base" || others.length > 0 || from.table.name.toLowerCase() !== table) return false;
  return item !== undefined && "expr" in item && isSame(item.expr, column);
}

function isColumn(expr: Extract<Expr, { t: "column" }>, columns: ReadonlySet<string>): boolean {
  return columns.has((expr.parts.at(-1) ?? "").toLowerCase());
}

/** Does the condition depend on the row that would change? */
function namesColumn(expr: Expr, table: Changed): boolean {
  if (expr.t === "column") {
    const [column = "", owner] = [...expr.parts].reverse();
    if (owner !== undefined) return table.names.has(owner.toLowerCase());
    return table.columns.size === 0 || table.columns.has(column.toLowerCase());
  }
  if (expr.t === "subquery") return outerNames(expr.query).some((one) => namesColumn(one, table));
  return parts(expr).some((part) => namesColumn(part, table));
}

/** What a correlated sub-query compares. */
function outerNames(query: Query): readonly Expr[] {
  const { body } = query;
  if (body.t !== "select") return [];
  return conjuncts(body.where).flatMap((condition) => parts(condition)).filter((part) => {
    return part.t === "column" && part.parts.length > 1;
  });
}
