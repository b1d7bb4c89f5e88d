/** Tables: names, joins, derived tables, and tables made by functions. */
import { parseExpr } from "./parse_expression.ts";
import { continueQuery, parseQuery, startsQuery } from "./parse_query.ts";
import type { Reader } from "./reader.ts";
import { notUnderstood } from "./refusal.ts";
import type { Join, Query, TableName, TableRef } from "./syntax.ts";

/** `t`, `s.t`, `.t` */
export function tableName(reader: Reader): TableName {
  if (reader.takeOp(".")) return { schema: "", name: reader.nameAfterDot().value };
  const first = reader.name().value;
  if (!reader.isOp(".") || reader.isOp("*", 1)) return { schema: "", name: first };
  reader.next();
  return { schema: first, name: reader.nameAfterDot().value };
}

/** What FROM lists, joins and commas. */
export function parseFrom(reader: Reader): TableRef[] {
  if (reader.take("DUAL")) return [];
  return reader.list(() => joined(reader));
}

/**
 * Joins are reduced as in a shift-reduce parser: an ON or USING belongs to the nearest join that still lacks one,
 * so `a LEFT JOIN b JOIN c ON … ON …` nests to the right. Linear: no second attempts.
 */
function joined(reader: Reader, first = factor(reader)): TableRef {
  const tables: TableRef[] = [first];
  const kinds: Kind[] = [];
  for (let links = 0;; links++) {
    if (links > 200) throw notUnderstood("more than 200 tables are joined");
    const kind = joinKind(reader);
    if (kind === null) break;
    tables.push(factor(reader));
    kinds.push(kind);
    if (kind.natural) reduce(tables, kinds, noCondition);
    for (let found = condition(reader); found !== null; found = condition(reader)) {
      if (kinds.length === 0) throw reader.unexpected("a join before ON");
      reduce(tables, kinds, found);
    }
  }
  while (kinds.length > 0) {
    if (kinds.pop()?.side !== "inner") throw reader.unexpected("ON");
    const right = tables.pop() ?? first, left = tables.pop() ?? first;
    tables.push(crossed(left, right));
  }
  return tables[0] ?? first;
}

/** A join without a condition binds before those after it: `a JOIN b JOIN c ON …` is `(a JOIN b) JOIN c ON …`. */
function crossed(left: TableRef, right: TableRef): TableRef {
  if (right.t === "join") return { ...right, left: crossed(left, right.left) };
  return { t: "join", left, right, side: "inner", natural: false, ...noCondition };
}

const noCondition: Condition = { on: null, using: [] };

/** The last two tables become one. */
function reduce(tables: TableRef[], kinds: Kind[], found: Condition): void {
  const right = tables.pop(), left = tables.pop(), kind = kinds.pop();
  if (right === undefined || left === undefined || kind === undefined) {
    throw notUnderstood("a join without tables");
  }
  tables.push({ t: "join", left, right, ...kind, ...found });
}

type Condition = Pick<Join, "on" | "using">;

type Kind = Pick<Join, "side" | "natural">;

function joinKind(reader: Reader): Kind | null {
  if (reader.take("STRAIGHT_JOIN")) return { side: "inner", natural: false };
  const natural = reader.take("NATURAL");
  const word = reader.takeOne("INNER", "CROSS", "LEFT", "RIGHT");
  if (word === "LEFT" || word === "RIGHT") {
    reader.take("OUTER");
    reader.expect("JOIN");
    return { side: word === "LEFT" ? "left" : "right", natural };
  }
  if (natural || word !== "") reader.expect("JOIN");
  else if (!reader.take("JOIN")) return null;
  return { side: "inner", natural };
}

function condition(reader: Reader): Condition | null {
  // INSERT … SELECT … FROM a NATURAL JOIN b ON DUPLICATE KEY UPDATE: that ON is none of the join's.
  if (!reader.isWord("DUPLICATE", 1) && reader.take("ON")) return { on: parseExpr(reader), using: [] };
  if (reader.take("USING")) return { on: null, using: reader.parenthesised(() => reader.name().value) };
  return null;
}

function factor(reader: Reader): TableRef {
  return reader.nested(() => {
    if (reader.isWord("LATERAL")) {
      reader.next();
      reader.expectOp("(");
      const query = parseQuery(reader);
      reader.expectOp(")");
      return derived(reader, query, true);
    }
    if (reader.takeOp("{")) {
      // ODBC: {oj a LEFT JOIN b ON …}
      reader.name();
      const inside = joined(reader);
      reader.expectOp("}");
      return { t: "group", items: [inside] };
    }
    if (reader.takeOp("(")) return parenthesised(reader);
    if (reader.isWord("JSON_TABLE") && reader.isOp("(", 1)) return jsonTable(reader);
    return base(reader);
  });
}

/** After `(`, up to and with its `)`: a derived table, or tables joined inside. */
function parenthesised(reader: Reader): TableRef {
  const inside = content(reader);
  return Array.isArray(inside) ? { t: "group", items: inside } : derived(reader, inside, false);
}

/** What a parenthesis holds, taken with its closing one: a query, or tables. */
function content(reader: Reader): Query | TableRef[] {
  return reader.nested(() => {
    const inside = startsQuery(reader) ? parseQuery(reader) : tablesOrQuery(reader);
    reader.expectOp(")");
    return inside;
  });
}

function tablesOrQuery(reader: Reader): Query | TableRef[] {
  let first: TableRef | undefined;
  if (reader.takeOp("(")) {
    const inside = content(reader);
    if (Array.isArray(inside)) first = { t: "group", items: inside };
    else if (reader.isOp(")")) return inside;
    else if (reader.isAnyWord("UNION", "EXCEPT", "INTERSECT", "ORDER", "LIMIT")) {
      return continueQuery(reader, inside);
    } else first = derived(reader, inside, false);
  }
  const items = [joined(reader, first)];
  while (reader.takeOp(",")) items.push(joined(reader));
  return items;
}

/** The alias and column names of a derived table. */
function derived(reader: Reader, query: Query, lateral: boolean): TableRef {
  const alias = reader.alias(false)?.value ?? null;
  const columns = alias !== null && reader.isOp("(") ? reader.parenthesised(() => reader.name().value) : [];
  return { t: "derived", query, alias, columns, lateral };
}

function base(reader: Reader): TableRef {
  const table = tableName(reader);
  const partition = reader.isWord("PARTITION") && reader.isOp("(", 1);
  if (partition) {
    reader.next();
    reader.parenthesised(() => reader.name());
  }
  if (reader.take("FOR", "SYSTEM_TIME")) systemTime(reader);
  const alias = reader.alias(false)?.value ?? null;
  const indexes: string[] = [];
  while (reader.isAnyWord("USE", "FORCE", "IGNORE")) indexes.push(...indexHint(reader));
  return { t: "base", table, alias, indexes, partition };
}

function indexHint(reader: Reader): string[] {
  const what = reader.next().keyword;
  if (reader.takeOne("INDEX", "KEY") === "") throw reader.unexpected("INDEX");
  if (reader.take("FOR")) {
    if (reader.phrase("JOIN", "ORDER BY", "GROUP BY") === "") {
      throw reader.unexpected("JOIN, ORDER BY or GROUP BY");
    }
  }
  reader.expectOp("(");
  if (reader.takeOp(")")) return [];
  const names = reader.list(() => {
    const token = reader.next();
    if (token.kind !== "word" && token.kind !== "name") throw reader.unexpected("an index");
    return token.value;
  });
  reader.expectOp(")");
  return what === "IGNORE" ? [] : names;
}

/** MariaDB: which past rows of a versioned table. */
function systemTime(reader: Reader): void {
  const point = () => {
    reader.takeOne("TIMESTAMP", "TRANSACTION");
    return constantOnly(reader);
  };
  if (reader.take("ALL")) return;
  if (reader.take("AS", "OF")) point();
  else if (reader.take("BETWEEN")) {
    point();
    reader.expect("AND");
    point();
  } else {
    reader.expect("FROM");
    point();
    reader.expect("TO");
    point();
  }
}

function constantOnly(reader: Reader): void {
  const place = reader.place;
  const token = reader.next();
  if (
    token.kind === "string" || token.kind === "variable" || token.kind === "param" || token.kind === "number"
  ) return;
  reader.back(place);
  if (!reader.isAnyWord("NOW", "CURRENT_TIMESTAMP")) throw reader.unexpected("a point in time");
  reader.next();
  if (reader.takeOp("(")) reader.skipGroup();
}

function jsonTable(reader: Reader): TableRef {
  reader.next();
  reader.expectOp("(");
  const arg = parseExpr(reader);
  reader.expectOp(",");
  if (reader.next().kind !== "string") throw reader.unexpected("a path");
  const columns = jsonColumns(reader);
  reader.expectOp(")");
  const alias = reader.alias(false);
  if (alias === null) throw reader.unexpected("an alias");
  return { t: "function", arg, alias: alias.value, columns };
}

function jsonColumns(reader: Reader): string[] {
  reader.expect("COLUMNS");
  return reader.parenthesised(() => {
    if (reader.take("NESTED")) {
      reader.take("PATH");
      if (reader.next().kind !== "string") throw reader.unexpected("a path");
      return reader.nested(() => jsonColumns(reader));
    }
    const name = reader.name().value;
    // Types, paths and what to do on errors: none of it names a column.
    while (!reader.done && !reader.isOp(",") && !reader.isOp(")")) {
      if (reader.takeOp("(")) reader.skipGroup();
      else reader.next();
    }
    return [name];
  }).flat();
}
