/** MariaDB's own parts of the protocol: bulk execution and progress reports, by drivers and byte by byte. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as mariadb from "mariadb";
import { Command, Extended, Type } from "../../proxy/mysql/constants.ts";
import { type Mariadb, mariadbHere, patient, startMariadb } from "../support/mariadb.ts";
import { devin, type FakeGate, type GateOptions, startGate, targetOf } from "../support/mysql_gate.ts";
import { errorOf, WireClient } from "../support/mysql_wire.ts";
import { mariadbJdbc, runJava } from "../support/tools.ts";
import { testNeeding } from "../support/programs.ts";

const schema = `CREATE TABLE t(id INT PRIMARY KEY, name VARCHAR(40) DEFAULT 'none', at DATETIME);
CREATE TABLE many(id INT PRIMARY KEY);
INSERT INTO many SELECT seq FROM seq_1_to_200`;

async function withGate(
  options: Partial<GateOptions>,
  body: (gate: FakeGate, database: Mariadb) => Promise<void>,
): Promise<void> {
  const database = await startMariadb({ sql: schema });
  const sentence = () => ({ verdict: "allow" as const });
  const target = targetOf(database);
  const gate = await startGate({ target, sentence, mysql: { targets: [target] }, ...options });
  try {
    await body(gate, database);
  } finally {
    await gate.close();
    await database.close();
  }
}

async function connect(gate: FakeGate, extended = 0): Promise<WireClient> {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return await WireClient.connect({ port: gate.port, user, password, database: "orders-prod", extended });
}

function connector(gate: FakeGate) {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return mariadb.createConnection({
    host: "127.0.0.1",
    port: gate.port,
    user,
    password,
    database: "orders-prod",
    dateStrings: true,
    ...patient,
  });
}

const bulks = (gate: FakeGate) => gate.runs.filter(({ run }) => run.rows !== undefined);

testNeeding(
  [mariadbHere],
  "mariadb's connector: a batch is one execution, judged and recorded with all its values, over the first connection",
  () =>
    withGate({}, async (gate) => {
      const connection = await connector(gate);
      try {
        const rows = [[1, "ann", "2024-02-29 10:11:12"], [2, null, null], [
          3,
          "Zoë ✓",
          "1999-12-31 00:00:00",
        ]];
        const insert = "INSERT INTO t(id, name, at) VALUES (?, ?, ?)";
        const done = await connection.batch(insert, rows) as mariadb.UpsertResult;
        assert.equal(done.affectedRows, 3);
        const [bulk, ...none] = bulks(gate);
        assert.equal(none.length, 0);
        assert.equal(bulk!.run.text, insert);
        assert.equal(bulk!.run.rows, 3);
        assert.deepEqual(
          bulk!.run.parameters.map(({ text }) => text),
          rows.flat().map((value) => value === null ? null : String(value)),
        );
        assert.equal(gate.outcomes.get(bulk!.id)?.rows, 3);
        const stored = await connection.query({
          sql: "SELECT id, name, at FROM t ORDER BY id",
          rowsAsArray: true,
        });
        assert.deepEqual(stored, rows);
        const many = Array.from({ length: 20_000 }, (_, at) => [1000 + at, `n${at}`, null]);
        assert.equal(
          (await connection.batch(insert, many) as mariadb.UpsertResult).affectedRows,
          many.length,
        );
        assert.equal(bulks(gate).slice(1).reduce((sum, { run }) => sum + run.rows!, 0), many.length);
        await assert.rejects(connection.batch(insert, [[5, "x", null], [1, "again", null]]), { errno: 1062 });
        assert.equal((await connection.query("SELECT 7 AS n"))[0].n, 7);
      } finally {
        await connection.end();
      }
    }),
);

testNeeding(
  [mariadbHere],
  "a batch is held with all its values, and inserts nothing where it is refused",
  () =>
    withGate(
      { sentence: (text) => ({ verdict: text.startsWith("INSERT") ? "approve" : "allow" }) },
      async (gate) => {
        const connection = await connector(gate);
        try {
          const insert = "INSERT INTO t(id, name) VALUES (?, ?)";
          const refused = connection.batch(insert, [[1, "one"], [2, "two"]]);
          const rejected = assert.rejects(refused, /not today/);
          await gate.until(gate.holds, 1);
          assert.deepEqual(gate.holds[0]!.run.parameters.map(({ text }) => text), ["1", "one", "2", "two"]);
          gate.holds[0]!.deny("not today");
          await rejected;
          assert.deepEqual(await connection.query("SELECT * FROM t"), []);
          const approved = connection.batch(insert, [[3, "three"], [4, "four"]]);
          await gate.until(gate.holds, 2);
          gate.holds[1]!.approve();
          assert.equal((await approved as mariadb.UpsertResult).affectedRows, 2);
        } finally {
          await connection.end();
        }
      },
    ),
);

testNeeding(
  [mariadbHere, mariadbJdbc],
  "MariaDB Connector/J with useBulkStmts",
  () =>
    withGate({}, async (gate, database) => {
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const url =
        `jdbc:mariadb://127.0.0.1:${gate.port}/orders-prod?useBulkStmts=true&useServerPrepStmts=true`;
      const { code, stdout, stderr } = await runJava("jdbc_batch", "mariadb-java-client.jar", [
        url,
        user,
        password,
      ], "");
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "batch 3\n");
      const [bulk, ...none] = bulks(gate);
      assert.equal(none.length, 0);
      assert.deepEqual(bulk!.run.parameters.map(({ text }) => text).slice(0, 5), [
        "1",
        "n1 ✓",
        bulk!.run.parameters[2]!.text,
        "2",
        null,
      ]);
      assert.ok(database.port > 0);
    }),
);

const bytes = (...parts: (number[] | string)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** A statement with two parameters, prepared; the start of its bulk execution. */
async function prepared(client: WireClient): Promise<number[]> {
  const head = await client.ask(Command.statementPrepare, "INSERT INTO t(id, name) VALUES (?, ?)");
  assert.equal(head[0], 0);
  for (let left = 2; left > 0; left--) await client.receive();
  return [...head.subarray(1, 5)];
}

const types = [128, 0, Type.long, 0, Type.varString, 0];

testNeeding(
  [mariadbHere],
  "indicators, and bulk executions that are none",
  () =>
    withGate({}, async (gate) => {
      const client = await connect(gate, Extended.bulk);
      const id = await prepared(client);
      const row = (at: number, ...rest: (number[] | string)[]) => bytes([0, at, 0, 0, 0], ...rest);
      const rows = Buffer.concat([row(1, [0, 2], "ab"), row(2, [1]), row(3, [2]), row(4, [3])]);
      const answer = await client.ask(Command.statementBulkExecute, Buffer.concat([bytes(id, types), rows]));
      assert.equal(answer[0], 0, answer[0] === 0xff ? errorOf(answer).message : "");
      assert.deepEqual(
        bulks(gate).at(-1)!.run.parameters.filter((_, at) => at % 2 === 1).map((
          { text, type },
        ) => [text, type]),
        [["ab", "varchar"], [null, "varchar"], [null, "default"], [null, "default, or as it was"]],
      );
      assert.match(
        Buffer.concat(await client.query("SELECT GROUP_CONCAT(COALESCE(name, '-') ORDER BY id) FROM t"))
          .toString(),
        /ab,-,none,none/,
      );
      // The types of before count where none come.
      assert.equal(
        (await client.ask(Command.statementBulkExecute, bytes(id, [0, 0], [0, 9, 0, 0, 0, 1])))[0],
        0,
      );
      const unknown = await client.refused(
        Command.statementBulkExecute,
        bytes([99, 0, 0, 0], types, [0, 1, 0, 0, 0, 1]),
      );
      assert.equal(unknown.code, 1243);
      const count = gate.runs.length;
      for (
        const body of [types, [64, 0], [128, 0, Type.long], [...types, 4], [...types, 0, 1, 0], [
          ...types,
          0,
          1,
          0,
          0,
          0,
          0,
          9,
        ]]
      ) {
        const other = await connect(gate, Extended.bulk);
        const own = await prepared(other);
        assert.match(
          (await other.refused(Command.statementBulkExecute, bytes(own, body))).message,
          /COM_STMT_BULK_EXECUTE/,
        );
      }
      assert.equal(gate.runs.length, count, "nothing of it was judged");
      const plain = await connect(gate);
      assert.match((await plain.refused(Command.statementBulkExecute, "x")).message, /has no bulk execution/);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "progress reports reach a client that asked for them, and no other",
  () =>
    withGate({}, async (gate) => {
      // Two seconds and more: a hash of four megabytes for each row.
      const slow =
        "ALTER TABLE many ADD COLUMN x INT DEFAULT (LENGTH(SHA2(REPEAT('x', 4000000), 512))), ALGORITHM=COPY";
      for (const extended of [Extended.progress, 0]) {
        const client = await connect(gate, extended);
        await client.query("SET progress_report_time = 1");
        await client.send(Command.query, slow);
        let reports = 0;
        let packet = await client.receive();
        for (; packet[0] === 0xff && packet[1] === 0xff && packet[2] === 0xff; reports++) {
          packet = await client.receive();
        }
        assert.equal(packet[0], 0, packet[0] === 0xff ? errorOf(packet).message : "");
        assert.equal(reports > 0, extended !== 0);
        assert.equal(gate.outcomes.get(gate.runs.at(-1)!.id)?.error, null);
        await client.query("ALTER TABLE many DROP COLUMN x");
        client.close();
      }
    }),
);
