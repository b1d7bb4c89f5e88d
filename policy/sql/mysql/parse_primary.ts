/** Operands of expressions: literals, names, variables, calls, sub-queries, CASE, CAST and their like. */
import { parseCall, parseSpecialCall, startsCall } from "./parse_call.ts";
import { op, parseExpr } from "./parse_expression.ts";
import { tableName } from "./parse_from.ts";
import { continueQuery, parseQuery, startsQuery } from "./parse_query.ts";
import type { Reader } from "./reader.ts";
import { notUnderstood } from "./refusal.ts";
import type { Expr, Query } from "./syntax.ts";
import { bareFunctions, intervalUnits } from "./words.ts";

const constants: Readonly<Record<string, boolean | null>> = { NULL: null, TRUE: true, FALSE: false };

export function parsePrimary(reader: Reader): Expr {
  const from = reader.place;
  const expr = primary(reader);
  const isValue = expr.t === "literal" || expr.t === "param";
  if (isValue && !reader.spans.has(expr)) reader.spans.set(expr, [from, reader.place]);
  return expr;
}

function primary(reader: Reader): Expr {
  const token = reader.peek();
  switch (token.kind) {
    case "string":
      return strings(reader);
    case "number":
      reader.next();
      return { t: "literal", value: Number(token.value) };
    case "bits":
      reader.next();
      return { t: "literal", value: `0x${token.value}` };
    case "charset":
      return introduced(reader);
    case "param":
      reader.next();
      return { t: "param" };
    case "variable":
      return variable(reader);
    case "name":
      return column(reader);
    case "op":
      return operatorStart(reader);
    case "word":
      return wordStart(reader);
    default:
      throw reader.unexpected("an expression");
  }
}

/** Adjacent literals are one. */
function strings(reader: Reader): Expr {
  let value = reader.next().value;
  while (reader.peek().kind === "string") value += reader.next().value;
  return { t: "literal", value };
}

function introduced(reader: Reader): Expr {
  reader.next();
  const { kind, value } = reader.peek();
  if (kind === "string") return strings(reader);
  if (kind !== "bits") throw reader.unexpected("a literal after its character set");
  reader.next();
  return { t: "literal", value: `0x${value}` };
}

function variable(reader: Reader): Expr {
  const name = reader.next().value;
  if (!reader.takeOp(":=")) return { t: "variable", name };
  return { t: "assign", name, value: parseExpr(reader) };
}

function operatorStart(reader: Reader): Expr {
  if (reader.takeOp("(")) return parentheses(reader);
  if (reader.takeOp("@@")) return setting(reader);
  if (reader.takeOp("{")) {
    // ODBC: {ts '2024-01-01 00:00:00'}
    reader.name();
    const inside = parseExpr(reader);
    reader.expectOp("}");
    return inside;
  }
  if (reader.takeOp(".")) return column(reader);
  throw reader.unexpected("an expression");
}

/** After `(`: a sub-query, a row, or an expression. */
function parentheses(reader: Reader): Expr {
  if (startsQuery(reader)) return subquery(closed(reader, parseQuery(reader)));
  const first = parseExpr(reader);
  if (
    first.t === "subquery" && !first.exists &&
    reader.isAnyWord("UNION", "EXCEPT", "INTERSECT", "ORDER", "LIMIT")
  ) {
    return subquery(closed(reader, continueQuery(reader, first.query)));
  }
  const row = [first];
  while (reader.takeOp(",")) row.push(parseExpr(reader));
  reader.expectOp(")");
  return row.length === 1 ? first : op("ROW", row);
}

function closed(reader: Reader, query: Query): Query {
  reader.expectOp(")");
  return query;
}

function subquery(query: Query, exists = false): Expr {
  return { t: "subquery", query, exists };
}

/** After `@@`: `name`, `session.name`, `cache.name`. */
function setting(reader: Reader): Expr {
  const first = reader.nameAfterDot().value;
  if (!reader.takeOp(".")) return { t: "setting", scope: "", name: first.toLowerCase() };
  const scope = first.toLowerCase();
  const name = reader.nameAfterDot().value.toLowerCase();
  return { t: "setting", scope, name };
}

function wordStart(reader: Reader): Expr {
  const { keyword } = reader.peek();
  if (keyword in constants) {
    reader.next();
    return { t: "literal", value: constants[keyword] ?? null };
  }
  switch (keyword) {
    case "CASE":
      return caseExpr(reader);
    case "EXISTS":
      reader.next();
      reader.expectOp("(");
      return subquery(closed(reader, parseQuery(reader)), true);
    case "INTERVAL":
      return interval(reader);
    case "ROW":
      if (!reader.isOp("(", 1)) break;
      reader.next();
      return op("ROW", reader.parenthesised(() => parseExpr(reader)));
    case "MATCH":
      return match(reader);
    case "DATE":
    case "TIME":
    case "TIMESTAMP":
      if (reader.peek(1).kind !== "string") break;
      reader.next();
      return strings(reader);
    case "NEXT":
    case "PREVIOUS":
      if (!reader.isWord("VALUE", 1) || !reader.isWord("FOR", 2)) break;
      return sequence(reader, keyword === "NEXT" ? "nextval" : "lastval");
    case "DEFAULT":
      return reader.isOp("(", 1) ? ofColumn(reader, keyword) : bareDefault(reader);
    case "VALUES":
    case "VALUE":
      if (reader.isOp("(", 1)) return ofColumn(reader, keyword);
      break;
  }
  const special = parseSpecialCall(reader);
  if (special !== null) return special;
  if (startsCall(reader)) return parseCall(reader);
  if (bareFunctions.has(keyword)) {
    const { value } = reader.next();
    return {
      t: "call",
      schema: "",
      name: value.toLowerCase(),
      args: [],
      distinct: false,
      order: [],
      window: false,
    };
  }
  return column(reader);
}

function column(reader: Reader): Expr {
  // A quoted name before a parenthesis is a call, too.
  if (reader.peek().kind === "name" && reader.isOp("(", 1)) return parseCall(reader);
  const first = reader.name();
  const parts = [first.value];
  let { doubleQuoted } = first;
  while (parts.length < 3 && reader.isOp(".") && !reader.isOp("*", 1)) {
    reader.next();
    const part = reader.nameAfterDot();
    parts.push(part.value);
    doubleQuoted ||= part.doubleQuoted;
  }
  if (parts.length === 2 && reader.isOp("(")) return parseCall(reader, parts as [string, string]);
  return { t: "column", parts, doubleQuoted };
}

function caseExpr(reader: Reader): Expr {
  reader.next();
  const args: Expr[] = [];
  const operand = !reader.isWord("WHEN");
  if (operand) args.push(parseExpr(reader));
  while (reader.take("WHEN")) {
    args.push(parseExpr(reader));
    reader.expect("THEN");
    args.push(parseExpr(reader));
  }
  if (args.length < 2) throw reader.unexpected("WHEN");
  if (reader.take("ELSE")) args.push(parseExpr(reader));
  reader.expect("END");
  return op("CASE", args, operand ? "operand" : "");
}

/** `INTERVAL e unit`, or the function INTERVAL(n, a, b, …). */
function interval(reader: Reader): Expr {
  reader.next();
  const value = parseExpr(reader);
  if (intervalUnits.has(reader.peek().keyword)) {
    reader.next();
    return op("INTERVAL", [value]);
  }
  if (value.t === "op" && value.op === "ROW") return op("ARITHMETIC", value.args, "INTERVAL");
  throw reader.unexpected("a unit of time");
}

function match(reader: Reader): Expr {
  reader.next();
  const grouped = reader.takeOp("(");
  const args = reader.list(() => column(reader));
  if (grouped) reader.expectOp(")");
  reader.expect("AGAINST");
  reader.expectOp("(");
  args.push(parsePrimary(reader));
  reader.phrase("IN BOOLEAN MODE", "IN NATURAL LANGUAGE MODE");
  reader.phrase("WITH QUERY EXPANSION");
  reader.expectOp(")");
  return op("MATCH", args);
}

/** DEFAULT(c), VALUES(c): the column is named, not read. */
function ofColumn(reader: Reader, keyword: string): Expr {
  reader.next();
  reader.expectOp("(");
  const named = column(reader);
  reader.expectOp(")");
  if (named.t !== "column") throw notUnderstood(`${keyword} of something that is not a column`);
  return keyword === "DEFAULT" ? op("DEFAULT", [named]) : op("VALUES", []);
}

/** As a value in INSERT and UPDATE. */
function bareDefault(reader: Reader): Expr {
  reader.next();
  return op("DEFAULT", []);
}

/** MariaDB's `NEXT VALUE FOR s`. */
function sequence(reader: Reader, name: string): Expr {
  reader.next();
  reader.expect("VALUE", "FOR");
  tableName(reader);
  return { t: "call", schema: "", name, args: [], distinct: false, order: [], window: false };
}
