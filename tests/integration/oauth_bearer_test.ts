/** OAUTHBEARER against a real issuer: the discovery, then a token by the device grant, from a scripted client and from libpq 18. */
import assert from "node:assert/strict";
import { createAuthority } from "../support/certificates.ts";
import { tokensByDevice } from "../support/device_flow.ts";
import { alex, devin, eve, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { psql18, psql18Here } from "../support/psql18.ts";
import { runWithDevice } from "../support/device_prompt.ts";
import { missing, testNeeding } from "../support/programs.ts";
import { fieldsOf, int32, message, RawPostgres, say, startup } from "../support/raw_postgres.ts";

const cli = { id: "postern-cli", redirectUris: ["http://127.0.0.1/"] };
const decoder = new TextDecoder();

interface Answer {
  /** Mechanisms that were offered. */
  readonly offered: readonly string[];
  /** The JSON of the refusal; null where there was none. */
  readonly refusal: Record<string, string> | null;
  readonly error: Record<string, string> | null;
  readonly client: RawPostgres;
}

/** One connection that says `first` by OAUTHBEARER (null: no initial response, then `n,,` and the discovery). */
async function connect(
  { ports }: TestGateway,
  first: string | null,
  user = "oauth",
  acknowledge = "\x01",
): Promise<Answer> {
  const client = await RawPostgres.open(ports.postgresql!);
  await client.send(startup({ user, database: "demo" }));
  const ask = (await client.next())!;
  const error = ask.type === "E" ? fieldsOf(ask) : null;
  if (error !== null) return { offered: [], refusal: null, error, client };
  assert.deepEqual([ask.type, [...ask.body.subarray(0, 4)]], ["R", int32(10)]);
  const offered = decoder.decode(ask.body.subarray(4)).split("\0").filter((name) => name !== "");
  await client.send(
    first === null
      ? message("p", "OAUTHBEARER\0", int32(-1))
      : message("p", "OAUTHBEARER\0", int32(first.length), first),
  );
  let answer = (await client.next())!;
  if (first === null) {
    assert.deepEqual([...answer.body], int32(11), "an empty challenge");
    await client.send(message("p", "n,,\x01auth=\x01\x01"));
    answer = (await client.next())!;
  }
  if (answer.type === "E") return { offered, refusal: null, error: fieldsOf(answer), client };
  if (answer.body[3] === 0) return { offered, refusal: null, error: null, client };
  assert.deepEqual([...answer.body.subarray(0, 4)], int32(11));
  const refusal = JSON.parse(decoder.decode(answer.body.subarray(4)));
  await client.send(message("p", acknowledge));
  return { offered, refusal, error: fieldsOf((await client.next())!), client };
}

const bearer = (token: string) => `n,,\x01auth=Bearer ${token}\x01\x01`;

testNeeding([postgresqlHere], "OAUTHBEARER: discovery, then a token, then the prompt", async (t) => {
  const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", database),
    env: { TARGET_PASSWORD: database.password },
    clients: [cli, { id: "other-app", redirectUris: ["http://127.0.0.1/"] }],
    identity: "  cliClientId: postern-cli",
  });
  const { issuer } = gateway;
  const configuration = `${issuer.url}/.well-known/openid-configuration`;
  try {
    await t.step("a client without a token learns where to get one", async () => {
      for (const first of ["n,,\x01auth=\x01\x01", null]) {
        const { offered, refusal, error, client } = await connect(gateway, first);
        assert.deepEqual(offered, ["OAUTHBEARER"]);
        assert.equal(refusal?.status, "invalid_token");
        assert.equal(refusal["openid-configuration"], configuration);
        assert.match(refusal.scope!, /^openid .*groups/);
        assert.equal(error?.C, "28000");
        assert.match(error.M!, /brought no token yet/);
        client.close();
      }
    });
    await t.step("an opaque access token of the device grant lets its person in", async () => {
      const { access_token: token } = await tokensByDevice(
        issuer.url,
        cli.id,
        "openid email groups",
        devin.email,
      );
      assert.ok(!token.includes("."), "the issuer's access tokens are opaque");
      const { error, client } = await connect(gateway, bearer(token));
      assert.equal(error, null);
      await client.until("Z");
      const { types } = await client.ask(say.query("SELECT 1"));
      assert.equal(types, "TDCZ");
      client.close();
      const user = await gateway.signIn(devin);
      const { sessions } = await user.json<{ sessions: { person: string; method: string }[] }>(
        "/api/sessions",
      );
      assert.deepEqual([sessions[0]?.person, sessions[0]?.method], [devin.email, "token"]);
    });
    await t.step("an ID token does, too", async () => {
      const token = issuer.signToken(issuer.claimsOf(devin.email, cli.id));
      const { error, client } = await connect(gateway, bearer(token));
      assert.equal(error, null);
      client.close();
    });
    await t.step(
      "a token of 40 kB, with groups by the thousand, does too; one beyond all bounds is told so",
      async () => {
        const groups = [
          "engineers",
          ...Array.from({ length: 1000 }, (_, n) => `group-with-a-long-name-${n}`),
        ];
        const big = issuer.signToken({ ...issuer.claimsOf(devin.email, cli.id), groups });
        assert.ok(big.length > 35_000 && big.length < 60_000, String(big.length));
        const good = await connect(gateway, bearer(big));
        assert.deepEqual([good.refusal, good.error], [null, null]);
        good.client.close();
        const large = await connect(gateway, bearer(`${big}${big}`));
        assert.match(large.error!.M!, /message of \d+ bytes came where 65536 is the limit/);
        large.client.close();
        // Where no token is taken the bound stays as it was.
        const client = await RawPostgres.open(gateway.ports.postgresql!);
        await client.send(startup({ user: "nobody-bcdfghjk", database: "demo" }));
        assert.equal((await client.next())!.type, "R");
        await client.send(message("p", "SCRAM-SHA-256\0", int32(20_000), "x".repeat(20_000)));
        assert.match(fieldsOf((await client.next())!).M!, /where 10000 is the limit/);
        client.close();
      },
    );
    const expired = { ...issuer.claimsOf(devin.email, cli.id), exp: Math.floor(Date.now() / 1000) - 3600 };
    const refusals: [string, () => string | Promise<string>, RegExp][] = [
      ["made up", () => "made-up-token", /unknown to the issuer, ended or revoked/],
      ["made up, signed", () => "eyJhbGciOiJub25lIn0.e30.", /not signed/],
      ["expired", () => issuer.signToken(expired), /has expired/],
      [
        "an opaque one of another application",
        async () =>
          (await tokensByDevice(issuer.url, "other-app", "openid groups", devin.email)).access_token,
        /issued to another application, "other-app"/,
      ],
      [
        "a refresh token",
        async () =>
          (await tokensByDevice(issuer.url, cli.id, "openid groups offline_access", devin.email))
            .refresh_token!,
        /does not say who is behind this token/,
      ],
      [
        "an opaque one without the scope that opens userinfo",
        async () => (await tokensByDevice(issuer.url, cli.id, "email", devin.email)).access_token,
        /does not say who is behind this token|carries no claim/,
      ],
    ];
    for (const [name, make, reason] of refusals) {
      await t.step(`refused: ${name}`, async () => {
        const token = await make();
        const { refusal, error, client } = await connect(gateway, bearer(token));
        assert.equal(refusal?.status, "invalid_token");
        assert.equal(error?.C, "28000");
        assert.match(error.M!, reason);
        assert.ok(!JSON.stringify([refusal, error]).includes(token), "the answer does not repeat it");
        client.close();
      });
    }
    await t.step("who is in none of the target's groups gets no session", async () => {
      const { access_token: token } = await tokensByDevice(
        issuer.url,
        cli.id,
        "openid email groups",
        eve.email,
      );
      const { error, client } = await connect(gateway, bearer(token));
      assert.equal(error, null, "the token is good");
      assert.match(fieldsOf((await client.until("E")).at(-1)!).M!, /may not connect to demo/);
      client.close();
    });
    await t.step("malformed messages, mechanisms that were not offered, and no acknowledgement", async () => {
      const { error, client } = await connect(gateway, "n,,\x01auth=Basic x\x01\x01");
      assert.equal(error?.C, "08P01");
      client.close();
      const rude = await connect(gateway, bearer("made-up"), "oauth", "once more");
      assert.match(rude.error!.M!, /does not acknowledge/);
      rude.client.close();
      const other = await RawPostgres.open(gateway.ports.postgresql!);
      await other.send(startup({ user: "oauth", database: "demo" }));
      await other.next();
      await other.send(message("p", "SCRAM-SHA-256\0", int32(3), "n,,"));
      assert.match(fieldsOf((await other.next())!).M!, /not offered/);
      other.close();
    });
    await t.step("too many made-up tokens from one address are not passed on to the issuer", async () => {
      const before = issuer.requests.get("/token") ?? 0;
      let last: Record<string, string> = {};
      for (let n = 0; n < 25; n++) {
        const { error, client } = await connect(gateway, bearer(`made-up-${n}`));
        last = error!;
        client.close();
      }
      assert.match(last.M!, /Too many failed sign-ins from this address/);
      assert.ok((issuer.requests.get("/token") ?? 0) - before <= 20);
      const token = issuer.signToken(issuer.claimsOf(devin.email, cli.id));
      const { error, client } = await connect(gateway, bearer(token));
      assert.equal(error, null, "a signed token counts all the same");
      client.close();
    });
    await t.step("the record names the refusals and holds no token", async () => {
      const { text } = await (await gateway.signIn(alex)).api("/api/audit/export");
      assert.match(text, /"method":"token"/);
      assert.ok(!/made-up-\d|eyJhbGci/.test(text));
    });
  } finally {
    await gateway.close();
    await database.close();
  }
});

testNeeding(
  [postgresqlHere],
  "OAUTHBEARER offered to everyone stands beside SCRAM for one-time passwords",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const own = createAuthority().issue();
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database),
      env: { TARGET_PASSWORD: database.password, TLS_CERTIFICATE: own.certificate, TLS_KEY: own.key },
      listen: "  tls: { certificate: { env: TLS_CERTIFICATE }, key: { env: TLS_KEY } }",
      clients: [cli],
      identity: "  cliClientId: postern-cli\n  oauthBearer: everyone\n  scopes: [email, groups]",
    });
    const { issuer } = gateway;
    try {
      const { offered, refusal, client } = await connect(gateway, "n,,\x01auth=\x01\x01", "whoever");
      assert.deepEqual(offered, ["OAUTHBEARER"]);
      assert.equal(refusal?.scope, "openid email groups");
      client.close();
      const page = await (await gateway.signIn(devin)).post("/api/targets/demo/password", {});
      const { user } = JSON.parse(page.text);
      const token = issuer.signToken(issuer.claimsOf(devin.email, "postern"));
      const both = await connect(gateway, bearer(token), user);
      assert.deepEqual(both.offered, ["SCRAM-SHA-256", "OAUTHBEARER"]);
      assert.equal(both.error, null);
      both.client.close();

      const without = missing([psql18Here]);
      await t.step({
        name: "psql 18 signs in with oauth_issuer and oauth_client_id",
        ignore: without !== null,
        fn: async () => {
          // Its OAuth module takes an issuer without https only where it is told that this is unsafe.
          const command = [
            ...await psql18({ PGOAUTHDEBUG: "UNSAFE", HOME: "/tmp" }),
            "-X",
            `host=127.0.0.1 port=${gateway.ports.postgresql} dbname=demo user=whoever sslmode=require ` +
            `oauth_issuer=${issuer.url} oauth_client_id=${cli.id}`,
            "-Atc",
            "SELECT 'in'",
          ];
          const { code, stdout, stderr } = await runWithDevice(command, devin.email);
          assert.deepEqual([code, stdout], [0, "in\n"], stderr);
          const refused = await runWithDevice(command, eve.email);
          assert.equal(refused.code, 2);
          assert.match(refused.stderr, /eve@example.test may not connect to demo/);
        },
      });
    } finally {
      await gateway.close();
      await database.close();
    }
  },
);
