/** Hostile texts end in a refusal, soon; and what was judged once is remembered. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { analystOf, mariadb } from "./mysql_fixture.ts";

const analyst = analystOf();
const refusal = (text: string) => {
  const result = analyst.analyse(text, mariadb);
  return "refused" in result
    ? result.refused.code
    : result.flatMap(({ facts }) => facts.unsafe.map(({ code }) => code)).join();
};
const times = (count: number, text: string) => text.repeat(count);

Deno.test("nesting has a limit, whatever nests", () => {
  const deep = [
    `SELECT ${times(10_000, "(")}1${times(10_000, ")")}`,
    `SELECT ${times(2_000, "IF(1,")}1${times(2_000, ",2)")}`,
    `SELECT ${times(2_000, "(SELECT ")}1${times(2_000, ")")}`,
    `SELECT * FROM ${times(2_000, "(SELECT * FROM ")}orders${times(2_000, ") x")}`,
    `SELECT * FROM ${times(2_000, "(")}orders${times(2_000, ")")}`,
    `SELECT ${times(10_000, "NOT ")}1`,
    `SELECT ${times(10_000, "- ")}1`,
    `SELECT ${times(10_000, "! ")}1`,
    `SELECT ${times(2_000, "CASE WHEN 1 THEN ")}1${times(2_000, " END")}`,
    `SELECT 1 ${times(2_000, "UNION SELECT 1 ")}`,
    `SELECT 1 FROM orders ${times(2_000, "JOIN orders ")}`,
    `SELECT ${times(2_000, "1 BETWEEN 0 AND ")}1`,
    `SELECT 1 ${times(2_000, "= 1 ")}`,
  ];
  for (const text of deep) {
    const code = refusal(text);
    assert.ok(["nested-too-deep", "not-understood"].includes(code), `${text.slice(0, 40)}: ${code}`);
  }
  assert.equal(
    refusal(`SELECT ${times(100_000, "!")}1`),
    "ambiguous-text",
    "a row of operators is not looked at forever",
  );
});

Deno.test("long flat texts are judged", () => {
  const flat = [
    `SELECT ${times(8_000, "note, ")}id FROM orders`,
    `SELECT 1 FROM orders WHERE ${times(4_000, "id = 1 OR ")}id = 2`,
    `SELECT 1 ${times(10_000, "+ 1 ")}`,
    `SELECT 1 FROM orders WHERE id IN (1${times(15_000, ", 1")})`,
    `INSERT INTO orders VALUES (1, 2, 'n')${times(20_000, ", (1, 2, 'it''s')")}`,
    `SELECT 1 ${times(200_000, " ")}`,
    `SELECT 1 /*${times(200_000, "x")}*/`,
    `SELECT '${times(200_000, "''")}'`,
  ];
  for (const text of flat) assert.equal(refusal(text), "", text.slice(0, 40));
});

Deno.test("texts and messages have a largest size", () => {
  assert.equal(refusal(`SELECT '${times(1 << 23, "x")}'`), "too-long");
  assert.equal(refusal(times(101, "SELECT 1;")), "too-long");
  assert.equal(refusal(`SELECT ${times(60_000, "1,")}1`), "too-long");
  assert.equal(refusal(`INSERT INTO orders VALUES (1, 2, 'n')${times(20_000, ", (1, 2, 'n')")}`), "");
  const views = Array.from(
    { length: 60 },
    (_, at) => `a${at} AS (SELECT * FROM orders x, ${at === 0 ? "orders" : `a${at - 1}`} y)`,
  );
  assert.ok(["", "too-complex"].includes(refusal(`WITH ${views.join(", ")} SELECT 1 FROM a59`)));
});

Deno.test("nested recursion in common table expressions ends", () => {
  let query = "SELECT 1 AS a, ssn AS b FROM users";
  for (let at = 0; at < 12; at++) {
    query =
      `WITH RECURSIVE r${at}(a, b) AS (${query} UNION ALL SELECT a, b FROM r${at} WHERE a < 3) SELECT a, b FROM r${at}`;
  }
  assert.notEqual(refusal(query), "");
});

Deno.test("the same text in the same state gets the same object", () => {
  const first = analyst.analyse("SELECT note FROM orders", mariadb);
  assert.equal(analyst.analyse("SELECT note FROM orders", { ...mariadb }), first);
  assert.notEqual(analyst.analyse("SELECT note FROM orders", { ...mariadb, schema: "other" }), first);
  assert.notEqual(analyst.analyse("SELECT note FROM orders ", mariadb), first);
});

Deno.test("no text makes it throw", () => {
  const words = fc.constantFrom(
    ..."SELECT FROM WHERE ( ) , . * users ssn id 'x' 1 ? @a := = AND OR NOT IN (SELECT UNION ALL JOIN ON USING WITH RECURSIVE AS GROUP BY ORDER LIMIT INSERT INTO VALUES UPDATE SET DELETE SHOW TABLES EXPLAIN CASE WHEN THEN END CAST( COUNT(*) OVER INTERVAL DAY ; /*! */ -- ` \" ' \\"
      .split(" "),
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 40 }).map((list) => list.join(" ")), (text) => {
      const result = analyst.analyse(text, mariadb);
      assert.ok("refused" in result ? result.refused.hint !== "" : Array.isArray(result));
    }),
    { numRuns: 1500 },
  );
});

Deno.test("aliases that name each other in windows are followed once", () => {
  const both = "SELECT LAG(id) OVER (ORDER BY y) AS x, LAG(id) OVER (ORDER BY x) AS y FROM orders";
  assert.equal(refusal(both), "");
  const doubling = Array.from(
    { length: 60 },
    (_, at) => `LAG(id) OVER (ORDER BY x${at}) + LEAD(id) OVER (ORDER BY x${at}) AS x${at + 1}`,
  );
  assert.equal(refusal(`SELECT id AS x0, ${doubling.join(", ")} FROM orders`), "");
  const last =
    "SELECT LAG(id) OVER (ORDER BY y) AS x, LAG(id) OVER (ORDER BY z) AS y, ssn AS z FROM users ORDER BY id";
  assert.ok(refusal(last).includes("masked-in-predicate"));
});
