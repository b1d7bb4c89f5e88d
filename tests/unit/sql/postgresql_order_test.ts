/** Which queries may come in a masked column's order, by a catalog with such indexes. */
import assert from "node:assert/strict";
import { postgresqlDialect } from "../../../policy/sql/postgresql/mod.ts";
import { catalog } from "./postgresql_fixture.ts";

type Json = Record<string, unknown> & {
  relations: (Record<string, unknown> & { name: string; schema: string })[];
};

/** users(id, name, email, ssn, card, …) and orders(id, user_id, …), with an index on (name, ssn). */
const indexed = () => {
  const data = JSON.parse(catalog.json) as Json;
  // A table's key tells nothing of the rows of those that inherit from it.
  data.relations = data.relations.filter(({ name }) => name !== "users_child");
  for (const relation of data.relations) {
    const columns = relation["columns"] as [number, string][];
    const number = (name: string) => columns.find(([, one]) => one === name)?.[0] ?? 0;
    if (relation.schema !== "public") continue;
    if (relation.name === "users") {
      relation["indexes"] = [
        [`${number("id")}`, 1, 1, null],
        [`${number("name")} ${number("ssn")}`, 2, 0, null],
        [`0 ${number("id")}`, 2, 0, "lower(card)"],
      ];
    }
  }
  return postgresqlDialect.catalogFromJson(JSON.stringify(data));
};
const masks = (_: string, table: string, column: string) =>
  table === "users" && (column === "ssn" || column === "card")
    ? { kind: "partial" as const, keepFirst: 0, keepLast: 4 }
    : null;
const analyst = indexed().analyst("order", masks);

function objects(text: string): boolean {
  const answer = analyst.analyse(text, {});
  assert.ok(!("refused" in answer), text);
  const codes = answer.flatMap(({ facts }) => facts.unsafe.map(({ code }) => code));
  assert.deepEqual(codes.filter((code) => code !== "masked-order"), [], text);
  return codes.length > 0;
}

const told: readonly string[] = [
  "SELECT id FROM users WHERE name = 'ann'",
  "SELECT id, ssn FROM users WHERE name = $1 LIMIT 1",
  "SELECT id, ssn FROM users WHERE name IN ('a', 'b')",
  "SELECT id FROM users WHERE name > 'a' ORDER BY name",
  "SELECT name, ssn FROM users",
  "SELECT name FROM users",
  "SELECT ssn FROM users",
  "SELECT ssn FROM users ORDER BY name",
  "SELECT id FROM users ORDER BY name LIMIT 3",
  "SELECT o.id, u.id FROM orders o, users u WHERE u.name = 'x' ORDER BY o.id",
  "SELECT u.id FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.name = 'x' ORDER BY o.id",
  "SELECT * FROM (SELECT id, name FROM users) s WHERE name = 'x'",
  "WITH c AS (SELECT id, name FROM users) SELECT * FROM c WHERE c.name = 'x'",
  "SELECT (SELECT id FROM users WHERE name = 'x' LIMIT 1)",
  "SELECT ARRAY(SELECT id FROM users WHERE name = 'x')",
  "SELECT array_agg(id) FROM users WHERE name = 'x'",
  "SELECT string_agg(id::text, ',') FROM users WHERE name = 'x' GROUP BY name",
  "SELECT id, row_number() OVER () FROM users WHERE name = 'x' ORDER BY id LIMIT 0",
  "SELECT id, lag(id) OVER (ORDER BY name) FROM users WHERE name > 'x' ORDER BY id",
  "SELECT sum(s.id) FROM (SELECT id FROM users WHERE name = 'x' LIMIT 1) s",
  "SELECT DISTINCT ON (name) name, id FROM users ORDER BY name",
  "SELECT count(*) FROM orders WHERE user_id IN (SELECT id FROM users WHERE name = 'x' LIMIT 1)",
  "SELECT id FROM orders WHERE note = 'a' UNION ALL SELECT id FROM users WHERE name = 'x'",
  "SELECT id FROM users JOIN orders o USING (id) WHERE users.name = 'x' ORDER BY o.note",
  "DECLARE c CURSOR FOR SELECT id FROM users WHERE name = 'x'",
  "COPY (SELECT id FROM users WHERE name = 'x') TO STDOUT",
];

const fine: readonly string[] = [
  "SELECT * FROM users",
  "SELECT id, name, email FROM users LIMIT 10",
  "SELECT id, ssn FROM users",
  "SELECT id, email FROM users WHERE email = 'x'",
  "SELECT id, ssn FROM users WHERE name = 'ann' ORDER BY id",
  "SELECT ssn AS s, id AS i FROM users WHERE name = 'ann' ORDER BY i DESC LIMIT 5",
  "SELECT name, id FROM users WHERE name = 'ann' ORDER BY 1, 2",
  "SELECT * FROM users WHERE id = 5 AND name = 'x'",
  "SELECT * FROM users WHERE id = $1::int AND name = 'x' LIMIT 1",
  "SELECT count(*), max(id) FROM users WHERE name = 'x'",
  "SELECT name, count(*) FROM users WHERE name > 'x' GROUP BY name",
  "SELECT array_agg(id ORDER BY id) FROM users WHERE name = 'x'",
  "SELECT DISTINCT name FROM users WHERE name > 'x'",
  "SELECT 1 FROM users",
  "SELECT id, lag(id) OVER (ORDER BY id), count(*) OVER () FROM users WHERE name = 'x' ORDER BY id",
  "SELECT o.id, u.ssn FROM orders o JOIN users u ON u.id = o.user_id ORDER BY o.id",
  "SELECT o.id, u.ssn FROM orders o JOIN users u ON u.id = o.user_id WHERE u.name = 'x' ORDER BY u.id",
  "SELECT id FROM orders WHERE user_id IN (SELECT id FROM users WHERE name = 'x')",
  "SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM users u WHERE u.name = 'x' AND u.id = o.user_id)",
  "SELECT count(*) FROM (SELECT id FROM users WHERE name = 'x') s",
  "SELECT sum(n) FROM (SELECT name, count(*) AS n FROM users GROUP BY name) s",
];

Deno.test("a query that may come in a masked column's order is objected to", () => {
  assert.deepEqual(told.filter((text) => !objects(text)), []);
});

Deno.test("a query of which the order is settled, or does not show, is not", () => {
  assert.deepEqual(fine.filter(objects), []);
});

Deno.test("whoever sees the values, and a catalog that tells no indexes, has no such objection", () => {
  const open = indexed().analyst("open", () => null);
  const old = JSON.parse(catalog.json) as Json;
  for (const relation of old.relations) delete relation["indexes"];
  const without = postgresqlDialect.catalogFromJson(JSON.stringify(old)).analyst("order", masks);
  for (const text of told) {
    for (const each of [open, without]) {
      const answer = each.analyse(text, {});
      assert.ok(!("refused" in answer) && answer.every(({ facts }) => facts.unsafe.length === 0), text);
    }
  }
});
