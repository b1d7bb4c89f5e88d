/** One-time passwords and tokens from real clients: SCRAM with and without channel binding, clear text over TLS only. */
import assert from "node:assert/strict";
import pg from "pg";
import { PosternError } from "../../policy/errors.ts";
import { verifiersOf } from "../../policy/identity/verifiers.ts";
import type { ConnectionAttempt, PasswordChallenge } from "../../policy/ports.ts";
import { createAuthority } from "../support/certificates.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";
import { person } from "../support/scripted_gatekeeper.ts";
import { startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";

const password = "k7qp-w2rt-9xzd";

function challenge({ client }: ConnectionAttempt): PasswordChallenge | null {
  if (client.user !== "devin-4f2a") return null;
  return {
    verifiers: verifiersOf(password),
    succeed: () => ({ ...person(), method: "one-time-password" }),
    fail: () => new PosternError("AuthFailed", "The one-time password is wrong", { hint: "Get a new one" }),
  };
}

function verifyPassword(_attempt: ConnectionAttempt, given: string) {
  if (given === "ey.token") return Promise.resolve({ ...person(), method: "token" });
  return Promise.reject(new PosternError("AuthFailed", "The token is not good", { hint: "Get a new one" }));
}

testNeeding(
  [postgresqlHere, "psql"],
  "a one-time password by SCRAM, a token over TLS, and nobody in by anything else",
  async (t) => {
    const server = await startPostgresql({});
    const own = createAuthority().issue();
    const tls = { certificate: own.certificate, key: own.key, required: false };
    const world = await startScriptedProxy({
      target: targetOf(server, "postgresql"),
      tls,
      challenge,
      verifyPassword,
    });
    const psql = (user: string, secret: string, more: string) =>
      runPsql({
        connection: `host=127.0.0.1 port=${world.port} user=${user} dbname=demo ${more}`,
        args: ["-Atc", "SELECT 'in'"],
        env: { PGPASSWORD: secret },
      });
    try {
      for (const mode of ["sslmode=disable", "sslmode=require", "sslmode=require channel_binding=require"]) {
        await t.step(`one-time password, ${mode}`, async () => {
          const { stdout, stderr } = await psql("devin-4f2a", password, mode);
          assert.equal(stdout, "in\n", stderr);
          assert.doesNotMatch(stderr, /sign in to reach/);
        });
      }
      await t.step("a wrong one is told so, whoever asks", async () => {
        const { stderr, code } = await psql("devin-4f2a", "guess", "sslmode=require");
        assert.equal(code, 2);
        assert.match(stderr, /FATAL: {2}Postern: The one-time password is wrong/);
        const client = new pg.Client({
          host: "127.0.0.1",
          port: world.port,
          user: "devin-4f2a",
          database: "demo",
          password: "guess",
        });
        await assert.rejects(client.connect(), { code: "28000" });
      });
      await t.step("node-postgres", async () => {
        const client = new pg.Client({
          host: "127.0.0.1",
          port: world.port,
          user: "devin-4f2a",
          database: "demo",
          password,
        });
        await client.connect();
        assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
        await client.end();
      });
      await t.step("a token over TLS", async () => {
        const { stdout, stderr } = await psql("token", "ey.token", "sslmode=require");
        assert.equal(stdout, "in\n", stderr);
      });
      await t.step("a bad token; in plain text one counts on loopback, where nobody else reads", async () => {
        assert.match((await psql("token", "bad", "sslmode=require")).stderr, /The token is not good/);
        assert.equal((await psql("token", "ey.token", "sslmode=disable")).stdout, "in\n");
        assert.equal(world.gatekeeper.sessions.every(({ identity }) => identity.method !== "browser"), true);
      });
    } finally {
      await world.close();
      await server.close();
    }
  },
);
