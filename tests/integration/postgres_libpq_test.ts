/** libpq itself, of PostgreSQL 15 and of 18: psycopg2, psycopg's pipeline mode, protocol 3.2, direct TLS. */
import assert from "node:assert/strict";
import { PosternError } from "../../policy/errors.ts";
import { verifiersOf } from "../../policy/identity/verifiers.ts";
import type { ConnectionAttempt, PasswordChallenge } from "../../policy/ports.ts";
import { createAuthority } from "../support/certificates.ts";
import { type Postgresql, postgresql18Here, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { missing, testNeeding } from "../support/programs.ts";
import { runPsql, startPsql } from "../support/psql.ts";
import { person, type ScriptedVerdict } from "../support/scripted_gatekeeper.ts";
import { type ScriptedProxy, startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";
import { libpq18, pythonModule, runPython } from "../support/tools.ts";

const sql = `
  CREATE TABLE users (id int PRIMARY KEY, name text);
  INSERT INTO users SELECT g, 'user ' || g FROM generate_series(1, 500) g;
  CREATE TABLE notes (id serial PRIMARY KEY, body text);
`;
const oneTime = "k7qp-w2rt-9xzd";

function judge(statement: string): ScriptedVerdict {
  if (/^\s*drop/i.test(statement)) return { verdict: "deny", rule: "no-ddl", hint: "Migrate" };
  if (/^\s*update/i.test(statement)) return { verdict: "approve", rule: "writes" };
  return {};
}

function challenge({ client }: ConnectionAttempt): PasswordChallenge | null {
  if (client.user !== "devin-4f2a") return null;
  return {
    verifiers: verifiersOf(oneTime),
    succeed: () => ({ ...person(), method: "one-time-password" }),
    fail: () => new PosternError("AuthFailed", "The one-time password is wrong"),
  };
}

const authority = createAuthority();
let server: Postgresql | null = null;
let proxy: ScriptedProxy | null = null;
let caFile = "";
Deno.test.beforeAll(async () => {
  if (missing([postgresqlHere]) !== null) return;
  server = await startPostgresql({ sql });
  const own = authority.issue();
  const tls = { certificate: own.certificate, key: own.key, required: false };
  proxy = await startScriptedProxy({ target: targetOf(server, "postgresql"), judge, challenge, tls });
  caFile = await Deno.makeTempFile({ suffix: ".crt" });
  await Deno.writeTextFile(caFile, authority.certificate);
});
Deno.test.afterAll(async () => {
  await proxy?.close();
  await server?.close();
  if (caFile !== "") await Deno.remove(caFile);
});

const dsn = (more = "sslmode=disable") => `host=127.0.0.1 port=${proxy!.port} user=me dbname=demo ${more}`;
const strict = () => `sslmode=verify-full sslrootcert=${caFile}`;

const versions = [{ version: 15, env: () => Promise.resolve({}), needs: [postgresqlHere] }, {
  version: 18,
  env: libpq18,
  needs: [postgresqlHere, postgresql18Here],
}];

for (const { version, env, needs } of versions) {
  testNeeding(
    [...needs, pythonModule("psycopg2")],
    `libpq ${version}, psycopg2: rows, COPY both ways, errors with their fields, cancel, NOTIFY to itself`,
    async () => {
      const { code, stdout, stderr } = await runPython("psycopg2_session", [dsn()], await env());
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trimEnd().split("\n"), [
        "row (7, 'user 7')",
        "values it's \\ a 'quote' None b'\\x00\\xff'",
        "inserted 3",
        "server side 500",
        "copied in 1000",
        "copied out 1001",
        'copy failed 22P02 COPY notes, line 2, column id: "not a number"',
        'error 42P01 ERROR relation "missing" does not exist 15',
        "status True",
        "refused 42501 Rule: no-ddl Migrate",
        "cancelled 57014",
        "pid True",
        "notified [(True, 'self', 'mine')]",
        "notices ['WARNING:  take care']",
        "parameters on UTF8",
      ]);
    },
  );

  testNeeding(
    [...needs, pythonModule("psycopg")],
    `libpq ${version}, pipeline mode: order, an error and a refusal in the middle, flush requests`,
    async () => {
      await server!.query("TRUNCATE notes");
      const { code, stdout, stderr } = await runPython("psycopg_pipeline", [dsn()], await env());
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trimEnd().split("\n"), [
        "pipelined 45150",
        "failed 22012",
        "then still in step",
        "kept ['before the error']",
        "refused Rule: no-ddl",
        "raw one fatal_error pipeline_aborted sync two",
        "copied 1000",
        "binary (Decimal('1.5'), True, [1, 2])",
      ]);
    },
  );
}

const needs18 = [postgresqlHere, postgresql18Here, "psql"];

testNeeding(
  needs18,
  "libpq 18: protocol 3.2 whole, direct TLS with SCRAM-SHA-256-PLUS, a newer protocol than there is",
  async () => {
    const env = { ...await libpq18(), PGPASSWORD: oneTime };
    const modes = [
      `${strict()} sslnegotiation=direct`,
      `${strict()} sslnegotiation=direct min_protocol_version=3.2 max_protocol_version=3.2`,
      "sslmode=disable min_protocol_version=3.2 max_protocol_version=latest",
      `${strict()} ssl_max_protocol_version=TLSv1.2`,
      `sslmode=prefer gssencmode=prefer`,
    ];
    for (const mode of modes) {
      const { stdout, stderr } = await runPsql({
        connection: dsn(mode),
        args: ["-Atc", "SELECT 'in'", "-c", "SELECT count(*) FROM users"],
        env,
      });
      assert.equal(stdout, "in\n500\n", `${mode}: ${stderr}`);
      const bound = await runPsql({
        connection: dsn(mode.includes("disable") ? mode : `${mode} channel_binding=require`)
          .replace("user=me", "user=devin-4f2a"),
        args: ["-Atc", "SELECT 'bound'"],
        env,
      });
      assert.equal(bound.stdout, "bound\n", `${mode}: ${bound.stderr}`);
    }
    const tls = proxy!.gatekeeper.attempts.slice(-modes.length).map(({ client }) => client.tls);
    assert.deepEqual(tls, ["TLSv1.3", "TLSv1.3", null, "TLSv1.2", "TLSv1.3"]);
  },
);

testNeeding(
  [...needs18, "script"],
  "libpq 18: Ctrl-C in psql carries the long cancel key, during a result and during a hold",
  async () => {
    const env = await libpq18();
    for (const mode of [`sslmode=disable`, `${strict()} sslnegotiation=direct`]) {
      const psql = startPsql({ connection: dsn(`${mode} min_protocol_version=3.2`), env });
      try {
        await psql.expect("demo=");
        await psql.send("SELECT pg_sleep(60);");
        await eventually(async () =>
          (await server!.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'"))
            .length > 0
        );
        await psql.interrupt();
        await psql.expect("canceling statement due to user request");
        const next = proxy!.gatekeeper.nextHold();
        await psql.send("UPDATE users SET name = 'x' WHERE id = 1;");
        await psql.expect("waits for approval");
        const hold = await next;
        await psql.interrupt();
        await psql.expect("canceling statement due to user request");
        assert.equal(hold.state, "withdrawn");
        await psql.send("SELECT 'goes ' || 'on';");
        await psql.expect("goes on");
      } finally {
        await psql.close();
      }
    }
  },
);

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !await holds(); tries++) {
    assert.ok(tries < 3000, "it never happened");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
