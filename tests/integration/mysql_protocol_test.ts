/** Cases that drivers do not produce, and those where other proxies broke, against a real MariaDB. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as mysql2 from "mysql2/promise";
import { PosternError } from "../../policy/errors.ts";
import { Capability, Command } from "../../proxy/mysql/constants.ts";
import { encodePacket } from "../../proxy/mysql/packets.ts";
import { decodeOk } from "../../proxy/mysql/replies.ts";
import { type Mariadb, mariadbHere, startMariadb } from "../support/mariadb.ts";
import { devin, type FakeGate, type GateOptions, startGate, targetOf } from "../support/mysql_gate.ts";
import { errorOf, executeBody, plainCapabilities, WireClient } from "../support/mysql_wire.ts";
import { testNeeding } from "../support/programs.ts";
import { mysql } from "../../proxy/mysql/mod.ts";

const schema = "CREATE TABLE t(id INT PRIMARY KEY, name LONGTEXT); INSERT INTO t VALUES (1,'ann'),(2,'bob')";
const allowed = () => ({ verdict: "allow" as const });

async function withGate(
  options: Partial<GateOptions>,
  body: (gate: FakeGate, database: Mariadb) => Promise<void>,
): Promise<void> {
  const settings = { "max-allowed-packet": "64M" };
  const database = await startMariadb({ sql: schema, logStatements: true, settings });
  const gate = await startGate({ target: targetOf(database), sentence: allowed, ...options });
  try {
    await body(gate, database);
  } finally {
    await gate.close();
    await database.close();
  }
}

async function connect(gate: FakeGate, capabilities?: number): Promise<WireClient> {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  const options = { port: gate.port, user, password, database: "orders-prod" };
  return await WireClient.connect(capabilities === undefined ? options : { ...options, capabilities });
}

const textOf = (packets: readonly Uint8Array[]) => Buffer.concat([...packets]).toString("utf8");
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const bytes = (...parts: (Uint8Array | number[] | string)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

async function prepare(client: WireClient, sql: string, definitions: number): Promise<number> {
  const head = await client.ask(Command.statementPrepare, sql);
  assert.equal(head[0], 0, sql);
  for (let left = definitions; left > 0; left--) await client.receive();
  return head[1]! | head[2]! << 8;
}

testNeeding(
  [mariadbHere],
  "what may not pass is refused by name, and the next command is answered",
  () =>
    withGate({}, async (gate) => {
      const client = await connect(gate);
      const cases: [number, number, RegExp][] = [
        [
          Command.binlogDump,
          1227,
          /COM_BINLOG_DUMP is refused: replication.*\[rule: built-in: replication\]/,
        ],
        [Command.binlogDumpGtid, 1227, /COM_BINLOG_DUMP_GTID/],
        [Command.registerReplica, 1227, /COM_REGISTER_SLAVE/],
        [Command.tableDump, 1227, /COM_TABLE_DUMP/],
        [Command.clone, 1227, /COM_CLONE/],
        [Command.shutdown, 1047, /COM_SHUTDOWN/],
        [Command.refresh, 1047, /COM_REFRESH/],
        [Command.debug, 1047, /COM_DEBUG/],
        [Command.createDb, 1047, /COM_CREATE_DB/],
        [Command.dropDb, 1047, /COM_DROP_DB/],
        [Command.processInfo, 1047, /SHOW PROCESSLIST/],
        [Command.statementBulkExecute, 1047, /COM_STMT_BULK_EXECUTE/],
        [0x77, 1047, /0x77 is not known/],
      ];
      for (const [command, code, text] of cases) {
        const error = await client.refused(command, "x");
        assert.equal(error.code, code);
        assert.match(error.message, text);
      }
      assert.equal((await client.ask(Command.ping))[0], 0x00);
      assert.match(textOf([await client.ask(Command.statistics)]), /^Uptime/);
      assert.ok([0x00, 0xfe].includes((await client.ask(Command.setOption, bytes([1, 0])))[0]!));
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "COM_RESET_CONNECTION keeps identity, read-only mode and tracking",
  () =>
    withGate({ readOnly: true }, async (gate, database) => {
      const client = await connect(gate);
      const write = "INSERT INTO t VALUES (9, 'x')";
      assert.equal(errorOf((await client.query(write))[0]!).code, 1792);
      const id = await prepare(client, "SELECT 1", 1);
      await client.query("SET sql_mode = 'ANSI_QUOTES', @mine = 5");
      assert.equal((await client.ask(Command.resetConnection))[0], 0x00);
      assert.equal((await client.refused(Command.statementExecute, executeBody(id, []))).code, 1243);
      assert.equal(errorOf((await client.query(write))[0]!).code, 1792);
      assert.doesNotMatch(gate.states.at(-1)!.sql_mode!, /ANSI_QUOTES/);
      await client.query("SET sql_mode = 'ANSI_QUOTES'");
      await client.query("SELECT 1");
      assert.equal(gate.states.at(-1)!.sql_mode, "ANSI_QUOTES");
      assert.equal(gate.sessions.length, 1);
      assert.match(await Deno.readTextFile(database.generalLog), /READ ONLY/);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "the state that a text is judged by follows the target",
  () =>
    withGate({}, async (gate) => {
      for (const capabilities of [plainCapabilities, undefined]) {
        const client = await connect(gate, capabilities);
        const state = async () => {
          await client.query("SELECT 1");
          return gate.states.at(-1)!;
        };
        assert.equal((await state()).schema, "app");
        assert.equal((await state()).flavour, "mariadb");
        assert.equal(await state(), await state(), "the same object while nothing changes");
        await client.query("USE information_schema");
        assert.equal((await state()).schema, "information_schema");
        await client.ask(Command.initDb, "orders-prod");
        assert.equal((await state()).schema, "app");
        await client.query("SET @@sql_mode := 'NO_BACKSLASH_ESCAPES'; SET NAMES latin1");
        await client.receive();
        assert.equal((await state()).sql_mode, "NO_BACKSLASH_ESCAPES");
        assert.equal((await state()).character_set_client, "latin1");
        assert.equal(gate.runs.at(-1)!.run.text, "SELECT 1");
        await client.query(Buffer.from("SELECT 'caf\xe9'", "latin1") as unknown as string);
        assert.equal(gate.runs.at(-1)!.run.text, "SELECT 'café'");
        await client.query("SET character_set_results = NULL");
        await client.query("SET NAMES gbk");
        assert.equal((await state()).character_set_client, "gbk");
        const trap = Buffer.from("SELECT '\xbf\\' OR 1=1 -- '", "latin1");
        const refused = await client.refused(Command.query, trap);
        assert.match(
          refused.message,
          /character_set_client is gbk, which Postern does not read.*SET NAMES utf8mb4/,
        );
        await client.query("SET NAMES utf8mb4");
        const invalid = await client.refused(Command.query, Buffer.from("SELECT '\xff'", "latin1"));
        assert.match(invalid.message, /not valid in the connection's character set \(utf8\)/);
        client.close();
      }
    }),
);

testNeeding(
  [mariadbHere],
  "long data is shown whole, sent with its execution, and gone after it",
  () =>
    withGate(
      { sentence: (text) => ({ verdict: /INSERT/.test(text) ? "approve" : "allow" }) },
      async (gate) => {
        const client = await connect(gate);
        const id = await prepare(client, "INSERT INTO t VALUES (?, ?)", 2);
        const long = (data: string) =>
          client.send(Command.statementSendLongData, bytes(u32(id), [1, 0], data));
        await long("part one, ");
        await long("part two");
        await client.channel.write(encodePacket(0, bytes([Command.ping])));
        client.channel.reader.expect(1);
        await client.receive();
        const body = bytes(u32(id), [0], u32(1), [0, 1, 0x03, 0, 0xfb, 0], u32(7));
        await client.send(Command.statementExecute, body);
        await gate.until(gate.holds, 1);
        assert.deepEqual(gate.holds[0]!.run.parameters, [
          { text: "7", type: "int", bytes: 4 },
          { text: "part one, part two", type: "longblob", bytes: 18 },
        ]);
        gate.holds[0]!.deny("no");
        assert.equal(errorOf(await client.receive()).code, 1227);
        await long("second");
        await client.send(Command.statementExecute, body);
        await gate.until(gate.holds, 2);
        gate.holds[1]!.approve();
        assert.equal((await client.receive())[0], 0x00);
        assert.match(textOf(await client.query("SELECT name FROM t WHERE id = 7")), /second/);
        // Types need not be bound again.
        await client.send(Command.statementExecute, bytes(u32(id), [0], u32(1), [0, 0], u32(8), [3], "abc"));
        await gate.until(gate.holds, 3);
        gate.holds[2]!.approve();
        assert.equal((await client.receive())[0], 0x00);
        assert.match(textOf(await client.query("SELECT name FROM t WHERE id = 8")), /abc/);
        await client.send(Command.statementReset, u32(id));
        assert.equal((await client.receive())[0], 0x00);
        await client.send(Command.statementClose, u32(id));
        assert.equal((await client.refused(Command.statementExecute, body)).code, 1243);
        client.close();
      },
    ),
);

testNeeding(
  [mariadbHere],
  "too much long data is refused at the execution, and is not kept",
  () =>
    withGate({ limits: { statementBytesMax: 1000 } }, async (gate) => {
      const client = await connect(gate);
      const id = await prepare(client, "SELECT ?", 2);
      for (let part = 0; part < 3; part++) {
        await client.send(Command.statementSendLongData, bytes(u32(id), [0, 0], "x".repeat(400)));
      }
      const body = bytes(u32(id), [0], u32(1), [0, 1, 0xfb, 0]);
      assert.match((await client.refused(Command.statementExecute, body)).message, /more than 1000 bytes/);
      assert.equal((await client.ask(Command.ping))[0], 0x00);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a statement beyond the limit ends the connection with the limit's name",
  () =>
    withGate({ limits: { statementBytesMax: 1000 } }, async (gate) => {
      const client = await connect(gate);
      const error = await client.refused(Command.query, "x".repeat(2000));
      assert.equal(error.code, 1153);
      assert.match(error.message, /more than 1000 bytes \(listen\.limits\.statement\)/);
      const other = await connect(gate);
      await other.channel.write(encodePacket(3, bytes([Command.ping])));
      other.channel.reader.expect(1);
      assert.equal(errorOf(await other.receive()).code, 1156);
    }),
);

testNeeding(
  [mariadbHere],
  "commands sent without waiting are answered in their order",
  () =>
    withGate({}, async (gate) => {
      const client = await connect(gate);
      const queries = Array.from(
        { length: 50 },
        (_, index) => encodePacket(0, bytes([Command.query], `SELECT 'n${index}'`)),
      );
      await client.channel.write(Buffer.concat(queries));
      for (let index = 0; index < 50; index++) {
        client.channel.reader.expect(1);
        assert.match(textOf(await client.result()), new RegExp(`n${index}`));
      }
      // MariaDB's connectors execute "the last one" before they know its id.
      await client.channel.write(Buffer.concat([
        encodePacket(0, bytes([Command.statementPrepare], "SELECT 'direct'")),
        encodePacket(0, bytes([Command.statementExecute], executeBody(0xffffffff, []))),
      ]));
      client.channel.reader.expect(1);
      for (let packets = 0; packets < 2; packets++) await client.receive();
      client.channel.reader.expect(1);
      assert.match(textOf(await client.result()), /direct/);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "session tracking reaches a client that asked for it, and no other",
  () =>
    withGate({}, async (gate) => {
      const modern = await connect(gate);
      const [tracked] = await modern.query("USE information_schema");
      const withTrack = Capability.protocol41 | Capability.sessionTrack;
      assert.equal(decodeOk(tracked!, withTrack).change?.schema, "information_schema");
      const plain = await connect(gate, plainCapabilities);
      const [bare] = await plain.query("USE information_schema");
      assert.equal(decodeOk(bare!, Capability.protocol41).info.length, 0);
      assert.equal(decodeOk(bare!, Capability.protocol41).status & 0x4000, 0);
      const [info] = await plain.query("UPDATE app.t SET name = 'z' WHERE id = 1");
      assert.match(textOf([decodeOk(info!, Capability.protocol41).info]), /^Rows matched: 1/);
      modern.close();
      plain.close();
    }),
);

testNeeding(
  [mariadbHere],
  "LOAD DATA LOCAL is not offered, so the target refuses it and all stay in step",
  () =>
    withGate({}, async (gate) => {
      const client = await connect(gate, plainCapabilities | Capability.localFiles);
      const [answer] = await client.query("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t");
      assert.ok([1148, 4166].includes(errorOf(answer!).code));
      assert.match(textOf(await client.query("SELECT 'next'")), /next/);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a target that dies in the middle of a result ends the client with an error or a cut, never silence",
  () =>
    withGate({}, async (gate, database) => {
      const idle = await connect(gate);
      const busy = await connect(gate);
      await busy.send(Command.query, "SELECT SLEEP(30)");
      await gate.until(gate.runs, 1);
      await database.crash();
      assert.equal(errorOf(await busy.receive()).code, 1429);
      idle.channel.reader.expect(1);
      assert.match(errorOf(await idle.receive()).message, /the target closed the connection/);
      assert.equal(gate.outcomes.get("s2-1")?.error?.code, "1429");
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const later = await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" })
        .catch((error) => error);
      assert.match(later.message, /cannot be reached/);
    }),
);

testNeeding(
  [mariadbHere],
  "an idle client, and one at shutdown, are told",
  () =>
    withGate({ limits: { idleTimeoutMs: 300 } }, async (gate) => {
      const idle = await connect(gate);
      idle.channel.reader.expect(1);
      assert.equal(errorOf(await idle.receive()).code, 4031);
      const last = await connect(gate);
      gate.stopping.abort(new PosternError("TargetUnavailable", "Postern is shutting down"));
      last.channel.reader.expect(1);
      assert.equal(errorOf(await last.receive()).code, 1053);
    }),
);

testNeeding([mariadbHere], "ALTER between two executions: the new width is held against the masks", () => {
  const masks = [null, { column: "app.t.name", mask: { kind: "null" as const } }];
  const sentence = (text: string) =>
    text.includes("* FROM t") ? { result: { kind: "columns" as const, masks } } : {};
  return withGate({ sentence }, async (gate, database) => {
    const client = await connect(gate);
    const id = await prepare(client, "SELECT * FROM t", 2);
    await client.send(Command.statementExecute, executeBody(id, []));
    assert.doesNotMatch(textOf(await client.result()), /ann/);
    await database.query("ALTER TABLE t ADD COLUMN first VARCHAR(10) DEFAULT 'new' FIRST");
    const refused = await client.refused(Command.statementExecute, executeBody(id, []));
    assert.match(refused.message, /3 columns where 2 were expected/);
    client.close();
  });
});

testNeeding([mariadbHere], "Postern's own queries for the catalog", async () => {
  const database = await startMariadb({ sql: schema, tls: true });
  try {
    const target = targetOf(database, {
      tls: { mode: "verify-full", ca: database.tls!.ca },
      host: "localhost",
    });
    assert.deepEqual(await mysql.query(target, "app", "SELECT id, name, NULL FROM t ORDER BY id"), [
      ["1", "ann", null],
      ["2", "bob", null],
    ]);
    assert.deepEqual(await mysql.query(target, "app", "DO 1"), []);
    await assert.rejects(mysql.query(target, "app", "SELECT * FROM nope"), /refused a query.*1146/);
    const strict = { ...target, host: "127.0.0.1", tls: { mode: "verify-full" as const } };
    await assert.rejects(mysql.query(strict, "app", "SELECT 1"), /TLS handshake/);
  } finally {
    await database.close();
  }
  await assert.rejects(
    mysql.query(targetOf({ ...database, port: 1 }), "app", "SELECT 1"),
    /cannot be reached/,
  );
});

testNeeding(
  [mariadbHere],
  "COM_CHANGE_USER gives the same person a new session at the same target, and refuses everybody else",
  () =>
    withGate({ readOnly: true }, async (gate, database) => {
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const options = { host: "127.0.0.1", port: gate.port, user, password, database: "orders-prod" };
      const connection = await mysql2.createConnection(options);
      const value = async (sql: string) =>
        Object.values((await connection.query<mysql2.RowDataPacket[]>(sql))[0][0]!)[0];
      await connection.query("SET @mine = 5, sql_mode = 'ANSI_QUOTES'");
      await connection.query("USE information_schema");
      await connection.changeUser({ user, password, database: "orders-prod" });
      assert.equal(await value("SELECT @mine"), null);
      assert.equal(await value("SELECT DATABASE()"), "app");
      assert.doesNotMatch(gate.states.at(-1)!.sql_mode!, /ANSI_QUOTES/);
      await assert.rejects(connection.query("INSERT INTO t VALUES (9, 'x')"), { errno: 1792 });
      await connection.changeUser({ user: `${user}@orders-prod`, database: "app" });
      for (
        const other of [{ user: "root" }, { user, database: "elsewhere" }, {
          user,
          database: "orders-prod/mysql",
        }]
      ) {
        await assert.rejects(connection.changeUser(other), /COM_CHANGE_USER is refused.*new connection/s);
      }
      assert.equal(await value("SELECT 'same'"), "same");
      assert.equal(gate.sessions.length, 1);
      assert.doesNotMatch(await Deno.readTextFile(database.generalLog), /Change user/);
      await connection.end();

      const plain = await connect(gate);
      const id = await prepare(plain, "SELECT 1", 1);
      const name = plain.user;
      const body = bytes(
        `${name}\0`,
        [32],
        "p".repeat(32),
        "orders-prod\0",
        [45, 0],
        "caching_sha2_password\0",
      );
      assert.deepEqual([...await plain.ask(Command.changeUser, body)], [1, 3], "what the plugin waits for");
      assert.equal((await plain.receive())[0], 0x00);
      assert.equal((await plain.refused(Command.statementExecute, executeBody(id, []))).code, 1243);
      assert.equal((await plain.refused(Command.changeUser, "x\0\0\0")).code, 1045);
      assert.equal((await plain.ask(Command.ping))[0], 0x00);
      plain.close();
    }),
);

testNeeding(
  [mariadbHere],
  "what is not offered is not there: files, and MariaDB's extras before a MariaDB is known",
  () =>
    withGate({}, async (gate) => {
      const { greeting } = await WireClient.greeted(gate.port);
      const never = Capability.localFiles | 1 << 25 | 1 << 28;
      assert.equal(greeting.capabilities & never, 0);
      // Bit 0: whoever reads MariaDB's extended field does so only where this is not set.
      assert.equal(greeting.capabilities & Capability.longPassword, 1);
      const client = await connect(gate, plainCapabilities);
      assert.equal(errorOf((await client.query("\0\x01SELECT 'attributes'"))[0]!).code, 1064);
      assert.equal(
        gate.runs.at(-1)!.run.text,
        "\0\x01SELECT 'attributes'",
        "one text: judged, recorded, sent",
      );
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "query attributes are shown and recorded, and taken out for a target that has none",
  () =>
    withGate({}, async (gate) => {
      const client = await connect(gate, plainCapabilities | Capability.queryAttributes);
      const shown = () => gate.runs.at(-1)!.run;
      const named = bytes([2, 1, 0b10, 1], [0xfd, 0], [5], "trace", [0x03, 0x80], [4], "span", [3], "abc");
      const ask = async (by: WireClient, body: Uint8Array) => {
        await by.send(Command.query, body);
        return await by.result();
      };
      assert.match(textOf(await ask(client, bytes(named, "SELECT 'with', 'two'"))), /with/);
      assert.equal(shown().text, "SELECT 'with', 'two'");
      assert.deepEqual(shown().parameters, [
        { text: "abc", type: "attribute trace varchar", bytes: 3 },
        { text: null, type: "attribute span int unsigned", bytes: 0 },
      ]);
      assert.match(textOf(await client.query("\0\x01SELECT 'none'")), /none/);
      assert.deepEqual(shown().parameters, []);
      const id = await prepare(client, "SELECT ?, ?", 6);
      const values = bytes(
        [3, 0b010, 1],
        [0xfd, 0, 0],
        [0x03, 0, 0],
        [0xfd, 0, 3],
        "who",
        [2],
        "p1",
        [2],
        "me",
      );
      await client.send(Command.statementExecute, bytes(u32(id), [8], u32(1), values));
      assert.match(textOf(await client.result()), /p1/);
      assert.deepEqual(shown().parameters.map(({ text, type }) => [text, type]), [
        ["p1", "varchar"],
        [null, "int"],
        ["me", "attribute who varchar"],
      ]);
      // The types of before, and no attributes: names come with types alone.
      await client.send(Command.statementExecute, bytes(u32(id), [8], u32(1), [2, 0b10, 0, 2], "p2"));
      assert.match(textOf(await client.result()), /p2/);
      for (const broken of [[9], [2, 2], [1, 1, 0, 0], [1, 1, 0, 1, 0xfd], [0xff], [255, 1], []]) {
        const other = await connect(gate, plainCapabilities | Capability.queryAttributes);
        const count = gate.runs.length;
        assert.equal(errorOf((await ask(other, bytes(broken)))[0]!).code, 1835);
        assert.equal(gate.runs.length, count);
        other.close();
      }
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "COM_FIELD_LIST is judged as SHOW COLUMNS, and answered as the target does",
  () =>
    withGate({
      sentence: (text) => ({ verdict: /SHOW COLUMNS FROM `secret`/.test(text) ? "deny" : "allow" }),
    }, async (gate) => {
      const client = await connect(gate, plainCapabilities);
      const first = await client.ask(Command.fieldList, "t\0");
      assert.match(textOf([first]), /id/);
      assert.match(textOf([await client.receive()]), /name/);
      assert.equal((await client.receive())[0], 0xfe);
      assert.equal(gate.runs.at(-1)!.run.text, "SHOW COLUMNS FROM `t`");
      assert.equal((await client.refused(Command.fieldList, "missing\0")).code, 1146);
      assert.equal((await client.refused(Command.fieldList, "secret\0")).code, 1142);
      assert.equal((await client.ask(Command.ping))[0], 0x00);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a prepared CALL with several results and output parameters",
  () =>
    withGate({}, async (gate, database) => {
      await database.query(
        "CREATE PROCEDURE sets(IN a INT, OUT b INT) BEGIN SELECT a, 'first'; SELECT name FROM t ORDER BY id; SET b = a + 1; END",
      );
      const client = await connect(gate, plainCapabilities);
      const id = await prepare(client, "CALL sets(?, ?)", 3);
      await client.send(Command.statementExecute, executeBody(id, ["41", "0"]));
      assert.match(textOf(await client.result()), /first/);
      assert.match(textOf(await client.result()), /ann[\s\S]*bob/);
      assert.match(textOf(await client.result()), /\x2a\0\0\0/, "the output parameter: 42");
      assert.equal((await client.receive())[0], 0x00);
      assert.equal((await client.ask(Command.ping))[0], 0x00);
      assert.equal(gate.outcomes.get(gate.runs.at(-1)!.id)?.error, null);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a character set chosen in the handshake counts: GBK and SJIS are not read",
  () =>
    withGate({}, async (gate) => {
      for (const collation of [28, 13]) {
        const { user, password } = gate.passwords.issue(devin, "orders-prod");
        const options = { port: gate.port, user, password, database: "orders-prod", collation };
        const client = await WireClient.connect(options);
        const trap = Buffer.from("SELECT '\xbf\\' OR 1=1 -- '", "latin1");
        assert.match(
          (await client.refused(Command.query, trap)).message,
          /is (gbk|sjis), which Postern does not read/,
        );
        assert.match(
          (await client.refused(Command.statementPrepare, trap)).message,
          /which Postern does not read/,
        );
        client.close();
      }
    }),
);
