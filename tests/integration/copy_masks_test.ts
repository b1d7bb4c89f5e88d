/**
 * COPY of masked columns in every format: what the client gets of a table is, byte by byte, what the server itself
 * writes for a table that holds the masked values.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { postgresql18Here } from "../support/embedded_postgresql.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { fieldsOf, type Message, type RawPostgres, say, valuesOf } from "../support/raw_postgres.ts";
import { signedIn } from "../support/raw_sign_in.ts";

const awkward = [
  "078-05-1120",
  "219-09-9999",
  "",
  "\\N",
  "\\.",
  "a,b;c|d",
  'say "it"',
  "tab\there\nand a line\r\nmore",
  "back\\slash \\t \\",
  "\b\f\v",
  "  blanks  ",
  "žluťoučký 🐴",
  "NULL",
];
const quoted = (text: string | null) => text === null ? "NULL" : `'${text.replaceAll("'", "''")}'`;
const columns = "id int, t text, u varchar(99), i int, n numeric(12,2), d date, x uuid, c text, z text";
const uuid = "c0ffee00-0000-4000-8000-00000000beef";
const rows = [...awkward, null].map((text, at) =>
  `(${at}, ${quoted(text)}, ${quoted(text)}, ${at === 3 ? "NULL" : 78_051 + at}, ${at}.25, '1984-07-${
    10 + at
  }', '${uuid}', ${quoted(text)}, ${quoted(text)})`
);
const sql = `CREATE TABLE m (${columns}, g text GENERATED ALWAYS AS (upper(t)) STORED);
  CREATE TABLE shown (${columns});
  INSERT INTO m VALUES ${rows.join(",\n")};`;

const sections = `rules:
  - { name: all, what: { kinds: [read, write, copy, session, transaction] }, then: allow }
masks:
  - { columns: ["*.m.t"], mask: { kind: partial, keepLast: 4 } }
  - { columns: ["*.m.u"], mask: { kind: hash } }
  - { columns: ["*.m.i"], mask: { kind: bucket, size: 1000 } }
  - { columns: ["*.m.n"], mask: { kind: fake } }
  - { columns: ["*.m.d"], mask: { kind: bucket, size: 10, unit: year } }
  - { columns: ["*.m.z"], mask: { kind: 'null' } }
  - { columns: ["*.m.x"], mask: { kind: fixed, text: 'n/a, "none"' } }
`;

/** `m` stands for the table. */
const copies = [
  "COPY m TO STDOUT",
  "COPY m (t, id, u) TO STDOUT",
  "COPY public.m (id, t) TO STDOUT (DELIMITER '|')",
  "COPY m (id, t) TO STDOUT (DELIMITER ',', HEADER)",
  "COPY m (i, n, d, x, id) TO STDOUT (NULL '\\Q')",
  "COPY m TO STDOUT (FORMAT csv)",
  "COPY m TO STDOUT (FORMAT csv, HEADER true, FORCE_QUOTE *)",
  "COPY m (t, u, c) TO STDOUT (FORMAT csv, FORCE_QUOTE (u, c), NULL 'NULL')",
  "COPY m (u, t) TO STDOUT CSV DELIMITER ';' QUOTE '|' ESCAPE '\\' HEADER",
  "COPY m (t) TO STDOUT (FORMAT csv)",
  "COPY m (t) TO STDOUT (FORMAT csv, NULL '078-05-1120', ENCODING 'UTF8')",
  "COPY (SELECT id, t AS z, d FROM m ORDER BY id DESC) TO STDOUT (FORMAT csv, QUOTE '''', FORCE_QUOTE (z))",
  "COPY (SELECT m.*, 1 FROM m WHERE id > 3) TO STDOUT",
  "COPY (SELECT id, CASE WHEN id > 2 THEN t END FROM m WHERE false) TO STDOUT (FORMAT binary)",
  "COPY m (id, t, z, u, i, n, d, x, c) TO STDOUT (FORMAT binary)",
  "COPY BINARY m (t) TO STDOUT",
  "COPY m (t) TO STDOUT (FORMAT binary); COPY m (id, t) TO STDOUT; COPY m (id) TO STDOUT CSV",
];

const refused = [
  "COPY m TO STDOUT (ENCODING 'LATIN1')",
  "COPY m TO STDOUT (FORMAT csv, DELIMITER 'ab')",
  "COPY m TO STDOUT (FORMAT json)",
  "COPY m TO STDOUT (FREEZE)",
  "COPY m TO STDOUT (FORMAT csv, FORMAT text)",
  "COPY m TO '/tmp/x'",
];

/** The same of the table that holds the masked values. */
const shownTable = (text: string) => text.replaceAll(/\bm\b(?=[ .])/g, "shown");

async function copied(client: RawPostgres, text: string, prepared: boolean): Promise<readonly Message[]> {
  const { messages } = await client.ask(
    ...(prepared ? [say.parse("", text), say.bind("", ""), say.execute(""), say.sync()] : [say.query(text)]),
  );
  return messages;
}

const inWords = (messages: readonly Message[]) =>
  messages.map((message) =>
    `${message.type} ${
      message.type === "E"
        ? JSON.stringify(fieldsOf(message))
        : JSON.stringify(Buffer.from(message.body).toString("latin1"))
    }`
  );

async function world(version: 15 | 18, run: (client: RawPostgres) => Promise<void>): Promise<void> {
  const server = await startPostgresql({ sql, version });
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", server),
    sections,
    env: { TARGET_PASSWORD: server.password },
  });
  try {
    const client = await signedIn(gateway.ports["postgresql"]!, "demo", await gateway.signIn(devin));
    const { messages } = await client.ask(say.query("SELECT id, t, u, i, n, d, x, c, z FROM m ORDER BY id"));
    const values = messages.filter(({ type }) => type === "D").map(valuesOf);
    assert.equal(values.length, rows.length);
    await server.query(
      `INSERT INTO shown VALUES ${values.map((row) => `(${row.map(quoted).join(", ")})`).join(",")};
       ALTER TABLE shown ADD g text GENERATED ALWAYS AS (CASE WHEN id < 0 THEN t END) STORED`,
    );
    await run(client);
    client.close();
  } finally {
    await gateway.close();
    await server.close();
  }
}

for (const [version, here] of [[15, postgresqlHere], [18, postgresql18Here]] as const) {
  testNeeding(
    [here],
    `PostgreSQL ${version}: COPY of masked columns in text, CSV and binary is what the server would write of masked values`,
    async () => {
      await world(version, async (client) => {
        for (const prepared of [false, true]) {
          for (const text of copies) {
            if (prepared && text.includes(";")) continue;
            const got = inWords(await copied(client, text, prepared));
            assert.deepEqual(got, inWords(await copied(client, shownTable(text), prepared)), text);
            assert.ok(got.some((one) => one.startsWith("H")), `${text}\n${got.join("\n")}`);
          }
          for (const text of refused) {
            const got = inWords(await copied(client, text, prepared));
            assert.match(got.join("\n"), /^E .*"C":"42501"/m, text);
            assert.doesNotMatch(got.join("\n"), /^[Hd] /m, text);
          }
        }
      });
    },
  );
}

testNeeding(
  [postgresqlHere],
  "a NULL string that is somebody's value does not point at whose it is",
  async () => {
    await world(15, async (client) => {
      for (const [guess, masked] of [["078-05-1120", "***-**-1120"], ["", ""], ["\\t", "*"]]) {
        const text = `COPY (SELECT t FROM m WHERE id IN (0, 1, 13) ORDER BY id) TO STDOUT (NULL '${guess}')`;
        const data = (await copied(client, text, false)).filter(({ type }) => type === "d");
        const lines = data.map(({ body }) => Buffer.from(body).toString());
        // The last is NULL: shown as a value like the guess would be.
        assert.equal(lines[0], "***-**-1120\n");
        assert.equal(lines[2], `${masked}\n`);
      }
    });
  },
);

testNeeding(
  [postgresqlHere],
  "a column that moved, or came, since the catalog was read is not copied in another's place",
  async () => {
    const secret = "900-11-1037";
    const made = "CREATE TABLE moved (id int, ssn text, name text); CREATE TABLE grown (id int, note text);";
    const server = await startPostgresql({ sql: made });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", server),
      sections: `rules:
  - { name: all, what: { kinds: [read, write, copy, session, transaction] }, then: allow }
masks:
  - { columns: ["*.*.ssn"], mask: { kind: fixed, text: "hidden" } }
`,
      env: { TARGET_PASSWORD: server.password },
    });
    const tables = [["moved", "ssn"], ["grown", "note"]] as const;
    const padding = ` /* ${"x".repeat(9_000)} */`;
    try {
      const client = await signedIn(gateway.ports["postgresql"]!, "demo", await gateway.signIn(devin));
      for (
        const text of [
          "COPY moved TO STDOUT; COPY grown TO STDOUT",
          "COPY moved TO STDOUT CSV; COPY grown TO STDOUT (FORMAT binary)",
          "COPY (SELECT * FROM moved) TO STDOUT; COPY (SELECT g.* FROM grown g) TO STDIN",
          `COPY moved TO STDOUT${padding}; COPY grown TO STDOUT`,
        ]
      ) {
        await server.query(
          made.replaceAll("CREATE TABLE", "DROP TABLE IF EXISTS").replaceAll(/ \(.*?\)/g, ""),
        );
        await server.query(made);
        // What was understood a moment ago is not what is there now.
        await copied(client, text, false);
        await client.ask(say.parse("early", "COPY moved TO STDOUT"), say.sync());
        for (const [table, column] of tables) {
          await server.query(`ALTER TABLE ${table} DROP COLUMN ${column};
            ALTER TABLE ${table} ADD ssn text; INSERT INTO ${table} (id, ssn) VALUES (1, '${secret}')`);
        }
        const got = inWords(await copied(client, text, false)).join("\n");
        assert.doesNotMatch(got, new RegExp(secret), text);
        assert.match(got, /hidden[^]*hidden/, text);
        const { messages } = await client.ask(say.bind("", "early"), say.execute(""), say.sync());
        assert.match(inWords(messages).join("\n"), /hidden/, text);
        await client.ask(say.close("S", "early"), say.sync());
      }
      client.close();
    } finally {
      await gateway.close();
      await server.close();
    }
  },
);
