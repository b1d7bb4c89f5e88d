/** Random queries that dress a masked column in whatever MariaDB offers. What is not valid is refused by both databases. */
import fc from "fast-check";
import { aggregates, pairs, wraps } from "./mysql_expressions_table.ts";

type Text = fc.Arbitrary<string>;

const of = (...texts: string[]): Text => fc.constantFrom(...texts);

/** `f` applied to what the others give. */
function build<T extends string[]>(
  f: (...parts: T) => string,
  ...parts: { [K in keyof T]: fc.Arbitrary<T[K]> }
): Text {
  return fc.tuple(...(parts as unknown as Text[])).map((values) => f(...(values as T)));
}

const relations: Readonly<Record<string, readonly string[]>> = {
  users: ["id", "name", "email", "ssn", "card", "ssn_rev"],
  orders: ["id", "user_id", "note"],
  v_users: ["id", "name", "tax_no"],
  v_nested: ["id", "t", "note"],
  v_union: ["id", "what"],
  v_clean: ["id", "name"],
  v_expression: ["id", "u", "c"],
  v_compares: ["id"],
  v_star: ["id", "name", "ssn", "ssn_rev"],
  staff: ["id", "name", "salary", "born", "doc", "boss", "grade", "hidden"],
  derived: ["id", "ssn", "copy", "twice"],
};
const names = Object.keys(relations);
const relation: Text = fc.oneof({ arbitrary: of("users", "orders"), weight: 3 }, {
  arbitrary: of(...names),
  weight: 2,
});

const constants = of(
  "1",
  "2",
  "0",
  "''",
  "'a'",
  "'078-05-1120'",
  "'5'",
  "NULL",
  "TRUE",
  "1.5",
  "'1990-01-01'",
  "7000",
  "x'41'",
);

function column(table: string, alias: string): Text {
  const columns = relations[table] ?? ["id"];
  const bare = of(...columns, "ssn", "id");
  const dressed = (name: string) =>
    of(
      name,
      `${alias}.${name}`,
      `\`${name}\``,
      name.toUpperCase(),
      `${alias}.\`${name}\``,
      `${alias} . ${name}`,
    );
  return bare.chain(dressed);
}

function expression(table: string, alias: string, depth: number): Text {
  const leaf = fc.oneof({ arbitrary: column(table, alias), weight: 4 }, { arbitrary: constants, weight: 1 });
  if (depth === 0) return leaf;
  const inner = expression(table, alias, depth - 1);
  return fc.oneof(
    { arbitrary: leaf, weight: 4 },
    { arbitrary: fc.tuple(fc.constantFrom(...wraps), inner).map(([wrap, e]) => wrap(e)), weight: 4 },
    {
      arbitrary: fc.tuple(fc.constantFrom(...pairs), inner, inner).map(([pair, a, b]) => pair(a, b)),
      weight: 3,
    },
    { arbitrary: fc.tuple(fc.constantFrom(...aggregates), inner).map(([wrap, e]) => wrap(e)), weight: 2 },
    { arbitrary: subquery(alias, depth - 1), weight: 1 },
  );
}

function subquery(outer: string, depth: number): Text {
  return relation.chain((table) =>
    build(
      (e, w) => `(SELECT ${e} FROM ${table} s WHERE ${w} LIMIT 1)`,
      expression(table, "s", depth),
      of("s.id = 1", `s.id = ${outer}.id`, "TRUE", "s.id > 1 ORDER BY s.id"),
    )
  );
}

const itemAliases = of("", "", "", " AS x", " AS ssn", " `id`", " 'name'", " AS name");

function items(table: string, alias: string): Text {
  const item = fc.oneof(
    { arbitrary: of("*", `${alias}.*`), weight: 1 },
    { arbitrary: build((e, a) => `${e}${a}`, expression(table, alias, 2), itemAliases), weight: 6 },
  );
  return fc.array(item, { minLength: 1, maxLength: 3 }).map((list) => list.join(", "));
}

function tail(table: string, alias: string): Text {
  const condition = expression(table, alias, 1);
  const key = fc.oneof(column(table, alias), of("1", "2", "x", "name", "NULL", "id"), condition);
  return fc.oneof(
    { arbitrary: of(""), weight: 5 },
    {
      arbitrary: of(
        " ORDER BY id",
        ` ORDER BY ${alias}.id DESC`,
        " ORDER BY 1",
        " LIMIT 2",
        " ORDER BY id LIMIT 1, 2",
      ),
      weight: 5,
    },
    {
      arbitrary: of(` WHERE ${alias}.id = 1`, ` WHERE ${alias}.id < 3 ORDER BY id`, " WHERE id IN (1, 2)"),
      weight: 4,
    },
    { arbitrary: condition.map((c) => ` WHERE ${c}`), weight: 3 },
    { arbitrary: key.map((k) => ` ORDER BY ${k}`), weight: 2 },
    { arbitrary: key.map((k) => ` GROUP BY ${k}`), weight: 2 },
    { arbitrary: build((k, c) => ` GROUP BY ${k} HAVING ${c}`, key, condition), weight: 1 },
  );
}

function joins(alias: string): Text {
  return relation.chain((other) =>
    of(
      ` JOIN ${other} j ON j.id = ${alias}.id`,
      ` LEFT JOIN ${other} j ON j.id = ${alias}.id`,
      ` RIGHT JOIN ${other} j ON j.id = ${alias}.id`,
      ` JOIN ${other} j USING (id)`,
      ` LEFT JOIN ${other} j USING (id)`,
      ` NATURAL JOIN ${other} j`,
      `, ${other} j`,
      ` CROSS JOIN ${other} j`,
      ` STRAIGHT_JOIN ${other} j ON j.id <> ${alias}.id`,
    )
  );
}

function from(table: string, depth: number): Text {
  const base = of(`${table} t`, `${table} AS t`, `\`${table}\` t`, `(${table} t)`);
  const plain = fc.oneof(
    { arbitrary: base, weight: 5 },
    { arbitrary: build((b, j) => `${b}${j}`, base, joins("t")), weight: 2 },
    {
      arbitrary: of("FORCE INDEX (PRIMARY)", "USE INDEX (ssn)", "IGNORE INDEX (PRIMARY)").map((h) =>
        `${table} t ${h}`
      ),
      weight: 1,
    },
  );
  if (depth === 0) return plain;
  return fc.oneof(
    { arbitrary: plain, weight: 4 },
    { arbitrary: select(depth - 1).map((q) => `(${q}) t`), weight: 2 },
    {
      arbitrary: of(
        `(SELECT * FROM ${table}) t`,
        `(SELECT * FROM ${table} ORDER BY id LIMIT 3) t`,
        `(TABLE ${table}) t`,
      ),
      weight: 1,
    },
  );
}

function select(depth: number): Text {
  return relation.chain((table) =>
    build(
      (d, i, f, w) => `SELECT ${d}${i} FROM ${f}${w}`,
      of("", "", "", "", "DISTINCT ", "SQL_NO_CACHE "),
      items(table, "t"),
      from(table, depth),
      tail(table, "t"),
    )
  );
}

const combined: Text = build(
  (a, op, b, order) => `${a} ${op} ${b}${order}`,
  of(
    "SELECT id, name FROM users",
    "SELECT id, ssn FROM users",
    "SELECT id, note FROM orders",
    "SELECT 1, '078-05-1120'",
  ),
  of("UNION ALL", "UNION", "EXCEPT", "INTERSECT", "UNION ALL SELECT 1, 2 UNION"),
  of(
    "SELECT id, ssn FROM users",
    "SELECT id, tax_no FROM v_users",
    "SELECT id, name FROM users",
    "SELECT id, ssn FROM users WHERE id = 1",
    "SELECT 1, '078-05-1120'",
  ),
  of("", " ORDER BY 1", " ORDER BY 2", " LIMIT 2", " ORDER BY id LIMIT 2"),
);

const withs: Text = fc.oneof(
  build(
    (q, i, w) => `WITH t AS (${q}) SELECT ${i} FROM t${w}`,
    select(0),
    items("users", "t"),
    tail("users", "t"),
  ),
  build(
    (i) => `WITH users AS (SELECT id, note AS ssn FROM orders) SELECT ${i} FROM users t ORDER BY id`,
    items("users", "t"),
  ),
  build(
    (e) =>
      `WITH RECURSIVE t(n, v) AS (SELECT 1, ssn FROM users WHERE id = 1 UNION ALL SELECT n + 1, ${e} FROM t WHERE n < 3) SELECT * FROM t ORDER BY n`,
    of("v", "'x'", "CONCAT(v, 'a')", "LEFT(v, n)", "(SELECT card FROM users WHERE id = n)"),
  ),
);

const others: Text = fc.oneof(
  build(
    (e, c) =>
      `SELECT ${e} FROM users t WHERE EXISTS (SELECT ${c} FROM users s WHERE s.id = t.id) ORDER BY t.id`,
    expression("users", "t", 1),
    column("users", "s"),
  ),
  build(
    (e) => `SELECT id FROM orders WHERE user_id IN (SELECT ${e} FROM users) ORDER BY id`,
    column("users", "users"),
  ),
  build((e) => `DO ${e}`, expression("users", "t", 1)),
  build((e) => `EXPLAIN SELECT ${e} FROM users t WHERE id = 1`, expression("users", "t", 1)),
  build((e) => `SET @x = (SELECT ${e} FROM users t WHERE id = 1)`, expression("users", "t", 1)),
  of(
    "SHOW INDEX FROM orders",
    "SHOW COLUMNS FROM users",
    "SHOW CREATE TABLE users",
    "DESCRIBE users",
    "TABLE orders",
    "CALL p_read()",
  ),
);

export const statement: Text = fc.oneof(
  { arbitrary: select(1), weight: 10 },
  { arbitrary: select(2), weight: 3 },
  { arbitrary: combined, weight: 2 },
  { arbitrary: withs, weight: 2 },
  { arbitrary: others, weight: 2 },
);
