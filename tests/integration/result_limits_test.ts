/**
 * Limits on a result's rows and bytes: every form of result on real servers, each of them endless for practical
 * purposes, so that a statement that is not cancelled at its target never comes to its end.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { limitHits } from "../../policy/limits.ts";
import { Command } from "../../proxy/mysql/constants.ts";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { devin as signedIn, startGate, targetOf as mysqlTarget } from "../support/mysql_gate.ts";
import { errorOf, executeBody, WireClient } from "../support/mysql_wire.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";
import { fieldsOf, type Message, RawPostgres, say, valuesOf } from "../support/raw_postgres.ts";
import { startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";

const endless = "SELECT repeat('x', 100) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
const hits = (name: "listen.limits.resultRows" | "listen.limits.resultBytes") => limitHits.get(name) ?? 0;

function toldOnce(messages: readonly Message[], what: RegExp): void {
  const errors = messages.filter(({ type }) => type === "E").map(fieldsOf);
  assert.equal(errors.length, 1);
  assert.equal(errors[0]?.C, "54000");
  assert.match(errors[0]?.M ?? "", what);
  assert.match(errors[0]?.H ?? "", /LIMIT/);
}

testNeeding(
  [postgresqlHere],
  "PostgreSQL: a result beyond its limit is cut, cancelled and told",
  async (t) => {
    const server = await startPostgresql({});
    const masks = [{ column: "t.secret", mask: { kind: "partial" as const, keepFirst: 0, keepLast: 4 } }];
    const proxy = await startScriptedProxy({
      target: targetOf(server, "postgresql"),
      limits: { resultRows: 1000, resultBytes: 1_000_000 },
      judge: (text) => /secret/.test(text) ? { result: { kind: "columns", masks }, tainted: true } : {},
    });
    const client = await RawPostgres.ready(proxy.port);
    const rowsOf = (messages: readonly Message[], type = "D") =>
      messages.filter((one) => one.type === type).length;
    const lastRecord = () => proxy.gatekeeper.records.at(-1)?.outcome;
    const goesOn = async () => {
      const { messages } = await client.ask(say.query("SELECT 'still here'"));
      assert.deepEqual(valuesOf(messages[1]!), ["still here"]);
    };
    const byRows = /more than 1000 rows, .*\(listen\.limits\.resultRows\)/;
    const extended = (
      text: string,
      rows = 0,
    ) => [say.parse("", text), say.bind("", ""), say.execute("", rows)];
    try {
      await t.step("as many rows as the limit pass", async () => {
        const { messages, types } = await client.ask(say.query("SELECT g FROM generate_series(1, 1000) g"));
        assert.equal(rowsOf(messages), 1000);
        assert.match(types, /DCZ$/);
        const text = "COPY (SELECT g FROM generate_series(1, 1000) g) TO STDOUT";
        for (const copy of [text, `${text} (FORMAT binary)`]) {
          assert.match((await client.ask(say.query(copy))).types, /dcCZ$/);
        }
      });
      const forms: Record<string, { frames: Uint8Array[]; rows?: number; type?: string }> = {
        "simple": { frames: [say.query(endless)] },
        "simple, masked": { frames: [say.query(`${endless} /* secret */`)] },
        "simple, behind another": { frames: [say.query(`SELECT 1; ${endless}`)] },
        "extended": { frames: [...extended(endless), say.sync()] },
        "extended, with more behind": {
          frames: [...extended(endless), ...extended("SELECT 2"), say.sync()],
        },
        "COPY TO STDOUT": { frames: [say.query(`COPY (${endless}) TO STDOUT`)], type: "d" },
        "COPY in binary": { frames: [say.query(`COPY (${endless}) TO STDOUT (FORMAT binary)`)], type: "d" },
        "COPY, extended": { frames: [...extended(`COPY (${endless}) TO STDOUT`), say.sync()], type: "d" },
      };
      for (const [name, { frames, type = "D" }] of Object.entries(forms)) {
        await t.step(name, async () => {
          const before = hits("listen.limits.resultRows");
          const { messages } = await client.ask(...frames);
          const most = name.includes("binary") ? 1001 : 1000;
          assert.equal(rowsOf(messages, type), most);
          toldOnce(messages, byRows);
          assert.equal(hits("listen.limits.resultRows"), before + 1);
          assert.ok(proxy.gatekeeper.records.some(({ outcome }) => outcome?.error?.code === "54000"));
          await goesOn();
        });
      }
      await t.step("a portal's portions count together", async () => {
        const name = [say.parse("", endless), say.bind("p", ""), say.execute("p", 600), say.flush()];
        await client.send(say.query("BEGIN"));
        await client.until("Z");
        await client.send(...name);
        assert.equal(rowsOf(await client.until("s")), 600);
        const { messages } = await client.ask(say.execute("p", 600), say.sync());
        assert.equal(rowsOf(messages), 400);
        toldOnce(messages, byRows);
        await client.ask(say.query("ROLLBACK"));
        await goesOn();
      });
      await t.step("in a transaction: it is failed at the target, too, and the record says why", async () => {
        await client.ask(say.query("BEGIN"));
        const { messages } = await client.ask(say.query(endless));
        assert.equal(messages.at(-1)?.body[0], "E".charCodeAt(0));
        const record = lastRecord();
        assert.equal(record?.error?.code, "54000");
        assert.match(record?.error?.message ?? "", byRows);
        assert.equal(record?.rows, 1000);
        await client.ask(say.query("ROLLBACK"));
        await goesOn();
      });
      await t.step("bytes, of one huge value, too", async () => {
        const before = hits("listen.limits.resultBytes");
        const wide = "SELECT repeat('y', 10000) FROM generate_series(1, 100000)";
        const { messages } = await client.ask(say.query(wide));
        assert.equal(rowsOf(messages), 99);
        toldOnce(messages, /more than 1000000 bytes, .*\(listen\.limits\.resultBytes\)/);
        const huge = await client.ask(say.query("SELECT repeat('z', 50000000)"));
        assert.equal(huge.types, "TEZ");
        assert.equal(hits("listen.limits.resultBytes"), before + 2);
        await goesOn();
      });
      await t.step("rows that are written are no result", async () => {
        const text =
          "CREATE TEMP TABLE w AS SELECT g FROM generate_series(1, 5000) g; UPDATE w SET g = 1; SELECT 7";
        assert.match((await client.ask(say.query(text))).types, /TDCZ$/);
      });
    } finally {
      client.close();
      await proxy.close();
      await server.close();
    }
  },
);

const endlessHere = "SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b";

testNeeding(
  [mariadbHere],
  "MySQL's protocol: a result beyond its limit is cut, killed and told",
  async (t) => {
    const database = await startMariadb({ sql: "CREATE TABLE t(a INT)" });
    const mask = { column: "app.t.a", mask: { kind: "null" as const } };
    const gate = await startGate({
      target: mysqlTarget(database),
      limits: { resultRowsMax: 1000, resultBytesMax: 1_000_000 },
      sentence: (text) => text.includes("@masked") ? { result: { kind: "columns", masks: [mask] } } : {},
    });
    const { user, password } = gate.passwords.issue(signedIn, "orders-prod");
    const client = await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" });
    const told = (
      packets: readonly Uint8Array[],
      what = /more than 1000 rows.*\(listen\.limits\.resultRows\)/,
    ) => {
      const error = errorOf(packets.at(-1)!);
      // No state of class 08: drivers give the connection up for those.
      assert.deepEqual([error.code, error.state], [1104, "42000"]);
      assert.match(error.message, what);
    };
    const goesOn = async () =>
      assert.match(Buffer.concat(await client.query("SELECT 'still here'")).toString(), /still here/);
    const prepare = async (text: string) => {
      await client.send(Command.statementPrepare, text);
      const head = await client.receive();
      for (let more = 1; more > 0; more--) await client.receive();
      return head[1]!;
    };
    try {
      for (const [name, text] of [["text", endlessHere], ["text, masked", `${endlessHere} /* @masked */`]]) {
        await t.step(name!, async () => {
          const before = hits("listen.limits.resultRows");
          const packets = await client.query(text!);
          // A count, a column, the rows, the error.
          assert.equal(packets.length, 1003);
          told(packets);
          assert.equal(hits("listen.limits.resultRows"), before + 1);
          await goesOn();
          const { rows, error } = [...gate.outcomes.values()].filter((one) => one.error !== null).at(-1)!;
          assert.deepEqual([rows, error?.code], [1000, "1104"]);
        });
        await t.step(`${name}, as binary rows`, async () => {
          const id = await prepare(text!);
          await client.send(Command.statementExecute, executeBody(id, []));
          const packets = await client.result();
          assert.equal(packets.length, 1003);
          told(packets);
          await goesOn();
        });
      }
      await t.step("as many rows as the limit pass", async () => {
        assert.equal((await client.query("SELECT seq FROM seq_1_to_1000")).at(-1)?.[0], 0xfe);
      });
      await t.step("a cursor's portions count together", async () => {
        const id = await prepare("SELECT seq FROM seq_1_to_5000");
        await client.send(Command.statementExecute, executeBody(id, [], 1));
        while ((await client.receive())[0] !== 0xfe);
        const fetch = Buffer.from([id, 0, 0, 0, 600 & 255, 600 >> 8, 0, 0]);
        const portion = async () => {
          await client.send(Command.statementFetch, fetch);
          const packets = [await client.receive()];
          while (packets.at(-1)![0] === 0x00) packets.push(await client.receive());
          return packets;
        };
        assert.equal((await portion()).length, 601);
        const second = await portion();
        assert.equal(second.length, 401);
        told(second);
        assert.equal(errorOf((await portion())[0]!).code, 1421);
        await goesOn();
      });
      await t.step("bytes, of one huge value, too", async () => {
        const packets = await client.query("SELECT REPEAT('y', 10000) FROM seq_1_to_1000000");
        told(packets, /more than 1000000 bytes.*\(listen\.limits\.resultBytes\)/);
        told(await client.query("SELECT REPEAT('z', 10000000)"), /listen\.limits\.resultBytes/);
        await goesOn();
      });
    } finally {
      client.close();
      await gate.close();
      await database.close();
    }
  },
);

testNeeding(
  [postgresqlHere, mariadbHere, "psql", "mariadb"],
  "a target's own limits, with psql and mariadb: told, and the session goes on",
  async () => {
    const [one, two] = await Promise.all([
      startPostgresql({}),
      startMariadb({ sql: "CREATE TABLE t(a INT)" }),
    ]);
    const gateway = await startTestGateway({
      targets: `${targetYaml("pg", "postgresql", one)}    limits: { resultRows: 3 }\n` +
        `${
          targetYaml("my", "mysql", two).replace("TARGET_PASSWORD", "MY_PASSWORD")
        }    limits: { resultBytes: 1KB }\n`,
      env: { TARGET_PASSWORD: one.password, MY_PASSWORD: two.password },
      sections: "rules: [{ name: reads, what: { kinds: [read, session, transaction] }, then: allow }]\n",
    });
    try {
      const person = await gateway.signIn(devin);
      const pg = await person.password("pg");
      const told = await runPsql({
        connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=${pg.user} dbname=pg`,
        args: ["-At", "-c", "SELECT generate_series(1, 1000000000)", "-c", "SELECT 'goes on'"],
        env: { PGPASSWORD: pg.password },
      });
      assert.match(told.stderr, /ERROR: {2}Postern: The result has more than 3 rows.*targets\.pg\.limits/);
      assert.match(told.stderr, /HINT: {2}Narrow it with WHERE or LIMIT/);
      assert.match(told.stdout, /goes on/);
      const my = await person.password("my");
      const child = new Deno.Command("mariadb", {
        args: ["--no-defaults", "-h127.0.0.1", `-P${gateway.ports.mysql}`, `-u${my.user}`, "-Dmy", "--force"],
        env: { MYSQL_PWD: my.password },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const input = child.stdin.getWriter();
      const text = "SELECT REPEAT('x', 600); SELECT REPEAT('x', 2000); SELECT 'goes on';";
      await input.write(new TextEncoder().encode(text));
      await input.close();
      const { stdout, stderr } = await child.output();
      const said = new TextDecoder().decode(stderr);
      assert.match(
        said,
        /ERROR 1104 \(42000\).*more than 1024 bytes.*targets\.my\.limits\.resultBytes/,
        said,
      );
      assert.match(new TextDecoder().decode(stdout), /goes on/, said);
    } finally {
      await gateway.close();
      await Promise.all([one.close(), two.close()]);
    }
  },
);
