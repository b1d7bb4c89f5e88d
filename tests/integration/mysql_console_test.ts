/** Statements from the dashboard on MariaDB and MySQL: judged, masked, held and cancelled as any client's. */
import assert from "node:assert/strict";
import type { ConsoleEvent } from "../../policy/console.ts";
import { ada, type DashboardUser, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, startMysql } from "../support/mysql.ts";
import { testNeeding } from "../support/programs.ts";

const table =
  "CREATE TABLE people(id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(20), seal VARBINARY(4));";
const rows =
  "INSERT INTO people VALUES (1, 'Zoë 😀', '900-11-1037', X'ff00'), (2, NULL, '900-22-2042', NULL);";
const masks = `masks: [{ columns: ["*.people.ssn"], mask: { kind: partial, keepLast: 4 } }]`;

const flavours = [
  { name: "MariaDB", needs: mariadbHere, start: () => startMariadb({ sql: `${table} ${rows}` }) },
  {
    name: "MySQL",
    needs: mysqlHere,
    start: () => startMysql([table, rows].join("\n")),
  },
];

for (const { name, needs, start } of flavours) {
  testNeeding([needs], `${name}: the dashboard's console is a client like any other`, async (t) => {
    const target = await start();
    const gateway = await startTestGateway({
      targets: `${targetYaml("shop", "mysql", target, "{ mode: prefer }")}    console: true\n`,
      sections: masks,
      env: { TARGET_PASSWORD: target.password },
    });
    try {
      const user = await gateway.signIn(devin);
      const approver = await gateway.signIn(ada);
      await t.step(
        "rows, masked where they are for everybody; bytes without a text in hexadecimal",
        async () => {
          assert.deepEqual(await run(user, "SELECT * FROM people ORDER BY id"), [
            { kind: "columns", names: ["id", "name", "ssn", "seal"] },
            {
              kind: "rows",
              rows: [["1", "Zoë 😀", "***-**-1037", "0xff00"], ["2", null, "***-**-2042", null]],
            },
            { kind: "tag", tag: "2 rows", rows: 2 },
            { kind: "end" },
          ]);
        },
      );
      await t.step("several statements of one text, each with its result; warnings are said", async () => {
        const events = await run(user, "SELECT 1 AS one; SELECT 'x' + 1 AS two; SHOW WARNINGS");
        const tags = events.filter(({ kind }) => kind === "tag");
        assert.deepEqual(tags.map((event) => event.kind === "tag" && event.tag), ["1 row", "1 row", "1 row"]);
        assert.ok(events.some((event) => event.kind === "notice" && event.message === "One warning"));
      });
      await t.step("rows beyond the limit are counted, long values cut", async () => {
        const many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) " +
          "SELECT a.i, REPEAT('x', IF(a.i = 1, 20000, 3)) FROM n a JOIN n b ON b.i <= 2 ORDER BY a.i";
        const events = await run(user, many);
        const kept = events.flatMap((event) => event.kind === "rows" ? event.rows : []);
        assert.equal(kept.length, 1000);
        assert.equal(kept[0]![1]!.length, 10_000);
        assert.deepEqual(events.at(-2), { kind: "tag", tag: "2000 rows", rows: 2000 });
      });
      await t.step("a refusal and the target's own error, in the words that a client gets", async () => {
        const refused = await run(user, "DROP TABLE people");
        assert.match(JSON.stringify(refused[0]), /"1142, 42000".*Postern: .*\[rule: /);
        const failed = (await run(user, "SELECT 9223372036854775807 + 1")).find(({ kind }) =>
          kind === "error"
        );
        assert.equal(failed!.kind === "error" && failed!.code, "1690, 22003");
      });
      await t.step("a write is held; approved, it runs and says how many rows it changed", async () => {
        const running = run(user, "UPDATE people SET name = 'Bo' WHERE id = 2");
        const { id } = await approver.pending("WHERE id = 2");
        await approver.decide(id, true);
        const [told] = await running;
        assert.ok(told!.kind === "tag" && told!.rows === 1, JSON.stringify(told));
        assert.match(told!.kind === "tag" ? told!.tag : "", /^OK, 1 row affected \(Rows matched: 1/);
      });
    } finally {
      await gateway.close();
      await target.close();
    }
  });
}

async function run(user: DashboardUser, text: string): Promise<ConsoleEvent[]> {
  const page = await user.post("/api/console/run", { target: "shop", text });
  assert.equal(page.status, 200, page.text);
  return page.text.trim().split("\n").map((line) => JSON.parse(line) as ConsoleEvent);
}
