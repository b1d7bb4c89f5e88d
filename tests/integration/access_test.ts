/** Access for a time, from a stock psql at the door to the end in the middle of a session, on a real PostgreSQL. */
import assert from "node:assert/strict";
import { type Gateway, startGateway } from "../../main.ts";
import { createLog } from "../../policy/log.ts";
import {
  ada,
  type DashboardUser,
  devin,
  grace,
  startTestGateway,
  targetYaml,
  type TestGateway,
} from "../support/gateway.ts";
import { createStore } from "../support/journals.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { type PsqlSession, runPsql, startPsql } from "../support/psql.ts";
import type { Person } from "../support/issuer.ts";
import { sampleData } from "../demo/sample_data.ts";

const access = `    access:
      - name: quick-reads
        upTo: 1h
        then: grant
        durationMax: 1h
        scope: { kinds: [read], tables: [public.customers] }
      - name: ddl-needs-two
        upTo: 30m
        then: approve
        durationMax: 2h
        approvers: { groups: [db-approvers], quorum: 2 }
        scope: { kinds: [ddl] }
      - name: anything-else
        then: approve
        durationMax: 2h
        deadline: 10m
        scope: { unmask: [public.customers.ssn] }
    breakGlass: { groups: [engineers], durationMax: 1h }
`;
const masks = `masks:
  - columns: ["public.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
`;

type Granted = { grant: { id: string; state: string; endsAt: number; startsAt: number; rule: string } };

async function ask(user: DashboardUser, wanted: Record<string, unknown>): Promise<Granted["grant"]> {
  const page = await user.post("/api/access", { target: "demo", reason: "ticket 4711", ...wanted });
  assert.equal(page.status, 200, page.text);
  return (JSON.parse(page.text) as Granted).grant;
}

/** Each of another pool, so that each signs in and asks by itself. */
let knocks = 0;

/** psql, signed in, at the door or past it. */
async function knock(gateway: TestGateway, person = devin): Promise<[PsqlSession, DashboardUser]> {
  const connection =
    `host=127.0.0.1 port=${gateway.ports.postgresql} user=${person.name} dbname=demo application_name=psql${++knocks}`;
  const psql = startPsql({ connection });
  const [link] = await psql.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
  const user = await gateway.signIn(person);
  assert.equal((await user.confirm(link)).status, 200);
  return [psql, user];
}

testNeeding(
  ["psql", "script", postgresqlHere],
  "access is asked for at the door, and lasts for a time",
  async (t) => {
    const target = await startPostgresql({ sql: sampleData });
    const folder = await Deno.makeTempDir({ prefix: "postern-access-" });
    await createStore(`${folder}/store`);
    const options = {
      targets: targetYaml("demo", "postgresql", target) + access,
      sections: masks,
      env: { TARGET_PASSWORD: target.password },
      folder,
      listen: "  limits: { holdNotice: 1s }",
    };
    const gateway = await startTestGateway(options);
    const restarted: Gateway[] = [];
    try {
      await t.step(
        "low risk: the notice names the link, a rule grants at once, the scope decides",
        async () => {
          const [psql, user] = await knock(gateway);
          const [, wait] = await psql.expect(
            /you have no access to demo now[\s\S]*?access\?target=demo&wait=(\w+)/,
          );
          const grant = await ask(user, { durationMs: 3_600_000, wait });
          assert.equal(grant.state, "granted");
          assert.equal(grant.rule, "quick-reads");
          await psql.expect(/demo=[>#]/);
          await psql.send("SELECT ssn FROM customers WHERE id = 1;");
          await psql.expect(/1037/);
          assert.doesNotMatch(psql.transcript, /900-11-1037/);
          await psql.send("\\set VERBOSITY verbose\nSELECT count(*) FROM orders;");
          await psql.expect(/42501[\s\S]*orders is not among its tables[\s\S]*Rule: grant/);
          await psql.send("UPDATE customers SET status = 'x' WHERE id = 1;");
          await psql.expect(/42501[\s\S]*counts as write[\s\S]*Rule: grant/);
          const ended = await user.post(`/api/access/${grant.id}/end`, { words: "done with it" });
          assert.equal(ended.status, 200, ended.text);
          await psql.send("SELECT 1;");
          await psql.expect(
            /FATAL:.*Your access to demo has ended: ended by devin@example.test: done with it/,
          );
          await psql.close();
        },
      );

      await t.step(
        "high risk: waits for an approver, never oneself; unmasks for this session alone",
        async () => {
          const [psql, user] = await knock(gateway, grace);
          const [, wait] = await psql.expect(/access\?target=demo&wait=(\w+)/);
          const grant = await ask(user, { durationMs: 86_400_000, unmask: ["public.customers.ssn"], wait });
          assert.equal(grant.state, "requested");
          await psql.expect(/your request for access to demo waits for a member of db-approvers/);
          const own = await user.post(`/api/access/${grant.id}/decision`, { approve: true, reason: "" });
          assert.match(own.text, /Nobody decides about their own access/);
          const approver = await gateway.signIn(ada);
          const desk = await approver.json<{ requests: { id: string; reason: string }[] }>(
            "/api/access/desk",
          );
          assert.deepEqual(desk.requests.map(({ id, reason }) => [id, reason]), [[grant.id, "ticket 4711"]]);
          const page = await approver.post(`/api/access/${grant.id}/decision`, { approve: true, reason: "" });
          const decided = (JSON.parse(page.text) as Granted).grant;
          assert.equal(decided.endsAt - decided.startsAt, 7_200_000, "the rule caps the duration");
          await psql.expect(/demo=[>#]/);
          await psql.send("SELECT ssn FROM customers WHERE id = 1;");
          await psql.expect(/900-11-1037/);
          await psql.close();
        },
      );

      await t.step("a refusal ends the wait with its reason; leaving withdraws the request", async () => {
        const [psql, user] = await knock(gateway);
        const [, wait] = await psql.expect(/access\?target=demo&wait=(\w+)/);
        const first = await ask(user, { durationMs: 7_200_000, wait });
        const approver = await gateway.signIn(ada);
        const bare = await approver.post(`/api/access/${first.id}/decision`, { approve: false, reason: "" });
        assert.equal(bare.status, 403, "a refusal needs a reason");
        await approver.post(`/api/access/${first.id}/decision`, { approve: false, reason: "use staging" });
        await psql.expect(/FATAL:.*refused by ada@example.test: use staging/);
        await psql.close();
        const [again] = await knock(gateway);
        const [, other] = await again.expect(/access\?target=demo&wait=(\w+)/);
        const second = await ask(user, { durationMs: 7_200_000, wait: other });
        await again.interrupt();
        await again.ended;
        await gone(user, second.id, "withdrawn");
        await again.close();
      });

      await t.step(
        "a pool of ten connections asks once: one sign-in, one consent, one request, one decision",
        async () => {
          const connection =
            `host=127.0.0.1 port=${gateway.ports.postgresql} user=pool dbname=demo application_name=pool`;
          const first = startPsql({ connection });
          const [link] = await first.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
          const others = Array.from(
            { length: 9 },
            () => runPsql({ connection, args: ["-Atc", "SELECT 'in'"], timeoutMs: 120_000 }),
          );
          const user = await gateway.signIn(grace);
          for (const { id } of await openOf(user)) {
            await user.post(`/api/access/${id}/end`, { words: "over" });
          }
          assert.equal((await user.confirm(link)).status, 200);
          const [, wait] = await first.expect(/access\?target=demo&wait=(\w+)/);
          const { id } = await ask(user, { durationMs: 7_200_000, wait });
          const approver = await gateway.signIn(ada);
          assert.equal(
            (await approver.post(`/api/access/${id}/decision`, { approve: true, reason: "" })).status,
            200,
          );
          await first.expect(/demo=[>#]/);
          const signIns = new Set([link]);
          const doors = new Set([wait]);
          for (const { stdout, stderr, code } of await Promise.all(others)) {
            assert.deepEqual([code, stdout], [0, "in\n"], stderr);
            for (const [one] of stderr.matchAll(/http\S+\/connect\/\S+/g)) signIns.add(one);
            for (const [, one] of stderr.matchAll(/wait=(\w+)/g)) doors.add(one);
          }
          assert.deepEqual([signIns.size, doors.size], [1, 1]);
          await first.close();
        },
      );

      await t.step(
        "two approvers where the rule wants two: one is not enough, the same one twice is neither",
        async () => {
          const person = await gateway.signIn(devin);
          const grant = await ask(person, { durationMs: 600_000, kinds: ["ddl"] });
          const decide = async (who: Person) => {
            const page = await (await gateway.signIn(who)).post(`/api/access/${grant.id}/decision`, {
              approve: true,
              reason: "",
            });
            return { status: page.status, text: page.text };
          };
          const first = await decide(ada);
          assert.match(first.text, /"state":"requested"/);
          const again = await decide(ada);
          assert.equal(again.status, 403, again.text);
          assert.match(again.text, /already/);
          assert.match((await decide(grace)).text, /"state":"granted"/);
          assert.equal((await person.post(`/api/access/${grant.id}/end`, { words: "over" })).status, 200);
        },
      );

      await t.step(
        "a start in the future: granted now, closed until then, open on time, also to who waits",
        async () => {
          const [psql, user] = await knock(gateway);
          const [, wait] = await psql.expect(/access\?target=demo&wait=(\w+)/);
          const startsAt = Date.now() + 8_000;
          const grant = await ask(user, { durationMs: 600_000, startsAt, wait });
          assert.deepEqual([grant.state, grant.startsAt, grant.endsAt], [
            "granted",
            startsAt,
            startsAt + 600_000,
          ]);
          await psql.expect(/your access to demo begins at \S+Z/);
          assert.doesNotMatch(psql.transcript, /demo=[>#]/);
          await psql.expect(/demo=[>#]/, 60_000);
          assert.ok(Date.now() >= startsAt, "not before its time");
          await psql.send("SELECT ssn FROM customers WHERE id = 1;");
          await psql.expect(/1037/);
          await psql.close();
          await user.post(`/api/access/${grant.id}/end`, { words: "over" });
          const far = await user.post("/api/access", {
            target: "demo",
            reason: "next year",
            durationMs: 600_000,
            startsAt: Date.now() + 40 * 86_400_000,
          });
          assert.match(far.text, /Access starts now or within 30 days/);
        },
      );

      await t.step("it ends on time in the middle of a session, with a notice before", async () => {
        const [psql, user] = await knock(gateway);
        const [, wait] = await psql.expect(/access\?target=demo&wait=(\w+)/);
        await ask(user, { durationMs: 8_000, wait });
        await psql.expect(/demo=[>#]/);
        await psql.send("SELECT pg_sleep(30);");
        await psql.expect(/NOTICE:.*your access to demo ends in \d s[\s\S]*UTC/);
        await psql.expect(/FATAL:.*Your access to demo has ended: its time was over/);
        await psql.close();
      });

      await t.step("a grant outlives a restart, and break-glass is loud and reviewed", async () => {
        const user = await gateway.signIn(devin);
        const page = await user.post("/api/access", {
          target: "demo",
          reason: "everything is on fire",
          durationMs: 600_000,
          breakGlass: true,
        });
        assert.equal(page.status, 200, page.text);
        const { grant } = JSON.parse(page.text) as Granted;
        await gateway.gateway.close();
        restarted.push(
          await startGateway({
            text: await Deno.readTextFile(gateway.configFile),
            file: gateway.configFile,
            env: (name) =>
              ({ CLIENT_SECRET: "test-client-secret", ...options.env } as Record<string, string>)[name],
            log: createLog({ level: "error", format: "text" }),
          }),
        );
        const [psql, again] = await knock(gateway);
        await psql.expect(/demo=[>#]/);
        const approver = await gateway.signIn(ada);
        const { sessions } = await again.json<{ sessions: { grant: unknown }[] }>("/api/sessions");
        assert.deepEqual(sessions[0]?.grant, { id: grant.id, breakGlass: true }, "the session is marked");
        const desk = await approver.json<{ unreviewed: { id: string }[] }>("/api/access/desk");
        assert.deepEqual(desk.unreviewed.map(({ id }) => id), [grant.id]);
        const reviewed = await approver.post(`/api/access/${grant.id}/review`, { words: "right so" });
        assert.equal(reviewed.status, 200, reviewed.text);
        assert.match(reviewed.text, /"examined":\{"by":"ada@example.test","words":"right so"/);
        await psql.close();
      });
    } finally {
      for (const one of restarted) await one.close();
      await (restarted.length > 0 ? gateway.issuer.close() : gateway.close());
      await target.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);

async function openOf(user: DashboardUser): Promise<{ id: string }[]> {
  const { grants } = await user.json<{ grants: { id: string; state: string }[] }>("/api/access");
  return grants.filter(({ state }) => state === "granted");
}

async function gone(user: DashboardUser, id: string, state: string): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    const { grant } = await user.json<Granted>(`/api/access/${id}`);
    if (grant.state === state) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the grant did not become ${state}`);
}
