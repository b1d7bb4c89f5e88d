/**
 * Sign-ins by an ID token alone, about which the issuer cannot be asked again: how long they count, what ends them
 * all the same, and that who has left stays out after a restart.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { tokensByDevice } from "../support/device_flow.ts";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import type { Person } from "../support/issuer.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { fieldsOf, message, RawPostgres, say, startup } from "../support/raw_postgres.ts";

const seconds = () => Math.floor(Date.now() / 1000);
const lou: Person = { email: "lou@example.test", name: "Lou", groups: ["engineers"] };
const mia: Person = { email: "mia@example.test", name: "Mia", groups: ["engineers"] };

testNeeding(
  [postgresqlHere],
  "a sign-in by an ID token alone: capped, refused where checks are demanded, ended by a logout; a departure outlives a restart",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const people = [devin, lou, mia];
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database),
      env: { TARGET_PASSWORD: database.password },
      people,
      clients: [{ id: "postern-cli", redirectUris: ["http://127.0.0.1/"] }],
      identity: "  cliClientId: postern-cli\n  recheck: 1s\n  unchecked: 3s",
    });
    const { issuer, dashboard } = gateway;
    const me = async (token: string) => {
      const response = await fetch(`${dashboard}/api/me`, { headers: { authorization: `Bearer ${token}` } });
      return { status: response.status, text: await response.text() };
    };
    const idToken = (person: Person, more: Record<string, unknown> = {}) =>
      issuer.signToken({ ...issuer.claimsOf(person.email, "postern"), ...more });
    const byToken = async (token: string) => {
      const client = await RawPostgres.open(gateway.ports.postgresql!);
      await client.send(startup({ user: "token", database: "demo" }));
      assert.deepEqual([(await client.next())!.type], ["R"]);
      await client.send(message("p", `${token}\0`));
      const messages = await client.until("Z");
      assert.equal(messages.at(-1)?.type, "Z", JSON.stringify(messages.at(-1) && fieldsOf(messages.at(-1)!)));
      return client;
    };
    const farewell = async (client: RawPostgres) => {
      const last = (await client.until("E")).at(-1);
      client.close();
      return fieldsOf(last!).M!;
    };
    const logout = (claims: Record<string, unknown>) =>
      fetch(`${dashboard}/auth/backchannel-logout`, {
        method: "POST",
        body: new URLSearchParams({
          logout_token: issuer.signToken({
            iss: issuer.url,
            aud: "postern",
            iat: seconds(),
            exp: seconds() + 120,
            jti: randomUUID(),
            events: { "http://schemas.openid.net/event/backchannel-logout": {} },
            ...claims,
          }, { typ: "logout+jwt" }),
        }),
      });
    try {
      await t.step("it ends after identity.unchecked, though its token is good for an hour", async () => {
        const client = await byToken(idToken(lou));
        assert.equal((await client.ask(say.query("SELECT 1"))).types, "TDCZ");
        assert.match(await farewell(client), /Your access has ended: the sign-in was good until now/);
      });
      await t.step("a logout token ends it, by the session that its ID token names", async () => {
        const client = await byToken(idToken(lou, { sid: "session-of-lou", iat: seconds() - 5 }));
        assert.equal((await logout({ sid: "session-of-lou" })).status, 200);
        assert.match(await farewell(client), /signed out at the identity provider/);
      });
      await t.step(
        "a token from before that logout stays out after a restart, a new one gets in",
        async () => {
          const before = idToken(lou, { iat: seconds() - 5 });
          assert.equal((await me(before)).status, 401);
          await gateway.restart();
          const refused = await me(before);
          assert.equal(refused.status, 401);
          assert.match(refused.text, /signed out at the identity provider/);
          assert.equal((await me(idToken(lou, { iat: seconds() + 1 }))).status, 200);
          assert.equal(
            (await me(idToken(devin, { iat: seconds() - 5 }))).status,
            200,
            "nobody else is meant",
          );
        },
      );
      await t.step(
        "a session at the issuer that nobody came from yet: its tokens stay out, after a restart, too",
        async () => {
          const sid = "session-that-comes-later";
          const later = idToken(lou, { sid, iat: seconds() + 1 });
          assert.equal((await logout({ sid })).status, 200);
          for (const again of [false, true]) {
            if (again) await gateway.restart();
            const refused = await me(later);
            assert.equal(refused.status, 401);
            assert.match(refused.text, /signed out at the identity provider/);
          }
          assert.equal((await me(idToken(lou, { sid: "another", iat: seconds() + 1 }))).status, 200);
        },
      );
      await t.step("identity.unchecked: 0s refuses it and says what counts instead", async () => {
        await gateway.edit((text) => text.replace("unchecked: 3s", "unchecked: 0s"));
        await gateway.restart();
        const refused = await me(idToken(mia));
        assert.equal(refused.status, 401);
        assert.match(refused.text, /cannot be asked again about a sign-in by an ID token alone/);
        assert.match(refused.text, /postern login/);
        const { access_token: token } = await tokensByDevice(
          issuer.url,
          "postern-cli",
          "openid email groups",
          mia.email,
        );
        assert.equal((await me(token)).status, 200, "an access token opens the userinfo endpoint");
      });
      await t.step("who signed in by browser as well is checked by that, and ended by it", async () => {
        await gateway.signIn(mia);
        const token = idToken(mia, { iat: seconds() - 5 });
        assert.equal((await me(token)).status, 200);
        const client = await byToken(token);
        people.splice(people.indexOf(mia), 1);
        assert.match(await farewell(client), /no longer knows the sign-in of mia@example.test/);
        assert.equal((await me(token)).status, 401);
      });
    } finally {
      await gateway.close();
      await database.close();
    }
  },
);
