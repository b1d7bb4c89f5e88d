/**
 * Issuers as they are: second issuers that write their tokens as Microsoft Entra ID and as Okta do, with people who sign
 * in by browser and by token. The shapes are those of the vendors' own pages on ID tokens and groups claims.
 */
import assert from "node:assert/strict";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { type Issuer, type Person, signInByHttp, startIssuer } from "../support/issuer.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";

const engineers = "3f2c8f0e-6b0e-4c3b-9a6e-0c5f3d1b7a10";
const approvers = "9d4a1c55-1d2f-4f6a-8f31-6f0c2a7be942";
const tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const objectId = "6b0e3f2c-8f0e-4c3b-9a6e-1b7a100c5f3d";

/** learn.microsoft.com/entra/identity-platform/id-token-claims-reference: no `email_verified`, groups by object id. */
const entra: Person = {
  email: "ellen@contoso.test",
  name: "Ellen",
  groups: [engineers, approvers],
  claims: {
    ver: "2.0",
    tid: tenant,
    oid: objectId,
    email_verified: null,
    preferred_username: "ellen@contoso.test",
  },
};

/** More than 200 groups: Entra names where they could be asked for in the place of the claim. */
const overage: Person = {
  ...entra,
  email: "otto@contoso.test",
  claims: {
    ...entra.claims,
    preferred_username: "otto@contoso.test",
    groups: null,
    _claim_names: { groups: "src1" },
    _claim_sources: {
      src1: { endpoint: `https://graph.microsoft.com/v1.0/users/${objectId}/getMemberObjects` },
    },
  },
};

/** Whose token the application's roles are in, which Entra recommends for people with many groups. */
const byRole: Person = {
  ...overage,
  email: "rosa@contoso.test",
  claims: { ...overage.claims, preferred_username: "rosa@contoso.test", roles: ["Database.Engineer"] },
};

/** developer.okta.com, "Customize tokens with a groups claim": names as people read them, "Everyone" among them. */
const okta: Person = {
  email: "olga@okta.test",
  name: "Olga",
  groups: ["Everyone", "Database Engineers"],
  claims: { ver: 1, amr: ["pwd"], idp: "00o1", email_verified: null, preferred_username: "olga@okta.test" },
};

/** None of their groups matches the claim's filter, and the claim is left out. */
const unfiltered: Person = {
  ...okta,
  email: "ugo@okta.test",
  claims: { ...okta.claims, preferred_username: "ugo@okta.test", groups: null },
};

testNeeding(
  [postgresqlHere, "psql"],
  "second issuers with groups as Entra and as Okta send them",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const clients = [{ id: "postern-there", secret: "a-secret-of-there", redirectUris: [] as string[] }];
    const issuers = (redirectUri: string) => {
      const client = [{ ...clients[0]!, redirectUris: [redirectUri] }];
      return Promise.all([
        startIssuer({ people: [entra, overage, byRole], clients: client }),
        startIssuer({ people: [okta, unfiltered], clients: client }),
      ]);
    };
    let [entraId, oktaOrg] = [] as unknown as [Issuer, Issuer];
    const target = (name: string, groups: string) =>
      targetYaml(name, "postgresql", database).replace("[engineers]", `[${groups}]`);
    const gateway = await startTestGateway({
      targets: target("demo", "engineers") + target("by-id", `entra/${engineers}`) +
        target("by-role", "entra-roles/Database.Engineer") + target("by-name", '"okta/Database Engineers"'),
      env: { TARGET_PASSWORD: database.password, THERE: "a-secret-of-there" },
      prepare: async (file) => {
        const text = await Deno.readTextFile(file);
        const dashboard = /url: "(http[^"]+)"/.exec(text)![1]!;
        [entraId, oktaOrg] = await issuers(`${dashboard}/auth/callback`);
        const others = `  others:
    - { name: entra, issuer: "${entraId.url}", clientId: postern-there, clientSecret: { env: THERE } }
    - name: okta
      issuer: ${oktaOrg.url}
      clientId: postern-there
      clientSecret: { env: THERE }
      audiences: [postern-there, "api://postern"]
`;
        await Deno.writeTextFile(file, text.replace("roles: {", `${others}roles: {`));
      },
    });
    const table: string[] = [];
    const psql = async (token: string, name: string) => {
      const { stdout, stderr } = await runPsql({
        connection:
          `host=127.0.0.1 port=${gateway.ports.postgresql} user=token dbname=${name} sslmode=disable`,
        args: ["-Atc", "SELECT 'in'"],
        env: { PGPASSWORD: token },
      });
      return stdout === "in\n" ? "in" : stderr.trim();
    };
    const show = (shape: string, claims: Record<string, unknown>, answer: string) => {
      const { groups, roles, _claim_names: elsewhere } = claims;
      const told = JSON.stringify({ groups, roles, _claim_names: elsewhere });
      table.push(`${shape}\n  ${told}\n  -> ${answer.split("\n").slice(0, 2).join(" | ")}`);
    };
    const browser = async (issuer: string, person: Person) => {
      const page = await signInByHttp(
        `${gateway.dashboard}/auth/login?issuer=${issuer}&next=/`,
        person.email,
      );
      const me = await page.browser.get(`${gateway.dashboard}/api/me`, {
        headers: { "sec-fetch-site": "same-origin" },
      });
      return { page, me: JSON.parse(me.text) as { name: string; groups: string[] } };
    };
    const tokenOf = (issuer: Issuer, person: Person, more: Record<string, unknown> = {}, header = {}) => {
      const claims = { ...issuer.claimsOf(person.email, "postern-there"), ...more };
      return { claims, token: issuer.signToken(claims, header) };
    };
    try {
      await t.step("Entra: object ids, under the issuer's name, by browser and by token", async () => {
        const { me } = await browser("entra", entra);
        assert.equal(me.name, "entra/ellen@contoso.test");
        assert.deepEqual(me.groups, [`entra/${engineers}`, `entra/${approvers}`]);
        const { claims, token } = tokenOf(entraId, entra);
        const answer = await psql(token, "by-id");
        show("Entra, ID token", claims, answer);
        assert.equal(answer, "in");
        assert.match(await psql(token, "demo"), /entra\/ellen@contoso.test may not connect to demo/);
      });
      await t.step("Entra: more than 200 groups are left out, which is told for what it is", async () => {
        const { claims, token } = tokenOf(entraId, overage);
        const answer = await psql(token, "by-id");
        show("Entra, groups overage", claims, answer);
        assert.match(answer, /too many \("groups overage"\)/);
        assert.match(answer, /only the groups assigned to this application/);
        const { claims: implicit, token: short } = tokenOf(entraId, overage, {
          _claim_names: undefined,
          _claim_sources: undefined,
          hasgroups: true,
        });
        show("Entra, groups overage of the implicit flow", implicit, await psql(short, "by-id"));
        assert.match(await psql(short, "by-id"), /groups overage/);
        const page = await signInByHttp(`${gateway.dashboard}/auth/login?issuer=entra&next=/`, overage.email);
        assert.equal(page.status, 403);
        assert.match(page.text, /groups overage/);
      });
      await t.step("Entra: the application's roles count where the config names that claim", async () => {
        await gateway.edit((text) =>
          text.replace("name: entra,", "name: entra-roles,").replace(
            "clientSecret: { env: THERE } }",
            "clientSecret: { env: THERE }, groupsClaim: roles }",
          )
        );
        await gateway.restart();
        const { claims, token } = tokenOf(entraId, byRole);
        const answer = await psql(token, "by-role");
        show("Entra, app roles (groupsClaim: roles)", claims, answer);
        assert.equal(answer, "in");
      });
      await t.step(
        "Okta: names with blanks and Everyone, by browser, ID token and access token",
        async () => {
          const { me } = await browser("okta", okta);
          assert.equal(me.name, "okta/olga@okta.test");
          assert.deepEqual(me.groups, ["okta/Everyone", "okta/Database Engineers"]);
          const id = tokenOf(oktaOrg, okta);
          show("Okta, ID token", id.claims, await psql(id.token, "by-name"));
          assert.equal(await psql(id.token, "by-name"), "in");
          // Of a custom authorization server: the API is the audience, the client is `cid`, no `typ` in the header.
          const more = { aud: "api://postern", cid: "postern-there", uid: "00u1", scp: ["openid", "groups"] };
          const access = tokenOf(oktaOrg, okta, more, { typ: undefined });
          show("Okta, access token of a custom server", access.claims, await psql(access.token, "by-name"));
          assert.equal(await psql(access.token, "by-name"), "in");
          const foreign = tokenOf(oktaOrg, okta, { ...more, aud: "api://default" }, { typ: undefined });
          assert.match(await psql(foreign.token, "by-name"), /another audience, "api:\/\/default"/);
        },
      );
      await t.step("Okta: a filter that fits no group leaves the claim out, which is told", async () => {
        const { claims, token } = tokenOf(oktaOrg, unfiltered);
        const answer = await psql(token, "by-name");
        show("Okta, no group fits the filter", claims, answer);
        assert.match(answer, /carries no claim "groups"/);
      });
      await t.step("the company's own people are as they were", async () => {
        const own = gateway.issuer.signToken(gateway.issuer.claimsOf(devin.email, "postern"));
        assert.equal(await psql(own, "demo"), "in");
        assert.match(await psql(own, "by-name"), /devin@example.test may not connect to by-name/);
      });
      console.log(table.join("\n"));
    } finally {
      await gateway.close();
      await Promise.all([entraId.close(), oktaOrg.close(), database.close()]);
    }
  },
);
