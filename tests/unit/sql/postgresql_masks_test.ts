import assert from "node:assert/strict";
import { postgresqlDialect } from "../../../policy/sql/postgresql/mod.ts";
import { masks } from "../../support/postgresql_lab.ts";
import { analyst, catalog, understood } from "./postgresql_fixture.ts";

/** The masked columns by position: `-` for none. */
function plan(text: string): string {
  const { result } = understood(text);
  if (result.kind !== "columns") return result.kind;
  return result.masks.map((mask) => mask === null ? "-" : mask.column).join(" ");
}

const plans: Readonly<Record<string, string>> = {
  "SELECT ssn AS harmless FROM users": "public.users.ssn",
  "SELECT * FROM users": "- - - public.users.ssn public.users.card public.users.ssn_hash",
  "TABLE users_child": "- - - public.users_child.ssn public.users_child.card public.users_child.ssn_hash",
  "SELECT u.*, o.id, u.ssn FROM orders o JOIN users u ON u.id = o.user_id":
    "- - - public.users.ssn public.users.card public.users.ssn_hash - public.users.ssn",
  "SELECT * FROM users u JOIN orders o USING (id)":
    "- - - public.users.ssn public.users.card public.users.ssn_hash - -",
  "SELECT * FROM orders o NATURAL JOIN users u":
    "- - - - - public.users.ssn public.users.card public.users.ssn_hash",
  "SELECT * FROM v_nested": "- public.users.ssn -",
  "SELECT * FROM v_union": "- public.users.ssn",
  "SELECT * FROM v_expression": "- expression expression",
  "SELECT u FROM users u": "expression",
  "SELECT id, row_to_json(u) FROM users u": "- expression",
  "SELECT name FROM users UNION ALL SELECT ssn FROM users": "public.users.ssn",
  "SELECT ssn FROM users UNION ALL SELECT card FROM users": "expression",
  "WITH RECURSIVE t(a, b, n) AS (SELECT 'x'::text, ssn, 1 FROM users UNION ALL SELECT b, a, n + 1 FROM t WHERE n < 3) SELECT * FROM t":
    "public.users.ssn public.users.ssn -",
  "SELECT (SELECT ssn FROM users WHERE id = o.user_id), id FROM orders o": "public.users.ssn -",
  "SELECT a.b FROM (SELECT ssn FROM users) a(b)": "public.users.ssn",
  "SELECT x.* FROM (SELECT id, ssn FROM users) AS x(ssn, id)": "- public.users.ssn",
  "SELECT ssn FROM (SELECT id, ssn FROM users) AS x(ssn, id)": "clean",
  'SELECT ssn COLLATE "C", ssn::text, ssn::varchar, ssn::varchar(3) FROM users':
    "public.users.ssn public.users.ssn public.users.ssn expression",
  "SELECT secret FROM events": "public.events.secret",
  "SELECT * FROM events_2": "public.events_2.secret - -",
  "SELECT owner_ssn FROM hr.files": "hr.files.owner_ssn",
  "DELETE FROM users WHERE id = 2 RETURNING id, ssn": "- public.users.ssn",
  "UPDATE users u SET name = 'x' FROM orders o WHERE o.user_id = u.id RETURNING *":
    "- - - public.users.ssn public.users.card public.users.ssn_hash - - -",
  "MERGE INTO users u USING orders o ON u.id = o.user_id WHEN MATCHED THEN UPDATE SET name = 'x' RETURNING o.id, u.ssn":
    "- public.users.ssn",
  "SELECT (u).ssn, (u).id FROM users u": "public.users.ssn -",
  "SELECT salary, doc FROM hr.staff": "hr.staff.salary hr.staff.doc",
  "SELECT id, name FROM users": "clean",
  "SELECT count(*) FROM users": "clean",
};

for (const [text, expected] of Object.entries(plans)) {
  Deno.test(`masks by position: ${text}`, () => assert.equal(plan(text), expected));
}

Deno.test("a plain column keeps its own mask, an expression becomes NULL", () => {
  const { result } = understood("SELECT ssn, md5(ssn), salary FROM users, hr.staff");
  assert.deepEqual(result, {
    kind: "columns",
    masks: [
      { column: "public.users.ssn", mask: { kind: "fixed", text: "****" } },
      { column: "expression", mask: { kind: "null" } },
      { column: "hr.staff.salary", mask: { kind: "null" } },
    ],
  });
});

const raw = JSON.parse(catalog.json) as {
  relations: { schema: string; name: string; oid: number; columns: [number, string][] }[];
};

function origin(table: string, column: string): string {
  const relation = raw.relations.find(({ schema, name }) => `${schema}.${name}` === table)!;
  return `${relation.oid}.${relation.columns.find(([, name]) => name === column)![0]}`;
}

Deno.test("origins of masked columns have masks, through tables, children, views and generated columns", () => {
  const masked = [
    ["public.users", "ssn"],
    ["public.users_child", "card"],
    ["public.users", "ssn_hash"],
    ["public.v_users", "tax_no"],
    ["public.mv_users", "tax_no"],
    ["public.v_nested", "t"],
    ["public.v_row", "u"],
    ["public.events_2", "secret"],
    ["hr.files", "owner_ssn"],
  ] as const;
  for (const [table, column] of masked) {
    assert.notEqual(analyst.maskOf(origin(table, column)), null, `${table}.${column}`);
  }
  const clean = [["public.users", "name"], ["public.v_users", "name"], ["public.orders", "note"]] as const;
  for (const [table, column] of clean) {
    assert.equal(analyst.maskOf(origin(table, column)), null, `${table}.${column}`);
  }
});

Deno.test("what the catalog does not know is shown as NULL, the system's own columns as they are", () => {
  assert.deepEqual(analyst.maskOf("999999.1"), { column: "unknown", mask: { kind: "null" } });
  assert.deepEqual(analyst.maskOf(origin("public.orders", "id").replace(/\d+$/, "77")), {
    column: "unknown",
    mask: { kind: "null" },
  });
  assert.equal(analyst.maskOf("1259.2"), null);
  assert.equal(analyst.maskOf("0.0"), null);
  assert.equal(catalog.analyst("none", () => null).maskOf("999999.1"), null);
});

Deno.test("errors are hidden where they could tell, and only there", () => {
  const tainted = (text: string) => understood(text).tainted;
  assert.equal(tainted("SELECT id, name FROM users"), false);
  assert.equal(tainted("SELECT name::int FROM users"), false);
  assert.equal(tainted("SELECT ssn FROM users"), true);
  assert.equal(tainted("INSERT INTO users(id) VALUES (1)"), true);
  assert.equal(tainted("DELETE FROM users WHERE id = 1"), true);
  assert.equal(tainted("INSERT INTO orders(id) VALUES (1)"), false);
  assert.equal(tainted("CALL p_del(1)"), true);
});

Deno.test("a foreign table has the masks of the table that it stands for", () => {
  const data = JSON.parse(catalog.json) as { relations: Record<string, unknown>[] };
  for (const relation of data.relations) {
    if (relation["name"] !== "moods") continue;
    relation["kind"] = "f";
    relation["remote"] = { schema_name: "public", table_name: "users", "column:mood": "ssn" };
  }
  const changed = postgresqlDialect.catalogFromJson(JSON.stringify(data)).analyst("lab", masks);
  assert.deepEqual(understood("SELECT * FROM moods", changed).result, {
    kind: "columns",
    masks: [null, { column: "public.moods.mood", mask: { kind: "fixed", text: "****" } }, null],
  });
});

Deno.test("a change that cascades to masked rows has its errors hidden, so has one through a view", () => {
  assert.equal(understood("UPDATE v_clean SET name = 'x' WHERE id = 1").tainted, true);
  assert.equal(understood("DELETE FROM hr.staff WHERE id = 1").tainted, true);
  assert.equal(understood("DELETE FROM moods WHERE id = 1").tainted, false);
});

Deno.test("a catalog of another shape is refused", () => {
  for (const json of ["", "{}", '{"dialect": "mysql"}', catalog.json.replace('"format":1', '"format":2')]) {
    assert.throws(() => postgresqlDialect.catalogFromJson(json), { name: "PosternError" });
  }
});

Deno.test("a mask on a view's column holds, though its table's column has none", () => {
  const byView = catalog.analyst(
    "view",
    (_, table, column) => table === "v_clean" && column === "name" ? { kind: "fixed", text: "x" } : null,
  );
  assert.equal(understood("SELECT * FROM v_clean", byView).result.kind, "columns");
  assert.equal(understood("SELECT name FROM users", byView).result.kind, "clean");
});
