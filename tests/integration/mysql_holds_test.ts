/** Statements that wait for a person: approved, refused, expired, withdrawn; and KILL, which ends a wait. */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import { createAuthority } from "../support/certificates.ts";
import { program, testNeeding } from "../support/programs.ts";
import { PosternError } from "../../policy/errors.ts";
import { type Mariadb, mariadbHere, startMariadb } from "../support/mariadb.ts";
import { devin, type FakeGate, type GateOptions, startGate, targetOf } from "../support/mysql_gate.ts";
import { errorOf, executeBody, WireClient } from "../support/mysql_wire.ts";
import { runsAtMysql } from "../support/running.ts";
import { Command } from "../../proxy/mysql/constants.ts";

const schema =
  "CREATE TABLE t(id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO t VALUES (1,'ann'),(2,'bob')";

async function withGate(
  options: Partial<GateOptions>,
  body: (gate: FakeGate, database: Mariadb) => Promise<void>,
): Promise<void> {
  const database = await startMariadb({ sql: schema, logStatements: true });
  const gate = await startGate({ target: targetOf(database), ...options });
  try {
    await body(gate, database);
  } finally {
    await gate.close();
    await database.close();
  }
}

async function connect(gate: FakeGate): Promise<WireClient> {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" });
}

/** The target's own log of what it was asked. */
async function asked(database: Mariadb): Promise<string> {
  return await Deno.readTextFile(database.generalLog);
}

const update = "UPDATE t SET name = 'held' WHERE id = 1";

testNeeding(
  [mariadbHere],
  "an approved statement runs once, after its approval, and is recorded before",
  () =>
    withGate({}, async (gate, database) => {
      const client = await connect(gate);
      await client.send(Command.query, update);
      await gate.until(gate.holds, 1);
      assert.equal(gate.runs.length, 0);
      assert.ok(!(await asked(database)).includes("held"));
      const other = await connect(gate);
      assert.equal((await other.query("SELECT 1")).length, 4);
      gate.holds[0]!.approve();
      assert.equal((await client.receive())[0], 0x00);
      assert.deepEqual(gate.runs.map(({ run: { text }, approval }) => [text, approval]), [
        ["SELECT 1", undefined],
        [update, "r1"],
      ]);
      assert.equal(gate.outcomes.get("s1-2")?.tag, "UPDATE 1");
      assert.equal((await asked(database)).split("held").length, 2);
      client.close();
      other.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a refused and an expired one say by whom, why and where, and the session goes on",
  () =>
    withGate({}, async (gate, database) => {
      const client = await connect(gate);
      await client.send(Command.query, update);
      await gate.until(gate.holds, 1);
      gate.holds[0]!.deny("use the tool");
      const denied = errorOf(await client.receive());
      assert.deepEqual([denied.code, denied.state], [1227, "42000"]);
      assert.equal(
        denied.message,
        "Postern: ada@example.test refused this statement: use the tool. [rule: test-approve] " +
          "Hint: The request: https://postern.test/requests/r1",
      );
      await client.send(Command.query, update);
      await gate.until(gate.holds, 2);
      gate.holds[1]!.expire();
      assert.match(
        errorOf(await client.receive()).message,
        /needs approval by a member of db-approvers, and nobody/,
      );
      assert.equal((await client.query("SELECT 1"))[0]![0], 1);
      assert.ok(!(await asked(database)).includes("held"));
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a refused statement in a transaction leaves client and target in agreement",
  () =>
    withGate({ sentence: (text) => /DROP/.test(text) ? { verdict: "deny" } : {} }, async (gate) => {
      const client = await connect(gate);
      await client.query("BEGIN");
      await client.query("INSERT INTO t VALUES (3, 'cyd')");
      const refused = await client.refused(Command.query, "DROP TABLE t");
      assert.deepEqual([refused.code, refused.state], [1142, "42000"]);
      const status = (await client.query("SELECT COUNT(*) FROM t")).at(-1)!;
      assert.equal(status[3]! & 1, 1, "still in the transaction");
      await client.query("ROLLBACK");
      assert.equal((await client.query("SELECT COUNT(*) FROM t")).at(-2)!.at(-1), 0x32);
      assert.deepEqual(gate.runs.filter(({ run }) => run.inTransaction).map(({ run }) => run.text), [
        "INSERT INTO t VALUES (3, 'cyd')",
        "DROP TABLE t",
        "SELECT COUNT(*) FROM t",
        "ROLLBACK",
      ]);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a prepared statement is held at its execution, with its values",
  () =>
    withGate({}, async (gate) => {
      const client = await connect(gate);
      await client.send(Command.statementPrepare, "UPDATE t SET name = ? WHERE id = ?");
      const head = await client.receive();
      for (let packets = 0; packets < 2; packets++) await client.receive();
      assert.equal(gate.holds.length, 0);
      const id = head[1]!;
      await client.send(Command.statementExecute, executeBody(id, ["Zoë", "2"]));
      await gate.until(gate.holds, 1);
      assert.deepEqual(gate.holds[0]!.run.parameters, [
        { text: "Zoë", type: "varchar", bytes: 4 },
        { text: "2", type: "varchar", bytes: 1 },
      ]);
      gate.holds[0]!.approve();
      assert.equal((await client.receive())[0], 0x00);
      assert.equal((await client.refused(Command.statementPrepare, "DROP TABLE t")).code, 1142);
      assert.equal(gate.runs.at(-1)!.run.judgement.verdict, "deny");
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a client that leaves withdraws what it waits for, and nothing runs",
  () =>
    withGate({}, async (gate, database) => {
      const client = await connect(gate);
      await client.send(Command.query, update);
      await gate.until(gate.holds, 1);
      client.close();
      while (gate.holds[0]!.withdrawn === null) await new Promise((resolve) => setTimeout(resolve, 10));
      gate.holds[0]!.approve();
      assert.equal(gate.runs.length, 0);
      while (gate.sessions[0]!.closed === null) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.ok(!(await asked(database)).includes("held"));
    }),
);

testNeeding(
  [mariadbHere],
  "a client that leaves over TLS is noticed as well",
  () =>
    withGate({ tls: createAuthority().issue() }, async (gate) => {
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const connection = await mysql2.createConnection({
        host: "127.0.0.1",
        port: gate.port,
        user,
        password,
        database: "orders-prod",
        ssl: { rejectUnauthorized: false },
      });
      connection.query(update).catch(() => {});
      await gate.until(gate.holds, 1);
      connection.destroy();
      while (gate.holds[0]!.withdrawn === null) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(gate.runs.length, 0);
    }),
);

testNeeding(
  [mariadbHere],
  "an ended session is told, in the middle of a hold and between statements",
  () =>
    withGate({}, async (gate) => {
      const waiting = await connect(gate);
      const idle = await connect(gate);
      await waiting.send(Command.query, update);
      await gate.until(gate.holds, 1);
      const reason = new PosternError("PolicyDenied", "ada ended this session: maintenance");
      for (const session of gate.sessions) session.end(reason);
      const told = errorOf(await waiting.receive());
      assert.deepEqual([told.code, told.state], [1053, "08S01"]);
      assert.match(told.message, /ended this session: maintenance/);
      idle.channel.reader.expect(1);
      assert.equal(errorOf(await idle.receive()).code, 1053);
      assert.notEqual(gate.holds[0]!.withdrawn, null);
    }),
);

testNeeding([mariadbHere], "a record that cannot be written lets nothing through", () => {
  let fails = false;
  return withGate({ recordFails: () => fails }, async (gate, database) => {
    const client = await connect(gate);
    fails = true;
    const refused = await client.refused(Command.query, "SELECT 'unrecorded'");
    assert.equal(refused.code, 1026);
    assert.ok(!(await asked(database)).includes("unrecorded"));
    fails = false;
    assert.equal((await client.query("SELECT 1"))[0]![0], 1);
    client.close();
  });
});

testNeeding(
  [mariadbHere],
  "KILL QUERY from a second connection without a sign-in: for this client's own, by the greeting's id",
  () =>
    withGate({}, async (gate, database) => {
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const client = await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" });
      const kill = async (id: number, as = user) => {
        const second = await WireClient.connect({ port: gate.port, user: as });
        const answer = await second.ask(Command.query, `KILL QUERY ${id}`);
        second.close();
        return answer;
      };
      await client.send(Command.query, update);
      await gate.until(gate.holds, 1);
      const { threadId } = client.greeting;
      assert.equal(errorOf(await kill(threadId + 1)).code, 1045);
      await assert.rejects(kill(threadId, "eve"), /names no target/);
      assert.equal((await kill(threadId))[0], 0x00);
      const interrupted = errorOf(await client.receive());
      assert.deepEqual([interrupted.code, interrupted.state], [1317, "70100"]);
      await client.send(Command.query, "SELECT SLEEP(30)");
      await runsAtMysql(database, "SELECT SLEEP(30)");
      assert.equal((await kill(threadId))[0], 0x00);
      const answer = await client.result();
      assert.ok(answer.at(-1)![0] === 0xff || answer.at(-2)!.at(-1) === 0x31, "SLEEP() ends early");
      assert.equal((await client.query("SELECT 1"))[0]![0], 1);
      const lane = await WireClient.connect({ port: gate.port, user });
      assert.match((await lane.refused(Command.query, "SELECT 1")).message, /has not signed in/);
      assert.ok(lane.channel.ended || await lane.channel.more() === false);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "KILL in a session: one's own by the target's id too, others' by rule not",
  () =>
    withGate({ sentence: (text) => /KILL/.test(text) ? { verdict: "deny" } : {} }, async (gate, database) => {
      const one = await connect(gate);
      const two = await connect(gate);
      const id = Number(
        new TextDecoder().decode((await one.query("SELECT CONNECTION_ID()")).at(-2)!.subarray(1)),
      );
      const running = one.query("SELECT SLEEP(30)");
      await runsAtMysql(database, "SELECT SLEEP(30)");
      assert.equal((await two.ask(Command.query, `/* tool */ KILL QUERY ${id};`))[0], 0x00);
      await running;
      const foreign = await mysql2.createConnection({
        host: "127.0.0.1",
        port: database.port,
        user: database.user,
        password: database.password,
      });
      const other = foreign.threadId;
      assert.equal((await two.refused(Command.query, `KILL ${other}`)).code, 1142);
      const body = new Uint8Array(4);
      new DataView(body.buffer).setUint32(0, other, true);
      assert.equal((await two.refused(Command.processKill, body)).code, 1094);
      await foreign.query("SELECT 1");
      await foreign.end();
      new DataView(body.buffer).setUint32(0, id, true);
      assert.equal((await two.ask(Command.processKill, body))[0], 0x00);
      one.channel.reader.expect(1);
      assert.equal(errorOf(await one.receive()).code, 1053);
      two.close();
    }),
);

testNeeding(
  [mariadbHere, "mariadb", "script"],
  "Ctrl-C in the mariadb client withdraws a held statement, and the prompt comes back",
  () =>
    withGate({}, async (gate) => {
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const command = `mariadb -h127.0.0.1 -P${gate.port} -u${user} -p${password} -Dorders-prod`;
      // A terminal of its own, so that Ctrl-C means what it means there.
      const child = new Deno.Command(program("script")!, {
        args: ["-qec", command, "/dev/null"],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const keys = child.stdin.getWriter();
      const type = (text: string) => keys.write(new TextEncoder().encode(text));
      const output = new Response(child.stdout).text();
      await type(`${update};\n`);
      await gate.until(gate.holds, 1);
      await type("\x03");
      while (gate.holds[0]!.withdrawn === null) await new Promise((resolve) => setTimeout(resolve, 10));
      const before = gate.runs.length;
      await type("SELECT 6*7;\n");
      await gate.until(gate.runs, before + 1);
      await type("exit\n");
      await keys.close();
      await child.status;
      assert.equal(gate.holds[0]!.withdrawn, "its client cancelled it");
      assert.match(await output, /ERROR 1317 \(70100\).*withdrawn[^]*42/);
    }),
);
