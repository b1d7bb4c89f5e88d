/** Queries: WITH, SELECT, set operations, VALUES, TABLE, and what may follow them. */
import { orderList, windowBody } from "./parse_call.ts";
import { parseExpr } from "./parse_expression.ts";
import { parseFrom, tableName } from "./parse_from.ts";
import type { Reader } from "./reader.ts";
import { Refusal } from "./refusal.ts";
import type { Cte, Expr, Query, QueryBody, QueryTail, Select, SelectItem, StarItem } from "./syntax.ts";

const noTail: QueryTail = { file: false, into: [], lock: "" };

/** Does a query begin here, or after opening parentheses a SELECT that must be one? */
export function startsQuery(reader: Reader): boolean {
  if (reader.isAnyWord("SELECT", "WITH")) return true;
  if (reader.isWord("TABLE")) return reader.isName(1);
  return reader.isWord("VALUES") && (reader.isWord("ROW", 1) || reader.isOp("(", 1));
}

/** A whole query, from its WITH to its locks. */
export function parseQuery(reader: Reader): Query {
  return reader.nested(() => {
    const { ctes, recursive } = parseWith(reader);
    return finish(reader, ctes, recursive, setOperations(reader, operand(reader)));
  });
}

/** What follows a query in parentheses that turns out to be the first part of a larger one. */
export function continueQuery(reader: Reader, first: Query): Query {
  return finish(reader, [], false, setOperations(reader, { t: "nested", query: first }));
}

export function parseWith(reader: Reader): { ctes: readonly Cte[]; recursive: boolean } {
  if (!reader.take("WITH")) return { ctes: [], recursive: false };
  const recursive = reader.take("RECURSIVE");
  const ctes = reader.list(() => {
    const name = reader.name().value;
    const columns = reader.isOp("(") ? reader.parenthesised(() => reader.name().value) : [];
    reader.expect("AS");
    reader.expectOp("(");
    const query = parseQuery(reader);
    reader.expectOp(")");
    if (reader.take("CYCLE")) throw reader.unexpected("no CYCLE clause");
    return { name, columns, query };
  });
  return { ctes, recursive };
}

function operand(reader: Reader): QueryBody {
  if (reader.takeOp("(")) {
    const query = parseQuery(reader);
    reader.expectOp(")");
    return { t: "nested", query };
  }
  if (reader.take("TABLE")) return { t: "table", table: tableName(reader) };
  if (reader.take("VALUES")) return values(reader);
  return select(reader);
}

function values(reader: Reader): QueryBody {
  const rows = reader.list(() => {
    reader.take("ROW");
    return reader.parenthesised(() => parseExpr(reader));
  });
  return { t: "values", rows };
}

/** Left to right; INTERSECT binds tighter, which changes no value's origin, only which rows there are. */
function setOperations(reader: Reader, first: QueryBody): QueryBody {
  let left = first;
  for (let links = 0;; links++) {
    const op = reader.takeOne("UNION", "EXCEPT", "INTERSECT") as "UNION" | "EXCEPT" | "INTERSECT" | "";
    if (op === "") return left;
    // Each link is one level of the tree that lineage walks down.
    if (links >= 500) {
      throw new Refusal(
        "nested-too-deep",
        "More than 500 queries are joined by UNION",
        "Send them one by one",
      );
    }
    const all = reader.takeOne("ALL", "DISTINCT") === "ALL";
    left = { t: "set", op, all, left, right: operand(reader) };
  }
}

function finish(reader: Reader, ctes: readonly Cte[], recursive: boolean, body: QueryBody): Query {
  let tail = selectTail(reader, body.t === "select" ? body.tail : noTail);
  const order = reader.take("ORDER", "BY") ? orderList(reader) : [];
  const limit = parseLimit(reader);
  if (reader.isWord("PROCEDURE")) {
    throw new Refusal(
      "procedure-analyse",
      "SELECT … PROCEDURE ANALYSE prints extreme values of columns",
      "Leave out the PROCEDURE clause",
    );
  }
  tail = selectTail(reader, tail);
  return { ctes, recursive, body, order, limit, tail };
}

/** INTO and locks, which may stand before ORDER BY and at the end. */
function selectTail(reader: Reader, before: QueryTail): QueryTail {
  let { file, into, lock } = before;
  for (;;) {
    if (reader.take("INTO")) {
      if (reader.takeOne("OUTFILE", "DUMPFILE") !== "") {
        file = true;
        skipFileOptions(reader);
      } else {
        into = reader.list(() => {
          const token = reader.next();
          if (token.kind !== "variable") throw reader.unexpected("a variable");
          return token.value;
        });
      }
    } else if (reader.take("LOCK", "IN", "SHARE", "MODE")) lock ||= "SHARE";
    else if (reader.isWord("FOR") && reader.peek(1).keyword !== "SYSTEM_TIME") {
      reader.next();
      const what = reader.takeOne("UPDATE", "SHARE");
      if (what === "") throw reader.unexpected("UPDATE or SHARE");
      lock = what === "UPDATE" || lock === "UPDATE" ? "UPDATE" : "SHARE";
      if (reader.take("OF")) reader.list(() => tableName(reader));
    } else if (lock !== "" && reader.phrase("SKIP LOCKED", "NOWAIT") !== "") continue;
    else if (lock !== "" && reader.take("WAIT")) parseExpr(reader);
    else return { file, into, lock };
  }
}

/** The file is refused whatever it is called and however it is written. */
function skipFileOptions(reader: Reader): void {
  while (!reader.done && !reader.isOp(")") && !reader.isAnyWord("FOR", "LOCK", "FROM")) reader.next();
}

export function parseLimit(reader: Reader): Expr[] {
  const limit: Expr[] = [];
  if (reader.take("LIMIT")) {
    limit.push(parseExpr(reader));
    if (reader.takeOp(",") || reader.take("OFFSET")) limit.push(parseExpr(reader));
    if (reader.take("ROWS", "EXAMINED")) limit.push(parseExpr(reader));
    return limit;
  }
  if (reader.take("OFFSET")) {
    limit.push(parseExpr(reader));
    reader.takeOne("ROW", "ROWS");
  }
  if (reader.take("FETCH")) {
    reader.takeOne("FIRST", "NEXT");
    if (reader.takeOne("ROW", "ROWS") === "") {
      limit.push(parseExpr(reader));
      reader.takeOne("ROW", "ROWS");
    }
    if (reader.phrase("ONLY", "WITH TIES") === "") throw reader.unexpected("ONLY");
  }
  return limit;
}

const selectOptions = [
  "ALL",
  "DISTINCT",
  "DISTINCTROW",
  "HIGH_PRIORITY",
  "STRAIGHT_JOIN",
  "SQL_SMALL_RESULT",
  "SQL_BIG_RESULT",
  "SQL_BUFFER_RESULT",
  "SQL_NO_CACHE",
  "SQL_CACHE",
  "SQL_CALC_FOUND_ROWS",
];

function select(reader: Reader): Select {
  reader.expect("SELECT");
  let distinct = false;
  while (reader.isAnyWord(...selectOptions)) {
    if (reader.next().keyword.startsWith("DISTINCT")) distinct = true;
  }
  const items = parseItems(reader);
  // INTO may stand here as well as at the end.
  const tail = reader.isWord("INTO") ? selectTail(reader, noTail) : noTail;
  return { t: "select", distinct, items, tail, ...clauses(reader) };
}

type Clauses = Pick<Select, "from" | "where" | "group" | "having" | "windows">;

function clauses(reader: Reader): Clauses {
  const from = reader.take("FROM") ? parseFrom(reader) : [];
  const where = reader.take("WHERE") ? parseExpr(reader) : null;
  const group = reader.take("GROUP", "BY") ? groupList(reader) : [];
  const having = reader.take("HAVING") ? parseExpr(reader) : null;
  const windows = reader.take("WINDOW")
    ? reader.list(() => {
      reader.name();
      reader.expect("AS");
      reader.expectOp("(");
      return windowBody(reader);
    }).flat()
    : [];
  return { from, where, group, having, windows };
}

function groupList(reader: Reader): Expr[] {
  const keys = orderList(reader);
  reader.take("WITH", "ROLLUP");
  return keys;
}

/** The select list; RETURNING has the same. */
export function parseItems(reader: Reader): (SelectItem | StarItem)[] {
  return reader.list(() =>
    star(reader) ?? { expr: parseExpr(reader), alias: reader.alias(true)?.value ?? null }
  );
}

function star(reader: Reader): StarItem | null {
  if (reader.takeOp("*")) return { star: [] };
  const parts: string[] = [];
  for (let ahead = 0; ahead <= 2 && reader.isName(ahead) && reader.isOp(".", ahead + 1); ahead += 2) {
    parts.push(reader.peek(ahead).value);
    if (!reader.isOp("*", ahead + 2)) continue;
    for (let taken = 0; taken <= ahead + 2; taken++) reader.next();
    return { star: parts };
  }
  return null;
}
