/** The first rows of results in the record, as the client saw them: masked, cut, and of every way rows come. */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import pg from "pg";
import type { AuditEvent } from "../../policy/types.ts";
import { alex, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";

const secret = "900-11-1037";
const sections = `masks:
  - columns: ["*.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
rules:
  - { name: all, what: { kinds: [read, write, session, transaction, copy] }, then: allow }
`;
const record = "    record: { rows: 3, bytes: 200 }\n";

interface Recorded {
  readonly columns: readonly { readonly name: string; readonly masked: boolean }[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly more: boolean;
}

/** Whole record, as exported. */
async function exported(gateway: TestGateway): Promise<{ text: string; events: AuditEvent[] }> {
  const { text } = await (await gateway.signIn(alex)).api("/api/audit/export");
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  return { text, events: lines.map((line) => line.event ?? line).filter(({ type }) => type !== undefined) };
}

/** What is recorded of the newest statement with this text, once its end is. */
async function recordedOf(gateway: TestGateway, text: string): Promise<Recorded[]> {
  for (let tries = 0;; tries++) {
    const { events } = await exported(gateway);
    const judged = events.findLast(({ type, data }) => type === "statement.judged" && data.text === text);
    const about = events.filter(({ data }) => data.statement === judged?.data.statement);
    if (about.some(({ type }) => type === "statement.finished")) {
      const found = about.filter(({ type }) => type === "result.recorded");
      assert.ok(found.length <= 1, "one event a statement");
      return (found[0]?.data.results ?? []) as unknown as Recorded[];
    }
    assert.ok(tries < 1200, `no end of ${text}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

const columns = (...names: string[]) => names.map((name) => ({ name, masked: name === "ssn" }));

testNeeding([postgresqlHere, "psql"], "PostgreSQL: the record has what the client saw", async (t) => {
  const server = await startPostgresql({
    sql: `CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text, born date, photo bytea);
      INSERT INTO customers VALUES (1, 'Ann', '${secret}', '1980-02-03', '\\x00ff'), (2, NULL, NULL, NULL, NULL);
      CREATE TABLE numbers AS SELECT g AS n FROM generate_series(1, 1000) g;`,
  });
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", server) + record,
    sections,
    env: { TARGET_PASSWORD: server.password },
  });
  const user = await gateway.signIn(devin);
  const client = new pg.Client({
    host: "127.0.0.1",
    port: gateway.ports.postgresql!,
    database: "demo",
    ...await user.oneTimePassword("demo"),
  });
  await client.connect();
  const of = (text: string) => recordedOf(gateway, text);
  try {
    await t.step("rows in text, NULL apart from an empty text, masks as shown", async () => {
      const text = "SELECT id, name, ssn FROM customers ORDER BY id";
      assert.equal((await client.query(text)).rows[0].ssn, "***-**-1037");
      assert.deepEqual(await of(text), [
        {
          columns: columns("id", "name", "ssn"),
          rows: [["1", "Ann", "***-**-1037"], ["2", null, null]],
          more: false,
        },
      ]);
    });
    await t.step("rows in binary, prepared and with parameters", async () => {
      const text = "SELECT id, ssn, born, photo FROM customers WHERE id = $1";
      await client.query({ name: "one", text, values: [1], binary: true } as pg.QueryConfig);
      assert.deepEqual(await of(text), [{
        columns: columns("id", "ssn", "born", "photo"),
        rows: [["1", "***-**-1037", "1980-02-03", "\\x00ff"]],
        more: false,
      }]);
    });
    await t.step("no more rows than the limit, and that there were more; the client gets all", async () => {
      for (const [rows, more] of [[3, false], [4, true], [900, true]] as const) {
        const text = `SELECT n FROM numbers ORDER BY n LIMIT ${rows}`;
        assert.equal((await client.query(text)).rowCount, rows);
        const [found] = await of(text);
        assert.deepEqual(found, { columns: columns("n"), rows: [["1"], ["2"], ["3"]], more });
      }
    });
    await t.step("no more characters than the limit", async () => {
      const text = "SELECT repeat('é😀', 1000) AS long, 'behind' AS short";
      assert.equal((await client.query(text)).rows[0].long.length, 3000);
      const [found] = await of(text);
      assert.equal(found!.more, true);
      assert.deepEqual(found!.rows[0]![1], "…");
      assert.ok(found!.rows[0]![0]!.length <= 201 && found!.rows[0]![0]!.endsWith("…"));
    });
    await t.step("several results of one message, RETURNING, and a result without rows", async () => {
      const text =
        "SELECT 1 AS a; UPDATE customers SET name = 'Anna' WHERE id = 1 RETURNING id, ssn; SELECT 2 AS b WHERE false";
      await client.query(text);
      assert.deepEqual(await of(text), [
        { columns: columns("a"), rows: [["1"]], more: false },
        { columns: columns("id", "ssn"), rows: [["1", "***-**-1037"]], more: false },
        { columns: columns("b"), rows: [], more: false },
      ]);
      const none = "UPDATE customers SET name = 'Ann' WHERE id = 1";
      await client.query(none);
      assert.deepEqual(await of(none), []);
    });
    await t.step("a cursor's FETCH", async () => {
      await client.query("BEGIN");
      await client.query("DECLARE c CURSOR FOR SELECT name FROM customers ORDER BY id");
      await client.query("FETCH 1 FROM c");
      await client.query("COMMIT");
      assert.deepEqual(await of("FETCH 1 FROM c"), [
        { columns: columns("name"), rows: [["Ann"]], more: false },
      ]);
    });
    await t.step("COPY, line by line", async () => {
      const { user: name, password } = await user.oneTimePassword("demo");
      const text = "COPY (SELECT n, 'x' FROM numbers ORDER BY n LIMIT 5) TO STDOUT";
      const { stdout, stderr } = await runPsql({
        connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=${name} dbname=demo`,
        args: ["-c", text],
        env: { PGPASSWORD: password },
      });
      assert.equal(stdout.trim().split("\n").length, 5, stderr);
      assert.deepEqual(await of(text), [
        { columns: columns("COPY"), rows: [["1\tx"], ["2\tx"], ["3\tx"]], more: true },
      ]);
    });
    await t.step("COPY of masked columns, as the client saw it", async () => {
      const printed = async (text: string) => {
        const { user: name, password } = await user.oneTimePassword("demo");
        return await runPsql({
          connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=${name} dbname=demo`,
          args: ["-c", text],
          env: { PGPASSWORD: password },
        });
      };
      for (
        const [options, rows] of [
          ["", ["1\tAnn\t***-**-1037", "2\t\\N\t\\N"]],
          [" (FORMAT csv, HEADER)", ["id,name,ssn", "1,Ann,***-**-1037", "2,,"]],
          [" (FORMAT csv, FORCE_QUOTE *)", ['"1","Ann","***-**-1037"', '"2",,']],
        ] as const
      ) {
        const text = `COPY (SELECT id, name, ssn FROM customers ORDER BY id) TO STDOUT${options}`;
        const { stdout, stderr } = await printed(text);
        assert.deepEqual(stdout.trimEnd().split("\n"), rows, stderr);
        assert.deepEqual(await of(text), [
          { columns: [{ name: "COPY", masked: true }], rows: rows.map((row) => [row]), more: false },
        ], text);
      }
      const binary = "COPY customers (ssn) TO STDOUT (FORMAT binary)";
      await printed(binary);
      assert.deepEqual(await of(binary), []);
    });
    await t.step("bytes each way: text, parameters and COPY data one way, rows the other", async () => {
      const measured = async (text: string) => {
        await of(text);
        const { events } = await exported(gateway);
        const judged = events.findLast(({ type, data }) =>
          type === "statement.judged" && data.text === text
        )!;
        const end = events.find(({ type, data }) =>
          type === "statement.finished" && data.statement === judged.data.statement
        )!;
        return [Number(end.data.sent), Number(end.data.bytes)] as const;
      };
      const text = "SELECT repeat('x', 10000) || $1";
      await client.query(text, ["y".repeat(500)]);
      const [sent, bytes] = await measured(text);
      assert.equal(sent, text.length + 500);
      assert.ok(bytes >= 10_500 && bytes < 10_600, `${bytes}`);
      const { user: name, password } = await user.oneTimePassword("demo");
      const copy = "COPY numbers FROM STDIN";
      const lines = Array.from({ length: 5000 }, (_, n) => `${n}\n`).join("");
      const { stdout, stderr } = await runPsql({
        connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=${name} dbname=demo`,
        args: ["-c", copy],
        stdin: lines,
        env: { PGPASSWORD: password },
      });
      assert.match(stdout, /COPY 5000/, stderr);
      assert.deepEqual(await measured(copy), [copy.length + lines.length, 0]);
    });
    await t.step("what only asks the catalogs is not kept", async () => {
      await client.query("SELECT relname FROM pg_class LIMIT 1");
      assert.deepEqual(await of("SELECT relname FROM pg_class LIMIT 1"), []);
    });
    await t.step("the value itself is nowhere in the record", async () => {
      assert.ok(!(await exported(gateway)).text.includes(secret));
    });
    await t.step("the dashboard shows them to whoever may see the session", async () => {
      const { sessions } = await user.json<{ sessions: { id: string }[] }>("/api/sessions");
      const id = sessions.at(-1)!.id;
      const { steps } = await user.json<{ steps: { step: string; sequence: number }[] }>(
        `/api/sessions/${id}/events?limit=200`,
      );
      const step = steps.find(({ step }) => step === "result")!;
      const { results } = await user.json<{ results: Recorded[] }>(
        `/api/sessions/${id}/results/${step.sequence}`,
      );
      assert.deepEqual(results[0]!.rows[0], ["1", "Ann", "***-**-1037"]);
    });
  } finally {
    await client.end().catch(() => {});
    await gateway.close();
    await server.close();
  }
});

testNeeding([mariadbHere], "MariaDB: the record has what the client saw", async () => {
  const server = await startMariadb({
    sql:
      `CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(20), born DATETIME, d DECIMAL(9,2), b BLOB);
      INSERT INTO customers VALUES (1, 'Änn', '${secret}', '1980-02-03 04:05:06', 12.50, x'00ff'),
        (2, NULL, NULL, NULL, NULL, NULL);
      CREATE TABLE numbers AS SELECT seq AS n FROM seq_1_to_1000;`,
  });
  const gateway = await startTestGateway({
    targets: targetYaml("shop", "mysql", server) + record,
    sections,
    env: { TARGET_PASSWORD: server.password },
  });
  try {
    const user = await gateway.signIn(devin);
    const client = await mysql2.createConnection({
      host: "127.0.0.1",
      port: gateway.ports.mysql!,
      database: "shop",
      multipleStatements: true,
      ...await user.oneTimePassword("shop"),
    });
    const of = (text: string) => recordedOf(gateway, text);
    const rows = [
      ["1", "Änn", "***-**-1037", "1980-02-03 04:05:06", "12.50", "0x00ff"],
      ["2", null, null, null, null, null],
    ];
    const names = columns("id", "name", "ssn", "born", "d", "b");
    const text = "SELECT id, name, ssn, born, d, b FROM customers ORDER BY id";
    await client.query(text);
    assert.deepEqual(await of(text), [{ columns: names, rows, more: false }]);
    const prepared = `${text} LIMIT 10`;
    await client.execute(prepared);
    assert.deepEqual(await of(prepared), [{ columns: names, rows, more: false }]);
    for (const [limit, more] of [[3, false], [4, true], [900, true]] as const) {
      for (const way of ["query", "execute"] as const) {
        const counted = `SELECT n FROM numbers ORDER BY n LIMIT ${limit} -- ${way}`;
        const [got] = way === "query" ? await client.query(counted) : await client.execute(counted);
        assert.equal((got as unknown[]).length, limit);
        assert.deepEqual(await of(counted), [{ columns: columns("n"), rows: [["1"], ["2"], ["3"]], more }]);
      }
    }
    const several = "SELECT 1 AS a; SELECT id, ssn FROM customers WHERE id = 1";
    await client.query(several);
    assert.deepEqual(await of(several), [
      { columns: columns("a"), rows: [["1"]], more: false },
      { columns: columns("id", "ssn"), rows: [["1", "***-**-1037"]], more: false },
    ]);
    await client.end();
    assert.ok(!(await exported(gateway)).text.includes(secret));
  } finally {
    await gateway.close();
    await server.close();
  }
});
