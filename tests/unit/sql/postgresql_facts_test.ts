import assert from "node:assert/strict";
import type { SqlState, StatementFacts } from "../../../policy/types.ts";
import { analyst, understood } from "./postgresql_fixture.ts";

const facts = (text: string): StatementFacts => understood(text).facts;

function tables(text: string): string[] {
  return facts(text).tables.map(({ schema, name, access }) => `${access} ${schema}.${name}`).sort();
}

Deno.test("kind and verb say what a statement does", () => {
  const expected: Readonly<Record<string, string>> = {
    "SELECT 1": "read SELECT",
    "SELECT * FROM orders FOR UPDATE": "write SELECT FOR UPDATE",
    "WITH x AS (DELETE FROM orders WHERE id = 1 RETURNING *) SELECT * FROM x": "write DELETE",
    "WITH x AS (INSERT INTO orders DEFAULT VALUES RETURNING id) UPDATE orders SET note = '' WHERE id = 1":
      "write UPDATE",
    "SELECT setval('seq1', 5)": "write SELECT",
    "SELECT * INTO x FROM orders": "ddl SELECT INTO",
    "CREATE TABLE x AS SELECT 1": "ddl CREATE TABLE AS",
    "CREATE VIEW x AS SELECT 1": "ddl CREATE VIEW",
    "DROP MATERIALIZED VIEW mv_users": "ddl DROP MATERIALIZED VIEW",
    "DROP TABLE orders": "ddl DROP TABLE",
    "TRUNCATE orders": "write TRUNCATE",
    "EXPLAIN SELECT 1": "read EXPLAIN SELECT",
    "EXPLAIN ANALYZE DELETE FROM orders WHERE id = 1": "write EXPLAIN ANALYZE DELETE",
    "COPY orders FROM STDIN": "copy COPY FROM",
    "COPY orders TO STDOUT": "copy COPY TO",
    "COPY (DELETE FROM orders WHERE id = 1 RETURNING id) TO STDOUT": "write COPY TO",
    "BEGIN": "transaction BEGIN",
    "ROLLBACK": "transaction ROLLBACK",
    "SET work_mem = '4MB'": "session SET work_mem",
    "RESET ALL": "session RESET ALL",
    "SHOW server_version": "read SHOW server_version",
    "CALL p_del(1)": "call CALL",
    "DO 'begin end'": "call DO",
    "GRANT SELECT ON orders TO app": "admin GRANT",
    "REVOKE SELECT ON orders FROM app": "admin REVOKE",
    "VACUUM orders": "admin VACUUM",
    "ANALYZE orders": "admin ANALYZE",
    "LOCK TABLE orders IN ACCESS SHARE MODE": "read LOCK TABLE",
    "LOCK TABLE orders": "write LOCK TABLE",
    "NOTIFY x": "write NOTIFY",
    "PREPARE p AS SELECT 1": "read PREPARE",
    "EXECUTE p": "read EXECUTE",
    "DECLARE c CURSOR FOR SELECT 1": "read DECLARE CURSOR",
    "FETCH c": "read FETCH",
    "DISCARD ALL": "session DISCARD ALL",
  };
  for (const [text, wanted] of Object.entries(expected)) {
    const { kind, verb } = facts(text);
    assert.equal(`${kind} ${verb}`, wanted, text);
  }
});

Deno.test("tables come with schema and access; a table behind a view counts too", () => {
  assert.deepEqual(tables("SELECT 1 FROM orders o, hr.staff"), ["read hr.staff", "read public.orders"]);
  assert.deepEqual(tables("UPDATE orders SET note = name FROM users WHERE users.id = user_id"), [
    "read public.users",
    "write public.orders",
  ]);
  assert.deepEqual(tables("SELECT id FROM v_users"), ["read public.users", "read public.v_users"]);
  assert.deepEqual(tables("INSERT INTO orders SELECT * FROM orders"), ["write public.orders"]);
  assert.deepEqual(tables("SELECT id FROM users FOR SHARE"), ["write public.users"]);
  assert.deepEqual(tables("EXPLAIN DELETE FROM orders"), ["read public.orders"]);
  assert.deepEqual(tables("DROP TABLE orders, hr.staff"), ["write hr.staff", "write public.orders"]);
  assert.deepEqual(tables("ALTER TABLE orders ADD x int"), ["write public.orders"]);
});

Deno.test("a CTE hides a table of its name, within its query only", () => {
  assert.deepEqual(tables("WITH users AS (SELECT 1) SELECT * FROM users"), []);
  assert.deepEqual(tables("WITH users AS (SELECT 1) SELECT * FROM public.users"), ["read public.users"]);
  assert.deepEqual(tables("SELECT * FROM users, (WITH users AS (SELECT 1) SELECT * FROM users) x"), [
    "read public.users",
  ]);
  assert.deepEqual(tables("WITH users AS (SELECT id FROM users) SELECT * FROM users"), ["read public.users"]);
  assert.deepEqual(tables("WITH orders AS (SELECT 1) DELETE FROM orders WHERE id = 1"), [
    "write public.orders",
  ]);
});

Deno.test("columns are those read or written, by the table they belong to", () => {
  const columns = (text: string) => [...facts(text).columns].sort();
  assert.deepEqual(columns("SELECT o.note, count(*) FROM orders o WHERE user_id = 1 GROUP BY note"), [
    "public.orders.note",
    "public.orders.user_id",
  ]);
  assert.deepEqual(columns("INSERT INTO orders(id) VALUES (1)"), ["public.orders.id"]);
  assert.deepEqual(columns("UPDATE orders SET note = 'x' WHERE id = 1"), [
    "public.orders.id",
    "public.orders.note",
  ]);
  assert.deepEqual(columns("SELECT o FROM orders o"), [
    "public.orders.id",
    "public.orders.note",
    "public.orders.user_id",
  ]);
  assert.deepEqual(columns("COPY orders (note) TO STDOUT"), ["public.orders.note"]);
});

Deno.test("functions come with their schema; nobody vouches for a user's", () => {
  const { functions, unsafe } = facts("SELECT lower(note), public.twice(id) FROM orders");
  assert.deepEqual([...functions].sort(), ["pg_catalog.lower", "public.twice"]);
  assert.deepEqual(unsafe.map(({ code }) => code), ["function:public.twice"]);
  assert.deepEqual(facts("SELECT pg_read_file('x')").unsafe.map(({ code }) => code), [
    "function:pg_catalog.pg_read_file",
  ]);
  assert.deepEqual(facts("SELECT 1 OPERATOR(public.-!-) 2").functions, ["public.opf"]);
  assert.deepEqual(facts("SELECT * FROM v_side_effect").unsafe.map(({ code }) => code), [
    "function:public.del_user",
  ]);
});

Deno.test("masked columns that are touched in any way are named", () => {
  assert.deepEqual(facts("SELECT id FROM users WHERE ssn = '1' ORDER BY card").masked, [
    "public.users.ssn",
    "public.users.card",
  ]);
  assert.deepEqual(facts("UPDATE users SET ssn = '1' WHERE id = 1").masked, ["public.users.ssn"]);
  assert.deepEqual(facts("SELECT id FROM users").masked, []);
});

Deno.test("what refers to session objects names them", () => {
  assert.deepEqual(facts("EXECUTE p(1)").refers, { statements: ["p"], cursors: [] });
  assert.deepEqual(facts("EXPLAIN EXECUTE q").refers, { statements: ["q"], cursors: [] });
  assert.deepEqual(facts("FETCH 5 FROM c").refers, { statements: [], cursors: ["c"] });
});

Deno.test("statements about the catalogs only are marked", () => {
  const marked = (text: string) => facts(text).catalogOnly;
  assert.equal(marked("SELECT relname FROM pg_class"), true);
  assert.equal(marked("SELECT * FROM information_schema.tables"), true);
  assert.equal(marked("SELECT version()"), true);
  assert.equal(marked("SHOW ALL"), true);
  assert.equal(marked("SELECT 1"), false);
  assert.equal(marked("SELECT relname, id FROM pg_class, orders"), false);
  assert.equal(marked("SELECT id FROM v_clean"), false);
});

Deno.test("a message of several statements gives facts for each, in order", () => {
  const answer = analyst.analyse("BEGIN; DELETE FROM orders WHERE id = 1;; COMMIT", {});
  assert.ok(!("refused" in answer));
  assert.deepEqual(answer.map(({ facts }) => facts.verb), ["BEGIN", "DELETE", "COMMIT"]);
});

Deno.test("an empty message has no statements", () => {
  for (const text of ["", " ", ";", "-- nothing", "/* nothing */ ;"]) {
    assert.deepEqual(analyst.analyse(text, {}), [], JSON.stringify(text));
  }
});

Deno.test("the same text and state give the same answer, from the cache", () => {
  const first = analyst.analyse("SELECT id FROM users -- once", {});
  assert.equal(analyst.analyse("SELECT id FROM users -- once", {}), first);
  assert.notEqual(analyst.analyse("SELECT id FROM users -- once", { search_path: "hr" }), first);
});

Deno.test("an unqualified name follows the search_path, its masks do not depend on it", () => {
  const answer = analyst.analyse("SELECT * FROM staff", { search_path: "hr" });
  assert.ok(!("refused" in answer));
  assert.deepEqual(answer[0]?.facts.tables, [{ schema: "hr", name: "staff", access: "read" }]);
  assert.equal(answer[0]?.result.kind, "columns");
});

Deno.test("a session that reads text differently gets nothing judged", () => {
  const odd: SqlState[] = [{ standard_conforming_strings: "off" }, { client_encoding: "SJIS" }];
  for (const state of odd) {
    const answer = analyst.analyse("SELECT 1", state);
    assert.ok("refused" in answer && answer.refused.code.startsWith("setting:"));
  }
  assert.ok(
    Array.isArray(
      analyst.analyse("SELECT 1", { standard_conforming_strings: "on", client_encoding: "UTF8" }),
    ),
  );
});
