/** What judging needs before: EXPLAIN's estimate for conditions that ask, and a Worker for long texts. */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const tables = `
  CREATE TABLE orders (id int PRIMARY KEY, note varchar(2000));
  CREATE TABLE secrets (id int PRIMARY KEY, ssn varchar(20));
`;
const rules = `rules:
  - { name: no-large-reads, what: { kinds: [read] }, if: "estimate.rows > 1000", then: deny }
  - { name: no-costly-writes, what: { kinds: [write] }, if: "estimate.rows > 500 || facts.statements > 1", then: deny }
  - { name: reads, what: { kinds: [read, session, transaction] }, then: allow }
  - { name: writes, what: { kinds: [write] }, then: allow }
masks:
  - { columns: ["*.secrets.ssn"], mask: { kind: "null" } }
`;

/** `rows` rows of `bytes` each, from the number `first` on. */
const bulk = (rows: number, bytes: number, first = 100_000) =>
  `INSERT INTO orders (id, note) VALUES ${
    Array.from({ length: rows }, (_, n) => `(${first + n}, '${"x".repeat(bytes)}')`).join(", ")
  }`;

async function ticket(gateway: TestGateway, target: string): Promise<{ user: string; password: string }> {
  const user = await gateway.signIn(devin);
  return await user.oneTimePassword(target);
}

type Run = (text: string, values?: readonly unknown[]) => Promise<unknown>;

/** What came of it: `ran`, or the rule that refused it. */
async function outcome(run: Run, text: string, values?: readonly unknown[]): Promise<string> {
  try {
    await run(text, values);
    return "ran";
  } catch (error) {
    const { message, detail = "" } = error as Error & { detail?: string };
    return /rule: ([\w-]+)/i.exec(`${message} ${detail}`)?.[1] ?? message;
  }
}

async function checkLong(run: Run): Promise<void> {
  const padding = `/*${"-".repeat(20_000)}*/`;
  assert.equal(await outcome(run, `SELECT id FROM orders WHERE id = 7 ${padding}`), "ran");
  assert.match(await outcome(run, `DELETE FROM orders ${padding}`), /built-in/);
  assert.match(await outcome(run, `SELECT id FROM secrets WHERE ssn = 'x' ${padding}`), /built-in/);
  assert.match(await outcome(run, `SELECT ${"x".repeat(5_000_000)}`), /characters|built-in/);
}

testNeeding([postgresqlHere], "PostgreSQL: conditions on the estimate, and long texts", async () => {
  const server = await startPostgresql({
    sql: `${tables} INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 5000) n; ANALYZE orders;
      INSERT INTO secrets VALUES (1, '078-05-1120');`,
  });
  const gateway = await startTestGateway({
    targets: targetYaml("shop", "postgresql", server),
    sections: rules,
    env: { TARGET_PASSWORD: server.password },
  });
  const client = new pg.Client({
    host: "127.0.0.1",
    port: gateway.ports.postgresql!,
    database: "shop",
    ...await ticket(gateway, "shop"),
  });
  try {
    await client.connect();
    const run: Run = (text, values) => client.query(text, values as unknown[]);
    assert.equal(await outcome(run, "SELECT * FROM orders"), "no-large-reads");
    assert.equal(await outcome(run, "SELECT * FROM orders WHERE id = 5"), "ran");
    assert.equal(await outcome(run, "SELECT * FROM orders WHERE id = $1", [5]), "ran");
    assert.equal(await outcome(run, "SELECT * FROM orders WHERE id > $1", [5]), "no-large-reads");
    assert.equal(await outcome(run, "UPDATE orders SET note = 'y' WHERE id = 5"), "ran");
    assert.equal(await outcome(run, "UPDATE orders SET note = 'y' WHERE id > 5"), "no-costly-writes");
    assert.equal(await outcome(run, "UPDATE orders SET note = 'y' WHERE id > $1", [5]), "no-costly-writes");
    // No table: nobody is asked, and what is not known counts to the strict side.
    assert.equal(await outcome(run, "SELECT 1"), "no-large-reads");
    // The estimate of an INSERT of values is the number of its rows.
    assert.equal(await outcome(run, bulk(400, 1_900)), "ran", "760 kB in 400 rows");
    assert.equal(await outcome(run, bulk(600, 1_900, 200_000)), "no-costly-writes");
    await checkLong(run);
    const long = `SELECT ssn, '${"x".repeat(20_000)}' AS pad FROM secrets WHERE id = $1`;
    const { rows } = await client.query(long, [1]);
    assert.equal(rows[0].ssn, null, "masks hold for what the Worker understood");
    // In one go, so that the pipeline waits in the middle.
    const many = await Promise.all([1, 2, 3].map((id) => client.query(`${long} -- ${id}`, [id])));
    assert.deepEqual(many.map((one: pg.QueryResult) => one.rowCount), [1, 0, 0]);
  } finally {
    await client.end().catch(() => {});
    await gateway.close();
    await server.close();
  }
});

testNeeding([mariadbHere], "MariaDB: conditions on the estimate, and long texts", async () => {
  const server = await startMariadb({
    sql: `${tables} INSERT INTO orders SELECT seq, 'x' FROM seq_1_to_5000; ANALYZE TABLE orders;
      INSERT INTO secrets VALUES (1, '078-05-1120');`,
  });
  const gateway = await startTestGateway({
    targets: targetYaml("shop", "mysql", server),
    sections: rules.replace("estimate.rows > 500", "facts.verb != 'REPLACE' && estimate.rows > 500"),
    env: { TARGET_PASSWORD: server.password },
  });
  const client = await createConnection({
    host: "127.0.0.1",
    port: gateway.ports.mysql!,
    database: "shop",
    ...await ticket(gateway, "shop"),
  });
  try {
    const run: Run = (text, values) =>
      values === undefined ? client.query(text) : client.execute(text, values as number[]);
    assert.equal(await outcome(run, "SELECT * FROM orders"), "no-large-reads");
    assert.equal(await outcome(run, "SELECT * FROM orders WHERE id = 5"), "ran");
    assert.equal(await outcome(run, "SELECT * FROM orders WHERE id = ?", [5]), "no-large-reads", "not known");
    assert.equal(await outcome(run, "SELECT * FROM orders WHERE id = 5", []), "ran");
    assert.equal(await outcome(run, "UPDATE orders SET note = 'y' WHERE id = 5"), "ran");
    assert.equal(await outcome(run, "UPDATE orders SET note = 'y' WHERE id > 5"), "no-costly-writes");
    assert.equal(
      await outcome(run, "INSERT INTO orders SELECT id + 9000, note FROM orders"),
      "no-costly-writes",
    );
    assert.equal(
      await outcome(run, "INSERT INTO orders VALUES (9000, 'x')"),
      "no-costly-writes",
      "not known",
    );
    assert.equal(await outcome(run, `REPLACE${bulk(1_400, 1_900).slice(6)}`), "ran", "2.7 MB");
    await checkLong(run);
    const [rows] = await client.query(`SELECT ssn, '${"x".repeat(20_000)}' AS pad FROM secrets WHERE id = 1`);
    assert.equal((rows as { ssn: unknown }[])[0]!.ssn, null);
  } finally {
    await client.end();
    await gateway.close();
    await server.close();
  }
});
