/** Secrets of every way in are planted, rightly and wrongly; then everything that Postern wrote anywhere is searched for them. */
import assert from "node:assert/strict";
import { alex, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { makeKey, signJws } from "../support/issuer.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql, startPsql } from "../support/psql.ts";

testNeeding(
  [postgresqlHere, "psql", "script"],
  "no secret is in a log, an event, a page or an error",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const logged: string[] = [];
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database),
      env: { TARGET_PASSWORD: database.password },
      log: (level, text, fields) =>
        void logged.push(`${level} ${text} ${Deno.inspect(fields ?? {}, { depth: 20 })}`),
      identity: "  oauthBearer: named",
    });
    const { dashboard, issuer } = gateway;
    const secrets = new Map<string, string>([
      ["the client's secret", "test-client-secret"],
      ["the target's password", database.password],
    ]);
    const keep = (name: string, secret: string): string => {
      assert.ok(secret.length >= 12, `${name} is long enough to look for`);
      secrets.set(name, secret);
      return secret;
    };
    const said: string[] = [];
    const beside = keep("the access token beside", "an-access-token-that-opens-nothing");
    const psql = async (user: string, password: string) => {
      const connection =
        `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=demo sslmode=disable`;
      const { stdout, stderr } = await runPsql({
        connection,
        args: ["-Atc", "SELECT 'in'"],
        env: { PGPASSWORD: password },
      });
      said.push(stdout, stderr);
      return stdout;
    };
    const api = async (token: string) => {
      const response = await fetch(`${dashboard}/api/me`, {
        headers: { authorization: `Bearer ${token}`, "postern-access-token": `3000 ${beside}` },
      });
      said.push(await response.text());
      return response.status;
    };
    try {
      const user = await gateway.signIn(devin);
      for (const { name, value } of user.browser.cookies) {
        if (value.length >= 20) {
          keep(`cookie ${name}`, value);
        }
      }
      const issue = async () => JSON.parse((await user.post("/api/targets/demo/password", {})).text);

      await t.step(
        "one-time passwords: used, used again, wrong, for nobody: one answer for every failure",
        async () => {
          const { user: name, password } = await issue();
          keep("one-time password", password);
          assert.equal(await psql(name, password), "in\n");
          const failures: string[] = [];
          const wrong = keep("wrong password", "wrong-password-of-a-guess");
          const other = (await issue()).user;
          for (const [who, secret] of [[name, password], [other, wrong]] as const) {
            await psql(who, secret);
            failures.push(said.at(-1)!.replace(/port \d+/, ""));
          }
          assert.equal(new Set(failures).size, 1, failures.join("\n"));
          assert.match(failures[0]!, /wrong, used, expired, or for another target/);
        },
      );
      await t.step("tokens: good, of another key, expired, opaque", async () => {
        const claims = issuer.claimsOf(devin.email, "postern");
        const good = keep("token", issuer.signToken(claims));
        assert.equal(await psql("token", good), "in\n");
        assert.equal(await api(good), 200);
        const bad = [
          keep("token of another key", signJws(makeKey("RS256"), claims)),
          keep("expired token", issuer.signToken({ ...claims, exp: 1_000_000_000 })),
          keep("opaque token", "an-opaque-token-of-nobody"),
        ];
        for (const token of bad) {
          assert.equal(await psql("token", token), "");
          assert.equal(await api(token), 401);
        }
      });
      await t.step("the sign-in by browser: link, state, code", async () => {
        const terminal = startPsql({
          connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=x dbname=demo`,
        });
        const [link] = await terminal.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
        keep("a link's secret", link.split("/connect/")[1]!);
        assert.equal((await user.confirm(link)).status, 200);
        await terminal.expect(/demo=[>#]/);
        await terminal.close();
        const code = keep("a code", "a-code-that-somebody-made-up");
        const state = keep("a state", "a-state-that-somebody-made-up");
        const page = await fetch(`${dashboard}/auth/callback?code=${code}&state=${state}`);
        said.push(await page.text());
      });
      await t.step("nothing of it is anywhere", async () => {
        const auditor = await gateway.signIn(alex);
        const pages: string[] = [];
        for (
          const path of [
            "/api/audit/export",
            "/api/sessions",
            "/api/live",
            "/api/requests",
            "/api/history",
            "/api/me",
          ]
        ) {
          const page = await auditor.api(path);
          assert.equal(page.status, 200, path);
          pages.push(page.text);
        }
        assert.match(pages[0]!, /sign-in\.failed|signin\.failed|sign_in\.failed/);
        assert.ok(logged.length > 3, "there was something to search");
        for (const [name, secret] of secrets) {
          for (const [where, texts] of Object.entries({ logs: logged, answers: said, pages })) {
            const found = texts.find((text) => text.includes(secret));
            assert.equal(found, undefined, `${name} is in the ${where}: ${found?.slice(0, 300)}`);
          }
        }
      });
    } finally {
      await gateway.close();
      await database.close();
    }
  },
);
