/** Results and values of any size in constant memory, and what must be read whole has a limit. */
import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { Command } from "../../proxy/mysql/constants.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { liveBytes } from "../support/memory.ts";
import { devin, type FakeGate, startGate, targetOf } from "../support/mysql_gate.ts";
import { errorOf, WireClient } from "../support/mysql_wire.ts";
import { testNeeding } from "../support/programs.ts";

const megabyte = 1024 * 1024;
/** With POSTERN_TEST_HEAVY set: a result of 2 GB, a value of 900 MB. Minutes, and memory for the target. */
const heavy = Boolean(Deno.env.get("POSTERN_TEST_HEAVY"));
const size = heavy ? { rows: 2_000, valueMegabytes: 900 } : { rows: 300, valueMegabytes: 200 };

async function connect(gate: FakeGate): Promise<WireClient> {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" });
}

async function withGate(compress: boolean, body: (gate: FakeGate) => Promise<void>): Promise<void> {
  const database = await startMariadb({ settings: { "max-allowed-packet": "1G" } });
  const mask = { name: "secret", columns: [], mask: { kind: "partial", keepFirst: 0, keepLast: 4 } } as never;
  const gate = await startGate({
    target: targetOf(database, { compress }),
    sentence: (text) =>
      /secret/.test(text)
        ? { verdict: "allow", result: { kind: "columns", masks: [mask] } }
        : { verdict: "allow" },
  });
  try {
    await body(gate);
  } finally {
    await gate.close();
    await database.close();
  }
}

/** Reads and forgets up to the OK that ends the rows. `live` is the most memory in use at stops in the second half. */
function drained(socket: Duplex, bytesAbout: number): Promise<{ bytes: number; live: number }> {
  const stops = [0.5, 0.65, 0.8, 0.95].map((part) => part * bytesAbout);
  let bytes = 0;
  let live = 0;
  return new Promise((resolve) => {
    const take = (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > (stops[0] ?? Infinity)) {
        stops.shift();
        live = Math.max(live, liveBytes());
      }
      // The values themselves are all x.
      if (bytes < bytesAbout || chunk.at(-7) !== 0xfe) return;
      socket.off("data", take);
      socket.pause();
      resolve({ bytes, live });
    };
    socket.on("data", take);
    socket.resume();
  });
}

for (const compress of [false, true]) {
  testNeeding(
    [mariadbHere],
    `a long result and a huge value cost no memory, ${compress ? "compressed" : "plain"} towards the target`,
    () =>
      withGate(compress, async (gate) => {
        const client = await connect(gate);
        const ask = async (sql: string, bytesAbout: number) => {
          await client.send(Command.query, sql);
          const got = await drained(client.channel.detach(), bytesAbout);
          client.channel.attach(client.channel.stream);
          return { ...got, more: Math.round((got.live - before) / megabyte) };
        };
        assert.equal((await client.ask(Command.ping))[0], 0);
        const before = liveBytes();
        const result = await ask(
          `SELECT REPEAT('x', 1000000) FROM seq_1_to_${size.rows}`,
          size.rows * 1_000_000,
        );
        assert.ok(result.more < 100, `${result.more} MB more in a result of ${size.rows} MB`);
        const value = await ask(
          `SELECT REPEAT('x', ${size.valueMegabytes * megabyte})`,
          size.valueMegabytes * megabyte,
        );
        assert.ok(value.more < 100, `${value.more} MB more in a value of ${size.valueMegabytes} MB`);
        if (heavy) {
          console.log(`${result.bytes} and ${value.bytes} bytes, ${result.more} and ${value.more} MB more`);
        }
        await gate.until({
          get length() {
            return gate.outcomes.size;
          },
        }, 2);
        assert.deepEqual([...gate.outcomes.values()].map(({ tag }) => tag), [
          `SELECT ${size.rows}`,
          "SELECT 1",
        ]);
        client.close();
      }),
  );
}

testNeeding(
  [mariadbHere],
  "a masked value that is too large to be read is refused by its limit, and the session goes on",
  () =>
    withGate(false, async (gate) => {
      const client = await connect(gate);
      for (const characters of [2_000_000, 20_000_000]) {
        const packets = await client.query(`SELECT REPEAT('x', ${characters}) AS secret`);
        assert.match(errorOf(packets.at(-1)!).message, /listen\.limits\.maskedRow/);
        assert.ok(packets.every((packet) => packet.length < 1_000));
        assert.equal((await client.ask(Command.ping))[0], 0);
      }
      client.close();
    }),
);
