/** Service accounts and a second issuer: client credentials, private-key JWTs, and what they are bound to. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { alex, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { makeKey, signInByHttp, signJws, startIssuer } from "../support/issuer.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";

const seconds = () => Math.floor(Date.now() / 1000);

testNeeding(
  [postgresqlHere, "psql"],
  "service accounts reach their own targets, for their own time",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const [agentKey, ownKey] = [makeKey("ES256"), makeKey("EdDSA")];
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database) + targetYaml("other", "postgresql", database),
      env: { TARGET_PASSWORD: database.password },
      clients: [
        { id: "ci", secret: "a-secret-of-the-ci", redirectUris: ["http://127.0.0.1/"], serviceAccount: true },
        { id: "agent", key: agentKey, redirectUris: ["http://127.0.0.1/"], serviceAccount: true },
        {
          id: "stranger",
          secret: "a-secret-of-a-stranger",
          redirectUris: ["http://127.0.0.1/"],
          serviceAccount: true,
        },
      ],
      identity: `  services:
    - { client: ci, name: the build, groups: [engineers], targets: [demo], maxLifetime: 5m }
    - { client: agent, groups: [engineers], targets: [demo, other] }
    - client: robot
      groups: [engineers, db-approvers]
      targets: [demo]
      maxLifetime: 10m
      publicKey: ${JSON.stringify(ownKey.publicKey.export({ type: "spki", format: "pem" }))}
`,
    });
    const { issuer, dashboard } = gateway;
    const psql = (token: string, target = "demo") =>
      runPsql({
        connection:
          `host=127.0.0.1 port=${gateway.ports.postgresql} user=token dbname=${target} sslmode=disable`,
        args: ["-Atc", "SELECT 'in'"],
        env: { PGPASSWORD: token },
      });
    const api = (path: string, token: string, body?: string) =>
      fetch(`${dashboard}${path}`, {
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { method: "POST", body }),
      });
    const granted = async (
      form: Record<string, string>,
      headers: Record<string, string> = {},
    ): Promise<string> => {
      const response = await fetch(`${issuer.url}/token`, {
        method: "POST",
        headers,
        body: new URLSearchParams({ grant_type: "client_credentials", ...form }),
      });
      const answer = await response.json();
      assert.equal(response.status, 200, JSON.stringify(answer));
      return answer.access_token;
    };
    const bySecret = (id: string, secret: string) =>
      granted({}, { authorization: `Basic ${btoa(`${id}:${secret}`)}` });
    const robot = (more: Record<string, unknown> = {}, key = ownKey) =>
      signJws(key, {
        iss: "robot",
        sub: "robot",
        aud: dashboard,
        iat: seconds(),
        exp: seconds() + 300,
        ...more,
      });
    try {
      await t.step("client credentials, with a secret: an opaque token as the password", async () => {
        const token = await bySecret("ci", "a-secret-of-the-ci");
        const { stdout, stderr } = await psql(token);
        assert.equal(stdout, "in\n", stderr);
        const refused = await psql(token, "other");
        assert.match(refused.stderr, /the build is not bound to other/);
        const { sessions } = await (await gateway.signIn(alex)).json<{ sessions: Record<string, string>[] }>(
          "/api/sessions",
        );
        assert.deepEqual([sessions[0]!.person, sessions[0]!.method], ["the build", "service"]);
      });
      await t.step("client credentials, with a private-key JWT (RFC 7523, section 2.2)", async () => {
        const assertion = signJws(agentKey, {
          iss: "agent",
          sub: "agent",
          aud: issuer.url,
          jti: randomUUID(),
          iat: seconds(),
          exp: seconds() + 60,
        });
        const token = await granted({
          client_id: "agent",
          client_assertion: assertion,
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        });
        for (const target of ["demo", "other"]) assert.equal((await psql(token, target)).stdout, "in\n");
      });
      await t.step("a JWT of its own key, without any issuer", async () => {
        const { stdout, stderr } = await psql(robot());
        assert.equal(stdout, "in\n", stderr);
      });
      await t.step("a one-time password for its own target, and nothing else of the dashboard", async () => {
        const token = robot();
        const response = await api("/api/targets/demo/password", token, "{}");
        assert.equal(response.status, 200);
        const { user, password } = await response.json();
        const { stdout } = await runPsql({
          connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=demo`,
          args: ["-Atc", "SELECT 'in'"],
          env: { PGPASSWORD: password },
        });
        assert.equal(stdout, "in\n");
        assert.equal((await api("/api/targets/other/password", token, "{}")).status, 403);
        const { targets } = await (await api("/api/targets", token)).json();
        assert.deepEqual(targets.map(({ name }: { name: string }) => name), ["demo"]);
        for (const path of ["/api/requests", "/api/sessions"]) {
          const refused = await api(path, token);
          assert.equal(refused.status, 403, path);
          assert.match((await refused.json()).error.message, /This is for people/);
        }
      });
      const now = seconds();
      const person = issuer.claimsOf(devin.email, "postern");
      const bad: [string, string, RegExp][] = [
        [
          "of a stranger's client",
          await bySecret("stranger", "a-secret-of-a-stranger"),
          /another application, "stranger"/,
        ],
        ["signed by another key", robot({}, makeKey("EdDSA")), /signature is not by the known key/],
        ["for another audience", robot({ aud: "https://other.example" }), /`aud` is check_failed/],
        ["of another subject", robot({ sub: "root" }), /`sub` is check_failed/],
        ["expired", robot({ iat: now - 4000, exp: now - 3600 }), /has expired/],
        ["older than it may become", robot({ iat: now - 3000, exp: now + 3000 }), /older than 600 s/],
        ["without an end", robot({ exp: undefined }), /`exp` is missing/],
        [
          "signed by itself in the issuer's name",
          robot({ iss: issuer.url }),
          /not the issuer's|does not publish/,
        ],
        [
          "of a person, through the service account's client",
          issuer.signToken({ ...person, azp: "ci" }),
          /on behalf of somebody else/,
        ],
      ];
      for (const [name, token, reason] of bad) {
        await t.step(`refused: ${name}`, async () => {
          const { code, stderr } = await psql(token);
          assert.equal(code, 2);
          assert.match(stderr, reason);
          assert.ok(!stderr.includes(token));
        });
      }
      await t.step("the session ends when its time is over, though the token says more", async () => {
        const response = await api("/api/me", robot({ exp: now + 36_000 }));
        const { expiresAt } = await response.json();
        assert.ok(expiresAt <= Date.now() + 600_000);
      });
    } finally {
      await gateway.close();
      await database.close();
    }
  },
);

testNeeding(
  [postgresqlHere, "psql"],
  "people of a second issuer come under its name, with their groups under it too",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const eva = { email: "eva@partner.test", name: "Eva", groups: ["engineers", "db-approvers"] };
    const partner = await startIssuer({
      people: [eva],
      clients: [{ id: "postern-at-partner", redirectUris: ["http://127.0.0.1/"] }],
      groupsClaim: ["https://partner.test/groups"],
      groupsShape: (groups) => groups.join(" "),
    });
    const other = targetYaml("theirs", "postgresql", database).replace("[engineers]", "[partner/engineers]");
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database) + other,
      env: { TARGET_PASSWORD: database.password },
      identity: `  others:
    - name: partner
      issuer: ${partner.url}
      clientId: postern-at-partner
      groupsClaim: https://partner.test/groups
      scopes: [email]
`,
    });
    const psql = (token: string, target: string) =>
      runPsql({
        connection:
          `host=127.0.0.1 port=${gateway.ports.postgresql} user=token dbname=${target} sslmode=disable`,
        args: ["-Atc", "SELECT 'in'"],
        env: { PGPASSWORD: token },
      });
    try {
      await t.step("a token of each issuer is verified by that issuer", async () => {
        const theirs = partner.signToken(partner.claimsOf(eva.email, "postern-at-partner"));
        assert.equal((await psql(theirs, "theirs")).stdout, "in\n");
        assert.match(
          (await psql(theirs, "demo")).stderr,
          /partner\/eva@partner.test may not connect to demo/,
        );
        const ours = gateway.issuer.signToken(gateway.issuer.claimsOf(devin.email, "postern"));
        assert.equal((await psql(ours, "demo")).stdout, "in\n");
        // Signed by one in the name of the other.
        const forged = partner.signToken({ ...gateway.issuer.claimsOf(devin.email, "postern") });
        assert.match((await psql(forged, "demo")).stderr, /does not publish|not the issuer's/);
      });
      await t.step("the browser is asked which of them, and an unknown one is refused", async () => {
        const page = await (await fetch(`${gateway.dashboard}/auth/login?next=/history`)).text();
        const told = /name="postern-told" content="([^"]*)"/.exec(page)![1]!
          .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
        assert.deepEqual(JSON.parse(told), {
          choice: {
            issuers: [
              { name: "", host: new URL(gateway.issuer.url).host },
              { name: "partner", host: new URL(partner.url).host },
            ],
            next: "/history",
          },
        });
        const unknown = await fetch(`${gateway.dashboard}/auth/login?issuer=nobody`);
        assert.equal(unknown.status, 403);
        await unknown.body?.cancel();
        const { browser } = await signInByHttp(`${gateway.dashboard}/auth/login?issuer=&next=/`, devin.email);
        const me = await browser.get(`${gateway.dashboard}/api/me`, {
          headers: { "sec-fetch-site": "same-origin" },
        });
        assert.equal(JSON.parse(me.text).name, devin.email);
      });
    } finally {
      await gateway.close();
      await partner.close();
      await database.close();
    }
  },
);
