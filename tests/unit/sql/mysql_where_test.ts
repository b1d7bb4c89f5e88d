/** UPDATE and DELETE without a WHERE that restricts them. */
import assert from "node:assert/strict";
import { factsOf, inMode, mariadb } from "./mysql_fixture.ts";

const missing = [
  "",
  "WHERE 1",
  "WHERE TRUE",
  "WHERE 1 = 1",
  "WHERE 'a' = 'a'",
  "WHERE 2 > 1",
  "WHERE '1'",
  "WHERE NOT FALSE",
  "WHERE NOT NOT 1",
  "WHERE id = id",
  "WHERE orders.id = id",
  "WHERE id <=> id",
  "WHERE id >= id",
  "WHERE id LIKE id",
  "WHERE id LIKE '%'",
  "WHERE note REGEXP '.*'",
  "WHERE id IN (1, id)",
  "WHERE id BETWEEN id AND id",
  "WHERE id IS NOT NULL",
  "WHERE id",
  "WHERE id > 0",
  "WHERE 0 < id",
  "WHERE id <> 0",
  "WHERE id >= -5",
  "WHERE id < 9223372036854775807",
  "WHERE id = 1 OR 1",
  "WHERE id = 1 OR 1 = 1",
  "WHERE 1 --1 OR 1=1",
  "WHERE id = 1 OR id <> 1",
  "WHERE id = 1 OR NOT id = 1",
  "WHERE id < 5 OR id >= 5",
  "WHERE note IS NULL OR note IS NOT NULL",
  "WHERE id IN (1) OR id NOT IN (1)",
  "WHERE NOT (id <> id)",
  "WHERE NOT (id = 1 AND id = 2 OR FALSE) OR TRUE",
  "WHERE id = 1 OR id = id",
  "WHERE (1)",
  "WHERE RAND() < 2",
  "WHERE @x = 1",
  "WHERE ?",
  "WHERE ? = ?",
  "WHERE EXISTS (SELECT 1 FROM orders)",
  "WHERE (SELECT COUNT(*) FROM orders) > 0",
  "WHERE id IN (SELECT id FROM orders)",
  "WHERE COALESCE(1, id) = COALESCE(1, id)",
  "LIMIT 10",
  "ORDER BY id LIMIT 10",
  "WHERE 1 ORDER BY id LIMIT 10",
  "# WHERE id = 1",
  "/*!50000 WHERE 1 */",
];
const restricting = [
  "WHERE id = 1",
  "WHERE id = ?",
  "WHERE id IN (1, 2)",
  "WHERE id > 5",
  "WHERE note = 'x' AND 1 = 1",
  "WHERE id = 1 OR id = 2",
  "WHERE id = 1 OR 1 = 0",
  "WHERE FALSE",
  "WHERE NULL",
  "WHERE NOT TRUE",
  "WHERE user_id IS NULL",
  "WHERE note LIKE 'a%'",
  "WHERE NOT id = 1",
  "WHERE NOT (id = 1 OR note = 'x')",
  "WHERE user_id = id",
  "WHERE LENGTH(note) > 5",
  "WHERE user_id IN (SELECT id FROM v_orders)",
  "WHERE EXISTS (SELECT 1 FROM v_orders v WHERE v.id = orders.user_id)",
  "WHERE id = (SELECT MAX(id) FROM v_orders)",
  "WHERE id BETWEEN 5 AND 6",
  "WHERE id = 1 || user_id = 2",
  "/*!50000 WHERE id = 1 */",
];

for (const verb of ["DELETE FROM orders", "UPDATE orders SET note = 'x'"]) {
  Deno.test(`${verb}: conditions that restrict nothing`, () => {
    for (const where of missing) assert.equal(factsOf(`${verb} ${where}`).missingWhere, true, where);
  });
  Deno.test(`${verb}: conditions that restrict`, () => {
    for (const where of restricting) assert.equal(factsOf(`${verb} ${where}`).missingWhere, false, where);
  });
}

Deno.test("what || means depends on the mode", () => {
  assert.equal(factsOf("DELETE FROM orders WHERE id = 1 || 1").missingWhere, true);
  assert.equal(
    factsOf("DELETE FROM orders WHERE id = 1 || 1", inMode("PIPES_AS_CONCAT")).missingWhere,
    false,
  );
});

Deno.test("joins restrict by their conditions, unless the changed table is the outer one", () => {
  const cases: readonly (readonly [text: string, missing: boolean])[] = [
    ["DELETE o FROM orders o, v_orders v", true],
    ["DELETE o FROM orders o JOIN v_orders v", true],
    ["DELETE o FROM orders o JOIN v_orders v ON v.id = o.id", false],
    ["DELETE o FROM orders o JOIN v_orders v ON 1", true],
    ["DELETE o FROM orders o JOIN v_orders v ON v.id = v.id", true],
    ["DELETE o FROM orders o LEFT JOIN v_orders v ON v.id = o.id", true],
    ["DELETE o FROM orders o LEFT JOIN v_orders v ON v.id = o.id WHERE v.id IS NULL", true],
    ["DELETE o FROM orders o LEFT JOIN v_orders v ON v.id = o.id WHERE o.id = 3", false],
    ["DELETE o FROM v_orders v LEFT JOIN orders o ON v.id = o.id", false],
    ["DELETE o FROM v_orders v RIGHT JOIN orders o ON v.id = o.id", true],
    ["DELETE o FROM orders o JOIN v_orders v USING (id)", false],
    ["DELETE orders FROM orders JOIN v_orders v WHERE v.id = 1", true],
    ["DELETE FROM o USING orders o JOIN v_orders v ON v.id = o.id", false],
    ["UPDATE orders o JOIN v_orders v SET o.note = 'x'", true],
    ["UPDATE orders o JOIN v_orders v ON v.id = o.id SET o.note = 'x'", false],
    ["UPDATE orders o, v_orders v SET o.note = 'x' WHERE v.id = 1", true],
    ["UPDATE orders o, v_orders v SET o.note = 'x' WHERE v.id = o.id", false],
    ["WITH x AS (SELECT 1 AS id) DELETE orders FROM orders JOIN x", true],
    ["WITH x AS (SELECT 1 AS id) DELETE FROM orders WHERE id IN (SELECT id FROM x)", false],
  ];
  for (const [text, expected] of cases) assert.equal(factsOf(text, mariadb).missingWhere, expected, text);
});

Deno.test("statements that change no rows miss no WHERE", () => {
  for (
    const text of [
      "EXPLAIN DELETE FROM orders",
      "SELECT * FROM orders",
      "INSERT INTO orders SELECT * FROM orders",
    ]
  ) {
    assert.equal(factsOf(text).missingWhere, false, text);
  }
  assert.equal(factsOf("ANALYZE FORMAT=JSON UPDATE orders SET note = 'x'").missingWhere, true);
});
