/** SHOW, DESCRIBE of a table, HELP: what tools ask about the schema. */
import { factsOf, type Judged, masksOf, rootScope } from "./judged.ts";
import { decides } from "./lineage_expression.ts";
import { objections } from "./objections.ts";
import { parseExpr } from "./parse_expression.ts";
import { tableName } from "./parse_from.ts";
import { parseLimit } from "./parse_query.ts";
import type { Reader } from "./reader.ts";
import { notUnderstood } from "./refusal.ts";
import { named, type Output, output } from "./scope.ts";
import type { TableName } from "./syntax.ts";
import type { Walk } from "./walk.ts";

/** What may follow SHOW, each with the form of what follows it. The first that fits counts. */
const forms: readonly (readonly [phrase: string, form: Form])[] = [
  ["TABLE STATUS", "schema"],
  ["OPEN TABLES", "schema"],
  ["TABLES", "schema"],
  ["TRIGGERS", "schema"],
  ["EVENTS", "schema"],
  ["COLUMNS", "table"],
  ["FIELDS", "table"],
  ["INDEXES", "table"],
  ["INDEX", "table"],
  ["KEYS", "table"],
  ["DATABASES", "filter"],
  ["SCHEMAS", "filter"],
  ["VARIABLES", "filter"],
  ["STATUS", "filter"],
  ["PROCEDURE STATUS", "filter"],
  ["FUNCTION STATUS", "filter"],
  ["PACKAGE STATUS", "filter"],
  ["PACKAGE BODY STATUS", "filter"],
  ["CHARACTER SET", "filter"],
  ["CHARSET", "filter"],
  ["COLLATION", "filter"],
  ["LOCALES", "filter"],
  ["STORAGE ENGINES", "filter"],
  ["ENGINES", "filter"],
  ["PLUGINS", "filter"],
  ["PRIVILEGES", "filter"],
  ["WARNINGS", "limit"],
  ["ERRORS", "limit"],
  ["PROFILES", "filter"],
  ["CREATE TABLE", "name"],
  ["CREATE VIEW", "name"],
  ["CREATE PROCEDURE", "name"],
  ["CREATE FUNCTION", "name"],
  ["CREATE TRIGGER", "name"],
  ["CREATE EVENT", "name"],
  ["CREATE SEQUENCE", "name"],
  ["CREATE PACKAGE BODY", "name"],
  ["CREATE PACKAGE", "name"],
  ["CREATE DATABASE", "name"],
  ["CREATE SCHEMA", "name"],
];

/** Those that show columns of a table of information_schema that may count as masked. */
const shownTables: Readonly<Record<string, string>> = {
  "TABLE STATUS": "TABLES",
  INDEXES: "STATISTICS",
  INDEX: "STATISTICS",
  KEYS: "STATISTICS",
};
const askedBy = new Set(["TABLE_CATALOG", "TABLE_SCHEMA", "INDEX_SCHEMA", "TABLE_TYPE"]);

type Form = "schema" | "table" | "filter" | "limit" | "name";

/** After SHOW. */
export function judgeShow(walk: Walk, reader: Reader): Judged {
  const refused = refusedShow(walk, reader);
  if (refused !== null) return refused;
  if (reader.take("COUNT")) return countOf(reader);
  while (reader.takeOne("FULL", "EXTENDED", "GLOBAL", "SESSION", "LOCAL", "ALL") !== "");
  for (const [phrase, form] of forms) {
    if (!reader.take(...phrase.split(" "))) continue;
    const outputs = rest(walk, reader, form, shownTables[phrase] ?? null);
    return { ...factsOf("read", `SHOW ${phrase}`), result: masksOf(outputs) };
  }
  throw notUnderstood("this form of SHOW is not one that Postern knows");
}

/** What shows other sessions' statements or credentials; a form that is not understood does not matter then. */
function refusedShow(walk: Walk, reader: Reader): Judged | null {
  const place = reader.place;
  reader.take("FULL");
  const other = reader.phrase(
    "PROCESSLIST",
    "ENGINE",
    "BINLOG EVENTS",
    "RELAYLOG EVENTS",
    "EXPLAIN",
    "ANALYZE",
  );
  const admin = reader.phrase(
    "MASTER",
    "BINARY",
    "BINLOG",
    "SLAVE",
    "ALL SLAVES",
    "REPLICA",
    "REPLICAS",
    "MUTEX",
  );
  const users = reader.phrase("CREATE USER", "GRANTS");
  const verb = other || admin || users;
  if (verb === "") {
    reader.back(place);
    return null;
  }
  // MariaDB prints the password's hash with the grants.
  if (other !== "") walk.object(objections.processes());
  if (users === "CREATE USER" || (users !== "" && reader.mode.flavour === "mariadb")) {
    walk.object(objections.credentials());
  }
  if (users === "GRANTS" && reader.mode.flavour === "mysql") grantsFor(reader);
  else while (!reader.done) reader.next();
  return factsOf(admin !== "" ? "admin" : "read", `SHOW ${verb}`);
}

function grantsFor(reader: Reader): void {
  if (!reader.take("FOR")) return;
  reader.next();
  if (reader.peek().kind === "variable" || reader.isOp("(")) { while (!reader.done) reader.next(); }
}

/** `SHOW COUNT(*) WARNINGS` */
function countOf(reader: Reader): Judged {
  reader.expectOp("(");
  reader.expectOp("*");
  reader.expectOp(")");
  const what = reader.takeOne("WARNINGS", "ERRORS");
  if (what === "") throw reader.unexpected("WARNINGS or ERRORS");
  return factsOf("read", `SHOW ${what}`);
}

/** What is shown, as far as some of it is masked. */
function rest(walk: Walk, reader: Reader, form: Form, shown: string | null): readonly Output[] {
  let table: TableName | null = null;
  switch (form) {
    case "name":
      reader.phrase("IF NOT EXISTS");
      tableName(reader);
      return [];
    case "limit":
      parseLimit(reader);
      return [];
    case "table":
      if (reader.takeOne("FROM", "IN") === "") throw reader.unexpected("FROM");
      table = tableName(reader);
  }
  if (form !== "filter" && reader.takeOne("FROM", "IN") !== "") {
    const schema = reader.name().value;
    if (table !== null) table = { ...table, schema };
  }
  const outputs = shown === null || hasNoMasks(walk, table) ? [] : outputsOf(walk, shown);
  for (const { flow } of outputs) walk.flow(flow);
  if (reader.take("LIKE")) {
    const { kind } = reader.next();
    if (kind !== "string" && kind !== "param") throw reader.unexpected("a pattern");
  } else if (reader.take("WHERE")) filter(walk, reader, outputs);
  return outputs;
}

function hasNoMasks(walk: Walk, name: TableName | null): boolean {
  if (name === null) return false;
  const table = walk.model.table(name.schema === "" ? walk.mode.schema : name.schema, name.name);
  return table !== undefined && !walk.taints.of(table).tainted;
}

/** SHOW's columns are those of a table of information_schema, without what it was asked by. */
function outputsOf(walk: Walk, name: string): readonly Output[] {
  if (!walk.taints.any) return [];
  const table = walk.model.table("information_schema", name);
  if (table === undefined) walk.object(objections.unknownRelation(`information_schema.${name}`));
  return table?.columns.flatMap(({ name }, at) =>
    askedBy.has(name.toUpperCase()) ? [] : output(name, walk.taints.of(table).flows[at] ?? null)
  ) ?? [];
}

/** A condition over the columns of what is shown; functions and sub-queries in it run. */
function filter(walk: Walk, reader: Reader, columns: readonly Output[]): void {
  const scope = rootScope();
  // A qualified name is not known here, and refused where something is masked.
  if (columns.some(({ flow }) => flow !== null)) walk.tainted = true;
  scope.sources.push({
    alias: "",
    schema: null,
    table: null,
    ownRows: true,
    columns,
    byName: named(columns),
    open: true,
    used: new Set(),
    sought: new Set(),
  });
  decides(walk, parseExpr(reader), "what is shown", scope);
}

/** DESCRIBE t [column]; null where a statement follows. */
export function judgeDescribe(reader: Reader): Judged | null {
  if (!reader.isName() || reader.isAnyWord("FORMAT", "EXTENDED", "PARTITIONS")) return null;
  tableName(reader);
  if (!reader.done && reader.peek().kind === "string") reader.next();
  else if (!reader.done) reader.name();
  return factsOf("read", "DESCRIBE");
}
