/** Masks on real results: by place and by origin, in text and binary rows, cursors, several results, errors. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as mysql2 from "mysql2/promise";
import type { MaskKind, MaskRule } from "../../policy/types.ts";
import { Command } from "../../proxy/mysql/constants.ts";
import { type Mariadb, mariadbHere, startMariadb } from "../support/mariadb.ts";
import {
  devin,
  type FakeGate,
  type GateOptions,
  type Sentence,
  startGate,
  targetOf,
} from "../support/mysql_gate.ts";
import { errorOf, executeBody, plainCapabilities, WireClient } from "../support/mysql_wire.ts";
import { testNeeding } from "../support/programs.ts";

const secrets = ["078-05-1120", "219-09-9999", "Zoë-ß-4711"];
const schema = `
  CREATE TABLE people(id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(40), born DATE, pay DECIMAL(10,2),
    level INT UNSIGNED, ratio DOUBLE, doc JSON, kind ENUM('a','b'), raw VARBINARY(20), seen DATETIME(3), note TEXT);
  INSERT INTO people VALUES
    (1, 'ann', '${
  secrets[0]
}', '1984-05-06', 51234.50, 77, 1.5, '{"a":1}', 'a', x'fffe00', '2024-01-02 03:04:05.678', 'n1'),
    (2, 'bob', '${secrets[1]}', NULL, -3, 12, -0.25, NULL, 'b', NULL, NULL, 'n2'),
    (3, 'Zoë', '${secrets[2]}', '2001-12-31', 0, 0, 0, '[]', NULL, 'ascii', '1999-12-31 23:59:59', NULL);
`;

const rule = (mask: MaskKind, column = "app.people.ssn"): MaskRule => ({ column, mask });
const last4 = rule({ kind: "partial", keepFirst: 0, keepLast: 4 });
const all = "id, name, ssn, born, pay, level, ratio, doc, kind, raw, seen, note";
const decade: MaskKind = { kind: "bucket", size: 10 };

/** Everything but id, name and note is masked, each by what fits its type, or does not. */
const everyType: (MaskRule | null)[] = [
  null,
  null,
  last4,
  rule(decade),
  rule({ kind: "bucket", size: 1000 }),
  rule(decade),
  rule(decade),
  rule({ kind: "fixed", text: "x" }),
  rule({ kind: "fixed", text: "x" }),
  rule({ kind: "partial", keepFirst: 1, keepLast: 1 }),
  rule({ kind: "null" }),
  null,
];

function sentence(statement: string): Sentence {
  if (statement.includes("@every")) return { result: { kind: "columns", masks: everyType } };
  if (statement.includes("@ssn")) {
    return { result: { kind: "columns", masks: [null, last4] }, tables: ["people"] };
  }
  if (statement.includes("@tainted")) return { tainted: true, tables: ["people"] };
  return { verdict: "allow", tables: statement.includes("people") ? ["people"] : [] };
}

async function withGate(
  options: Partial<GateOptions>,
  body: (gate: FakeGate, database: Mariadb) => Promise<void>,
): Promise<void> {
  const database = await startMariadb({ sql: schema });
  const gate = await startGate({ target: targetOf(database), sentence, ...options });
  try {
    await body(gate, database);
  } finally {
    await gate.close();
    await database.close();
  }
}

function options(gate: FakeGate) {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return { host: "127.0.0.1", port: gate.port, user, password, database: "orders-prod" };
}

const wire = (gate: FakeGate, capabilities?: number) =>
  WireClient.connect({ ...options(gate), ...(capabilities === undefined ? {} : { capabilities }) });

const textOf = (packets: readonly Uint8Array[]) => Buffer.concat([...packets]).toString("utf8");

for (const flags of [[], ["-DEPRECATE_EOF"]]) {
  testNeeding(
    [mariadbHere],
    `each type is masked to a value of its type, in text and binary ${flags}`,
    () =>
      withGate({}, async (gate) => {
        const connection = await mysql2.createConnection({ ...options(gate), flags, dateStrings: true });
        try {
          const sql = `SELECT ${all} FROM people ORDER BY id /* @every */`;
          const [text] = await connection.query(sql);
          // MariaDB's JSON is a text with a check, and so says its metadata.
          const [binary] = await connection.execute(sql);
          assert.deepEqual(text, [
            {
              id: 1,
              name: "ann",
              ssn: "***-**-1120",
              born: "1980-01-01",
              pay: "51000",
              level: 70,
              ratio: 0,
              doc: "x",
              kind: "x",
              raw: null,
              seen: null,
              note: "n1",
            },
            {
              id: 2,
              name: "bob",
              ssn: "***-**-9999",
              born: null,
              pay: "-1000",
              level: 10,
              ratio: -10,
              doc: null,
              kind: "x",
              raw: null,
              seen: null,
              note: "n2",
            },
            {
              id: 3,
              name: "Zoë",
              ssn: "***-*-4711",
              born: "2000-01-01",
              pay: "0",
              level: 0,
              ratio: 0,
              doc: "x",
              kind: null,
              raw: Buffer.from("a***i"),
              seen: null,
              note: null,
            },
          ]);
          assert.deepEqual(binary, text);
        } finally {
          await connection.end();
        }
      }),
  );
}

testNeeding(
  [mariadbHere],
  "a cursor's rows are masked at each fetch, and a long result in constant pieces",
  () =>
    withGate({}, async (gate) => {
      for (const capabilities of [plainCapabilities, undefined]) {
        const client = await wire(gate, capabilities);
        await client.send(Command.statementPrepare, "SELECT id, ssn FROM people ORDER BY id /* @ssn */");
        const head = await client.receive();
        for (let more = capabilities === undefined ? 2 : 3; more > 0; more--) await client.receive();
        const id = head[1]!;
        await client.send(Command.statementExecute, executeBody(id, [], 1));
        const opened: Uint8Array[] = [];
        do opened.push(await client.receive()); while (opened.at(-1)![0] !== 0xfe);
        const fetch = new Uint8Array(8);
        fetch[0] = id;
        fetch[4] = 2;
        const rows: Uint8Array[] = [];
        await client.send(Command.statementFetch, fetch);
        do rows.push(await client.receive()); while (rows.at(-1)![0] !== 0xfe);
        await client.send(Command.statementFetch, fetch);
        do rows.push(await client.receive()); while (rows.at(-1)![0] !== 0xfe);
        assert.equal(rows.length, 5);
        const seen = textOf([...opened, ...rows]);
        assert.match(seen, /\*\*\*-\*\*-1120[^]*\*\*\*-\*\*-9999[^]*\*\*\*-\*-4711/);
        for (const secret of secrets) assert.ok(!seen.includes(secret));
        const unknown = new Uint8Array(8);
        unknown[0] = 99;
        assert.equal((await client.refused(Command.statementFetch, unknown)).code, 1243);
        client.close();
      }
    }),
);

testNeeding(
  [mariadbHere],
  "several results: each by its own statement's masks, and metadata may add one",
  () =>
    withGate(
      { maskOf: (origin) => origin === "app.people.ssn" ? rule({ kind: "null" }) : null },
      async (gate) => {
        const client = await wire(gate);
        await client.send(
          Command.query,
          "SELECT 1; SELECT id, ssn FROM people /* @ssn */; SELECT name, ssn AS other FROM people; SELECT 'end'",
        );
        const results: string[] = [];
        for (let count = 0; count < 4; count++) results.push(textOf(await client.result()));
        assert.match(results[1]!, /\*\*\*-\*\*-1120/);
        assert.match(results[2]!, /ann\xfb|ann\ufffd/);
        for (const secret of secrets) assert.ok(!results.join("").includes(secret));
        assert.match(results[3]!, /end/);
        client.close();
      },
    ),
);

testNeeding(
  [mariadbHere],
  "a result of another width than the masks' is refused whole, and the session goes on",
  () =>
    withGate({}, async (gate) => {
      const client = await wire(gate);
      const answer = await client.query("SELECT id, name, ssn FROM people /* @ssn */");
      assert.equal(answer.length, 1);
      const error = errorOf(answer[0]!);
      assert.match(error.message, /3 columns where 2 were expected.*Name the columns/);
      assert.equal(gate.outcomes.get("s1-1")?.error?.code, "1142");
      assert.match(textOf(await client.query("SELECT id, ssn FROM people /* @ssn */")), /1120/);
      await client.send(Command.query, "SELECT id, name, ssn FROM people /* @ssn */; SELECT 'after'");
      assert.equal(errorOf((await client.result())[0]!).code, 1142);
      assert.match(textOf(await client.query("SELECT 'next'")), /next/);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "a masked row beyond its limit is refused; the rows before it were masked",
  () =>
    withGate({ limits: { maskedRowBytesMax: 1000 } }, async (gate) => {
      const client = await wire(gate);
      const long = "SELECT id, IF(id = 2, REPEAT('s', 5000), ssn) FROM people ORDER BY id /* @ssn */";
      const answer = await client.query(long);
      assert.match(errorOf(answer.at(-1)!).message, /more than 1000 bytes \(listen\.limits\.maskedRow\)/);
      assert.ok(!textOf(answer).includes("sss"));
      assert.match(textOf(await client.query("SELECT 'next'")), /next/);
      client.close();
    }),
);

testNeeding(
  [mariadbHere],
  "errors and warnings of a tainted statement say nothing of its values",
  () =>
    withGate({}, async (gate) => {
      const client = await wire(gate);
      const duplicate = `INSERT INTO people(id, ssn) SELECT 1, ssn FROM people /* @tainted */`;
      const error = errorOf((await client.query(duplicate))[0]!);
      assert.equal(error.code, 1062);
      assert.match(error.message, /its text is withheld/);
      assert.match(gate.outcomes.get("s1-1")!.error!.message, /withheld/);
      await client.query("SELECT CAST(ssn AS INT) FROM people /* @tainted */");
      await client.query("DO 1");
      const warnings = textOf(await client.query("SHOW WARNINGS"));
      assert.match(warnings, /withheld/);
      for (const secret of secrets) assert.ok(!warnings.includes(secret));
      await client.query("SELECT name FROM people");
      await client.query("SELECT CAST('plain' AS INT) FROM people");
      assert.match(textOf(await client.query("SHOW WARNINGS")), /plain/);
      client.close();
    }),
);
