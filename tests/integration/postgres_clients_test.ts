/** Real clients through the data path: node-postgres, postgres.js, psql, pg_dump, pg_restore, pgbench. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import pg from "pg";
import postgres from "postgres";
import { run } from "../support/daemons.ts";
import { type Postgresql, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { missing, required, testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";
import type { ScriptedVerdict } from "../support/scripted_gatekeeper.ts";
import { type ScriptedProxy, startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";

const sql = `
  CREATE TABLE users (id int PRIMARY KEY, name text, ssn text, born date, salary numeric(10, 2));
  INSERT INTO users SELECT g, 'user ' || g, '078-05-' || to_char(g, 'FM0000'), '1990-05-17', 1234.56 * g
    FROM generate_series(1, 500) g;
  CREATE TABLE notes (id serial PRIMARY KEY, body text, data bytea);
`;

const column = (name: string) => `public.users.${name}`;
const masked = {
  kind: "columns" as const,
  masks: [
    null,
    null,
    { column: column("ssn"), mask: { kind: "partial" as const, keepFirst: 0, keepLast: 4 } },
    { column: column("born"), mask: { kind: "bucket" as const, size: 10 } },
    { column: column("salary"), mask: { kind: "bucket" as const, size: 1000 } },
  ],
};

function judge(statement: string): ScriptedVerdict {
  if (/^\s*drop/i.test(statement)) {
    return { verdict: "deny", rule: "no-ddl", reason: "Not here", hint: "Migrate" };
  }
  if (/^\s*update/i.test(statement)) return { verdict: "approve", rule: "writes" };
  if (/select \* from users/i.test(statement)) return { result: masked, tainted: true };
  if (/^(listen|notify|set|discard)/i.test(statement)) {
    return { facts: { kind: "session", verb: statement.split(" ")[0]!.toUpperCase() } };
  }
  return {};
}

let server: Postgresql | null = null;
let proxy: ScriptedProxy | null = null;
Deno.test.beforeAll(async () => {
  if (missing([postgresqlHere]) !== null) return;
  server = await startPostgresql({ sql });
  proxy = await startScriptedProxy({ target: targetOf(server, "postgresql"), judge });
});
Deno.test.afterAll(async () => {
  await proxy?.close();
  await server?.close();
});

const port = () => proxy!.port;
const nodeClient = async () => {
  const client = new pg.Client({ host: "127.0.0.1", port: port(), user: "me", database: "demo" });
  await client.connect();
  return client;
};

testNeeding(
  [postgresqlHere],
  "node-postgres: queries, parameters, masks in both formats, errors, a hold, a cancel",
  async () => {
    const client = await nodeClient();
    try {
      const text = await client.query("SELECT * FROM users WHERE id = $1", [7]);
      assert.equal(text.rows[0].ssn, "***-**-0007");
      assert.equal(text.rows[0].salary, "8000");
      assert.equal(text.rows[0].born.getFullYear(), 1990);
      assert.equal(text.rows[0].born.getMonth(), 0);
      const binary = await client.query(
        {
          text: "SELECT * FROM users WHERE id = $1",
          values: [7],
          binary: true,
          rowMode: "array",
        } as pg.QueryConfig,
      );
      const row = binary.rows[0] as unknown as unknown[];
      assert.equal(row[2], "***-**-0007");
      await assert.rejects(client.query("DROP TABLE users"), (error: pg.DatabaseError) => {
        assert.equal(error.code, "42501");
        assert.equal(error.detail, "Rule: no-ddl");
        assert.equal(error.hint, "Migrate");
        return true;
      });
      await assert.rejects(client.query("DROP TABLE users", []), { code: "42501" });
      await assert.rejects(client.query("SELECT * FROM missing"), { code: "42P01" });
      const next = proxy!.gatekeeper.nextHold();
      const update = client.query("UPDATE users SET name = $1 WHERE id = $2", ["held", 2]);
      const hold = await next;
      assert.deepEqual(hold.run.parameters.map(({ text }) => text), ["held", "2"]);
      hold.settle("approved");
      assert.equal((await update).rowCount, 1);
      const blob = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 256));
      await client.query("INSERT INTO notes (body, data) VALUES ($1, $2)", [null, blob]);
      const back = await client.query("SELECT data FROM notes WHERE body IS NULL");
      assert.deepEqual(new Uint8Array(back.rows[0].data), new Uint8Array(blob));
      for (let round = 0; round < 3; round++) {
        const named = await client.query({
          name: "by id",
          text: "SELECT name FROM users WHERE id = $1",
          values: [round + 3],
        });
        assert.equal(named.rows[0].name, `user ${round + 3}`);
      }
    } finally {
      await client.end();
    }
  },
);

testNeeding([postgresqlHere], "node-postgres: LISTEN and NOTIFY arrive at once, notices pass", async () => {
  const client = await nodeClient();
  try {
    const heard = new Promise<pg.Notification>((resolve) => client.on("notification", resolve));
    await client.query("LISTEN news");
    await server!.query("NOTIFY news, 'hello'");
    assert.equal((await heard).payload, "hello");
    const noticed = new Promise<string | undefined>((resolve) =>
      client.on("notice", (notice: { message?: string }) => resolve(notice.message))
    );
    await client.query("DO $$ BEGIN RAISE NOTICE 'from the target'; END $$");
    assert.equal(await noticed, "from the target");
  } finally {
    await client.end();
  }
});

testNeeding(
  [postgresqlHere],
  "postgres.js: pipelined queries, transactions, cursors, COPY both ways",
  async () => {
    const client = postgres({
      host: "127.0.0.1",
      port: port(),
      user: "me",
      database: "demo",
      max: 3,
      onnotice: () => {},
    });
    try {
      const many = await Promise.all(
        Array.from({ length: 200 }, (_, at) => client`SELECT ${at}::int + 1 AS n`),
      );
      assert.deepEqual(many.map(([row]) => row!.n), Array.from({ length: 200 }, (_, at) => at + 1));
      const users = await client`SELECT * FROM users WHERE id < ${4} ORDER BY id`;
      assert.deepEqual(users.map(({ ssn }) => ssn), ["***-**-0001", "***-**-0002", "***-**-0003"]);
      await assert.rejects(
        client.begin(async (transaction) => {
          await transaction`INSERT INTO notes (body) VALUES ('rolled back')`;
          await transaction`DROP TABLE notes`;
        }),
        { code: "42501" },
      );
      assert.equal((await client`SELECT count(*)::int AS n FROM notes WHERE body = 'rolled back'`)[0]!.n, 0);
      let rows = 0;
      for await (const part of client`SELECT * FROM users ORDER BY id`.cursor(120)) {
        rows += part.length;
        assert.match(part[0]!.ssn, /^\*{3}-\*{2}-\d{4}$/);
      }
      assert.equal(rows, 500);
      const writable = await client`COPY notes (body) FROM STDIN`.writable();
      await new Promise<void>((resolve, reject) => {
        writable.on("error", reject).on("finish", resolve);
        for (let line = 0; line < 20_000; line++) writable.write(`copied line ${line} ${"x".repeat(80)}\n`);
        writable.end();
      });
      assert.equal(
        (await client`SELECT count(*)::int AS n FROM notes WHERE body LIKE 'copied%'`)[0]!.n,
        20_000,
      );
      let bytes = 0;
      for await (const chunk of await client`COPY (SELECT body FROM notes) TO STDOUT`.readable()) {
        bytes += chunk.length;
      }
      assert.ok(bytes > 1_600_000);
    } finally {
      await client.end();
    }
  },
);

testNeeding(
  [postgresqlHere, "psql"],
  "psql: the \\d family, scripts, COPY in text, CSV and binary, \\gset, variables",
  async () => {
    const folder = await Deno.makeTempDir();
    const script = String.raw`
\set ON_ERROR_STOP on
\dt
\d users
\di
\df
\du
\l
\copy (SELECT id, name FROM users WHERE id < 4) TO '${folder}/out.csv' CSV HEADER
\copy (SELECT id, name FROM users WHERE id < 4) TO '${folder}/out.bin' BINARY
CREATE TEMP TABLE again (id int, name text);
\copy again FROM '${folder}/out.bin' BINARY
\copy again FROM '${folder}/out.csv' CSV HEADER
SELECT count(*) AS n FROM again \gset
\echo counted :n
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM users ORDER BY id;
FETCH 2 FROM c;
COMMIT;
PREPARE p(int) AS SELECT $1 + 1;
EXECUTE p(41);
DEALLOCATE p;
SELECT 'a' AS one \; SELECT 'b' AS two;
`;
    try {
      const { code, stdout, stderr } = await runPsql({
        connection: `host=127.0.0.1 port=${port()} user=me dbname=demo`,
        stdin: script,
      });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /counted 6/);
      assert.match(stdout, /"users_pkey" PRIMARY KEY/);
      assert.match(stdout, /\b42\b/);
      assert.match(await Deno.readTextFile(`${folder}/out.csv`), /^id,name\n1,user 1\n/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

testNeeding(
  [postgresqlHere, "pg_dump", "pg_restore"],
  "pg_dump reads through it, pg_restore writes through it",
  async () => {
    const folder = await Deno.makeTempDir();
    const env = { PGHOST: "127.0.0.1", PGPORT: String(port()), PGUSER: "me", PGDATABASE: "demo" };
    try {
      const dumped = await run([required("pg_dump"), "-Fc", "-f", `${folder}/dump`, "-t", "users"], { env });
      assert.equal(dumped.code, 0, dumped.stderr);
      const other = await startPostgresql({});
      const empty = await startScriptedProxy({ target: targetOf(other, "postgresql") });
      try {
        const restored = await run([required("pg_restore"), "--no-owner", "-d", "demo", `${folder}/dump`], {
          env: { ...env, PGPORT: String(empty.port) },
        });
        assert.equal(restored.code, 0, restored.stderr);
        const [row] = await other.query("SELECT count(*)::int AS n, min(ssn) AS ssn FROM users");
        assert.deepEqual(row, { n: 500, ssn: "078-05-0001" });
      } finally {
        await empty.close();
        await other.close();
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

testNeeding(
  [postgresqlHere, "pgbench"],
  "pgbench: simple, extended, prepared, and pipelines, without an error",
  async () => {
    const env = { PGHOST: "127.0.0.1", PGPORT: String(port()), PGUSER: "me" };
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(
        `${folder}/pipeline.sql`,
        "\\startpipeline\nSELECT 1;\nINSERT INTO notes (body) VALUES ('bench');\nSELECT name FROM users WHERE id = 9;\n\\endpipeline\n",
      );
      const one = `SELECT name FROM users WHERE id = 1;\n`;
      await Deno.writeTextFile(`${folder}/one.sql`, one);
      for (
        const [mode, file] of [["simple", "one"], ["extended", "one"], ["prepared", "one"], [
          "extended",
          "pipeline",
        ], ["prepared", "pipeline"]]
      ) {
        const result = await run(
          [
            required("pgbench"),
            "-n",
            "-M",
            mode!,
            "-c",
            "4",
            "-t",
            "50",
            "-f",
            `${folder}/${file}.sql`,
            "demo",
          ],
          { env },
        );
        assert.equal(result.code, 0, result.stderr);
        assert.match(result.stdout, /number of transactions actually processed: 200\/200/);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
