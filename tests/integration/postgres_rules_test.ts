/** What changes the meaning of statements, under the whole policy: followed, or refused with the setting's name. */
import assert from "node:assert/strict";
import pg from "pg";
import {
  type DashboardUser,
  devin,
  startTestGateway,
  targetYaml,
  type TestGateway,
} from "../support/gateway.ts";
import { type Postgresql, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { fieldsOf, message, RawPostgres, say, startup, valuesOf } from "../support/raw_postgres.ts";
import { missing, testNeeding } from "../support/programs.ts";

const sql = `
  CREATE TABLE users (id int PRIMARY KEY, name text, ssn text);
  INSERT INTO users VALUES (1, 'ann', '078-05-1120');
  CREATE SCHEMA hr;
  CREATE TABLE hr.staff (id int PRIMARY KEY, salary int, name text);
  INSERT INTO hr.staff VALUES (1, 4200, 'bob');
  CREATE SCHEMA trap;
  CREATE TABLE trap.users (id int PRIMARY KEY, name text, ssn text);
  CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
`;
const sections = `masks:
  - columns: ["public.users.ssn"]
    mask: { kind: partial, keepLast: 4 }
  - columns: ["hr.staff.salary"]
    mask: { kind: "null" }
limits: { sessionsPerPerson: 3 }
`;

let server: Postgresql | null = null;
let gateway: TestGateway | null = null;
let user: DashboardUser | null = null;
Deno.test.beforeAll(async () => {
  if (missing([postgresqlHere]) !== null) return;
  server = await startPostgresql({ sql });
  gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", server),
    sections,
    env: { TARGET_PASSWORD: server.password },
  });
  user = await gateway.signIn(devin);
});
Deno.test.afterAll(async () => {
  await gateway?.close();
  await server?.close();
});

async function connect(more: Record<string, string> = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: gateway!.ports.postgresql!,
    ...await user!.oneTimePassword("demo"),
    database: "demo",
    // A statement that waits for approval by mistake fails, rather than hang.
    query_timeout: 30_000,
    ...more,
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function connected(run: (client: pg.Client) => Promise<void>, more: Record<string, string> = {}) {
  const client = await connect(more);
  try {
    await run(client);
  } finally {
    await client.end();
  }
}

testNeeding(
  [postgresqlHere],
  "settings that change what statements mean are refused by name, in every way to set them",
  () =>
    connected(async (client) => {
      const refused: [string, RegExp][] = [
        ["SET session_replication_role = replica", /session_replication_role/],
        ["SET LOCAL session_replication_role = 'replica'", /session_replication_role/],
        ["SELECT set_config('session_replication_role', 'replica', false)", /session_replication_role/],
        [
          "UPDATE pg_settings SET setting = 'replica' WHERE name = 'session_replication_role'",
          /pg_settings|write/,
        ],
        ["SET standard_conforming_strings = off", /standard_conforming_strings/],
        ["SELECT set_config('standard_conforming_strings', 'off', true)", /standard_conforming_strings/],
        ["SET client_encoding = 'LATIN1'", /client_encoding/],
        ["SET NAMES 'SJIS'", /client_encoding|NAMES/i],
        ["SET ROLE postgres", /role/i],
        ["SET SESSION AUTHORIZATION postgres", /session_authorization|authorization/i],
        ["SET search_path = trap, public", /search_path.*users/],
        ["SELECT set_config('search_path', 'trap', true)", /search_path.*users/],
        ["SELECT set_config('search_path', name, false) FROM users", /search_path/],
        ["SELECT set_config(name, 'x', false) FROM users", /name is not a constant/],
        ["SET search_path = nowhere", /search_path.*nowhere/],
        ["SET default_transaction_read_only = off", /read_only/],
        ["ALTER ROLE app SET search_path = trap", /ALTER ROLE|ddl|refuses/i],
        ["ALTER DATABASE app SET search_path = trap", /ALTER DATABASE|refuses/i],
      ];
      for (const [text, reason] of refused) {
        for (const values of [undefined, []]) {
          await assert.rejects(client.query(text, values), (error: pg.DatabaseError) => {
            assert.equal(error.code, "42501", `${text}: ${error.message}`);
            assert.match(`${error.message} ${error.detail} ${error.hint}`, reason);
            return true;
          });
        }
      }
      for (
        const text of [
          "SET search_path = public, hr",
          "SELECT set_config('search_path', 'hr, public', false)",
          "SET application_name = 'me'",
          "SET statement_timeout = '5s'",
          "SET TIME ZONE 'UTC'",
          "RESET search_path",
        ]
      ) await client.query(text);
      assert.equal(
        (await client.query("SHOW session_replication_role")).rows[0].session_replication_role,
        "origin",
      );
    }),
);

testNeeding(
  [postgresqlHere],
  "search_path at the start-up, in options or as a parameter: followed, masked by what names mean, refused where it traps",
  async () => {
    for (
      const more of [
        { options: "-c search_path=hr,public" },
        { options: "--search-path=hr\\,\\ public" },
        { options: '-c search_path="hr",public -c statement_timeout=5000' },
      ]
    ) {
      await connected(async (client) => {
        const { rows: [row] } = await client.query("SELECT name, salary FROM staff");
        assert.deepEqual(row, { name: "bob", salary: null }, "the mask of hr.staff.salary");
        await client.query("SET search_path = public");
        await assert.rejects(client.query("SELECT name FROM staff"), /staff/);
        await client.query("RESET search_path");
        assert.equal((await client.query("SELECT name FROM staff")).rows[0].name, "bob");
      }, more);
    }
    const raw = async (parameters: Record<string, string>) => {
      const client = await RawPostgres.open(gateway!.ports.postgresql!);
      const token = gateway!.issuer.signToken(gateway!.issuer.claimsOf(devin.email, "postern"));
      await client.send(startup({ user: "token", database: "demo", ...parameters }));
      await client.next();
      await client.send(message("p", `${token}\0`));
      return { client, last: (await client.until("Z")).at(-1)! };
    };
    const { client, last } = await raw({ search_path: "hr, public" });
    assert.equal(last.type, "Z");
    assert.deepEqual(valuesOf((await client.ask(say.query("SELECT salary FROM staff"))).messages[1]!), [
      null,
    ]);
    client.close();
    for (const path of ["trap, public", "nowhere", "pg_temp, public", "hr'; SELECT 1; --", ""]) {
      const refused = await raw({ search_path: path });
      if (path === "") {
        // Nothing is found without its schema, which traps nobody.
        assert.equal(refused.last.type, "Z");
      } else {
        assert.equal(refused.last.type, "E", path);
        const { C, M } = fieldsOf(refused.last);
        assert.equal(C, "28000");
        assert.match(M!, /The start-up setting "search_path" is refused/);
      }
      refused.client.close();
    }
    await assert.rejects(connect({ options: "-c search_path=trap" }), /search_path.*users|search_path/);
  },
);

testNeeding(
  [postgresqlHere],
  "SET LOCAL and its end, set_config, and statements prepared before the search_path changed: masked by what they mean now",
  () =>
    connected(async (client) => {
      const staff = { name: "staff", text: "SELECT salary, name FROM staff" };
      const shown = async () => (await client.query(staff)).rows[0];
      const unknown = { code: "42P01" };
      await assert.rejects(shown(), unknown, "no such table on the path yet");
      await client.query("BEGIN");
      await client.query("SET LOCAL search_path = public, hr");
      assert.deepEqual(await shown(), { salary: null, name: "bob" });
      await client.query("COMMIT");
      await assert.rejects(shown(), unknown, "the end of the transaction took the path back");
      await client.query("BEGIN");
      await client.query("SELECT set_config('search_path', 'hr, public', true)");
      assert.deepEqual(await shown(), { salary: null, name: "bob" });
      await client.query("SAVEPOINT s");
      await client.query("SET search_path = public");
      await assert.rejects(shown());
      await client.query("ROLLBACK TO s");
      assert.deepEqual(await shown(), { salary: null, name: "bob" });
      await client.query("ROLLBACK");
      await assert.rejects(shown());
      await client.query("SET search_path = hr, public");
      assert.deepEqual(await shown(), { salary: null, name: "bob" });
      const both = await client.query("RESET search_path; SELECT ssn FROM users");
      const last = (Array.isArray(both) ? both.at(-1) : both) as pg.QueryResult;
      assert.deepEqual(last.rows, [{ ssn: "***-**-1120" }]);
      await assert.rejects(shown());
    }),
);

testNeeding(
  [postgresqlHere],
  "DISCARD ALL and RESET ALL give back what the client started with",
  () =>
    connected(async (client) => {
      const value = async (name: string) => Object.values((await client.query(`SHOW ${name}`)).rows[0])[0];
      assert.equal(await value("statement_timeout"), "7s");
      for (const reset of ["RESET ALL", "DISCARD ALL"]) {
        await client.query(
          "SET statement_timeout = '1s'; SET application_name = 'other'; SET search_path = hr, public",
        );
        await client.query(reset);
        assert.equal(await value("statement_timeout"), "7s", reset);
        assert.match(String(await value("application_name")), /^tool /, reset);
        assert.equal(await value("search_path"), '"$user", public', reset);
        assert.deepEqual((await client.query("SELECT ssn FROM users")).rows, [{ ssn: "***-**-1120" }]);
      }
    }, { application_name: "tool", options: "-c statement_timeout=7s" }),
);

testNeeding([postgresqlHere], "sessions have a limit per person, which is told with its name", async () => {
  const open = [await connect(), await connect(), await connect()];
  try {
    await assert.rejects(connect(), (error: pg.DatabaseError) => {
      assert.equal(error.code, "53300");
      assert.match(`${error.message} ${error.detail}`, /3 sessions open.*limits\.sessionsPerPerson/);
      return true;
    });
    await open.pop()!.end();
    open.push(await connectWhenFree());
  } finally {
    for (const client of open) await client.end();
  }
});

/** The one that left is gone a moment after its own end. */
async function connectWhenFree(): Promise<pg.Client> {
  for (let tries = 0;; tries++) {
    try {
      return await connect();
    } catch (error) {
      if (tries > 1200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
