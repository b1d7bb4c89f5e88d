/** Targets and statements that are ended at awkward moments: everybody is told, and nothing is left behind. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Command } from "../../proxy/mysql/constants.ts";
import { type Mariadb, mariadbHere, startMariadb } from "../support/mariadb.ts";
import { devin, type FakeGate, startGate, targetOf } from "../support/mysql_gate.ts";
import { errorOf, executeBody, WireClient } from "../support/mysql_wire.ts";
import { testNeeding } from "../support/programs.ts";

const schema = "CREATE TABLE t(id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 0)";

/** Texts with `slowly` in them are durable once `recorded` resolves; UPDATE waits for approval. */
async function withGate(body: (gate: FakeGate, database: Mariadb, recorded: () => void) => Promise<void>) {
  const database = await startMariadb({ sql: schema });
  const recorded = Promise.withResolvers<void>();
  const gate = await startGate({
    target: targetOf(database),
    sentence: (text) => ({ verdict: /^UPDATE/.test(text) ? "approve" : "allow" }),
    recording: ({ text }) => /slowly/.test(text) ? recorded.promise : Promise.resolve(),
  });
  try {
    await body(gate, database, recorded.resolve);
  } finally {
    recorded.resolve();
    await gate.close();
    await database.close();
  }
}

async function connect(gate: FakeGate): Promise<WireClient> {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" });
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !await holds(); tries++) {
    assert.ok(tries < 3_000, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

testNeeding(
  [mariadbHere],
  "KILL QUERY while the record is being written: the statement is recorded and never sent",
  () =>
    withGate(async (gate, database, recorded) => {
      const [client, killer] = [await connect(gate), await connect(gate)];
      await client.send(Command.query, "INSERT INTO t VALUES (7, 7) /* slowly */");
      await gate.until(gate.runs, 1);
      assert.equal((await killer.query(`KILL QUERY ${client.greeting.threadId}`))[0]![0], 0x00);
      recorded();
      const error = errorOf(await client.receive());
      assert.equal(error.code, 1317);
      assert.match(error.message, /recorded, and not sent/);
      assert.equal(gate.outcomes.get(gate.runs[0]!.id)?.error?.code, "1317");
      assert.deepEqual(await database.query("SELECT id FROM t"), [{ id: 1 }]);
      assert.equal((await client.ask(Command.ping))[0], 0x00);
      client.close();
      killer.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a target's connection killed at any moment: an error or an end, and nothing left behind",
  () =>
    withGate(async (gate, database, recorded) => {
      const big = "SELECT REPEAT('r', 100000) FROM seq_1_to_2000";
      const moments: Record<string, (client: WireClient) => Promise<unknown>> = {
        "between statements": () => Promise.resolve(),
        "in a transaction": (client) => client.query("BEGIN"),
        "while it works": (client) => client.send(Command.query, "SELECT SLEEP(600)"),
        "in a result that nobody reads": (client) => client.send(Command.query, big),
        "while a statement is held": async (client) => {
          await client.send(Command.query, "UPDATE t SET n = 1 WHERE id = 1");
          await gate.until(gate.holds, 1);
        },
        "while a record is written": async (client) => {
          const before = gate.runs.length;
          await client.send(Command.query, "INSERT INTO t VALUES (8, 8) /* slowly */");
          await gate.until(gate.runs, before + 1);
        },
        "with an open cursor": async (client) => {
          const head = await client.ask(Command.statementPrepare, "SELECT seq FROM seq_1_to_1000");
          await client.receive();
          await client.send(Command.statementExecute, executeBody(head[1]! | head[2]! << 8, [], 1));
        },
        "in several results": (client) => client.send(Command.query, `SELECT 1; SELECT SLEEP(600); ${big}`),
      };
      for (const [when, moment] of Object.entries(moments)) {
        const client = await connect(gate);
        const answer = Buffer.concat(await client.query("SELECT CONNECTION_ID()")).toString("latin1");
        const thread =
          /\d+/.exec(answer.slice(answer.lastIndexOf("CONNECTION_ID()") + 15).replace(/^[^\d]+/, ""))![0];
        await moment(client);
        await database.query(`KILL CONNECTION ${thread}`);
        if (when === "while a record is written") recorded();
        const ended = gate.sessions.at(-1)!;
        await until(`the session ends, killed ${when}`, async () => {
          if (when.includes("nobody reads") || when.includes("several")) {
            await client.receive().catch(() => {});
          }
          return ended.closed !== null;
        });
        client.close();
      }
      await until("every statement has its end", () => gate.runs.every(({ id }) => gate.outcomes.has(id)));
      assert.notEqual(gate.holds[0]!.withdrawn, null);
      assert.deepEqual(await database.query("SELECT * FROM t"), [{ id: 1, n: 0 }]);
    }),
);
