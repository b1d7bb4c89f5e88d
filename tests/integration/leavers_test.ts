/** People who leave: disabled at the issuer, without a group, or signed out there. What they have here ends with it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { alex, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { makeKey, type Person, signJws } from "../support/issuer.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { fieldsOf, message, RawPostgres, startup } from "../support/raw_postgres.ts";

const decoder = new TextDecoder();

/** A running session by the browser's link, confirmed by this person. */
async function session(gateway: TestGateway, person: Person) {
  const user = await gateway.signIn(person);
  const client = await RawPostgres.open(gateway.ports.postgresql!);
  await client.send(startup({ user: randomUUID(), database: "demo" }));
  for (;;) {
    const next = (await client.next())!;
    assert.notEqual(next.type, "E", decoder.decode(next.body));
    const link = /(http\S+\/connect\/\S+)/.exec(decoder.decode(next.body))?.[1];
    if (next.type !== "N" || link === undefined) continue;
    assert.equal((await user.confirm(link)).status, 200);
    break;
  }
  await client.until("Z");
  return { user, client };
}

/** The reason that a session hears when it ends. */
async function farewell(client: RawPostgres): Promise<string> {
  const last = (await client.until("E")).at(-1);
  assert.equal(last?.type, "E", "the session ended without a word");
  client.close();
  return fieldsOf(last).M!;
}

const seconds = () => Math.floor(Date.now() / 1000);
const logoutEvent = { "http://schemas.openid.net/event/backchannel-logout": {} };

testNeeding(
  [postgresqlHere],
  "who leaves at the issuer leaves here: sessions, dashboard, passwords and tokens",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const people: Person[] = [devin, alex].concat(["lou", "mia", "noa", "pat"].map((name) => ({
      email: `${name}@example.test`,
      name,
      groups: ["engineers", "on-call"],
    })));
    const [lou, mia, noa, pat] = people.slice(2) as [Person, Person, Person, Person];
    const logged: string[] = [];
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database),
      env: { TARGET_PASSWORD: database.password },
      people,
      log: (_level, message) => void logged.push(message),
      identity: "  recheck: 1s",
    });
    const { issuer, dashboard } = gateway;
    const logout = (token: string) =>
      fetch(`${dashboard}/auth/backchannel-logout`, {
        method: "POST",
        body: new URLSearchParams({ logout_token: token }),
      });
    const logoutToken = (
      claims: Record<string, unknown>,
      header: Record<string, unknown> = { typ: "logout+jwt" },
    ) => {
      const all = {
        iss: issuer.url,
        aud: "postern",
        iat: seconds(),
        exp: seconds() + 120,
        jti: randomUUID(),
        ...claims,
      };
      return issuer.signToken(
        Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
        header,
      );
    };
    try {
      await t.step("nothing happens to those who stay", async () => {
        const { user, client } = await session(gateway, pat);
        const before = issuer.requests.get("/token") ?? 0;
        while ((issuer.requests.get("/token") ?? 0) < before + 3) {
          await new Promise((wake) => setTimeout(wake, 100));
        }
        assert.equal((await user.api("/api/me")).status, 200);
        assert.equal((await client.ask(message("Q", "SELECT 1\0"))).types, "TDCZ");
        client.close();
      });
      await t.step(
        "disabled: the session and the dashboard end, a token from before no longer counts",
        async () => {
          const { user, client } = await session(gateway, lou);
          const token = issuer.signToken({ ...issuer.claimsOf(lou.email, "postern"), iat: seconds() - 1 });
          const me = () => fetch(`${dashboard}/api/me`, { headers: { authorization: `Bearer ${token}` } });
          assert.equal((await me()).status, 200);
          people.splice(people.indexOf(lou), 1);
          assert.match(await farewell(client), /no longer knows the sign-in of lou@example.test/);
          assert.equal((await user.api("/api/me")).status, 401);
          const refused = await me();
          assert.equal(refused.status, 401);
          assert.match((await refused.json()).error.message, /no longer knows/);
        },
      );
      await t.step("without a group: the session ends, and a new sign-in has the new groups", async () => {
        const { user, client } = await session(gateway, mia);
        people[people.indexOf(mia)] = { ...mia, groups: ["engineers"] };
        assert.match(await farewell(client), /no longer a member of on-call/);
        assert.equal((await user.api("/api/me")).status, 401);
        const again = await gateway.signIn(mia);
        assert.deepEqual((await again.json<{ groups: string[] }>("/api/me")).groups, ["engineers"]);
      });
      await t.step("signed out at the issuer: it calls back, and everything ends", async () => {
        const { user, client } = await session(gateway, noa);
        const form = await user.browser.get(`${issuer.url}/session/end`);
        const xsrf = /name="xsrf" value="([^"]+)"/.exec(form.text)?.[1];
        assert.ok(xsrf, form.text);
        await user.browser.post(`${issuer.url}/session/end/confirm`, { xsrf, logout: "yes" });
        assert.match(await farewell(client), /signed out at the identity provider/);
        assert.equal((await user.api("/api/me")).status, 401);
      });
      const person = { sub: pat.email, events: logoutEvent };
      const bad: [string, () => string, RegExp][] = [
        ["no token", () => "x", /not good/],
        ["an ID token", () => issuer.signToken(issuer.claimsOf(pat.email, "postern")), /not good/],
        ["with a nonce", () => logoutToken({ ...person, nonce: "n" }), /nonce/],
        ["without the event", () => logoutToken({ ...person, events: {} }), /no logout/],
        ["for another client", () => logoutToken({ ...person, aud: "other" }), /not good/],
        ["of another issuer", () => logoutToken({ ...person, iss: "https://other.example" }), /not good/],
        ["expired", () => logoutToken({ ...person, iat: seconds() - 500, exp: seconds() - 400 }), /not good/],
        ["old", () => logoutToken({ ...person, iat: seconds() - 5000 }), /not good/],
        ["without jti", () => logoutToken({ ...person, jti: undefined }), /not good/],
        ["naming nobody", () => logoutToken({ events: logoutEvent }), /neither/],
        ["of another type", () => logoutToken(person, { typ: "at+jwt" }), /type/],
        [
          "signed by another key",
          () =>
            signJws(makeKey("RS256"), {
              iss: issuer.url,
              aud: "postern",
              ...person,
              jti: "x",
              iat: seconds(),
            }),
          /not good/,
        ],
      ];
      await t.step("logout tokens that are not good end nothing", async () => {
        const { user, client } = await session(gateway, pat);
        for (const [name, make, reason] of bad) {
          const response = await logout(make());
          assert.equal(response.status, 400, name);
          assert.match((await response.json()).error_description, reason, name);
        }
        assert.equal((await user.api("/api/me")).status, 200);
        const good = logoutToken(person);
        assert.equal((await logout(good)).status, 200);
        assert.match(await farewell(client), /signed out/);
        assert.equal((await user.api("/api/me")).status, 401);
        assert.match((await (await logout(good)).json()).error_description, /used before/);
      });
      await t.step("a logout token may name the session at the issuer alone", async () => {
        const { user, client } = await session(gateway, pat);
        const unknown = logoutToken({ events: logoutEvent, sid: randomUUID() });
        assert.equal((await logout(unknown)).status, 200);
        assert.equal((await user.api("/api/me")).status, 200);
        const [sid] = issuer.sessionsOf(pat.email, "postern").slice(-1);
        assert.ok(sid !== undefined, "the issuer keeps a session");
        assert.equal((await logout(logoutToken({ events: logoutEvent, sid }))).status, 200);
        assert.match(await farewell(client), /signed out at the identity provider/);
        assert.equal((await user.api("/api/me")).status, 401);
      });
      await t.step("who signs out of the dashboard is signed out in every browser", async () => {
        const [one, other] = [await gateway.signIn(devin), await gateway.signIn(devin)];
        assert.equal((await one.post("/auth/logout", {})).status, 200);
        assert.equal((await other.api("/api/me")).status, 401);
      });
      await t.step("the record names who left, and why", async () => {
        const { text } = await (await gateway.signIn(alex)).api("/api/audit/export");
        assert.match(text, /"action":"person.departed".*no longer a member of on-call/);
      });
      await t.step("an issuer that is down ends nobody, and lets nobody in", async () => {
        const { user, client } = await session(gateway, devin);
        await issuer.close();
        const failed = () =>
          logged.filter((message) => message.includes("could not be checked again")).length;
        while (failed() < 2) await new Promise((wake) => setTimeout(wake, 100));
        assert.equal((await user.api("/api/me")).status, 200);
        assert.equal((await client.ask(message("Q", "SELECT 1\0"))).types, "TDCZ");
        client.close();
        const next = await RawPostgres.open(gateway.ports.postgresql!);
        await next.send(startup({ user: "oauth", database: "demo" }));
        await next.next();
        await next.send(message("p", "OAUTHBEARER\0", [0, 0, 0, 24], "n,,\x01auth=Bearer opaque\x01\x01"));
        await next.next();
        await next.send(message("p", "\x01"));
        const { M } = fieldsOf((await next.until("E")).at(-1)!);
        next.close();
        assert.match(M!, /identity provider cannot be reached/);
      });
    } finally {
      await gateway.close();
      await database.close();
    }
  },
);
