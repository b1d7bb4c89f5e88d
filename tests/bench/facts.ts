/**
 * `deno run -A tests/bench/facts.ts`: facts per second, fresh and from the cache, of both dialects; and the worst
 * inputs with the time that each keeps other clients waiting. By the catalogs of the unit tests.
 */
import type { Analyst } from "../../policy/sql/dialect.ts";
import { analyst as postgresql } from "../unit/sql/postgresql_fixture.ts";
import { analystOf, mariadb } from "../unit/sql/mysql_fixture.ts";

const long = `WITH recent AS (SELECT o.id, o.user_id, o.note FROM orders o WHERE o.id > 10),
${
  Array.from({ length: 8 }, (_, n) =>
    `  c${n} AS (
    SELECT u.id, u.name, count(*) AS n
    FROM users u JOIN recent r ON r.user_id = u.id
    WHERE u.id BETWEEN ${n} AND 1000`).map((each) => `${each} GROUP BY u.id, u.name)`).join(",\n")
}
SELECT a.id, a.name, coalesce(b.n, 0) FROM c0 a LEFT JOIN c1 b ON b.id = a.id ORDER BY a.id`;
const insert = `INSERT INTO orders (id, user_id, note) VALUES ${
  Array.from({ length: 90 }, (_, n) => `(${n}, ${n}, '${"x".repeat(40)}')`).join(", ")
}`;
const texts = {
  "pgbench select": "SELECT note FROM orders WHERE id = 4711",
  "query of 30 lines": long,
  "insert of 5 KB": insert,
};

const worst = {
  "10,000 columns": `SELECT ${Array.from({ length: 10_000 }, () => "id").join(", ")} FROM orders`,
  "10,000 parentheses": `SELECT ${"(".repeat(10_000)}1${")".repeat(10_000)}`,
  "190 nested queries": `SELECT * FROM ${"(SELECT * FROM ".repeat(190)}orders${") x".repeat(190)}`,
  "1 MB of text": `SELECT '${"x".repeat(1_048_576)}'`,
  "500 kB insert": `INSERT INTO orders (id, note) VALUES ${
    Array.from({ length: 9_000 }, (_, n) => `(${n}, '${"y".repeat(40)}')`).join(", ")
  }`,
  "20,000 OR": `SELECT id FROM orders WHERE ${
    Array.from({ length: 20_000 }, (_, n) => `id = ${n}`).join(" OR ")
  }`,
  "9,000 IN": `SELECT id FROM orders WHERE id IN (${Array.from({ length: 9_000 }, (_, n) => n).join(", ")})`,
  "20,000 comments": `SELECT 1 ${"/*".repeat(20_000)}${"*/".repeat(20_000)}`,
  "100,000 operators": `SELECT 1 ${"+ 1 ".repeat(100_000)}`,
};

function perSecond(once: (turn: number) => void): number {
  let turns = 0;
  const began = performance.now();
  while (performance.now() - began < 1_000) once(turns++);
  return Math.round(turns / ((performance.now() - began) / 1_000));
}

for (
  const [name, analyst, state] of [["postgresql", postgresql, {}], ["mysql", analystOf(), mariadb]] as [
    string,
    Analyst,
    Record<string, string>,
  ][]
) {
  for (const [what, text] of Object.entries(texts)) {
    // Another text each time is another question.
    const fresh = perSecond((turn) => analyst.analyse(`${text} -- ${turn}`, state));
    const cached = perSecond(() => analyst.analyse(text, state));
    console.log(`${name}  ${what}: ${fresh}/s fresh, ${cached}/s cached`);
  }
  for (const [what, text] of Object.entries(worst)) {
    const began = performance.now();
    const answer = analyst.analyse(text, state);
    const ms = (performance.now() - began).toFixed(1);
    console.log(
      `${name}  ${what}: ${ms} ms, ${"refused" in answer ? `refused (${answer.refused.code})` : "judged"}`,
    );
  }
}
