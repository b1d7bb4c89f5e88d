/** Where values come from, and what is refused because it would tell of masked ones. */
import assert from "node:assert/strict";
import type { Understood } from "../../../policy/sql/dialect.ts";
import {
  analystOf,
  catalogData,
  codesOf,
  factsOf,
  inMode,
  last4,
  mariadb,
  masksOf,
  mysql,
  understand,
  verdictOf,
} from "./mysql_fixture.ts";

const ssn = "ev.users.ssn", card = "ev.users.card";

Deno.test("a plain column keeps its own mask, however it is reached", () => {
  const plain = [
    "SELECT ssn FROM users WHERE name = 'ann'",
    "SELECT(ssn)FROM users WHERE name='ann'",
    "SELECT ((SSN)) `name` FROM users u WHERE u.name = 'ann'",
    "SELECT `users`.`SsN` 'name' FROM ev.users WHERE name = 'ann'",
    "SELECT ev.users.ssn FROM users WHERE name = 'ann'",
    "SELECT ev.u.ssn FROM users u WHERE name = 'ann'",
    "SELECT t.a FROM (SELECT ssn a, name FROM users) t WHERE t.name = 'ann'",
    "SELECT x FROM (SELECT ssn, name FROM users) t(x, y) WHERE y = 'ann'",
    "WITH t(x, y) AS (SELECT ssn, name FROM users) SELECT x FROM t WHERE y = 'ann'",
    "WITH a AS (SELECT * FROM users), b AS (SELECT ssn s, name FROM a) SELECT s FROM b WHERE name = 'ann'",
    "SELECT tax_no FROM v_users WHERE name = 'ann'",
    "SELECT (SELECT ssn FROM users WHERE id = 1)",
    "SELECT ssn FROM users WHERE name = 'a' UNION ALL SELECT ssn FROM users WHERE name = 'b'",
    "SELECT ssn FROM users /*!50000 WHERE name = 'ann' */",
    "SELECT ssn /*! FROM users */ WHERE name = 'ann'",
    "SELECT users.ssn FROM orders LEFT JOIN users ON users.id = orders.user_id ORDER BY orders.id",
  ];
  for (const text of plain) assert.deepEqual(masksOf(text), [ssn], text);
  const { result, tainted } = understand(plain[0]!);
  assert.deepEqual(result, { kind: "columns", masks: [{ column: ssn, mask: last4 }] });
  assert.equal(tainted, true);
});

Deno.test("stars are taken apart by the catalog", () => {
  assert.deepEqual(masksOf("SELECT * FROM users"), [null, null, null, ssn, card, "expression"]);
  assert.deepEqual(masksOf("TABLE users"), [null, null, null, ssn, card, "expression"]);
  assert.deepEqual(masksOf("SELECT u.*, 1, o.* FROM orders o JOIN users u ON u.id = o.user_id"), [
    null,
    null,
    null,
    ssn,
    card,
    "expression",
    null,
    null,
    null,
    null,
  ]);
  assert.deepEqual(masksOf("SELECT * FROM orders o JOIN users u ON u.id = o.user_id").length, 9);
  assert.deepEqual(masksOf("SELECT * FROM orders JOIN users USING (id)"), [
    null,
    null,
    null,
    null,
    null,
    ssn,
    card,
    "expression",
  ]);
  assert.deepEqual(masksOf("SELECT * FROM orders NATURAL JOIN users"), [
    null,
    null,
    null,
    null,
    null,
    ssn,
    card,
    "expression",
  ]);
  assert.deepEqual(masksOf("SELECT t.* FROM (SELECT id, ssn FROM users WHERE name = 'x') t"), [null, ssn]);
  assert.deepEqual(
    masksOf("SELECT * FROM staff"),
    [null, null, "ev.staff.salary", null],
    "without the invisible one",
  );
  assert.deepEqual(masksOf("SELECT * FROM v_users"), [null, null, ssn]);
  assert.equal(masksOf("SELECT * FROM orders"), "clean");
});

Deno.test("whatever is computed of masked values is masked whole", () => {
  const computed = [
    "SELECT UPPER(ssn) FROM users",
    "SELECT CONCAT(name, ':', ssn) FROM users",
    "SELECT LEFT(ssn, 3) FROM users",
    "SELECT IF(id > 1, name, ssn) FROM users",
    "SELECT CASE WHEN id = 1 THEN ssn ELSE name END FROM users",
    "SELECT CASE id WHEN 1 THEN ssn END FROM users",
    "SELECT COALESCE(ssn, card) FROM users",
    "SELECT MAX(ssn) FROM users",
    "SELECT COUNT(DISTINCT ssn) FROM users",
    "SELECT GROUP_CONCAT(ssn) FROM users",
    "SELECT JSON_OBJECT('a', card) FROM users",
    "SELECT ssn COLLATE utf8mb4_bin FROM users",
    "SELECT CAST(ssn AS CHAR) FROM users",
    "SELECT ssn IS NULL FROM users",
    "SELECT name FROM users WHERE name = 'x' UNION ALL SELECT ssn FROM users WHERE name = 'x'",
    "SELECT u FROM v_up",
    "SELECT ssn_rev FROM users",
    "SELECT copy FROM defaults",
    "SELECT t.x FROM (SELECT MD5(ssn) x FROM users) t",
  ];
  for (const text of computed) assert.deepEqual(masksOf(text), ["expression"], text);
  assert.deepEqual(masksOf("SELECT SUM(salary), AVG(salary) FROM staff"), ["expression", "expression"]);
  assert.deepEqual(
    masksOf(
      "WITH RECURSIVE t(n, v) AS (SELECT 1, ssn FROM users WHERE id = 1 UNION ALL SELECT n + 1, CONCAT(v, 'x') FROM t WHERE n < 3) SELECT v FROM t",
    ),
    ["expression"],
  );
});

Deno.test("clean values beside masked tables stay as they are", () => {
  const clean = [
    "SELECT name FROM users",
    "SELECT COUNT(*) FROM users",
    'SELECT "ssn" FROM users',
    "SELECT 'ssn' AS ssn FROM users",
    "SELECT name AS ssn FROM users",
    "SELECT t.ssn FROM (SELECT name AS ssn FROM users) t",
    "WITH users AS (SELECT id, note AS ssn FROM orders) SELECT ssn FROM users",
    "SELECT EXISTS (SELECT ssn FROM users WHERE name = 'x')",
    "SELECT note FROM orders WHERE user_id = 1",
    "SELECT ssn FROM other.users",
    "SELECT id, name FROM v_users",
    "SELECT id FROM users ORDER BY id",
    "SELECT id FROM users WHERE id = 5",
    "EXPLAIN SELECT name FROM users WHERE id = 1",
  ];
  for (const text of clean) assert.equal(masksOf(text), "clean", text);
  assert.equal(understand("SELECT name FROM users").tainted, true, "errors may still tell of the table");
  assert.equal(understand("SELECT note FROM orders").tainted, false);
});

const refused: readonly (readonly [code: string, texts: readonly string[]])[] = [
  ["masked-in-predicate", [
    "SELECT name FROM users WHERE ssn = '1'",
    "SELECT COUNT(*) FROM users WHERE ssn LIKE '0%'",
    "SELECT name FROM users ORDER BY ssn",
    "SELECT ssn FROM users ORDER BY 1",
    "SELECT ssn AS x FROM users ORDER BY x",
    "SELECT ssn AS x FROM users ORDER BY ?",
    "SELECT name FROM users GROUP BY name, LEFT(ssn, 1)",
    "SELECT name FROM users GROUP BY name HAVING MAX(ssn) > '5'",
    "SELECT ssn AS x FROM users HAVING x > '5'",
    "SELECT DISTINCT ssn FROM users",
    "SELECT ssn FROM users UNION SELECT 1",
    "SELECT '1' INTERSECT SELECT ssn FROM users",
    "SELECT ssn FROM users EXCEPT ALL SELECT '1'",
    "SELECT u.name FROM users u JOIN orders o ON o.note = u.ssn",
    "SELECT a.name FROM users a JOIN users b USING (ssn)",
    "SELECT a.name FROM users a NATURAL JOIN users b",
    "SELECT name FROM users WHERE id IN (SELECT id FROM users WHERE card = '1')",
    "SELECT note FROM orders WHERE note IN (SELECT ssn FROM users)",
    "SELECT note FROM orders WHERE note = (SELECT ssn FROM users WHERE id = 1)",
    "SELECT note FROM orders WHERE EXISTS (SELECT 1 FROM users WHERE ssn = note)",
    "SELECT ROW_NUMBER() OVER (ORDER BY ssn) FROM users",
    "SELECT LAG(id) OVER (ORDER BY x), ssn AS x FROM users ORDER BY id",
    "SELECT ssn AS x, SUM(id) OVER w FROM users WINDOW w AS (ORDER BY x) ORDER BY id",
    "SELECT SUM(id) OVER w FROM users WINDOW w AS (PARTITION BY ssn)",
    "SELECT GROUP_CONCAT(name ORDER BY ssn) FROM users",
    "SELECT id FROM v_compares",
    "SELECT id FROM v_users WHERE tax_no = '1'",
    "SELECT name FROM users PARTITION (p0)",
    "DELETE FROM users WHERE ssn = '1'",
    "UPDATE users SET name = 'x' WHERE id = 1 AND card = '1'",
    "DELETE FROM users WHERE id = 1 ORDER BY ssn LIMIT 1",
    "SHOW TABLES WHERE (SELECT ssn FROM users LIMIT 1) > '5'",
    "SELECT jt.a FROM users, JSON_TABLE(users.ssn, '$' COLUMNS(a INT PATH '$')) jt",
  ]],
  ["masked-in-expression", [
    "SELECT ssn = '1' FROM users",
    "SELECT IF(ssn LIKE '0%', 1, 0) FROM users",
    "SELECT SUM(ssn REGEXP '^0') FROM users",
    "SELECT NULLIF(ssn, '1') FROM users",
    "SELECT CASE ssn WHEN '1' THEN 1 END FROM users",
    "SELECT CASE WHEN ssn > '5' THEN 1 END FROM users",
    "SELECT UPDATEXML(1, CONCAT(0x7e, (SELECT ssn FROM users LIMIT 1)), 1)",
    "SELECT CAST(ssn AS SIGNED) FROM users",
    "SELECT ssn + 0 FROM users",
    "SELECT EXP(salary) FROM staff",
    "SELECT CONCAT(ssn, (SELECT id FROM orders)) FROM users",
    "SELECT JSON_OBJECT(ssn, 1) FROM users",
    "SELECT LAST_INSERT_ID(salary) FROM staff",
    "SELECT SUM(ssn) FROM users",
    "SELECT LOCATE('0', ssn) FROM users",
    "SELECT FIELD(ssn, '1') FROM users",
    "SELECT f_clean(ssn) FROM users",
  ]],
  ["masked-write", [
    "UPDATE users SET name = ssn WHERE id = 1",
    "UPDATE users SET name = CONCAT('x', ssn) WHERE id = 1",
    "INSERT INTO orders SELECT id, id, ssn FROM users",
    "INSERT INTO orders TABLE users",
    "INSERT INTO orders VALUES (1, 1, (SELECT ssn FROM users WHERE id = 1))",
    "REPLACE INTO orders SET id = 1, note = (SELECT card FROM users WHERE id = 1)",
    "INSERT INTO users(id) VALUES (1) ON DUPLICATE KEY UPDATE name = ssn",
    "UPDATE orders o JOIN users u ON u.id = o.user_id SET o.note = u.ssn",
    "CALL p_del((SELECT ssn FROM users WHERE id = 1))",
  ]],
  ["masked-variable", [
    "SELECT @x := ssn FROM users",
    "SELECT ssn INTO @x FROM users WHERE id = 1",
    "SELECT ssn FROM users WHERE id = 1 INTO @x",
    "SET @x = (SELECT ssn FROM users WHERE id = 1)",
    "SET time_zone = (SELECT ssn FROM users WHERE id = 1)",
  ]],
  ["masked-order", [
    "SELECT id FROM users",
    "SELECT ssn FROM users",
    "SELECT id FROM users LIMIT 1",
    "SELECT t.id FROM (SELECT id, name FROM users) t",
    "SELECT id FROM v_users",
    "WITH t AS (SELECT id FROM users) SELECT id FROM t",
    "SELECT o.note FROM orders o JOIN users u ON u.id = o.user_id",
    "SELECT u.id, o.note FROM users u JOIN orders o ON o.user_id = u.id ORDER BY u.id",
    "SELECT id FROM (SELECT id FROM users LIMIT 2) t ORDER BY id",
    "SELECT id, COUNT(*) FROM users ORDER BY id",
    "SELECT GROUP_CONCAT(id) FROM users",
    "SELECT name FROM users FORCE INDEX (ssn)",
    "SELECT name, grade FROM staff WHERE grade = 'a'",
    "SELECT @n := id FROM users ORDER BY id",
    "SELECT 1 FROM (SELECT id FROM users LIMIT 2) t WHERE t.id = 1",
    "SELECT COUNT(1) FROM (SELECT id FROM users LIMIT 2) t WHERE t.id = 1",
    "SELECT 1 FROM (SELECT id, COUNT(*) FROM users) t WHERE t.id = 1",
    "SELECT STD(id) FROM users ORDER BY 1",
    "SELECT UPPER(DEFAULT(name)), id FROM users ORDER BY 1",
    "SELECT ROW_NUMBER() OVER () FROM users WHERE id > 1 ORDER BY id",
    "SELECT UPPER('x') AS name, id FROM users ORDER BY name",
  ]],
  ["masked-call", [
    "CALL p_read()",
    "CALL p_view()",
    "CALL p_calls()",
    "CALL p_dynamic('x')",
    "CALL p_opaque()",
    "CALL nobody()",
  ]],
  ["masked-explain", [
    "EXPLAIN FORMAT=JSON SELECT ssn FROM users WHERE id = 1",
    "EXPLAIN EXTENDED SELECT ssn FROM users WHERE id = 1",
    "ANALYZE SELECT ssn FROM users WHERE id = 1",
  ]],
  ["masked-ddl", [
    "CREATE TABLE leak SELECT * FROM users",
    "CREATE VIEW leak AS SELECT ssn FROM v_up",
    "ALTER TABLE users RENAME COLUMN ssn TO x",
    "RENAME TABLE users TO u2",
    "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.name = NEW.ssn",
  ]],
  ["masked-checksum", ["CHECKSUM TABLE users"]],
  ["opaque-view", ["SELECT x FROM v_opaque", "SELECT x FROM v_odd"]],
  ["unknown-column", ["SELECT nope FROM users", "SELECT ban\u212a FROM users", "SELECT śsn FROM users"]],
  ["unknown-relation", [
    "SELECT ssn FROM úsers",
    "SELECT id FROM users_2",
    "WITH Users AS (SELECT 1) SELECT * FROM users, uSers",
  ]],
  ["unknown-lineage", [
    "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT ssn FROM users) SELECT * FROM a",
    "SELECT s.*, u.ssn FROM performance_schema.session_status s, users u",
  ]],
];

Deno.test("what would tell of masked values is refused", () => {
  for (const [code, texts] of refused) {
    for (const text of texts) {
      assert.ok(codesOf(text).includes(code), `${text}: ${codesOf(text)} has no ${code}`);
    }
  }
});

Deno.test("a masked column alone, of which nothing is left, shows no order", () => {
  assert.deepEqual(
    codesOf("SELECT ssn FROM users"),
    ["masked-order"],
    "what its mask leaves would come in its order",
  );
  assert.deepEqual(codesOf("SELECT id, code FROM codes ORDER BY id"), []);
  assert.deepEqual(codesOf("SELECT id, code FROM codes"), ["masked-order"]);
  assert.deepEqual(
    codesOf("SELECT code FROM codes"),
    ["masked-order"],
    "NULLs could come in the order of the pin",
  );
  const indexes = [{ name: "PRIMARY", unique: true, columns: ["id"] }, {
    name: "code",
    unique: true,
    columns: ["code"],
  }];
  const tables = catalogData.tables.map((table) => table.name === "codes" ? { ...table, indexes } : table);
  assert.equal(verdictOf("SELECT code FROM codes", mariadb, analystOf({ tables })), "allow");
  assert.equal(verdictOf("SELECT UPPER(code) FROM codes", mariadb, analystOf({ tables })), "allow");
  assert.equal(verdictOf("SELECT code, id FROM codes", mariadb, analystOf({ tables })), "deny");
});

Deno.test("a column that the catalog does not know yet is masked by its name", () => {
  const tables = [{
    schema: "ev",
    name: "users",
    kind: "table" as const,
    columns: [{ name: "id", notNull: true, invisible: false, numeric: true, expression: "" }],
    indexes: [],
    definition: "",
  }];
  const [first] = analystOf({ tables }).analyse("SELECT ssn FROM users", mariadb) as readonly Understood[];
  assert.deepEqual(first?.result, { kind: "columns", masks: [{ column: "ev.users.ssn", mask: last4 }] });
});

Deno.test("EXPLAIN of masked columns only in the form that prints no values", () => {
  const text = "SELECT MIN(ssn) FROM users WHERE id = 1";
  assert.deepEqual(codesOf(`EXPLAIN ${text}`, mariadb), []);
  assert.deepEqual(codesOf(`EXPLAIN ${text}`, mysql), ["masked-explain"], "a tree by default");
  assert.deepEqual(codesOf(`EXPLAIN FORMAT=TRADITIONAL ${text}`, mysql), []);
  assert.deepEqual(codesOf(`EXPLAIN FORMAT=TREE ${text}`, mysql), ["masked-explain"]);
  assert.deepEqual(codesOf("EXPLAIN SELECT name FROM users WHERE id = 1", mysql), []);
});

Deno.test("a masked column in ANSI double quotes is refused, since the quotes' meaning hangs on a setting", () => {
  assert.deepEqual(codesOf('SELECT "ssn" FROM users WHERE "name" = \'x\'', inMode("ANSI_QUOTES")), [
    "ambiguous-quoting",
  ]);
  assert.deepEqual(codesOf('SELECT "name" FROM "users"', inMode("ANSI_QUOTES")), []);
});

Deno.test("version comments show what this target would run", () => {
  const text = "SELECT name /*!50701 , ssn */ FROM users";
  assert.equal(masksOf(text, mariadb), "clean");
  assert.deepEqual(masksOf(text, mysql), [null, "ev.users.ssn"]);
});

Deno.test("writes to masked columns are writes; what they return is masked", () => {
  const facts = factsOf("UPDATE users SET ssn = '1' WHERE id = 1");
  assert.deepEqual([facts.kind, [...facts.masked], facts.unsafe.length], ["write", [ssn], 0]);
  assert.deepEqual(factsOf("INSERT INTO users VALUES (1, 'a', 'b', 'c', 'd')").masked.includes(card), true);
  assert.deepEqual(masksOf("INSERT INTO users(id, ssn) VALUES (1, 'x') RETURNING id, ssn"), [null, ssn]);
  assert.deepEqual(masksOf("DELETE FROM users WHERE id = 1 RETURNING *"), [
    null,
    null,
    null,
    ssn,
    card,
    "expression",
  ]);
  assert.deepEqual(masksOf("REPLACE INTO users(id) VALUES (1) RETURNING UPPER(ssn)"), ["expression"]);
  assert.equal(
    masksOf("INSERT INTO users(id, name) VALUES (1, 'x') ON DUPLICATE KEY UPDATE name = VALUES(name)"),
    "clean",
  );
  assert.equal(
    masksOf("INSERT INTO users(id, card) VALUES (1, 'x') AS n ON DUPLICATE KEY UPDATE card = n.card", mysql),
    "clean",
  );
});

Deno.test("the count of changed rows would tell whether a masked value is there already", () => {
  const codes = (text: string) => factsOf(text).unsafe.map(({ code }) => code);
  for (
    const text of [
      "INSERT INTO users(id, ssn) VALUES (9, '078-05-1120') ON DUPLICATE KEY UPDATE name = 'x'",
      "INSERT IGNORE INTO users(id, ssn) VALUES (9, '078-05-1120')",
      "INSERT IGNORE INTO users VALUES (9, 'a', 'b', '078-05-1120', 'c')",
      "REPLACE INTO users(id, ssn) VALUES (9, '078-05-1120')",
      "REPLACE INTO users SET id = 9, ssn = '078-05-1120'",
      "UPDATE IGNORE users SET ssn = '078-05-1120' WHERE id = 9",
      "UPDATE IGNORE users u JOIN orders o ON o.user_id = u.id SET u.ssn = '1' WHERE o.id = 3",
      "INSERT IGNORE INTO v_users(id, tax_no) VALUES (9, '078-05-1120')",
    ]
  ) assert.ok(codes(text).includes("masked-in-predicate"), text);
  for (
    const text of [
      "INSERT IGNORE INTO users(id, name, card) VALUES (9, 'x', '1')",
      "REPLACE INTO orders(id, note) VALUES (9, 'x')",
      "INSERT INTO users(id, name) VALUES (9, 'x') ON DUPLICATE KEY UPDATE name = 'x'",
      "UPDATE IGNORE users SET name = 'x' WHERE id = 9",
      "INSERT INTO users(id, ssn) VALUES (9, 'x')",
    ]
  ) assert.deepEqual(codes(text), [], text);
});

Deno.test("masks by origin", () => {
  const analyst = analystOf();
  assert.deepEqual(analyst.maskOf("ev.users.SSN"), { column: ssn, mask: last4 });
  assert.deepEqual(analyst.maskOf("ev.v_users.tax_no"), { column: ssn, mask: last4 });
  assert.deepEqual(analyst.maskOf("ev.users.ssn_rev"), { column: "expression", mask: { kind: "null" } });
  assert.equal(analyst.maskOf("ev.users.name"), null);
  assert.equal(analyst.maskOf("ev.orders.note"), null);
  assert.equal(analyst.maskOf(""), null);
});
