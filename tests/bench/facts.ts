/**
 * `deno run -A tests/bench/facts.ts`: facts per second, fresh and from the cache, of both dialects; and the worst
 * inputs: how long each takes, and how long it keeps other clients waiting (longer ones than 8 kB are understood
 * in a Worker). By the catalogs of the unit tests.
 */
import type { Analyst } from "../../policy/sql/dialect.ts";
import { compileMasks } from "../../policy/masking.ts";
import { shortTextMax } from "../../policy/ahead.ts";
import { LargeTexts } from "../../policy/sql/large_texts.ts";
import { mysqlDialect } from "../../policy/sql/mysql/mod.ts";
import { analyst as postgresql, catalog as postgresqlCatalog } from "../unit/sql/postgresql_fixture.ts";
import { analystOf, catalogData, mariadb } from "../unit/sql/mysql_fixture.ts";

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
  "2 MB insert": `INSERT INTO orders (id, note) VALUES ${
    Array.from({ length: 28_000 }, (_, n) => `(${n}, '${"y".repeat(60)}')`).join(", ")
  }`,
  "a row of 1 MB": `INSERT INTO orders (id, note) VALUES (1, '${"y".repeat(1_000_000)}')`,
  "8 kB of columns": `SELECT ${"id, ".repeat(2_000)}id FROM orders`,
  "8 kB of stars": `SELECT ${"*, ".repeat(1_500)}1 FROM ${
    Array.from({ length: 100 }, (_, n) => `users u${n}`).join(", ")
  }`,
  "8 kB of joins": `SELECT * FROM users a ${
    Array.from({ length: 150 }, (_, n) => `JOIN users a${n} USING (id)`).join(" ")
  }`,
  "8 kB of queries that double": `WITH ${
    Array.from({ length: 100 }, (_, n) =>
      `c${n} AS (SELECT * FROM ${n ? `c${n - 1} a, c${n - 1} b` : "users"})`)
      .join(", ")
  } SELECT * FROM c99`,
};

function perSecond(once: (turn: number) => void): number {
  let turns = 0;
  const began = performance.now();
  while (performance.now() - began < 1_000) once(turns++);
  return Math.round(turns / ((performance.now() - began) / 1_000));
}

/** The longest time for which a timer of 1 ms was late while `work` ran. */
async function delayBy(work: () => unknown): Promise<number> {
  let longest = 0, last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await work();
  await new Promise((resolve) => setTimeout(resolve, 5));
  clearInterval(timer);
  return longest;
}

const largeTexts = new LargeTexts((_, message, fields) => console.log(message, fields));
const masks = compileMasks([])([], "").portable;
const catalogs = {
  postgresql: postgresqlCatalog,
  mysql: mysqlDialect.catalogFromJson(JSON.stringify(catalogData)),
};

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
  const catalog = catalogs[name as keyof typeof catalogs];
  const understand = async (text: string) =>
    text.length <= shortTextMax
      ? analyst.analyse(text, state)
      : await largeTexts.analyse({ dialect: name, place: name, catalog, masks, text, state });
  // The Worker starts once.
  await understand(`SELECT 1 /*${"x".repeat(shortTextMax)}*/`);
  for (const [what, text] of Object.entries(worst)) {
    let came = "judged";
    const began = performance.now();
    let ms = 0;
    const delay = await delayBy(async () => {
      const answer = await understand(text);
      ms = performance.now() - began;
      if ("refused" in answer) came = `refused (${answer.refused.code})`;
    });
    console.log(`${name}  ${what}: ${ms.toFixed(1)} ms, others wait ${delay.toFixed(1)} ms, ${came}`);
  }
}
await largeTexts.close();
