/** DDL, administration, and the rest that is known by its first words. */
import type { StatementKind } from "../../types.ts";
import { factsOf, type Judged } from "./judged.ts";
import { objections } from "./objections.ts";
import { tableName } from "./parse_from.ts";
import type { Reader } from "./reader.ts";
import type { TableName } from "./syntax.ts";
import { namesTelling } from "./system_tables.ts";
import type { Walk } from "./walk.ts";

/** First words -> kind. What is not here, and not judged elsewhere, is unknown. */
const verbs: Readonly<Record<string, StatementKind>> = {
  ALTER: "ddl",
  ANALYZE: "admin",
  BACKUP: "admin",
  BINLOG: "admin",
  CACHE: "admin",
  CHANGE: "admin",
  CHECK: "admin",
  CHECKSUM: "admin",
  CLONE: "admin",
  CREATE: "ddl",
  DROP: "ddl",
  FLUSH: "admin",
  GRANT: "admin",
  HANDLER: "read",
  IMPORT: "admin",
  INSTALL: "admin",
  KILL: "admin",
  LOAD: "copy",
  LOCK: "session",
  OPTIMIZE: "admin",
  PURGE: "admin",
  RENAME: "ddl",
  REPAIR: "admin",
  RESET: "admin",
  RESTART: "admin",
  REVOKE: "admin",
  SHUTDOWN: "admin",
  START: "admin",
  STOP: "admin",
  TRUNCATE: "ddl",
  UNINSTALL: "admin",
  UNLOCK: "session",
  XA: "admin",
  GET: "unknown",
};

/** Words between a verb and the kind of thing it is about. */
const fillers = new Set(
  "OR REPLACE TEMPORARY UNIQUE FULLTEXT SPATIAL ONLINE OFFLINE IGNORE AGGREGATE UNDO LOGICAL NO_WRITE_TO_BINLOG LOCAL"
    .split(" "),
);
const accounts = new Set(["USER", "ROLE", "SERVER", "INSTANCE", "RESOURCE", "LOGFILE", "TABLESPACE"]);

export function judgeOther(walk: Walk, reader: Reader): Judged {
  const first = reader.peek();
  const kind = verbs[first.keyword];
  const words = first.kind === "word" ? [first.keyword || first.value] : [first.kind];
  if (kind === undefined) return finished(reader, "unknown", words);
  reader.next();
  if (kind === "ddl") return judgeDdl(walk, reader, first.keyword);
  switch (first.keyword) {
    case "HANDLER":
      walk.object(objections.handler());
      break;
    case "LOAD":
      return finished(reader, judgeLoad(walk, reader, words), words);
    case "LOCK":
      walk.object(objections.locks());
      break;
    case "GET":
      reader.takeOne("CURRENT", "STACKED");
      words.push("DIAGNOSTICS");
      walk.object(objections.diagnostics());
      break;
    case "KILL":
      reader.takeOne("HARD", "SOFT");
      if (reader.take("QUERY")) words.push("QUERY");
      return finished(reader, kind, words);
  }
  const tables = reader.phrase("TABLES", "TABLE") || reader.phrase("LOCAL TABLE", "NO_WRITE_TO_BINLOG TABLE");
  if (tables !== "" && first.keyword !== "FLUSH") {
    words.push("TABLE");
    if (first.keyword !== "UNLOCK") note(walk, names(reader), first.keyword === "LOCK" ? "write" : "read");
    if (first.keyword === "CHECKSUM" && walk.tainted) walk.object(objections.checksum());
  }
  return finished(reader, kind, words);
}

function finished(reader: Reader, kind: StatementKind, words: readonly string[]): Judged {
  while (!reader.done) reader.next();
  return factsOf(kind, words.join(" ").slice(0, 60));
}

/** LOAD DATA and LOAD XML; LOAD INDEX is administration. */
function judgeLoad(walk: Walk, reader: Reader, words: string[]): StatementKind {
  const what = reader.takeOne("DATA", "XML", "INDEX");
  words.push(what);
  if (what === "INDEX") return "admin";
  const local = reader.tokens.some(({ keyword }) => keyword === "LOCAL");
  walk.object(local ? objections.localInfile() : objections.files());
  while (!reader.done && !reader.isWord("INTO")) reader.next();
  if (reader.take("INTO", "TABLE")) note(walk, [tableName(reader)], "write");
  return "copy";
}

function judgeDdl(walk: Walk, reader: Reader, verb: string): Judged {
  const words = [verb];
  while (fillers.has(reader.peek().keyword)) {
    if (reader.peek().keyword === "TEMPORARY") words.push("TEMPORARY");
    reader.next();
  }
  // CREATE DEFINER = …, ALGORITHM = …, SQL SECURITY …: the kind of thing comes after.
  const things = "TABLE VIEW INDEX PROCEDURE FUNCTION TRIGGER EVENT DATABASE SCHEMA SEQUENCE PACKAGE".split(
    " ",
  );
  const known = [...things, ...accounts];
  if (reader.isAnyWord("DEFINER", "ALGORITHM", "SQL")) {
    while (!reader.done && !reader.isAnyWord(...known)) reader.next();
  }
  const thing = reader.takeOne(...known) || (verb === "TRUNCATE" ? "TABLE" : "");
  if (thing !== "") words.push(thing);
  if (thing === "TABLE" || thing === "VIEW" || thing === "SEQUENCE") note(walk, names(reader), "write");
  else if (thing === "INDEX" || thing === "TRIGGER") note(walk, on(reader), "write");
  const named = reader.tokens.filter(({ kind }) => kind !== "op" && kind !== "number")
    .map(({ value }) => value.toLowerCase());
  const telling = walk.taints.any && namesTelling([...named, walk.mode.schema.toLowerCase()]);
  if (telling || named.some((name) => walk.taints.names.has(name))) {
    walk.tainted = true;
    if (verb === "CREATE" || verb === "ALTER" || verb === "RENAME") walk.object(objections.maskedSchema());
  }
  return finished(reader, accounts.has(thing) ? "admin" : "ddl", words);
}

/** Tables after TABLE; what cannot be read is left to the verb. */
function names(reader: Reader): TableName[] {
  reader.phrase("IF NOT EXISTS", "IF EXISTS");
  const found: TableName[] = [];
  while (reader.isName() || reader.isOp(".")) {
    found.push(tableName(reader));
    if (reader.take("TO")) continue;
    while (!reader.done && !reader.isOp(",") && !reader.isOp("(")) reader.next();
    if (!reader.takeOp(",")) break;
  }
  return found;
}

/** CREATE INDEX i ON t, CREATE TRIGGER … ON t */
function on(reader: Reader): TableName[] {
  while (!reader.done && !reader.isWord("ON")) reader.next();
  return reader.take("ON") && reader.isName() ? [tableName(reader)] : [];
}

function note(walk: Walk, tables: readonly TableName[], access: "read" | "write"): void {
  for (const { schema, name } of tables) walk.use(schema === "" ? walk.mode.schema : schema, name, access);
}
