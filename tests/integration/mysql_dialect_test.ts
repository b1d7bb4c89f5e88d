/** Judges statements with the catalog of a real target, and proves masks by two databases that differ only in secrets. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Lexer } from "../../policy/sql/mysql/lexer.ts";
import { modeOf } from "../../policy/sql/mysql/mode.ts";
import { isTrivia } from "../../policy/sql/mysql/tokens.ts";
import { mariadbHere } from "../support/mariadb.ts";
import {
  maskStyles,
  mysqlCorpus,
  startMysqlLab,
  stateOf,
  strictness,
  twoSecrets,
  verdictOfSteps,
} from "../support/mysql_lab.ts";
import { statement } from "../support/mysql_statements.ts";
import { mysqlHere } from "../support/mysql.ts";
import { testNeeding } from "../support/programs.ts";

const servers = [["mariadb", mariadbHere], ["mysql", mysqlHere]] as const;

for (const [flavour, here] of servers) {
  testNeeding([here], `${flavour}: the MySQL half of the corpora gets the verdicts it should`, async (t) => {
    const lab = await startMysqlLab(flavour);
    try {
      const wrong: string[] = [];
      const counts = { right: 0, stricter: 0 };
      for (const version of ["10.11.19-MariaDB", "9.7.4"]) {
        for (const style of maskStyles) {
          for (const each of mysqlCorpus()) {
            const verdict = verdictOfSteps(lab.analyst(style), each.steps ?? [each.sql], stateOf(version));
            const right = [each.expect, ...(each.also_ok ?? []), ...(each.expect === "mask" ? ["deny"] : [])];
            if (!right.includes(verdict)) {
              wrong.push(`${each.id} on ${version}: ${verdict} instead of ${right}: ${each.sql}`);
            } else if (strictness.indexOf(verdict) > strictness.indexOf(each.expect)) {
              counts.stricter++;
            } else counts.right++;
          }
        }
      }
      assert.deepEqual(wrong, []);
      await t.step(`${counts.right} as expected, ${counts.stricter} stricter, as the corpora allow`, () => {
        assert.ok(counts.stricter < counts.right / 3);
      });
      await t.step("nothing of the corpora tells the two databases apart", async () => {
        const one = mysqlCorpus().filter(({ steps, server }) =>
          !steps && !JSON.stringify(server).includes("nondet")
        );
        for (const each of one) {
          for (const style of maskStyles) {
            const [a, b] = await lab.observe(each.sql, style);
            assert.equal(a, b, `${each.id} tells the databases apart`);
            for (const secret of [...twoSecrets[0].ssns, ...twoSecrets[0].cards]) {
              assert.ok(each.sql.includes(secret) || !a.includes(secret), `${each.id} shows a secret`);
            }
          }
        }
      });
    } finally {
      await lab.close();
    }
  });
}

for (const [flavour, here] of servers) {
  testNeeding(
    [here],
    `${flavour}: no random dress of a masked column tells two databases apart`,
    async (t) => {
      const lab = await startMysqlLab(flavour);
      const counts = { denied: 0, failed: 0, rows: 0 };
      const seconds = Number(Deno.env.get("FUZZ_SECONDS") ?? "0");
      try {
        await fc.assert(
          fc.asyncProperty(statement, fc.constantFrom(...maskStyles), async (text, style) => {
            const [a, b] = await lab.observe(text, style);
            if (a === "denied") counts.denied++;
            else if (a.startsWith('["error"')) counts.failed++;
            else counts.rows++;
            assert.equal(a, b);
            assert.ok(!a.includes("refused:"), "as many masks as columns");
          }),
          seconds > 0
            ? { numRuns: 10_000_000, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false }
            : { numRuns: 400, seed: 7 },
        );
        await t.step(
          `${counts.rows} gave rows, ${counts.failed} failed on both, ${counts.denied} were refused`,
          () => {
            assert.ok(counts.rows > 40);
          },
        );
      } finally {
        await lab.close();
      }
    },
  );
}

/** Results whose columns the analyst must have counted and named as the target does. */
const shapes = [
  "SELECT * FROM users ORDER BY id",
  "SELECT * FROM users u JOIN orders o ON o.user_id = u.id ORDER BY u.id, o.id",
  "SELECT * FROM orders JOIN users USING (id) ORDER BY id",
  "SELECT * FROM orders LEFT JOIN users USING (id) ORDER BY id",
  "SELECT * FROM orders RIGHT JOIN v_clean USING (id)",
  "SELECT * FROM orders NATURAL JOIN users ORDER BY id",
  "SELECT * FROM staff JOIN v_clean USING (id, name)",
  "SELECT * FROM (SELECT 1 AS x) a JOIN v_clean v JOIN staff s USING (id)",
  "SELECT * FROM (SELECT 1 AS x) a JOIN v_clean v NATURAL JOIN staff s",
  "SELECT * FROM (SELECT 1 AS x) a JOIN (v_clean v JOIN staff s USING (id))",
  "SELECT * FROM (SELECT 1 AS x) a CROSS JOIN v_clean v LEFT JOIN staff s USING (id)",
  "SELECT * FROM (SELECT 1 AS x) a CROSS JOIN v_clean v RIGHT JOIN staff s USING (id, name)",
  "SELECT * FROM (SELECT 1 AS x) a, v_clean v JOIN staff s USING (id)",
  "SELECT * FROM (SELECT 1 AS id) a JOIN v_clean v USING (id) JOIN staff s USING (id)",
  "SELECT * FROM (SELECT 1 AS id) a LEFT JOIN v_clean v JOIN staff s ON s.id = v.id ON v.id = a.id",
  "SELECT * FROM {oj v_clean v LEFT OUTER JOIN staff s USING (id)}, (SELECT 1 AS z) y",
  "SELECT * FROM orders o NATURAL LEFT JOIN v_clean v NATURAL JOIN staff",
  "SELECT v.*, s.* FROM v_clean v JOIN staff s USING (id, name)",
  "SELECT * FROM (orders o, v_clean v) JOIN staff s ON s.id = o.id",
  "SELECT s.*, o.* FROM orders o, staff s WHERE s.id = 1",
  "SELECT t.*, 1 FROM (SELECT *, 2 AS two FROM users WHERE id = 1) t",
  "WITH t AS (SELECT * FROM v_nested WHERE id = 1) SELECT * FROM t, t AS u",
  "SELECT *, staff.hidden FROM staff WHERE id = 1",
  "SELECT * FROM v_star WHERE id = 1",
  "SELECT * FROM information_schema.SCHEMATA",
];

for (const [flavour, here] of servers) {
  testNeeding([here], `${flavour}: stars are taken apart as the target does`, async () => {
    const lab = await startMysqlLab(flavour);
    try {
      for (const text of shapes) {
        const names = await lab.columnsOf(text);
        const result = lab.analyst("fixed").analyse(text, lab.state);
        assert.ok(!("refused" in result), text);
        const plan = result[0]!.result;
        const masked = names.map((name) =>
          /^(?:ssn|card|salary|born|doc|t|copy|twice)$/.test(name) || name === "ssn_rev"
        );
        if (plan.kind !== "columns") {
          assert.ok(!masked.includes(true), `${text}: ${names}`);
        } else {assert.deepEqual(
            plan.masks.map((mask) => mask !== null),
            masked,
            `${text}: ${names}`,
          );}
      }
    } finally {
      await lab.close();
    }
  });
}

const leaf = fc.constantFrom(
  "(SELECT 1 AS a, 2 AS b)",
  "(SELECT 2 AS b, 3 AS c)",
  "(SELECT 1 AS a, 3 AS c, 4 AS d)",
  "(SELECT 5 AS e)",
  "(SELECT 4 AS D, 1 AS A)",
);
const { tree } = fc.letrec<{ tree: string; table: string }>((tie) => ({
  table: fc.oneof(
    { arbitrary: leaf, weight: 5 },
    { arbitrary: tie("tree").map((inside) => `(${inside})`), weight: 1 },
  ),
  tree: fc.oneof(
    { maxDepth: 4 },
    tie("table"),
    fc.tuple(
      tie("tree"),
      fc.constantFrom(
        "JOIN",
        "CROSS JOIN",
        "INNER JOIN",
        "LEFT JOIN",
        "RIGHT JOIN",
        "NATURAL JOIN",
        "NATURAL LEFT JOIN",
        "NATURAL RIGHT JOIN",
        "STRAIGHT_JOIN",
        ",",
      ),
      tie("table"),
      fc.constantFrom("", "ON 1", "USING (a)", "USING (b)", "USING (a, c)", "USING (c, a)"),
    ).map(([left, join, right, on]) =>
      `${left} ${join} ${right} ${join.startsWith("NATURAL") || join === "," ? "" : on}`
    ),
  ),
}));
/** Each derived table gets an alias of its own. */
const joins = tree.map((text) => {
  let count = 0;
  return `SELECT * FROM ${text.replace(/AS \w\)/g, (end) => `${end} t${++count}`)}`;
});

for (const [flavour, here] of servers) {
  testNeeding([here], `${flavour}: random joins have their columns in the order of the target`, async (t) => {
    const lab = await startMysqlLab(flavour);
    const counts = { same: 0, failed: 0 };
    try {
      await fc.assert(
        fc.asyncProperty(joins, async (text) => {
          const ours = lab.namesOf(text);
          const theirs = await lab.columnsOf(text).catch(() => null);
          if (theirs === null || ours === null) return void counts.failed++;
          counts.same++;
          assert.deepEqual(
            ours.map((name) => name.toLowerCase()),
            theirs.map((name) => name.toLowerCase()),
            text,
          );
        }),
        { numRuns: 600, seed: 5 },
      );
      await t.step(`${counts.same} compared, ${counts.failed} refused by one of both`, () => {
        assert.ok(counts.same > 100);
      });
    } finally {
      await lab.close();
    }
  });
}

const fragments = fc.array(
  fc.constantFrom(
    "SELECT 1",
    "SELECT 'a'",
    "SELECT 'a;b'",
    'SELECT "a;b"',
    "SELECT 'a''b'",
    "SELECT 'a\\'",
    "SELECT 'a\\\\'",
    "SELECT `a;b` FROM (SELECT 1 AS `a;b`) t",
    "SELECT 1 -- ; '",
    "SELECT 1 --1",
    'SELECT 1 # ; "',
    "SELECT /* ; */ 1",
    "SELECT 1 /*!50000 + 1 */",
    "SELECT 1 /*!50701 + 1 */",
    "SELECT 1 /*!999999 + */",
    "SELECT 1 /*M!100100 + 1 */",
    "SELECT x'41', _utf8mb4'x', N'y'",
    "\n",
    ";",
    "; ",
    "';",
  ),
  { minLength: 1, maxLength: 6 },
).map((list) => list.join(""));

for (const [flavour, here] of servers) {
  testNeeding([here], `${flavour}: texts fall into as many statements as the target runs`, async (t) => {
    const lab = await startMysqlLab(flavour);
    const counts = { same: 0, failed: 0, refused: 0 };
    try {
      for (const sqlMode of ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"]) {
        const state = { ...lab.state, sql_mode: sqlMode };
        await lab.query(`SET sql_mode = '${sqlMode}'`);
        await fc.assert(
          fc.asyncProperty(fragments, async (text) => {
            const ours = countOf(text, state);
            if (ours === null) {
              return void counts.refused++;
            }
            const results = await lab.query(text).then((rows) => Array.isArray(rows) ? rows : [], () => null);
            if (results === null) {
              return void counts.failed++;
            }
            counts.same++;
            assert.equal(Array.isArray(results[0]) ? results.length : 1, ours, JSON.stringify(text));
          }),
          { numRuns: 250, seed: 11 },
        );
      }
      await t.step(
        `${counts.same} ran, ${counts.failed} were errors there, ${counts.refused} refused here`,
        () => {
          assert.ok(counts.same > 100);
        },
      );
    } finally {
      await lab.close();
    }
  });
}

/** How many statements ours sees; null where it refuses the text. */
function countOf(text: string, state: ReturnType<typeof stateOf>): number | null {
  try {
    const mode = modeOf(state);
    let count = 0;
    for (let at = 0; at < text.length;) {
      const { tokens, end } = new Lexer(text, at, mode).statement();
      if (tokens.some((token) => !isTrivia(token) && token.kind !== "end")) count++;
      at = end;
    }
    return count;
  } catch {
    return null;
  }
}
