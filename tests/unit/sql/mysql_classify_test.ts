/** What statements are: kind, verb, tables, and what the floor objects to. */
import assert from "node:assert/strict";
import { mysqlDialect } from "../../../policy/sql/mysql/mod.ts";
import type { SqlState } from "../../../policy/types.ts";
import {
  analystOf,
  catalogData,
  codesOf,
  factsOf,
  inMode,
  mariadb,
  mysql,
  verdictOf,
} from "./mysql_fixture.ts";

const kinds: readonly (readonly [text: string, kind: string, verb: string])[] = [
  ["SELECT 1", "read", "SELECT"],
  ["(SELECT 1) UNION (SELECT 2)", "read", "SELECT"],
  ["TABLE orders", "read", "TABLE"],
  ["VALUES ROW(1, 2)", "read", "VALUES"],
  ["WITH a AS (SELECT 1) SELECT * FROM a", "read", "SELECT"],
  ["SELECT * FROM orders FOR UPDATE", "write", "SELECT FOR UPDATE"],
  ["SELECT * FROM orders FOR SHARE SKIP LOCKED", "write", "SELECT FOR SHARE"],
  ["SELECT * FROM orders LOCK IN SHARE MODE", "write", "SELECT FOR SHARE"],
  ["SELECT * FROM (SELECT * FROM orders FOR UPDATE) t", "write", "SELECT FOR UPDATE"],
  ["INSERT INTO orders VALUES (1, 2, 'n')", "write", "INSERT"],
  ["REPLACE orders SET id = 1", "write", "REPLACE"],
  ["UPDATE orders SET note = 'x' WHERE id = 1", "write", "UPDATE"],
  ["WITH x AS (SELECT 1) DELETE FROM orders WHERE id = 1", "write", "DELETE"],
  ["DO 1", "read", "DO"],
  ["CALL p_del(1)", "call", "CALL"],
  ["BEGIN", "transaction", "BEGIN"],
  ["START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", "transaction", "START TRANSACTION"],
  ["COMMIT AND NO CHAIN", "transaction", "COMMIT"],
  ["ROLLBACK TO SAVEPOINT s", "transaction", "ROLLBACK"],
  ["RELEASE SAVEPOINT s", "transaction", "RELEASE SAVEPOINT"],
  ["USE other", "session", "USE"],
  ["SET @x = 1, autocommit = 0", "session", "SET"],
  ["DEALLOCATE PREPARE s", "session", "DEALLOCATE PREPARE"],
  ["UNLOCK TABLES", "session", "UNLOCK TABLE"],
  ["SHOW FULL TABLES FROM ev LIKE 'o%'", "read", "SHOW TABLES"],
  ["SHOW WARNINGS LIMIT 5", "read", "SHOW WARNINGS"],
  ["SHOW COUNT(*) ERRORS", "read", "SHOW ERRORS"],
  ["DESCRIBE orders", "read", "DESCRIBE"],
  ["DESC ev.orders note", "read", "DESCRIBE"],
  ["EXPLAIN DELETE FROM orders", "read", "EXPLAIN"],
  ["EXPLAIN ANALYZE SELECT 1", "read", "EXPLAIN ANALYZE SELECT"],
  ["ANALYZE UPDATE orders SET note = 'x'", "write", "EXPLAIN ANALYZE UPDATE"],
  ["ANALYZE TABLE orders", "admin", "ANALYZE TABLE"],
  ["OPTIMIZE LOCAL TABLE orders", "admin", "OPTIMIZE TABLE"],
  ["KILL QUERY 5", "admin", "KILL QUERY"],
  ["FLUSH TABLES", "admin", "FLUSH"],
  ["SHOW MASTER STATUS", "admin", "SHOW MASTER"],
  ["XA START 'x'", "admin", "XA"],
  ["GRANT ALL ON *.* TO x", "admin", "GRANT"],
  ["CREATE USER x", "admin", "CREATE USER"],
  ["LOAD INDEX INTO CACHE orders", "admin", "LOAD INDEX"],
  ["CREATE TABLE t(id INT)", "ddl", "CREATE TABLE"],
  ["CREATE TEMPORARY TABLE t(id INT)", "ddl", "CREATE TEMPORARY TABLE"],
  ["CREATE OR REPLACE DEFINER = x SQL SECURITY INVOKER VIEW v AS SELECT 1", "ddl", "CREATE VIEW"],
  ["DROP TABLE IF EXISTS orders", "ddl", "DROP TABLE"],
  ["TRUNCATE orders", "ddl", "TRUNCATE TABLE"],
  ["RENAME TABLE orders TO o2", "ddl", "RENAME TABLE"],
  ["BEGIN NOT ATOMIC DELETE FROM orders", "unknown", ""],
  ["FROBNICATE orders", "unknown", "FROBNICATE"],
  ["\ufeffDELETE FROM orders", "unknown", "\ufeffDELETE"],
  ["delimiter //", "unknown", "DELIMITER"],
];

Deno.test("kinds and verbs", () => {
  const analyst = analystOf();
  for (const [text, kind, verb] of kinds) {
    const result = analyst.analyse(text, mariadb);
    if ("refused" in result) {
      assert.equal(kind, "unknown", `${text}: ${result.refused.reason}`);
      continue;
    }
    const [first] = result;
    assert.equal(first?.facts.kind, kind, text);
    if (verb !== "") assert.equal(first?.facts.verb, verb, text);
  }
});

Deno.test("any case, comment or white space leaves the kind as it is", () => {
  for (
    const text of ["dElEtE/**/fRoM/*x*/orders\fwhere\vid=1", "/*!DELETE*/ FROM orders # x\nWHERE id=1 -- "]
  ) {
    assert.equal(factsOf(text).verb, "DELETE", text);
    assert.equal(factsOf(text).missingWhere, false, text);
  }
});

Deno.test("tables with their schemas, as resolved", () => {
  const tables = (text: string, state = mariadb) =>
    factsOf(text, state).tables.map(({ schema, name, access }) => `${schema}.${name}:${access}`);
  assert.deepEqual(tables("SELECT * FROM orders o JOIN other.users u ON u.id = o.id"), [
    "ev.orders:read",
    "other.users:read",
  ]);
  assert.deepEqual(tables("SELECT * FROM users", { ...mariadb, schema: "other" }), ["other.users:read"]);
  assert.deepEqual(tables("WITH users AS (SELECT id FROM orders) SELECT * FROM users"), ["ev.orders:read"]);
  assert.deepEqual(tables("INSERT INTO orders SELECT id, id, 'x' FROM other.users"), [
    "ev.orders:write",
    "other.users:read",
  ]);
  assert.deepEqual(tables("DELETE o FROM orders o JOIN other.users u ON u.id = o.user_id"), [
    "ev.orders:write",
    "other.users:read",
  ]);
  assert.deepEqual(tables("UPDATE orders, other.users SET orders.note = 'x' WHERE orders.id = users.id"), [
    "ev.orders:write",
    "other.users:read",
  ]);
  assert.deepEqual(tables("EXPLAIN DELETE FROM orders WHERE id = 1"), ["ev.orders:read"]);
  assert.deepEqual(tables("DROP TABLE orders, other.users"), ["ev.orders:write", "other.users:write"]);
  assert.deepEqual(tables("SELECT * FROM orders FOR UPDATE"), ["ev.orders:write"]);
});

Deno.test("names of tables fold as lower_case_table_names says", () => {
  assert.deepEqual(codesOf("SELECT * FROM ORDERS"), ["unknown-relation"]);
  const folding = analystOf({ lowerCaseTableNames: 1 });
  assert.equal(verdictOf("SELECT * FROM EV.ORDERS O WHERE o.ID = 1", mariadb, folding), "allow");
  assert.equal(verdictOf("SELECT TABLE_NAME FROM Information_Schema.tables"), "allow");
});

Deno.test("columns and functions", () => {
  const facts = factsOf("SELECT UPPER(note), o.ID FROM orders AS o WHERE COALESCE(user_id, 1) = 2");
  assert.deepEqual([...facts.columns].sort(), ["ev.orders.id", "ev.orders.note", "ev.orders.user_id"]);
  assert.deepEqual([...facts.functions].sort(), ["builtin.coalesce", "builtin.upper"]);
  assert.deepEqual(factsOf("CALL p_del(1)").functions, ["ev.p_del"]);
});

const objected: readonly (readonly [text: string, code: string])[] = [
  ["SELECT f_clean(1)", "function:ev.f_clean"],
  ["SELECT ev.f_clean(1)", "function:ev.f_clean"],
  ["SELECT `f_clean`(1)", "function:ev.f_clean"],
  ["SELECT nobody.knows(1)", "function:nobody.knows"],
  ["SELECT sleep(1)", "function:sleep"],
  ["SELECT SLEEP (1)", "function:sleep"],
  ["SELECT /*!sleep*/(1)", "function:sleep"],
  ["SELECT BENCHMARK(1e9, MD5('x'))", "function:benchmark"],
  ["SELECT GET_LOCK('x', 1)", "function:get_lock"],
  ["SELECT LOAD_FILE('/etc/passwd')", "function:load_file"],
  ["SELECT ſleep(1)", "function:ſleep"],
  ["SELECT NEXTVAL(s)", "function:nextval"],
  ["SELECT NEXT VALUE FOR s", "function:nextval"],
  ["SELECT 1 FROM v_side_effect", "function:ev.del_user"],
  ["SET @x = del_user(1)", "function:ev.del_user"],
  ["SHOW TABLES WHERE del_user(1)", "function:ev.del_user"],
  ["EXPLAIN SELECT del_user(1)", "function:ev.del_user"],
  ["INSERT INTO orders VALUES (del_user(1), 1, 'x')", "function:ev.del_user"],
  ["SELECT 1 INTO OUTFILE '/tmp/x'", "files"],
  ["SELECT 1 INTO DUMPFILE '/tmp/x'", "files"],
  ["SELECT note INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ',' FROM orders", "files"],
  ["(SELECT 1 INTO OUTFILE '/tmp/x')", "files"],
  ["TABLE orders INTO OUTFILE '/tmp/x'", "files"],
  ["SELECT 1 --1 INTO OUTFILE '/tmp/x'", "files"],
  ["LOAD DATA INFILE 'x' INTO TABLE orders", "files"],
  ["LOAD DATA LOCAL INFILE 'x' INTO TABLE orders", "local-infile"],
  ["HANDLER orders OPEN", "handler"],
  ["PREPARE s FROM 'SELECT 1'", "dynamic-sql"],
  ["EXECUTE s USING @a", "dynamic-sql"],
  ["EXECUTE IMMEDIATE CONCAT('SEL', 'ECT 1')", "dynamic-sql"],
  ["LOCK TABLES orders WRITE", "lock-tables"],
  ["SHOW FULL PROCESSLIST", "other-sessions"],
  ["SHOW ENGINE INNODB STATUS", "other-sessions"],
  ["SHOW BINLOG EVENTS", "other-sessions"],
  ["SHOW EXPLAIN FOR 5", "other-sessions"],
  ["EXPLAIN FOR CONNECTION 5", "other-sessions"],
  ["SELECT * FROM information_schema.PROCESSLIST", "system-table"],
  ["SELECT * FROM performance_schema.events_statements_history", "system-table"],
  ["SELECT * FROM mysql.user", "system-table"],
  ["SELECT * FROM mysql.column_stats", "system-table"],
  ["UPDATE mysql.help_topic SET name = 'x' WHERE name = 'y'", "system-table"],
  ["SHOW CREATE USER x", "credentials"],
  ["SHOW GRANTS", "credentials"],
  ["GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT", "diagnostics"],
  ["SELECT ssn FROM nowhere", "unknown-relation"],
  ["SELECT /*+ SET_VAR(sql_mode=ANSI_QUOTES) */ 1", "optimizer-hint"],
  ["SELECT /*+ INDEX(orders x) */ 1", "optimizer-hint"],
  ["SELECT note FROM orders PROCEDURE ANALYSE()", "procedure-analyse"],
];

Deno.test("what the floor objects to", () => {
  for (const [text, code] of objected) assert.ok(codesOf(text).includes(code), `${text}: ${codesOf(text)}`);
  assert.deepEqual(codesOf("SHOW GRANTS", mysql), [], "MySQL shows no hashes with the grants");
  assert.deepEqual(codesOf("SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1"), []);
});

Deno.test("a stored function hides behind no built-in's name", () => {
  const routines = [{
    schema: "ev",
    name: "COUNT",
    kind: "function" as const,
    body: "RETURN 1",
    sqlMode: "",
  }];
  const analyst = analystOf({ routines });
  assert.equal(verdictOf("SELECT count (1)", mariadb, analyst), "deny");
});

Deno.test("several statements, each judged in the state that the ones before leave", () => {
  assert.equal(verdictOf("SELECT 1; DROP TABLE orders"), "deny");
  assert.equal(verdictOf("SELECT 1; SELECT 2;"), "allow");
  assert.equal(verdictOf("SELECT 'a;b' ; SELECT 2"), "allow");
  assert.equal(
    verdictOf("SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT 'a\\'; DELETE FROM orders; -- '"),
    "deny",
  );
  assert.equal(verdictOf("SELECT 'a\\'; DELETE FROM orders; -- '"), "allow");
  assert.equal(verdictOf("SET sql_mode='ANSI_QUOTES'; SELECT \"note\" FROM orders"), "allow");
  assert.equal(verdictOf("USE other; SELECT ssn FROM users"), "allow");
  assert.equal(verdictOf("USE other; USE ev; SELECT id FROM users WHERE ssn = '1'"), "deny");
  assert.deepEqual(analystOf().analyse(" ;; /* nothing */ ; -- ", mariadb), []);
});

const settings: readonly (readonly [text: string, verdict: "allow" | "deny"])[] = [
  ["SET NAMES utf8mb4 COLLATE utf8mb4_bin", "allow"],
  ["SET NAMES 'utf8'", "allow"],
  ["SET NAMES gbk", "deny"],
  ["SET CHARACTER SET latin1", "allow"],
  ["SET CHARSET big5", "deny"],
  ["SET character_set_results = NULL", "allow"],
  ["SET character_set_results = sjis", "deny"],
  ["SET character_set_client = NULL", "deny"],
  ["SET @@character_set_client := gbk", "deny"],
  ["SET SESSION sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES'", "allow"],
  ["SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')", "allow"],
  ["SET sql_mode = (SELECT 'ANSI')", "deny"],
  ["SET sql_mode = @old", "deny"],
  ["SET sql_mode = ORACLE", "deny"],
  ["SET autocommit = ON, time_zone = '+00:00', wait_timeout = 60", "allow"],
  ["SET @@session.sql_select_limit = DEFAULT", "allow"],
  ["SET GLOBAL wait_timeout = 60", "deny"],
  ["SET wait_timeout = 60, GLOBAL wait_timeout = 60", "deny"],
  ["SET GLOBAL wait_timeout = 60, wait_timeout = 60", "deny"],
  ["SET @@global.wait_timeout = 60", "deny"],
  ["SET PERSIST wait_timeout = 60", "deny"],
  ["SET sql_log_bin = 0", "deny"],
  ["SET foreign_key_checks = 0", "deny"],
  ["SET session_track_system_variables = ''", "deny"],
  ["SET transaction_read_only = 1", "allow"],
  ["SET @@transaction_read_only = 0", "deny"],
  ["SET SESSION TRANSACTION READ WRITE", "deny"],
  ["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY", "allow"],
  ["SET GLOBAL TRANSACTION READ ONLY", "deny"],
  ["START TRANSACTION READ WRITE", "deny"],
  ["SET PASSWORD = 'x'", "deny"],
  ["SET ROLE ALL", "deny"],
  ["SET STATEMENT max_statement_time = 5 FOR SELECT 1", "allow"],
  ["SET STATEMENT max_statement_time = 5 FOR DELETE FROM orders", "deny"],
  ["SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT \"ssn\" FROM users", "deny"],
  ["SET frobnicate = 1", "deny"],
];

Deno.test("settings that may be set, and those that may not", () => {
  for (const [text, verdict] of settings) assert.equal(verdictOf(text), verdict, text);
});

Deno.test("the state after a message", () => {
  const analyst = analystOf();
  const after = (text: string, state: SqlState = mariadb) => analyst.after!(text, state);
  assert.equal(after("SELECT 1"), mariadb, "the same object where nothing changes");
  assert.equal(after("SET autocommit = 1"), mariadb);
  assert.equal(after("SET @@sql_mode := 'ANSI_QUOTES'").sql_mode, "ANSI_QUOTES");
  assert.equal(after("SET sql_mode = CONCAT(@@sql_mode, ',ANSI')").sql_mode, "STRICT_TRANS_TABLES,ANSI");
  assert.equal(after("SET NAMES latin1").character_set_client, "latin1");
  assert.equal(after("USE other; SET NAMES utf8").schema, "other");
  assert.equal(after("'", mariadb), mariadb);
});

Deno.test("unreadable states and texts are refused, not thrown", () => {
  const analyst = analystOf();
  for (const state of [{ ...mariadb, character_set_client: "gbk" }, inMode("ORACLE")]) {
    const result = analyst.analyse("SELECT 1", state);
    assert.ok("refused" in result && result.refused.code.startsWith("setting:"));
  }
  for (
    const text of ["SELECT", "SELECT 1 FROM", "'", "(", "SELECT 1 1", "INSERT INTO", "@@", "WITH", "\0"]
  ) {
    const result = analyst.analyse(text, mariadb);
    assert.ok("refused" in result, text);
    assert.ok(result.refused.reason !== "" && result.refused.hint !== "");
  }
});

Deno.test("PREPARE and EXECUTE name their statement", () => {
  assert.deepEqual(factsOf("EXECUTE Stmt1").refers, { statements: ["stmt1"], cursors: [] });
});

Deno.test("the catalog survives its JSON", () => {
  const catalog = mysqlDialect.catalogFromJson(JSON.stringify(catalogData));
  assert.equal(mysqlDialect.catalogFromJson(catalog.json).json, catalog.json);
  assert.equal(catalog.analyst("a", () => null), catalog.analyst("a", () => null));
  assert.throws(() => mysqlDialect.catalogFromJson('{"format":2}'));
});

Deno.test("what a state leaves open is as the catalog has it", () => {
  const analyst = analystOf();
  assert.equal(verdictOf("SELECT note FROM orders", {}, analyst), "allow");
  assert.equal(verdictOf("SELECT name /*!50701 , x */ FROM users", {}, analyst), "allow", "MariaDB skips it");
  assert.equal(analyst.after!("USE other", {}).schema, "other");
});
