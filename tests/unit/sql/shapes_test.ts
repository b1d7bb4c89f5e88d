/** Texts that differ in plain values share an answer: it must be the one that each would get by itself. */
import assert from "node:assert/strict";
import type { Analyst } from "../../../policy/sql/dialect.ts";
import { type Cut, cut } from "../../../policy/sql/shapes.ts";
import type { SqlState } from "../../../policy/types.ts";
import { analystOf, mariadb, mysql } from "./mysql_fixture.ts";
import { analyst as postgresql } from "./postgresql_fixture.ts";

interface Case {
  readonly dialect: string;
  readonly sql?: string;
  readonly steps?: readonly string[];
}

const corpora = Deno.readTextFileSync(new URL("../../vectors/corpora/statements.jsonl", import.meta.url))
  .trimEnd().split("\n").map((line) => JSON.parse(line) as Case);

const textsOf = (dialect: string) =>
  corpora.filter((one) => one.dialect === dialect).flatMap(({ sql, steps = [] }) => sql ?? steps);

/** Where a value decides, or could seem to. */
const traps = {
  postgresql: [
    "DELETE FROM orders WHERE 1 = 1",
    "DELETE FROM orders WHERE id = 1 OR 2 = 2",
    "DELETE FROM orders WHERE id = 1 OR id <> 1",
    "DELETE FROM orders WHERE note LIKE 'x'",
    "DELETE FROM orders WHERE note LIKE '%' AND id = 5",
    "SELECT id, note FROM orders ORDER BY 1",
    "SELECT id, count(*) FROM orders GROUP BY 1 LIMIT 5",
    "SELECT nextval('x'), id FROM orders WHERE id = 5",
    "SELECT set_config('x', 'y', false)",
    "SELECT * FROM users WHERE ssn = '123-45-6789'",
    "SELECT id FROM users WHERE id = - 5 AND name = 'x'",
    "SELECT 'users'::regclass, 5",
    "UPDATE orders SET note = 'x' WHERE id = 5",
    "UPDATE users SET ssn = 'x' WHERE id = 5",
    "INSERT INTO orders (id, note) VALUES (1, 'a'), (2, 'b') ON CONFLICT (id) DO UPDATE SET note = 'c'",
    "SELECT id FROM orders WHERE id IN (1, 2, 3) AND id BETWEEN 4 AND 5 LIMIT 6 OFFSET 7",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SET statement_timeout = 5",
    "SELECT id FROM orders WHERE note = 'a'\n'b'",
    "SELECT 1e-5, id FROM orders WHERE id = 5",
    "EXPLAIN ANALYZE SELECT id FROM orders WHERE id = 5",
    "SELECT id FROM orders WHERE id = 5 FOR UPDATE",
  ],
  mysql: [
    "DELETE FROM orders WHERE 1 = 1",
    "DELETE FROM orders WHERE id = 1 OR id <> 1",
    "DELETE FROM orders WHERE id = 1 AND id = 2 OR id = 1 AND id <> 2",
    "DELETE FROM orders WHERE (id = 5) = (id = 6)",
    "DELETE FROM orders WHERE NOT (id = 5)",
    "DELETE FROM orders WHERE id > 5",
    "DELETE FROM orders WHERE id <> 5 LIMIT 5",
    "DELETE FROM orders WHERE id = 5 AND user_id = 7 ORDER BY id LIMIT 1",
    "DELETE FROM orders WHERE note LIKE 'x'",
    "DELETE FROM orders WHERE id BETWEEN 1 AND id = 5",
    "UPDATE orders SET note = 'x', user_id = 5 WHERE id = 5",
    "UPDATE users SET ssn = 'x' WHERE id = 5",
    "UPDATE orders SET note = (SELECT 'x' FROM users WHERE id = 5), user_id = 7 WHERE id = 5",
    "INSERT INTO orders (id, user_id, note) VALUES (1, 2, 'a'), (2, 3, 'b') ON DUPLICATE KEY UPDATE note = 'c'",
    "INSERT INTO users (id, ssn) VALUES (1, 'a')",
    "SELECT id, note FROM orders WHERE id = 5 ORDER BY 1",
    "SELECT (SELECT 1 FROM orders WHERE id = 1), id = 5 FROM orders GROUP BY id = 6",
    "WITH c AS (SELECT id FROM orders WHERE note = 'c') SELECT * FROM c WHERE id = 5",
    "SELECT id FROM orders WHERE id BETWEEN 1 AND 100 AND note = 'x'",
    "SELECT id FROM users WHERE ssn = 'x' AND id = 5",
    "SELECT id FROM orders WHERE note = 'a' 'b'",
    "SELECT id INTO OUTFILE '/tmp/x' FROM orders WHERE id = 5",
    "SET sql_mode = 'x'",
    "SET @a = 5, @b = 'x'",
    "SELECT id FROM orders WHERE id = 5; SET sql_mode = 'ANSI_QUOTES'; SELECT note FROM orders WHERE id = 5",
    "SELECT sleep(5) FROM orders WHERE id = 5",
  ],
};

const numbers = ["0", "1", "2", "5", "6", "0042", "999999999"];
const strings = [
  "''",
  "'%'",
  "'%%'",
  "'x'",
  "'0'",
  "'1'",
  "'it''s'",
  "'c'",
  "'users'",
  "'ANSI_QUOTES'",
  "'a; DROP TABLE t'",
];

const refill = ({ shape }: Cut, pick: (from: readonly string[]) => string) =>
  // deno-lint-ignore no-control-regex
  shape.replace(/[\x01\x02]/g, (mark) => pick(mark === "\x01" ? strings : numbers));

/** Always the same order of values. */
function picker(): (from: readonly string[]) => string {
  let seed = 42;
  return (from) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return from[(seed >> 8) % from.length]!;
  };
}

/** A comment keeps a text from being cut. */
const alone = (by: Analyst, text: string, state: SqlState) => by.analyse(`${text}/**/`, state);

function compare(by: Analyst, texts: readonly string[], state: SqlState) {
  const pick = picker();
  let shared = 0, compared = 0;
  for (const text of texts) {
    const parts = cut(text);
    if (parts === null) continue;
    const seen = new Set<unknown>();
    for (const variant of [text, ...Array.from({ length: 24 }, () => refill(parts, pick)), text]) {
      const answer = by.analyse(variant, state);
      assert.deepEqual(answer, alone(by, variant, state), variant);
      compared++;
      if (seen.has(answer)) shared++;
      seen.add(answer);
    }
  }
  return { shared, compared };
}

for (
  const [name, by, dialect, state] of [
    ["PostgreSQL", postgresql, "postgresql", {}],
    ["MariaDB", analystOf(), "mysql", mariadb],
    ["MySQL", analystOf({ version: "9.7.4" }), "mysql", mysql],
  ] as const
) {
  Deno.test(`${name}: an answer by shape is the one that the text would get by itself`, () => {
    const { shared, compared } = compare(by, [...traps[dialect], ...textsOf(dialect)], state);
    console.log(`    ${shared} of ${compared} texts answered by shape or repetition`);
    assert.ok(shared > compared / 4, `${shared} of ${compared}`);
  });
}

Deno.test("statements of everyday clients share one answer", () => {
  const same = (by: Analyst, state: SqlState, one: string, other: string, expected: boolean) =>
    assert.equal(by.analyse(one, state) === by.analyse(other, state), expected, other);
  const everyday: readonly (readonly [string, string, boolean])[] = [
    ["SELECT note FROM orders WHERE id = 5", "SELECT note FROM orders WHERE id = 777", true],
    ["SELECT note FROM orders WHERE note = 'a'", "SELECT note FROM orders WHERE note = 'it''s b'", true],
    ["UPDATE orders SET note = 'a' WHERE id = 5", "UPDATE orders SET note = 'b' WHERE id = 6", true],
    ["DELETE FROM orders WHERE id = 1", "DELETE FROM orders WHERE id = 2", true],
    ["INSERT INTO orders (id, note) VALUES (1, 'a')", "INSERT INTO orders (id, note) VALUES (2, 'b')", true],
    ["SELECT id FROM orders ORDER BY 1", "SELECT id FROM orders ORDER BY 2", false],
    ["SELECT note FROM orders WHERE id = 5", "SELECT note FROM orders WHERE id = 5.5", false],
    ["SELECT note FROM orders WHERE id = 5", "SELECT note FROM orders WHERE id = '5'", false],
    ["DELETE FROM orders WHERE 1 = 0", "DELETE FROM orders WHERE 1 = 1", false],
  ];
  for (const [one, other, expected] of everyday) {
    same(postgresql, {}, one, other, expected);
    same(analystOf(), mariadb, one, other, expected);
  }
});

Deno.test("what another reader could take for something else is not cut", () => {
  const whole = [
    "SELECT 1 -- x",
    "SELECT 1 /* x */",
    "SELECT 1 # x",
    "SELECT E'a', 1",
    "SELECT U&'a', 1",
    "SELECT x'61', 1",
    "SELECT $$a$$, 1",
    "SELECT 'a\\' , 1",
    "SELECT 'a\n', 1",
    "SELECT 'é', 1",
    "SELECT 'a",
    'SELECT "a, 1',
    "SELECT 1\x01",
    "SELECT a",
    `SELECT 1 ${" ".repeat(20_000)}`,
  ];
  for (const text of whole) assert.equal(cut(text), null, text);
  assert.deepEqual(cut("SELECT a1, 'it''s', 1.5, 12, 1e5, .5, t.5 FROM t2 WHERE \"x'1\" = $1"), {
    shape: 'SELECT a1, \x01, 1.5, \x02, 1e5, .5, t.5 FROM t2 WHERE "x\'1" = $1',
    literals: ["'it''s'", "12"],
    starts: [11, 25],
  });
});
