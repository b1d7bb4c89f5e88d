/** Calls: of the common form, and those with a syntax of their own. */
import { op, parseExpr } from "./parse_expression.ts";
import { asciiLower } from "./characters.ts";
import type { Reader } from "./reader.ts";
import type { Call, Expr } from "./syntax.ts";
import { intervalUnits, isReserved, reservedFunctions } from "./words.ts";

export function startsCall(reader: Reader): boolean {
  const token = reader.peek();
  if (token.kind !== "word" || !reader.isOp("(", 1)) return false;
  return token.keyword === "" || !isReserved(reader.mode.flavour, token.keyword) ||
    reservedFunctions.has(token.keyword);
}

interface CallParts {
  readonly schema?: string;
  readonly args?: readonly Expr[];
  readonly distinct?: boolean;
  readonly order?: readonly Expr[];
}

function call(reader: Reader, name: string, parts: CallParts): Call {
  const { schema = "", args = [], distinct = false, order = [] } = parts;
  const within = reader.take("WITHIN", "GROUP") ? withinGroup(reader) : [];
  if (reader.isWord("FIRST", 1) || reader.isWord("NULLS", 1)) {
    reader.phrase("FROM FIRST", "FROM LAST");
    reader.phrase("RESPECT NULLS", "IGNORE NULLS");
  }
  const over = reader.take("OVER") ? window(reader) : null;
  return {
    t: "call",
    schema,
    name: asciiLower(name),
    args,
    distinct,
    order: [...order, ...within, ...(over ?? [])],
    window: over !== null,
  };
}

/** A call by its name; or, with `qualified`, after a schema and a name were taken. */
export function parseCall(reader: Reader, qualified?: readonly [string, string]): Call {
  const [schema, name] = qualified ?? ["", reader.next().value];
  reader.expectOp("(");
  if (reader.takeOp(")")) return call(reader, name, { schema });
  if (reader.takeOp("*")) {
    reader.expectOp(")");
    return call(reader, name, { schema });
  }
  const distinct = reader.takeOne("DISTINCT", "DISTINCTROW", "ALL").startsWith("DISTINCT");
  const args = reader.list(() => argument(reader));
  const order = reader.take("ORDER", "BY") ? orderList(reader) : [];
  if (reader.take("SEPARATOR")) separator(reader);
  if (reader.take("LIMIT")) reader.list(() => parseExpr(reader));
  reader.expectOp(")");
  return call(reader, name, { schema, args, distinct, order });
}

/** `e`, a UDF's `e AS name`, a dynamic column's `e AS type`. */
function argument(reader: Reader): Expr {
  const value = parseExpr(reader);
  if (!reader.take("AS")) return value;
  while (!reader.done && !reader.isOp(",") && !reader.isOp(")")) {
    if (reader.takeOp("(")) reader.skipGroup();
    else reader.next();
  }
  return value;
}

function separator(reader: Reader): void {
  const { kind } = reader.next();
  if (kind !== "string" && kind !== "bits") throw reader.unexpected("a separator");
}

export function orderList(reader: Reader): Expr[] {
  return reader.list(() => {
    const key = parseExpr(reader);
    reader.takeOne("ASC", "DESC");
    return key;
  });
}

function withinGroup(reader: Reader): Expr[] {
  reader.expectOp("(");
  reader.expect("ORDER", "BY");
  const keys = orderList(reader);
  reader.expectOp(")");
  return keys;
}

/** `OVER w` or `OVER (…)`: what it partitions and orders by. */
function window(reader: Reader): Expr[] {
  if (reader.isName()) {
    reader.name();
    return [];
  }
  reader.expectOp("(");
  return windowBody(reader);
}

/** After the opening parenthesis of a window's definition. */
export function windowBody(reader: Reader): Expr[] {
  const keys: Expr[] = [];
  if (reader.isName() && !reader.isAnyWord("PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS")) reader.name();
  if (reader.take("PARTITION", "BY")) keys.push(...reader.list(() => parseExpr(reader)));
  if (reader.take("ORDER", "BY")) keys.push(...orderList(reader));
  if (reader.takeOne("ROWS", "RANGE", "GROUPS") !== "") {
    if (reader.take("BETWEEN")) {
      keys.push(...bound(reader));
      reader.expect("AND");
    }
    keys.push(...bound(reader));
    if (reader.take("EXCLUDE")) {
      if (!reader.take("CURRENT", "ROW") && !reader.take("NO", "OTHERS")) reader.takeOne("GROUP", "TIES");
    }
  }
  reader.expectOp(")");
  return keys;
}

function bound(reader: Reader): Expr[] {
  if (reader.take("CURRENT", "ROW")) return [];
  const keys = reader.take("UNBOUNDED") ? [] : [parseExpr(reader)];
  if (reader.takeOne("PRECEDING", "FOLLOWING") === "") throw reader.unexpected("PRECEDING or FOLLOWING");
  return keys;
}

/** Calls with words between their arguments; null where none starts here. */
export function parseSpecialCall(reader: Reader): Expr | null {
  const { keyword, value } = reader.peek();
  const special = specials[keyword];
  if (special === undefined || !reader.isOp("(", 1)) return null;
  reader.next();
  reader.next();
  const result = special(reader, value);
  return result;
}

function finish(reader: Reader, name: string, args: readonly Expr[]): Call {
  reader.expectOp(")");
  return call(reader, name, { args });
}

type Special = (reader: Reader, name: string) => Expr;

const cast: Special = (reader) => {
  const arg = parseExpr(reader);
  reader.expect("AS");
  return castTo(reader, arg);
};

function castTo(reader: Reader, arg: Expr): Expr {
  const { keyword } = reader.next();
  if (keyword === "") throw reader.unexpected("a type");
  let sized = false;
  if (reader.takeOp("(")) {
    sized = true;
    reader.skipGroup();
  }
  while (!reader.isOp(")")) {
    if (reader.done || reader.peek().kind === "op") throw reader.unexpected("a type");
    reader.next();
  }
  reader.expectOp(")");
  return op("CAST", [arg], sized ? `${keyword}()` : keyword);
}

const convert: Special = (reader) => {
  const arg = parseExpr(reader);
  if (reader.take("USING")) {
    const { value } = reader.next();
    reader.expectOp(")");
    return op("CAST", [arg], `USING ${asciiLower(value)}`);
  }
  reader.expectOp(",");
  return castTo(reader, arg);
};

const extract: Special = (reader, name) => {
  if (!intervalUnits.has(reader.next().keyword)) throw reader.unexpected("a unit of time");
  reader.expect("FROM");
  return finish(reader, name, [parseExpr(reader)]);
};

const trim: Special = (reader, name) => {
  const args: Expr[] = [];
  const side = reader.takeOne("LEADING", "TRAILING", "BOTH");
  if (side === "" || !reader.isWord("FROM")) args.push(parseExpr(reader));
  if (reader.take("FROM")) args.push(parseExpr(reader));
  return finish(reader, name, args);
};

const substring: Special = (reader, name) => {
  const args = [parseExpr(reader)];
  if (reader.take("FROM")) {
    args.push(parseExpr(reader));
    if (reader.take("FOR")) args.push(parseExpr(reader));
  } else while (reader.takeOp(",")) args.push(parseExpr(reader));
  return finish(reader, name, args);
};

/** `POSITION(a IN b)`: IN is a predicate's word, so the list is read as one and taken apart. */
const position: Special = (reader, name) => {
  const both = parseExpr(reader);
  return finish(reader, name, both.t === "op" && both.op === "IN" ? both.args : [both]);
};

const char: Special = (reader, name) => {
  const args = reader.list(() => parseExpr(reader));
  if (reader.take("USING")) reader.next();
  return finish(reader, name, args);
};

const unitFirst: Special = (reader, name) => {
  if (!intervalUnits.has(reader.next().keyword)) throw reader.unexpected("a unit of time");
  reader.expectOp(",");
  return finish(reader, name, reader.list(() => parseExpr(reader)));
};

const getFormat: Special = (reader, name) => {
  if (reader.takeOne("DATE", "TIME", "DATETIME", "TIMESTAMP") === "") throw reader.unexpected("a type");
  reader.expectOp(",");
  return finish(reader, name, [parseExpr(reader)]);
};

/** `JSON_VALUE(doc, path RETURNING type … ON EMPTY)`, `WEIGHT_STRING(e AS CHAR(4))`: the rest says nothing here. */
const withTrailer: Special = (reader, name) => {
  const args = reader.list(() => parseExpr(reader));
  if (!reader.isOp(")") && !reader.isAnyWord("RETURNING", "AS", "LEVEL", "NULL", "ERROR")) {
    throw reader.unexpected(")");
  }
  while (!reader.isOp(")")) {
    if (reader.takeOp("(")) reader.skipGroup();
    else if (reader.done) throw reader.unexpected(")");
    else if (reader.take("DEFAULT")) args.push(parseExpr(reader));
    else reader.next();
  }
  return finish(reader, name, args);
};

const specials: Readonly<Record<string, Special>> = {
  CAST: cast,
  CONVERT: convert,
  EXTRACT: extract,
  TRIM: trim,
  SUBSTRING: substring,
  SUBSTR: substring,
  MID: substring,
  POSITION: position,
  CHAR: char,
  TIMESTAMPADD: unitFirst,
  TIMESTAMPDIFF: unitFirst,
  GET_FORMAT: getFormat,
  JSON_VALUE: withTrailer,
  WEIGHT_STRING: withTrailer,
};
