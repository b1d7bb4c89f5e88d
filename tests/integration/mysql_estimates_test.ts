/** What the planners of MariaDB and MySQL say of statements, for rules whose condition asks. */
import assert from "node:assert/strict";
import { createConnection } from "mariadb";
import { mysqlDialect } from "../../policy/sql/mysql/mod.ts";
import type { Target } from "../../policy/types.ts";
import { mariadbHere, patient, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, startMysql } from "../support/mysql.ts";
import { testNeeding } from "../support/programs.ts";

const numbers = "WITH RECURSIVE g(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM g WHERE x < 900)";
const tables = [
  "CREATE TABLE o(id INT PRIMARY KEY, n VARCHAR(20), k INT, KEY(k))",
  `INSERT INTO o ${numbers} SELECT x, 'a', x % 10 FROM g`,
  "ANALYZE TABLE o",
];

/** Rows, and whether there is a cost: of both, or of one only. */
const cases: readonly [text: string, rows: number | null, cost: "both" | "mysql" | "none"][] = [
  ["SELECT * FROM o", 900, "both"],
  ["SELECT * FROM o WHERE k = 3", 90, "both"],
  ["SELECT * FROM o WHERE id = 5", 1, "mysql"],
  ["SELECT * FROM o UNION ALL SELECT * FROM o", 1_800, "mysql"],
  ["INSERT INTO o SELECT id + 1000, n, k FROM o", 900, "both"],
  ["REPLACE INTO o SELECT id + 1000, n, k FROM o WHERE k = 3", 90, "both"],
  ["UPDATE o SET n = 'b' WHERE k = 3", 90, "none"],
  ["DELETE FROM o WHERE k = 3", 90, "none"],
  // Nothing is said of rows that are given, and no plan is made for any value of a parameter.
  ["INSERT INTO o VALUES (5000, 'a', 1)", null, "none"],
  ["SELECT * FROM o WHERE k = ?", null, "none"],
];

const servers = [
  ["mariadb", mariadbHere, () => startMariadb(), "10.11.19-MariaDB"],
  ["mysql", mysqlHere, () => startMysql(), "9.7.4"],
] as const;

for (const [flavour, here, start, version] of servers) {
  testNeeding([here], `${flavour}: rows and costs as the planner has them`, async (t) => {
    const server = await start();
    const { host, port, user, password } = server;
    const connect = () =>
      createConnection({
        host,
        port,
        user,
        password,
        database: "app",
        allowPublicKeyRetrieval: true,
        ...patient,
      });
    const query = async (_: Target, __: string, sql: string, before: readonly string[] = []) => {
      const connection = await connect();
      try {
        for (const one of before) await connection.query(one);
        return await connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.string() });
      } finally {
        await connection.end();
      }
    };
    try {
      const connection = await connect();
      for (const one of tables) await connection.query(one);
      await connection.end();
      for (const [text, rows, cost] of cases) {
        await t.step(text, async () => {
          const estimate = await mysqlDialect.estimate({
            target: {} as Target,
            database: "app",
            query,
            text,
            state: { sql_mode: "", character_set_client: "utf8mb4", version, schema: "app", flavour },
          });
          if (rows === null) return assert.equal(estimate, null);
          assert.ok(
            estimate !== null && Math.abs(estimate.rows - rows) <= rows / 5,
            JSON.stringify(estimate),
          );
          const known = cost === "both" || cost === flavour;
          assert.equal(estimate.cost !== null, known, JSON.stringify(estimate));
        });
      }
      await t.step("the plan that approvers see is of tables, too", async () => {
        const impact = await mysqlDialect.impact({
          target: {} as Target,
          database: "app",
          query,
          text: "UPDATE o SET n = 'b' WHERE n = 'a'",
          parameters: [],
          state: { sql_mode: "", character_set_client: "utf8mb4", version, schema: "app", flavour },
          facts: [],
          wants: { count: false, samples: 0 },
          analyse: () => [],
          failed: (part, error) => assert.fail(`${part}: ${error}`),
          mask: () => null,
          see: (text) => text,
        });
        assert.equal(impact.rows, 900);
        assert.match(impact.plan.join(), /^read the whole (?:index PRIMARY )?of o, about 900 rows$/);
      });
    } finally {
      await server.close();
    }
  });
}
