/** The compressed protocol: stock clients and drivers by it, and frames that no client would send. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect as dial, createServer, type Socket } from "node:net";
import zlib from "node:zlib";
import * as mariadb from "mariadb";
import * as mysql2 from "mysql2/promise";
import { Capability, Command } from "../../proxy/mysql/constants.ts";
import { encodePacket } from "../../proxy/mysql/packets.ts";
import { run } from "../support/daemons.ts";
import { mariadbHere, patient, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, mysqlProgram } from "../support/mysql.ts";
import { devin, type FakeGate, type GateOptions, startGate, targetOf } from "../support/mysql_gate.ts";
import { modernCapabilities, WireClient } from "../support/mysql_wire.ts";
import { testNeeding } from "../support/programs.ts";

const megabyte = 1_048_576;

interface Between {
  readonly port: number;
  /** From the gate to the client. */
  readonly bytes: number;
  close(): Promise<void>;
}

/** Counts what the gate sends. */
async function between(gate: FakeGate): Promise<Between> {
  let bytes = 0;
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const target = dial(gate.port, "127.0.0.1");
    sockets.push(client, target);
    for (const [from, to] of [[client, target], [target, client]] as const) {
      from.on("error", () => {});
      from.pipe(to);
    }
    target.on("data", (chunk: Uint8Array) => bytes += chunk.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as { port: number }).port,
    get bytes() {
      return bytes;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function withGate(
  body: (gate: FakeGate, wire: Between) => Promise<void>,
  options: Partial<GateOptions> = {},
): Promise<void> {
  const settings = { "max-allowed-packet": "64M" };
  const database = await startMariadb({ settings });
  const sentence = () => ({ verdict: "allow" as const });
  const gate = await startGate({ target: targetOf(database), sentence, ...options });
  const wire = await between(gate);
  try {
    await body(gate, wire);
  } finally {
    await wire.close();
    await gate.close();
    await database.close();
  }
}

function credentials(gate: FakeGate, { port }: Between) {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return { host: "127.0.0.1", port, user, password, database: "orders-prod" };
}

/** One client after the other: what it prints, and that few bytes were needed for it. */
async function prints(gate: FakeGate, wire: Between, program: readonly string[], sql: string) {
  const { user, password, port } = credentials(gate, wire);
  const before = wire.bytes;
  const line = [...program, "-h127.0.0.1", `-P${port}`, `-u${user}`, "-Dorders-prod", "-NBe", sql];
  const { stdout, stderr } = await run(line, { env: { MYSQL_PWD: password }, timeoutMs: 120_000 });
  assert.equal(stderr, "");
  return { stdout, bytes: wire.bytes - before };
}

const statements = (literal: string) => `SELECT REPEAT('a', 3000000); SELECT LENGTH('${literal}'), 'end'`;

testNeeding(
  [mariadbHere],
  "mariadb --compress: rows, errors and long statements, in few bytes",
  () =>
    withGate(async (gate, wire) => {
      const sql = statements("x".repeat(100_000));
      const { stdout, bytes } = await prints(gate, wire, ["mariadb", "--compress"], sql);
      assert.equal(stdout, `${"a".repeat(3_000_000)}\n100000\tend\n`);
      assert.ok(bytes < 100_000, `${bytes} bytes for three million`);
      const plain = await prints(gate, wire, ["mariadb"], "SELECT REPEAT('a', 300000)");
      assert.ok(plain.bytes > 300_000);
      const long = await prints(
        gate,
        wire,
        ["mariadb", "--compress", "--max-allowed-packet=64M"],
        "SELECT REPEAT('b', 17000000)",
      );
      assert.equal(long.stdout.length, 17_000_001);
      assert.equal(gate.outcomes.size, 4);
    }),
);

for (const algorithms of ["zlib", "zstd", "zstd,zlib,uncompressed"]) {
  testNeeding(
    [mariadbHere, mysqlHere],
    `mysql --compression-algorithms=${algorithms}`,
    () =>
      withGate(async (gate, wire) => {
        const program = [
          ...await mysqlProgram("mysql"),
          "--ssl-mode=DISABLED",
          `--compression-algorithms=${algorithms}`,
        ];
        const sql = statements("x".repeat(100_000));
        const { stdout, bytes } = await prints(gate, wire, program, sql);
        assert.equal(stdout, `${"a".repeat(3_000_000)}\n100000\tend\n`);
        assert.ok(bytes < 100_000, `${bytes} bytes for three million`);
      }),
  );
}

testNeeding(
  [mariadbHere],
  "mysql2 and mariadb's connector, compressed: prepared, failing, and 17 MB both ways",
  () =>
    withGate(async (gate, wire) => {
      const one = await mysql2.createConnection({ ...credentials(gate, wire), compress: true });
      const two = await mariadb.createConnection({
        ...credentials(gate, wire),
        compress: true,
        maxAllowedPacket: 64 * megabyte,
        ...patient,
      });
      try {
        const before = wire.bytes;
        for (
          const query of [
            async (sql: string, values: string[]) =>
              (await one.execute(sql, values))[0] as Record<string, unknown>[],
            async (sql: string, values: string[]) =>
              await two.execute(sql, values) as Record<string, unknown>[],
          ]
        ) {
          for (const value of ["short", "y".repeat(70_000), "z".repeat(17_000_000)]) {
            const [row] = await query("SELECT ? AS same", [value]);
            assert.ok(row?.same === value, `${value.length} characters`);
          }
          await assert.rejects(query("SELECT * FROM missing", []), /missing/);
          assert.equal((await query("SELECT 7 AS n", []))[0]!.n, 7);
        }
        assert.ok(wire.bytes - before < megabyte);
      } finally {
        await one.end();
        await two.end();
      }
    }),
);

/** A frame that says what a test wants it to. */
function frame(sequence: number, body: Uint8Array, whole = 0): Buffer {
  const out = Buffer.alloc(7 + body.length);
  out.writeUIntLE(body.length, 0, 3);
  out[3] = sequence;
  out.writeUIntLE(whole, 4, 3);
  out.set(body, 7);
  return out;
}

const query = (sql: string) =>
  encodePacket(0, Buffer.concat([Buffer.from([Command.query]), Buffer.from(sql)]));

/** What is said to a client that sends this after its sign-in, as it comes, until the connection is closed. */
async function answerTo(gate: FakeGate, capability: number, sent: Uint8Array): Promise<string> {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  const client = await WireClient.connect({
    port: gate.port,
    user,
    password,
    database: "orders-prod",
    capabilities: modernCapabilities | capability,
  });
  const socket = client.channel.detach();
  const said: Uint8Array[] = [];
  socket.on("data", (chunk: Uint8Array) => said.push(chunk));
  socket.resume();
  socket.write(sent);
  await new Promise((resolve) => socket.once("close", resolve));
  return inflated(Buffer.concat(said), capability).toString("latin1");
}

/** What is in a client's frames, one after the other. */
function inflated(frames: Buffer, capability: number): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < frames.length;) {
    const body = frames.subarray(at + 7, at + 7 + frames.readUIntLE(at, 3));
    const inflate = capability === Capability.zstd ? zlib.zstdDecompressSync : zlib.inflateSync;
    parts.push(frames.readUIntLE(at + 4, 3) === 0 ? body : inflate(body));
    at += 7 + body.length;
  }
  return Buffer.concat(parts);
}

testNeeding(
  [mariadbHere],
  "frames that lie, or hide more than a statement may have, end the connection with the reason",
  () =>
    withGate(async (gate) => {
      const { compress, zstd } = Capability;
      const zeros = Buffer.alloc(16 * megabyte - 1);
      const deflated = zlib.deflateSync(zeros);
      const z = zlib.zstdCompressSync(zeros);
      const good = zlib.deflateSync(query("SELECT 1"));
      const tooMuch = /compressed packet of more than 1048576 bytes \(listen\.limits\.statement\)/;
      const lies = /does not hold what its header says/;
      const cases: readonly (readonly [number, Uint8Array, RegExp])[] = [
        [compress, frame(0, deflated, zeros.length), tooMuch],
        [zstd, frame(0, z, zeros.length), tooMuch],
        [compress, frame(0, deflated, 1000), lies],
        [compress, frame(0, deflated, 900_000), lies],
        [zstd, frame(0, z, 1000), lies],
        [zstd, frame(0, z, 900_000), lies],
        [compress, frame(0, good, 100), lies],
        [compress, frame(0, Buffer.alloc(100, 7), 100), lies],
        [zstd, frame(0, Buffer.alloc(100, 7), 100), lies],
        [zstd, frame(0, good, 13), lies],
        [compress, frame(0, Buffer.alloc(0), 100), lies],
        [compress, frame(3, query("SELECT 1")), /a compressed one has number 3 where 0 must come/],
        [compress, frame(0, zeros.subarray(0, 2 * megabyte)), tooMuch],
      ];
      for (const [capability, sent, said] of cases) {
        assert.match(await answerTo(gate, capability, sent), said);
      }
      assert.equal(gate.runs.length, 0);
      // And one that tells the truth is answered.
      const quit = frame(0, encodePacket(0, Uint8Array.of(Command.quit)));
      const both = Buffer.concat([frame(0, good, query("SELECT 1").length), quit]);
      assert.ok((await answerTo(gate, compress, both)).includes("\x011"));
      assert.equal(gate.runs.length, 1);
      // As Connector/J counts: only the frames' own numbers start anew.
      const counting = Buffer.from(query("SELECT 2"));
      counting[3] = 5;
      assert.ok(
        (await answerTo(gate, compress, Buffer.concat([frame(0, counting), quit]))).includes("\x012"),
      );
    }, { limits: { statementBytesMax: megabyte } }),
);
