/** Expressions: precedence as in the targets' grammar (sql_yacc.yy, `expr` down to `simple_expr`). */
import { parsePrimary } from "./parse_primary.ts";
import type { Reader } from "./reader.ts";
import type { Expr } from "./syntax.ts";

export function op(name: string, args: readonly Expr[], detail = ""): Expr {
  return { t: "op", op: name, args, detail };
}

export function parseExpr(reader: Reader): Expr {
  return reader.nested(() => chain(reader, "OR", xor, orFollows));
}

/** `a OP b OP c` as one node: long chains must not become deep trees. */
function chain(
  reader: Reader,
  name: string,
  operand: (reader: Reader) => Expr,
  follows: (reader: Reader) => boolean,
): Expr {
  const first = operand(reader);
  if (!follows(reader)) return first;
  const args = [first, operand(reader)];
  while (follows(reader)) args.push(operand(reader));
  return op(name, args);
}

const orFollows = (reader: Reader) =>
  reader.take("OR") || (!reader.mode.pipesAsConcat && reader.takeOp("||"));

const xor = (reader: Reader): Expr => chain(reader, "XOR", and, (r) => r.take("XOR"));

const and = (reader: Reader): Expr => chain(reader, "AND", not, (r) => r.take("AND") || r.takeOp("&&"));

function not(reader: Reader): Expr {
  if (!reader.mode.highNotPrecedence && reader.take("NOT")) {
    return op("NOT", [reader.nested(() => not(reader))]);
  }
  return comparison(reader);
}

const comparisons = new Set(["=", "<=>", "<>", "!=", "<", ">", "<=", ">="]);

function comparison(reader: Reader): Expr {
  let left = predicate(reader);
  for (let links = 0;; links++) {
    if (links > 100) throw reader.unexpected("the end of a chain of comparisons");
    const token = reader.peek();
    if (token.kind === "op" && comparisons.has(token.value)) {
      reader.next();
      const quantifier = reader.isOp("(", 1) ? reader.takeOne("ALL", "ANY", "SOME") : "";
      left = op(token.value, [left, predicate(reader)], quantifier);
    } else if (reader.take("IS")) {
      const negated = reader.take("NOT");
      const what = reader.takeOne("NULL", "TRUE", "FALSE", "UNKNOWN");
      if (what === "") throw reader.unexpected("NULL, TRUE or FALSE");
      left = op(negated ? `IS NOT ${what}` : `IS ${what}`, [left]);
    } else return left;
  }
}

function predicate(reader: Reader): Expr {
  const left = bits(reader);
  const negated = reader.isWord("NOT") &&
    ["IN", "BETWEEN", "LIKE", "REGEXP", "RLIKE"].includes(reader.peek(1).keyword);
  if (negated) reader.next();
  const name = (word: string) => negated ? `NOT ${word}` : word;
  if (reader.take("IN")) return op(name("IN"), [left, ...inList(reader)]);
  if (reader.take("BETWEEN")) {
    const low = bits(reader);
    reader.expect("AND");
    return op(name("BETWEEN"), [left, low, reader.nested(() => predicate(reader))]);
  }
  if (reader.take("LIKE")) {
    const args = [left, bits(reader)];
    if (reader.take("ESCAPE")) args.push(bits(reader));
    return op(name("LIKE"), args);
  }
  if (reader.takeOne("REGEXP", "RLIKE") !== "") return op(name("REGEXP"), [left, bits(reader)]);
  if (reader.take("SOUNDS", "LIKE")) return op("SOUNDS LIKE", [left, bits(reader)]);
  if (reader.take("MEMBER")) {
    reader.take("OF");
    reader.expectOp("(");
    const array = parseExpr(reader);
    reader.expectOp(")");
    return op("MEMBER OF", [left, array]);
  }
  return left;
}

/** A list, or a sub-query, which `parsePrimary` finds in the parentheses. */
function inList(reader: Reader): readonly Expr[] {
  const inside = parsePrimary(reader);
  return inside.t === "op" && inside.op === "ROW" ? inside.args : [inside];
}

const arithmetic = new Set(["+", "-", "*", "/", "%", "^", "|", "&", "<<", ">>"]);

/** All arithmetic and bit operators at one level: nothing here depends on how they bind. */
function bits(reader: Reader): Expr {
  const first = unary(reader);
  if (!arithmeticFollows(reader)) return first;
  const args = [first], operators: string[] = [];
  for (let operator = takeArithmetic(reader); operator !== ""; operator = takeArithmetic(reader)) {
    operators.push(operator);
    args.push(unary(reader));
  }
  const all = new Set(operators);
  return op(all.size === 1 && all.has("||") ? "CONCAT" : "ARITHMETIC", args, operators.join(" "));
}

function arithmeticFollows(reader: Reader): boolean {
  const { kind, value, keyword } = reader.peek();
  if (kind === "op") return arithmetic.has(value) || (value === "||" && reader.mode.pipesAsConcat);
  return keyword === "DIV" || keyword === "MOD";
}

function takeArithmetic(reader: Reader): string {
  return arithmeticFollows(reader) ? reader.next().value : "";
}

function unary(reader: Reader): Expr {
  const { kind, value } = reader.peek();
  if (kind === "op" && (value === "-" || value === "+" || value === "~")) {
    reader.next();
    const arg = reader.nested(() => unary(reader));
    if (value === "-" && arg.t === "literal" && typeof arg.value === "number") {
      return { t: "literal", value: -arg.value };
    }
    return value === "+" ? arg : op("ARITHMETIC", [arg], value);
  }
  const negation = reader.takeOp("!") || (reader.mode.highNotPrecedence && reader.take("NOT"));
  if (negation) return op("NOT", [reader.nested(() => unary(reader))]);
  if (reader.take("BINARY")) return op("CAST", [reader.nested(() => unary(reader))], "BINARY");
  return postfix(reader, parsePrimary(reader));
}

function postfix(reader: Reader, first: Expr): Expr {
  let expr = first;
  for (;;) {
    if (reader.take("COLLATE")) {
      if (reader.peek().kind === "string" || reader.isWord("BINARY")) reader.next();
      else reader.name();
      if (expr.t !== "op" || expr.op !== "COLLATE") expr = op("COLLATE", [expr]);
    } else if (reader.isOp("->") || reader.isOp("->>")) {
      const { value } = reader.next();
      const path = reader.next();
      if (path.kind !== "string") throw reader.unexpected("a path");
      return op("JSON", [expr], value);
    } else return expr;
  }
}
