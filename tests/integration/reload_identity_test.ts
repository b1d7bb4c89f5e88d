/** Who may sign in, changed under a running gateway: a second issuer comes and goes, a service account changes. */
import assert from "node:assert/strict";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { makeKey, signInByHttp, signJws, startIssuer } from "../support/issuer.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { startPsql } from "../support/psql.ts";

const seconds = () => Math.floor(Date.now() / 1000);
const eva = { email: "eva@partner.test", name: "Eva", groups: ["engineers"] };

testNeeding(
  [postgresqlHere, "psql", "script"],
  "identity changes at a reload: what is the same goes on, what is gone or another ends, a bad one changes nothing",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const partner = await startIssuer({
      people: [eva],
      clients: [{ id: "at-partner", redirectUris: ["http://127.0.0.1:1/auth/callback"] }],
    });
    const key = makeKey("EdDSA");
    const pem = JSON.stringify(key.publicKey.export({ type: "spki", format: "pem" }));
    const service = (groups: string) =>
      `  services: [{ client: robot, groups: [${groups}], targets: [demo], publicKey: ${pem} }]\n`;
    const others = `  others: [{ name: partner, issuer: "${partner.url}", clientId: at-partner }]\n`;
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database).replace(
        "[engineers]",
        "[engineers, partner/engineers]",
      ),
      env: { TARGET_PASSWORD: database.password },
      identity: service("engineers"),
    });
    const reload = async () => {
      const text = await Deno.readTextFile(gateway.configFile);
      const env = { CLIENT_SECRET: "test-client-secret", TARGET_PASSWORD: database.password };
      const source = {
        text,
        file: gateway.configFile,
        env: (name: string) => env[name as keyof typeof env],
      };
      return await gateway.gateway.reload(source, "test");
    };
    const open = async (user: string, password: string) => {
      const psql = startPsql({
        connection:
          `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=demo sslmode=disable`,
        env: { PGPASSWORD: password },
      });
      await psql.expect("demo=>");
      return psql;
    };
    const robot = () =>
      signJws(key, {
        iss: "robot",
        sub: "robot",
        aud: gateway.dashboard,
        iat: seconds(),
        exp: seconds() + 300,
      });
    const ofEva = () => partner.signToken({ ...partner.claimsOf(eva.email, "at-partner"), iat: seconds() });
    const me = async (token: string) => {
      const response = await fetch(`${gateway.dashboard}/api/me`, {
        headers: { authorization: `Bearer ${token}` },
      });
      return { status: response.status, text: await response.text() };
    };
    const goesOn = async (psql: Awaited<ReturnType<typeof open>>, word: string) => {
      await psql.send(`SELECT 'goes ' || 'on ${word}' AS x;`);
      await psql.expect(`goes on ${word}`);
    };
    const user = await gateway.signIn(devin);
    const { user: name, password } = await user.password("demo");
    const mine = await open(name, password);
    const robots = await open("token", robot());
    const sessions = [mine, robots];
    try {
      await t.step("an issuer that is added counts at once; nobody is dropped", async () => {
        assert.equal((await me(ofEva())).status, 401);
        await gateway.edit((text) => text.replace(service("engineers"), service("engineers") + others));
        assert.match(await reload(), /in force now: identity\.others/);
        assert.equal((await me(ofEva())).status, 200);
        await goesOn(mine, "one");
        await goesOn(robots, "one");
      });
      const evas = await open("token", ofEva());
      sessions.push(evas);
      await t.step("a sign-in that was begun before a reload is completed after it", async () => {
        const stopAt = `${gateway.dashboard}/auth/callback`;
        const login = `${gateway.dashboard}/auth/login?next=/&issuer=`;
        const { browser, url } = await signInByHttp(login, devin.email, { stopAt });
        await gateway.edit((text) => text.replace("signInTimeout: 1m", "signInTimeout: 2m"));
        assert.match(await reload(), /in force now: identity\.signInTimeout/);
        const landed = await browser.get(url);
        assert.equal(landed.url.pathname, "/");
        const page = await browser.get(`${gateway.dashboard}/api/me`, {
          headers: { "sec-fetch-site": "same-origin" },
        });
        assert.equal(page.status, 200, page.text);
      });
      await t.step("an issuer that may never be asked is refused whole", async () => {
        const good = await Deno.readTextFile(gateway.configFile);
        await gateway.edit((text) =>
          text.replace(others, others.replace(partner.url, "https://169.254.169.254"))
            .replace("groups: [engineers], targets: [demo]", "groups: [nobody], targets: [demo]")
        );
        await assert.rejects(reload(), /169\.254\.169\.254|metadata/);
        await goesOn(robots, "two");
        await goesOn(evas, "two");
        await Deno.writeTextFile(gateway.configFile, good);
      });
      await t.step("a service account that changes signs in anew; the others' sessions go on", async () => {
        const before = service("engineers");
        await gateway.edit((text) => text.replace(before, service("engineers, db-approvers")));
        assert.match(await reload(), /identity\.services/);
        await robots.send("SELECT 1;");
        await robots.expect(/What the config says of the service account robot has changed/);
        await goesOn(mine, "three");
        await goesOn(evas, "three");
        const again = await open("token", robot());
        sessions.push(again);
        await goesOn(again, "three");
      });
      await t.step("an issuer that is gone ends its people's sessions, and lets nobody in", async () => {
        await gateway.edit((text) => text.replace(others, ""));
        await reload();
        await evas.send("SELECT 1;");
        await evas.expect(/no longer has the identity provider that partner\/eva@partner\.test signed in at/);
        assert.equal((await me(ofEva())).status, 401);
        await goesOn(mine, "four");
      });
      await t.step("the company's own client changes: whoever is in stays in", async () => {
        await gateway.edit((text) => text.replace("groupsClaim: groups", 'groupsClaim: ["groups"]'));
        assert.match(await reload(), /identity\.groupsClaim/);
        await goesOn(mine, "five");
        assert.equal((await (await gateway.signIn(devin)).api("/api/me")).status, 200);
      });
    } finally {
      for (const psql of sessions) await psql.close();
      await gateway.close();
      await partner.close();
      await database.close();
    }
  },
);
