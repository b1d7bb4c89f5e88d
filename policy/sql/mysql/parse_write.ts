/** INSERT, REPLACE, UPDATE, DELETE. */
import { orderList } from "./parse_call.ts";
import { parseExpr } from "./parse_expression.ts";
import { parseFrom, tableName } from "./parse_from.ts";
import { continueQuery, parseItems, parseLimit, parseQuery, parseWith, startsQuery } from "./parse_query.ts";
import type { Reader } from "./reader.ts";
import type { Assignment, Delete, Expr, Insert, Query, TableName, Update } from "./syntax.ts";

/** The statement that begins here; null where it is none of these. */
export function parseWrite(reader: Reader): Insert | Update | Delete | null {
  const { ctes, recursive } = parseWith(reader);
  const verb = reader.takeOne("INSERT", "REPLACE", "UPDATE", "DELETE");
  switch (verb) {
    case "UPDATE":
      return { ...parseUpdate(reader), ctes, recursive };
    case "DELETE":
      return { ...parseDelete(reader), ctes, recursive };
    case "INSERT":
    case "REPLACE":
      return ctes.length > 0 ? null : parseInsert(reader, verb);
    default:
      return null;
  }
}

/** Whether IGNORE was among them. */
function modifiers(reader: Reader, ...words: string[]): boolean {
  let ignore = false;
  for (let word = reader.takeOne(...words); word !== ""; word = reader.takeOne(...words)) {
    ignore ||= word === "IGNORE";
  }
  return ignore;
}

function skipPartition(reader: Reader): void {
  if (reader.take("PARTITION")) reader.parenthesised(() => reader.name());
}

function parseInsert(reader: Reader, verb: "INSERT" | "REPLACE"): Insert {
  const ignore = modifiers(reader, "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "IGNORE");
  reader.take("INTO");
  const table = tableName(reader);
  skipPartition(reader);
  const values: Expr[] = [];
  if (reader.take("SET")) {
    const set = assignments(reader);
    for (const { value } of set) keep(values, value);
    const columns = set.map(({ column }) => column.t === "column" ? column.parts.at(-1) ?? "" : "");
    const given = set.map(({ value }) => value);
    const tail = insertTail(reader);
    const parts = { table, columns, values, rows: null, set: given, query: null };
    return { ...tail, t: "insert", verb, ignore, ...parts };
  }
  const columns = columnsOf(reader);
  const rows = reader.isAnyWord("VALUES", "VALUE") ? reader.place + 1 : null;
  const query = source(reader, values);
  const parts = { table, columns, values, rows, set: [], query };
  return { ...insertTail(reader), t: "insert", verb, ignore, ...parts };
}

/** `(a, b)` after the table; a parenthesis may open a query instead. */
function columnsOf(reader: Reader): string[] {
  if (!reader.isOp("(") || reader.isOp("(", 1) || reader.isWord("SELECT", 1) || reader.isWord("WITH", 1)) {
    return [];
  }
  reader.next();
  if (reader.takeOp(")")) return [];
  const columns = reader.list(() => {
    let name = reader.name().value;
    while (reader.takeOp(".")) name = reader.nameAfterDot().value;
    return name;
  });
  reader.expectOp(")");
  return columns;
}

/** Rows go into `values`, as far as they are more than literals; a query is returned. */
function source(reader: Reader, values: Expr[]): Query | null {
  if (reader.takeOne("VALUES", "VALUE") !== "") {
    reader.list(() => row(reader, values));
    return null;
  }
  if (startsQuery(reader)) return parseQuery(reader);
  reader.expectOp("(");
  const query = parseQuery(reader);
  reader.expectOp(")");
  return continueQuery(reader, query);
}

function row(reader: Reader, values: Expr[]): void {
  reader.take("ROW");
  reader.expectOp("(");
  if (reader.takeOp(")")) return;
  do {
    if (!skipLiteral(reader)) keep(values, parseExpr(reader));
  } while (reader.takeOp(","));
  reader.expectOp(")");
}

/** Bulk inserts are mostly literals: they are passed over without a node each. */
function skipLiteral(reader: Reader): boolean {
  const { kind, keyword } = reader.peek();
  const literal = kind === "string" || kind === "number" || kind === "bits" || kind === "param" ||
    keyword === "NULL";
  if (!literal || !(reader.isOp(",", 1) || reader.isOp(")", 1))) return false;
  reader.next();
  return true;
}

function keep(values: Expr[], value: Expr): void {
  if (value.t !== "literal" && value.t !== "param") values.push(value);
}

type InsertTail = Pick<Insert, "update" | "rowAlias" | "rowColumns" | "returning">;

function insertTail(reader: Reader): InsertTail {
  let rowAlias: string | null = null;
  let rowColumns: string[] = [];
  if (reader.take("AS")) {
    rowAlias = reader.name().value;
    if (reader.isOp("(")) rowColumns = reader.parenthesised(() => reader.name().value);
  }
  const update = reader.take("ON", "DUPLICATE", "KEY", "UPDATE") ? assignments(reader) : [];
  const returning = reader.take("RETURNING") ? parseItems(reader) : [];
  return { update, rowAlias, rowColumns, returning };
}

function assignments(reader: Reader): Assignment[] {
  return reader.list(() => {
    const parts = [reader.name().value];
    while (reader.takeOp(".")) parts.push(reader.nameAfterDot().value);
    if (!reader.takeOp(":=")) reader.expectOp("=");
    const column: Expr = { t: "column", parts, doubleQuoted: false };
    return { column, value: parseExpr(reader) };
  });
}

function parseUpdate(reader: Reader): Omit<Update, "ctes" | "recursive"> {
  const ignore = modifiers(reader, "LOW_PRIORITY", "IGNORE");
  const from = parseFrom(reader);
  if (reader.isWord("FOR")) throw reader.unexpected("SET");
  reader.expect("SET");
  const set = assignments(reader);
  return { t: "update", ignore, from, set, ...restriction(reader) };
}

function restriction(reader: Reader): Pick<Update, "where" | "order" | "limit"> {
  const where = reader.take("WHERE") ? parseExpr(reader) : null;
  const order = reader.take("ORDER", "BY") ? orderList(reader) : [];
  return { where, order, limit: parseLimit(reader) };
}

function parseDelete(reader: Reader): Omit<Delete, "ctes" | "recursive"> {
  modifiers(reader, "LOW_PRIORITY", "QUICK", "IGNORE");
  let targets: TableName[] = [];
  if (!reader.take("FROM")) {
    // DELETE a, b FROM a JOIN b …
    targets = reader.list(() => target(reader));
    reader.expect("FROM");
    return { t: "delete", targets, from: parseFrom(reader), ...restriction(reader), returning: [] };
  }
  const place = reader.place;
  targets = reader.list(() => target(reader));
  if (reader.take("USING")) {
    // DELETE FROM a, b USING a JOIN b …
    return { t: "delete", targets, from: parseFrom(reader), ...restriction(reader), returning: [] };
  }
  reader.back(place);
  const from = parseFrom(reader);
  if (from.length !== 1 || from[0]?.t !== "base") throw reader.unexpected("one table, or USING");
  const own: TableName = from[0].alias === null ? from[0].table : { schema: "", name: from[0].alias };
  if (reader.take("FOR", "PORTION")) throw reader.unexpected("WHERE");
  const limits = restriction(reader);
  const returning = reader.take("RETURNING") ? parseItems(reader) : [];
  return { t: "delete", targets: [own], from, ...limits, returning };
}

/** `t`, `s.t`, `t.*` */
function target(reader: Reader): TableName {
  const table = tableName(reader);
  if (reader.isOp(".") && reader.isOp("*", 1)) {
    reader.next();
    reader.next();
  }
  return table;
}
