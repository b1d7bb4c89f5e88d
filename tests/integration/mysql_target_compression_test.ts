/** Compression towards targets: what goes over that wire is little, and nobody can tell otherwise. */
import assert from "node:assert/strict";
import { connect as dial, createServer, type Socket } from "node:net";
import * as mariadb from "mariadb";
import * as mysql2 from "mysql2/promise";
import type { Server } from "../support/catalogs.ts";
import { mariadbHere, patient, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, startMysql } from "../support/mysql.ts";
import { devin, type FakeGate, startGate, targetOf } from "../support/mysql_gate.ts";
import { testNeeding } from "../support/programs.ts";

interface Wire {
  readonly port: number;
  /** Both ways. */
  bytes: number;
  close(): Promise<void>;
}

/** Counts what goes between the gate and a target. */
async function wireTo(port: number): Promise<Wire> {
  const sockets: Socket[] = [];
  const wire = { port: 0, bytes: 0, close: () => Promise.resolve() };
  const server = createServer((gate) => {
    const target = dial(port, "127.0.0.1");
    sockets.push(gate, target);
    for (const [from, to] of [[gate, target], [target, gate]] as const) {
      from.on("error", () => {});
      from.on("data", (chunk: Uint8Array) => wire.bytes += chunk.length);
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  wire.port = (server.address() as { port: number }).port;
  wire.close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return wire;
}

const schema = `CREATE TABLE people(id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(20));
INSERT INTO people VALUES (1, 'ann', '900-11-1111'), (2, 'bob', '900-22-2222');
CREATE TABLE long_ones(id INT PRIMARY KEY, body LONGTEXT);`;

type StartedServer = Server & { close(): Promise<void> };

const mask = { name: "ssn", columns: [], mask: { kind: "fixed" as const, text: "***" } };

async function withGate(
  start: () => Promise<StartedServer>,
  compress: boolean,
  body: (gate: FakeGate, wire: Wire) => Promise<void>,
): Promise<void> {
  const database = await start();
  const wire = await wireTo(database.port);
  const gate = await startGate({
    target: targetOf({ ...database, port: wire.port }, { compress, tls: { mode: "disable" } }),
    sentence: (text) => ({ verdict: text.includes("held") ? "approve" : "allow" }),
    maskOf: (origin) => origin.endsWith(".people.ssn") ? mask as never : null,
  });
  try {
    await body(gate, wire);
  } finally {
    await gate.close();
    await wire.close();
    await database.close();
  }
}

function credentials(gate: FakeGate) {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return { host: "127.0.0.1", port: gate.port, user, password, database: "orders-prod" };
}

async function everything(gate: FakeGate, wire: Wire): Promise<void> {
  const connection = await mysql2.createConnection({ ...credentials(gate), multipleStatements: true });
  const rows = async (sql: string, values?: unknown[]) =>
    (values === undefined
      ? (await connection.query(sql))[0]
      : (await connection.execute(sql, values as never))[0]) as Record<string, unknown>[];
  try {
    const long = "SELECT REPEAT('a', 3000000) AS a";
    const before = wire.bytes;
    assert.equal((await rows(long))[0]!.a, "a".repeat(3_000_000));
    assert.ok(wire.bytes - before < 100_000, `${wire.bytes - before} bytes for three million`);
    assert.equal((await rows("SELECT seq FROM seq_1_to_1000 AS s").catch(() => [])).length % 1000, 0);
    const masked = [{ id: 1, name: "ann", ssn: "***" }, { id: 2, name: "bob", ssn: "***" }];
    assert.deepEqual(await rows("SELECT * FROM people ORDER BY id"), masked);
    assert.deepEqual(await rows("SELECT * FROM people WHERE id > ? ORDER BY id", [0]), masked);
    const several = await rows("SELECT 1 AS n; SELECT name FROM people WHERE id = 2; DO 0; SELECT 3 AS n");
    const texts = JSON.stringify(several);
    assert.ok(texts.includes('[{"n":1}],[{"name":"bob"}]') && texts.endsWith('[{"n":3}]]'), texts);
    await assert.rejects(rows("SELECT * FROM missing"), /missing/);
    await assert.rejects(rows("SELECT * FROM missing WHERE id = ?", [1]), /missing/);
    for (const size of [10, 70_000, 17_000_000]) {
      const value = "z".repeat(size);
      await rows("REPLACE INTO long_ones VALUES (1, ?)", [value]);
      const [row] = await rows("SELECT body FROM long_ones WHERE id = ?", [1]);
      assert.ok(row!.body === value, `${size} characters, prepared`);
      const [text] = await rows(`SELECT body, '${value}' AS same FROM long_ones`);
      assert.ok(text!.body === value && text!.same === value, `${size} characters, as text`);
    }
    await connection.ping();
    const held = rows("SELECT 'held' AS state");
    await gate.until(gate.holds, 1);
    gate.holds[0]!.approve();
    assert.deepEqual(await held, [{ state: "held" }]);
    await connection.changeUser({ database: "orders-prod" }).catch(() => {});
  } finally {
    connection.destroy();
  }
}

const mariadbServer = () =>
  startMariadb({ sql: schema, settings: { "max-allowed-packet": "64M" } }) as Promise<StartedServer>;
const mysqlServer = () => startMysql(`USE app;\n${schema}`) as Promise<StartedServer>;

testNeeding(
  [mariadbHere],
  "a MariaDB target by zlib: rows, masks, several results, 17 MB both ways, holds, errors",
  () => withGate(mariadbServer, true, everything),
);

testNeeding(
  [mysqlHere],
  "a MySQL target by zstd: rows, masks, several results, 17 MB both ways, holds, errors",
  () => withGate(mysqlServer, true, everything),
);

testNeeding(
  [mariadbHere],
  "a target is not asked for compression unless its config says so",
  () =>
    withGate(mariadbServer, false, async (gate, wire) => {
      const connection = await mariadb.createConnection({ ...credentials(gate), compress: true, ...patient });
      try {
        const before = wire.bytes;
        await connection.query("SELECT REPEAT('a', 300000)");
        assert.ok(wire.bytes - before > 300_000);
      } finally {
        await connection.end();
      }
    }),
);

testNeeding(
  [mariadbHere],
  "a session through compression on both sides, and KILL QUERY in the middle of it",
  () =>
    withGate(mariadbServer, true, async (gate) => {
      const connection = await mariadb.createConnection({ ...credentials(gate), compress: true, ...patient });
      const other = await mariadb.createConnection({ ...credentials(gate), compress: true, ...patient });
      try {
        const [{ id }] = await connection.query("SELECT CONNECTION_ID() AS id");
        const slow = assert.rejects(connection.query("SELECT SLEEP(60) FROM people"), { errno: 1317 });
        await gate.until(gate.runs, 2);
        await other.query(`KILL QUERY ${id}`);
        await slow;
        assert.equal((await connection.query("SELECT 7 AS n"))[0].n, 7);
        await connection.reset();
        assert.equal((await connection.query("SELECT 8 AS n"))[0].n, 8);
      } finally {
        await connection.end();
        await other.end();
      }
    }),
);
