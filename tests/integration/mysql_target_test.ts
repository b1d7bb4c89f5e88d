/** The same path to a real MySQL: its own sign-in, its own way to report state, its JSON, its warnings. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as mysql2 from "mysql2/promise";
import type { MaskRule } from "../../policy/types.ts";
import { Command } from "../../proxy/mysql/constants.ts";
import { createMysql } from "../../proxy/mysql/mod.ts";
import { createAuthority } from "../support/certificates.ts";
import { devin, type FakeGate, type GateOptions, startGate, targetOf } from "../support/mysql_gate.ts";
import { type Mysql, mysqlHere, mysqlProgram, startMysql } from "../support/mysql.ts";
import { errorOf, executeBody, plainCapabilities, WireClient } from "../support/mysql_wire.ts";
import { run } from "../support/daemons.ts";
import { testNeeding } from "../support/programs.ts";
import { runsAtMysql } from "../support/running.ts";

const schema = `CREATE TABLE people(id INT PRIMARY KEY, ssn VARCHAR(20), doc JSON, at TIMESTAMP(3) NULL);
INSERT INTO people VALUES (1, '078-05-1120', '{"a": 1}', '2024-01-02 03:04:05.678'), (2, NULL, NULL, NULL);
CREATE DEFINER = app@'%' PROCEDURE one_set() SELECT 1 AS one;`;

const ssn: MaskRule = { column: "app.people.ssn", mask: { kind: "partial", keepFirst: 0, keepLast: 4 } };
const doc: MaskRule = { column: "app.people.doc", mask: { kind: "fixed", text: "x" } };
const masks = [null, ssn, doc, null];
const sentence = (text: string) =>
  text.includes("@masked") ? { result: { kind: "columns" as const, masks } } : { verdict: "allow" as const };

async function withGate(
  options: Partial<GateOptions>,
  body: (gate: FakeGate, target: Mysql) => Promise<void>,
): Promise<void> {
  const target = await startMysql(schema);
  const gate = await startGate({ target: targetOf(target), sentence, ...options });
  try {
    await body(gate, target);
  } finally {
    await gate.close();
    await target.close();
  }
}

function options(gate: FakeGate) {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return { host: "127.0.0.1", port: gate.port, user, password, database: "orders-prod" };
}

testNeeding(
  [mysqlHere],
  "caching_sha2_password: with RSA and over TLS, for an account that it knows and one that it does not",
  async () => {
    const target = await startMysql();
    try {
      const plain = targetOf(target, { tls: { mode: "disable" } });
      const { query } = createMysql();
      for (
        const [user, mode] of [["app", "disable"], ["app", "disable"], ["late", "require"], [
          "app",
          "verify-ca",
        ]] as const
      ) {
        const wanted = {
          ...plain,
          tls: { mode, ca: target.tls.ca },
          account: { user, password: target.password },
        };
        assert.match((await query(wanted, "app", "SELECT CURRENT_USER()"))[0]![0]!, new RegExp(`^${user}@`));
        const [status] = await query(wanted, "app", "SHOW SESSION STATUS LIKE 'Ssl_version'");
        assert.equal(status![1] === "", mode === "disable");
        const wrong = { ...wanted, account: { user, password: "wrong" } };
        await assert.rejects(
          query(wrong, "app", "SELECT 1"),
          /could not sign in at the target "orders-prod"/,
        );
      }
    } finally {
      await target.close();
    }
  },
);

for (const flags of [[], ["-DEPRECATE_EOF"]]) {
  testNeeding(
    [mysqlHere],
    `mysql2: masks, JSON, several results, prepared and not ${flags}`,
    () =>
      withGate({}, async (gate) => {
        const connection = await mysql2.createConnection({
          ...options(gate),
          flags,
          multipleStatements: true,
          dateStrings: true,
        });
        try {
          const sql = "SELECT id, ssn, doc, at FROM people ORDER BY id /* @masked */";
          const expected = [
            { id: 1, ssn: "***-**-1120", doc: null, at: "2024-01-02 03:04:05.678" },
            { id: 2, ssn: null, doc: null, at: null },
          ];
          assert.deepEqual((await connection.query(sql))[0], expected);
          assert.deepEqual((await connection.execute(sql))[0], expected);
          const [open] = await connection.execute("SELECT doc FROM people WHERE id = ?", ["1"]);
          assert.deepEqual(open, [{ doc: { a: 1 } }]);
          const [several] = await connection.query("SELECT 1 AS a; CALL one_set(); SELECT 3 AS c");
          assert.deepEqual((several as unknown[]).filter(Array.isArray), [[{ a: 1 }], [{ one: 1 }], [{
            c: 3,
          }]]);
          const [called] = await connection.execute("CALL one_set()");
          assert.deepEqual((called as unknown[])[0], [{ one: 1 }]);
        } finally {
          await connection.end();
        }
      }),
  );
}

testNeeding(
  [mysqlHere],
  "query attributes reach a MySQL target, text and prepared, and are in the record",
  () =>
    withGate({}, async (gate) => {
      const connection = await mysql2.createConnection(options(gate));
      try {
        const attributes = { trace: "abc", level: 7 };
        const [text] = await connection.query({ sql: "SELECT 'text' AS a", attributes });
        assert.deepEqual(text, [{ a: "text" }]);
        const [prepared] = await connection.execute({ sql: "SELECT ? AS b", values: ["bound"], attributes });
        assert.deepEqual(prepared, [{ b: "bound" }]);
        const [again] = await connection.execute("SELECT ? AS b", ["without"]);
        assert.deepEqual(again, [{ b: "without" }]);
        const shown = gate.runs.map(({ run }) => run.parameters.map((one) => one.text)).slice(-3);
        assert.deepEqual(shown, [["abc", "7"], ["bound", "abc", "7"], ["without"]]);
      } finally {
        await connection.end();
      }
    }),
);

testNeeding(
  [mysqlHere],
  "state, cursors, reset and KILL are MySQL's as they are MariaDB's",
  () =>
    withGate({ readOnly: true }, async (gate, target) => {
      const credentials = options(gate);
      const client = await WireClient.connect(credentials);
      const state = async () => {
        await client.query("SELECT 1");
        return gate.states.at(-1)!;
      };
      assert.equal((await state()).flavour, "mysql");
      assert.match((await state()).version!, /^9\./);
      assert.equal(errorOf((await client.query("INSERT INTO people(id) VALUES (9)"))[0]!).code, 1792);
      await client.query("SET @@sql_mode := 'ANSI_QUOTES', character_set_results = NULL");
      assert.equal((await state()).sql_mode, "ANSI_QUOTES");
      assert.equal((await client.ask(Command.resetConnection))[0], 0x00);
      assert.match((await state()).sql_mode!, /ONLY_FULL_GROUP_BY/);
      assert.equal(errorOf((await client.query("INSERT INTO people(id) VALUES (9)"))[0]!).code, 1792);
      await client.ask(Command.initDb, "information_schema");
      assert.equal((await state()).schema, "information_schema");
      await client.ask(Command.initDb, "orders-prod");
      const head = await client.ask(
        Command.statementPrepare,
        "SELECT id, ssn, doc, at FROM people /* @masked */",
      );
      for (let left = 4; left > 0; left--) await client.receive();
      await client.send(Command.statementExecute, executeBody(head[1]!, [], 1));
      let packet: Uint8Array;
      do packet = await client.receive(); while (packet[0] !== 0xfe);
      await client.send(Command.statementFetch, Buffer.from([head[1]!, 0, 0, 0, 5, 0, 0, 0]));
      const rows: Uint8Array[] = [];
      do rows.push(await client.receive()); while (rows.at(-1)![0] !== 0xfe);
      assert.match(Buffer.concat(rows).toString(), /\*\*\*-\*\*-1120/);
      assert.doesNotMatch(Buffer.concat(rows).toString(), /078-05/);
      await client.send(Command.query, "SELECT SLEEP(30)");
      const { host, port, user, password } = target;
      const beside = await mysql2.createConnection({ host, port, user, password });
      await runsAtMysql({ query: async (sql) => (await beside.query(sql))[0] }, "SELECT SLEEP(30)");
      beside.destroy();
      const second = await WireClient.connect({
        port: gate.port,
        user: credentials.user,
        capabilities: plainCapabilities,
      });
      assert.equal((await second.ask(Command.query, `KILL QUERY ${client.greeting.threadId}`))[0], 0x00);
      await client.result();
      assert.equal((await client.query("SELECT 1"))[0]![0], 1);
      client.close();
    }),
);

testNeeding(
  [mysqlHere, "mariadb"],
  "the mariadb client on a MySQL target",
  () =>
    withGate({}, async (gate) => {
      const { user, password, port } = options(gate);
      const { code, stdout, stderr } = await run([
        "mariadb",
        "-h127.0.0.1",
        `-P${port}`,
        `-u${user}`,
        `-p${password}`,
        "-Dorders-prod",
        "-Ne",
        "SELECT ssn FROM people; SELECT CAST('x' AS SIGNED); SHOW WARNINGS; SHOW TABLES",
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /078-05-1120\nNULL\n0\nWarning\t1292\tTruncated[^\n]*\npeople/);
    }),
);

testNeeding(
  [mysqlHere],
  "MySQL's own clients: one-time password, token over TLS, link, mysqladmin",
  async () => {
    const tls = createAuthority().issue();
    await withGate({ tls }, async (gate) => {
      const client = async (user: string, password: string, sql: string, mode = "PREFERRED") =>
        await run([
          ...await mysqlProgram("mysql"),
          "-h127.0.0.1",
          `-P${gate.port}`,
          `-u${user}`,
          `-p${password}`,
          "-Dorders-prod",
          `--ssl-mode=${mode}`,
          "-Ne",
          sql,
        ]);
      for (const mode of ["DISABLED", "REQUIRED"]) {
        const { user, password } = gate.passwords.issue(devin, "orders-prod");
        const { stdout, stderr } = await client(user, password, "SELECT ssn FROM people; SHOW TABLES", mode);
        assert.equal(stdout, "078-05-1120\nNULL\npeople\n", stderr);
      }
      const token = await client("devin", "aaa.bbb.ccc", "SELECT 'in'");
      assert.equal(token.stdout, "in\n", token.stderr);
      for (const mode of ["DISABLED", "REQUIRED"]) {
        const first = await client(`via-${mode}`, "left-over", "SELECT 'in'", mode);
        assert.match(first.stderr, /ERROR 1045 \(28000\): Postern: sign in at https/);
        gate.signIns.at(-1)!.confirm();
        const second = await client(`via-${mode}`, "left-over", "SELECT 'in'", mode);
        assert.equal(second.stdout, "in\n", second.stderr);
      }
      const admin = await run([
        ...await mysqlProgram("mysqladmin"),
        "-h127.0.0.1",
        `-P${gate.port}`,
        "-udevin@orders-prod",
        "-paaa.bbb.ccc",
        "ping",
        "status",
      ]);
      assert.match(admin.stdout, /mysqld is alive\nUptime: /, admin.stderr);
    });
  },
);
