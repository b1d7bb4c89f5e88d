/** Stock clients and drivers through Postern to a real MariaDB: what they ask for comes back as the target said it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as mariadb from "mariadb";
import * as mysql2 from "mysql2/promise";
import { createAuthority } from "../support/certificates.ts";
import { run } from "../support/daemons.ts";
import { type Mariadb, mariadbHere, patient, startMariadb } from "../support/mariadb.ts";
import { devin, type FakeGate, startGate, targetOf } from "../support/mysql_gate.ts";
import { skipWithout, testNeeding } from "../support/programs.ts";

const schema = `
  CREATE TABLE t(id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), amount DECIMAL(10,2), at DATETIME, doc LONGBLOB);
  INSERT INTO t(name, amount, at) VALUES ('ann', 1.50, '2024-02-29 10:11:12'), ('Zoë ✓', -2, NULL);
  CREATE PROCEDURE both_sets() BEGIN SELECT 1 AS one; SELECT 'x' AS two, 3 AS three; END;
`;

const allowed = () => ({ verdict: "allow" as const });

/** MariaDB adds extended metadata for who asks for it directly; the rest is the same. */
function shape([rows, fields]: [unknown, mysql2.FieldPacket[]]) {
  return {
    rows,
    fields: fields?.map(
      ({ name, orgName, table, orgTable, db, columnType, flags, decimals, columnLength }) => {
        return { name, orgName, table, orgTable, db, columnType, flags, decimals, columnLength };
      },
    ),
  };
}

/** A user and password that are good once. */
function credentials(gate: FakeGate) {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return { host: "127.0.0.1", port: gate.port, user, password, database: "orders-prod" };
}

async function withGate(
  body: (gate: FakeGate, database: Mariadb, ca: string) => Promise<void>,
): Promise<void> {
  const database = await startMariadb({ sql: schema, tls: true, settings: { "max-allowed-packet": "64M" } });
  const authority = createAuthority();
  const gate = await startGate({ target: targetOf(database), sentence: allowed, tls: authority.issue() });
  try {
    await body(gate, database, authority.certificate);
  } finally {
    await gate.close();
    await database.close();
  }
}

testNeeding(
  [mariadbHere],
  "mysql2: text and prepared statements, types, several results",
  () =>
    withGate(async (gate) => {
      const connection = await mysql2.createConnection({ ...credentials(gate), multipleStatements: true });
      try {
        const [rows] = await connection.query("SELECT id, name, amount, at FROM t ORDER BY id");
        assert.deepEqual(rows, [
          { id: 1, name: "ann", amount: "1.50", at: new Date("2024-02-29T10:11:12") },
          { id: 2, name: "Zoë ✓", amount: "-2.00", at: null },
        ]);
        const [prepared] = await connection.execute(
          "SELECT id, amount, at FROM t WHERE name = ? AND id < ?",
          [
            "ann",
            10,
          ],
        );
        assert.deepEqual(prepared, [{ id: 1, amount: "1.50", at: new Date("2024-02-29T10:11:12") }]);
        const shown = gate.runs.at(-1)!.run.parameters;
        assert.deepEqual(shown.map(({ text }) => text), ["ann", "10"]);
        const [several] = await connection.query("SELECT 1 AS a; SELECT 2 AS b; SET @x = 1");
        assert.deepEqual((several as unknown[]).slice(0, 2), [[{ a: 1 }], [{ b: 2 }]]);
        const [called] = await connection.query("CALL both_sets()");
        assert.deepEqual((called as unknown[]).slice(0, 2), [[{ one: 1 }], [{ two: "x", three: 3 }]]);
        const [inserted] = await connection.execute("INSERT INTO t(name) VALUES (?)", ["new"]);
        assert.equal((inserted as mysql2.ResultSetHeader).affectedRows, 1);
        await assert.rejects(connection.query("SELECT * FROM missing"), { errno: 1146, sqlState: "42S02" });
        await connection.ping();
        await connection.beginTransaction();
        await connection.rollback();
      } finally {
        await connection.end();
      }
      const outcomes = [...gate.outcomes.values()];
      assert.equal(outcomes[0]?.rows, 2);
      assert.equal(outcomes.at(-4)?.tag, "INSERT 1");
      assert.equal(outcomes.at(-3)?.error?.code, "1146");
    }),
);

testNeeding(
  [mariadbHere],
  "mysql2: values of more than 16 MiB go both ways unchanged",
  () =>
    withGate(async (gate) => {
      const connection = await mysql2.createConnection(credentials(gate));
      try {
        for (const bytes of [0xffffff - 40, 0xffffff, 17_000_000]) {
          const doc = Buffer.alloc(bytes, "abcdefghij");
          await connection.execute("INSERT INTO t(name, doc) VALUES (?, ?)", [`b${bytes}`, doc]);
          const [rows] = await connection.query("SELECT doc FROM t WHERE name = ?", [`b${bytes}`]);
          const [row] = rows as { doc: Buffer }[];
          assert.ok(row !== undefined && row.doc.equals(doc));
        }
      } finally {
        await connection.end();
      }
    }),
);

testNeeding(
  [mariadbHere],
  "mariadb connector: TLS, pipelined queries, batch, streams, reset",
  () =>
    withGate(async (gate, _database, ca) => {
      const connection = await mariadb.createConnection({
        ...credentials(gate),
        ssl: { ca },
        multipleStatements: true,
        ...patient,
      });
      try {
        const [one, two, three] = await Promise.all([
          connection.query("SELECT 1 AS a"),
          connection.query("SELECT name FROM t WHERE id = ?", [2]),
          connection.execute("SELECT ? + 1 AS b", [41]),
        ]);
        assert.deepEqual([one[0], two[0], Number(three[0].b)], [{ a: 1 }, { name: "Zoë ✓" }, 42]);
        const batch = await connection.batch("INSERT INTO t(name) VALUES (?)", [["x"], ["y"], ["z"]]);
        assert.equal([batch].flat().reduce((sum, { affectedRows }) => sum + affectedRows, 0), 3);
        let rows = 0;
        for await (const _ of connection.queryStream("SELECT seq FROM seq_1_to_50000")) rows++;
        assert.equal(rows, 50_000);
        await connection.query("SET @mine = 1");
        await connection.reset();
        const [after] = await connection.query("SELECT @mine AS mine");
        assert.equal(after.mine, null);
      } finally {
        await connection.end();
      }
    }),
);

testNeeding(
  [mariadbHere, "mariadb"],
  "mariadb client: batch, schema change, auto-rehash, warnings",
  () =>
    withGate(async (gate) => {
      const { user, password, port } = credentials(gate);
      const script = "status; USE app; SELECT CAST('x' AS INT) AS n; SHOW WARNINGS; SELECT DATABASE() AS db;";
      const { code, stdout, stderr } = await run([
        "mariadb",
        "-h127.0.0.1",
        `-P${port}`,
        `-u${user}`,
        `-p${password}`,
        "-Dorders-prod",
        "--ssl",
        "--auto-rehash",
        "-vv",
      ], { stdin: script });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /Cipher in use is TLS/);
      assert.match(stdout, /Truncated incorrect INTEGER value: 'x'/);
      assert.match(stdout, /app/);
      const texts = gate.runs.map(({ run: { text } }) => text);
      assert.ok(texts.includes("USE `app`"));
    }),
);

const python = `
import sys, pymysql
host, port, user, password = "127.0.0.1", int(sys.argv[1]), sys.argv[2], sys.argv[3]
c = pymysql.connect(host=host, port=port, user=user, password=password, database="orders-prod", charset="utf8mb4")
with c.cursor() as cur:
    cur.execute("SELECT id, name, amount FROM t WHERE id = %s", (2,))
    print(cur.fetchall())
    try:
        cur.execute("DROP TABLE t")
    except pymysql.MySQLError as e:
        print(e.args[0])
c.ping(reconnect=False)
c.close()
`;

const pymysql = {
  missing: () => {
    const python3 = ["/usr/bin/python3"].find((path) => {
      try {
        return new Deno.Command(path, { args: ["-c", "import pymysql"], stderr: "null" }).outputSync()
          .success;
      } catch {
        return false;
      }
    });
    return python3 === undefined ? "python3-pymysql is not installed" : null;
  },
};

testNeeding(
  [mariadbHere, pymysql],
  "PyMySQL: rows, and a refusal as an error of its own class",
  () =>
    withGate(async (gate) => {
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const { code, stdout, stderr } = await run(
        ["/usr/bin/python3", "-c", python, String(gate.port), user, password],
      );
      assert.equal(code, 0, stderr);
      assert.match(stdout, /\(\(2, 'Zoë ✓', Decimal\('-2.00'\)\),\)/);
    }),
);

testNeeding(
  [mariadbHere],
  "the relay says what the target says, byte for byte, with and without DEPRECATE_EOF",
  async (t) => {
    if (await skipWithout(t, ["mariadb"])) return;
    await withGate(async (gate, database) => {
      for (const flags of ["", "-DEPRECATE_EOF"]) {
        const direct = await mysql2.createConnection({
          host: database.host,
          port: database.port,
          user: database.user,
          password: database.password,
          database: database.database,
          flags: flags === "" ? [] : [flags],
        });
        const through = await mysql2.createConnection({
          ...credentials(gate),
          flags: flags === "" ? [] : [flags],
        });
        try {
          for (
            const sql of [
              "SELECT * FROM t",
              "SELECT 1, NULL, 'é'",
              "SHOW CREATE TABLE t",
              "DO 1",
              "SELECT 1 WHERE 0",
            ]
          ) {
            assert.deepEqual(shape(await through.query(sql)), shape(await direct.query(sql)), sql);
            if (!sql.startsWith("SHOW")) {
              assert.deepEqual(shape(await through.execute(sql)), shape(await direct.execute(sql)), sql);
            }
          }
        } finally {
          await direct.end();
          await through.end();
        }
      }
    });
  },
);
