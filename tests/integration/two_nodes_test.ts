/**
 * Two Posterns on one PostgreSQL, as two processes, with real psql: what waits at one is decided at the other, and
 * what one that was killed leaves open the survivor ends.
 */
import assert from "node:assert/strict";
import { ada, alex, type DashboardUser, devin, targetYaml } from "../support/gateway.ts";
import { type Node, startNodes, storeUrl } from "../support/nodes.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { eventually, listen } from "../support/news.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";

const bea = { email: "bea@example.test", name: "Bea", groups: ["db-approvers"] };
const people = [devin, ada, bea, alex];
const times = 6;
const nodeTimeout = "10s";

interface Shown {
  readonly request: { readonly state: string; readonly outcome: string; readonly text: string };
}

testNeeding(
  ["psql", "script", postgresqlHere],
  "two nodes on one PostgreSQL: each shows and decides what waits at the other, and survives it",
  async (t) => {
    const [store, target] = await Promise.all([
      startPostgresql(),
      startPostgresql({
        sql:
          "CREATE TABLE t(id int PRIMARY KEY, n int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 200) i",
      }),
    ]);
    const access = `    access: [ { name: any, then: approve, durationMax: 1h, deadline: 10m } ]\n`;
    const fleet = await startNodes({
      store,
      targets: targetYaml("demo", "postgresql", target) + targetYaml("locked", "postgresql", target) + access,
      people,
      env: { TARGET_PASSWORD: target.password },
      nodeTimeout,
    });
    const [a, b] = fleet.nodes as [Node, Node];
    const signedIn = (node: Node) =>
      Promise.all([devin, ada, bea, alex].map((person) => node.signIn(person)));
    let [userA, adaA] = await signedIn(a);
    const [userB, adaB, beaB, alexB] = await signedIn(b) as [
      DashboardUser,
      DashboardUser,
      DashboardUser,
      DashboardUser,
    ];
    let psql = await a.psql(userA!, "demo");
    let row = 0;
    const value = async (id: number) =>
      Number((await target.query(`SELECT n FROM t WHERE id = ${id}`))[0]?.n);
    const shown = async (by: DashboardUser, id: string) =>
      (await by.json<Shown>(`/api/requests/${id}`)).request;
    const inbox = async (by: DashboardUser) =>
      (await by.json<{ requests: { id: string }[] }>("/api/requests")).requests.map(({ id }) => id);
    const hold = async (by: DashboardUser = adaB) => {
      await psql.send(`UPDATE t SET n = n + 1 WHERE id = ${++row};`);
      return (await by.pending(`WHERE id = ${row};`)).id;
    };
    const step = async (name: string, body: () => Promise<void>) => {
      if (!await t.step(name, body)) throw new Error("the steps after this one build on it");
    };
    try {
      await step(
        "a hold at A is told to browsers at B as it happens, and approved there runs at once",
        async () => {
          const news = await listen(adaB);
          const id = await hold();
          await news.heard(/approval.requested/);
          assert.equal((await adaB.decide(id, true)).status, 200);
          await psql.expect("UPDATE 1\n");
          assert.equal(await value(row), 1);
          await news.heard(/approval.decided/);
          await eventually(async () => !(await inbox(adaB)).includes(id), "the inbox of B without it");
          assert.equal((await shown(adaA!, id)).state, "approved");
          news.close();
        },
      );
      await step("refused through B, with its reason", async () => {
        const id = await hold();
        assert.match((await adaB.decide(id, false)).text, /Refusing needs a reason/);
        assert.equal((await adaB.decide(id, false, "use staging")).status, 200);
        await psql.expect(/ERROR:.*use staging/);
        assert.equal(await value(row), 0);
      });
      await step("nobody approves their own through the other node", async () => {
        const id = await hold();
        assert.notEqual((await userB.decide(id, true)).status, 200);
        await psql.interrupt();
        await psql.expect(/ERROR:/);
        await eventually(async () => !(await inbox(adaB)).includes(id), "the inbox of B without it");
        assert.equal((await shown(adaB, id)).state, "withdrawn");
        assert.match((await adaB.decide(id, true)).text, /is withdrawn already/);
      });
      await step("two approvers at two nodes at once: one outcome, the same everywhere", async () => {
        const table: Record<string, number> = {};
        for (let time = 0; time < times; time++) {
          const id = await hold();
          await adaA!.pending(`WHERE id = ${row};`);
          const answers = await Promise.all([
            adaA!.decide(id, time % 2 === 0, "no"),
            beaB.decide(id, time % 2 === 1, "no"),
          ]);
          const [seen] = await psql.expect(/UPDATE 1\n|ERROR:[^\n]*/);
          const state = (await shown(beaB, id)).state;
          assert.equal((await shown(adaA!, id)).state, state);
          assert.equal(seen.startsWith("UPDATE"), state === "approved", `${seen} ${state}`);
          assert.equal(await value(row), state === "approved" ? 1 : 0);
          assert.equal(answers.filter(({ status }) => status === 200).length, 1, "one of them decided");
          table[state] = (table[state] ?? 0) + 1;
        }
        console.log(`    approve at one, refuse at the other: ${JSON.stringify(table)}`);
      });
      await step("a text longer than a notification can be is whole at B", async () => {
        // In lines that a terminal takes.
        const long = Array(10).fill("x".repeat(2_000)).join("\n");
        await psql.send(`UPDATE t SET n = n + 1 WHERE id = ${++row} AND '${long}' <> '';`);
        const { id } = await adaB.pending(`WHERE id = ${row} AND`);
        assert.ok((await shown(adaB, id)).text.includes(long));
        await adaB.decide(id, true);
        await psql.expect("UPDATE 1\n");
      });
      await step("the store ends every connection in the middle: nothing is lost", async () => {
        for (let time = 0; time < 3; time++) {
          const waits = hold();
          await cutOff(store);
          const id = await waits;
          await cutOff(store);
          await eventually(async () => (await adaB.decide(id, true)).status === 200, "the decision");
          await psql.expect("UPDATE 1\n");
          assert.equal(await value(row), 1);
        }
      });
      await step("access is asked for at A and granted at B; two at once decide once", async () => {
        const asked = await userA!.post("/api/access", {
          target: "locked",
          reason: "4711",
          durationMs: 600_000,
        });
        const { grant } = JSON.parse(asked.text) as { grant: { id: string } };
        await eventually(async () => (await adaB.api("/api/access/desk")).text.includes(grant.id), "it at B");
        const both = await Promise.all([
          adaA!.post(`/api/access/${grant.id}/decision`, { approve: true, reason: "" }),
          beaB.post(`/api/access/${grant.id}/decision`, { approve: true, reason: "" }),
        ]);
        assert.deepEqual(both.map(({ status }) => status).sort(), [200, 403]);
        const locked = await a.psql(userA!, "locked");
        assert.match((await userA!.api("/api/live")).text, /"target":"locked"/);
        const end = await userB.post(`/api/access/${grant.id}/end`, { words: "done" });
        assert.equal(end.status, 200, end.text);
        const runs = async () => (await userA!.api("/api/live")).text.includes('"target":"locked"');
        await eventually(async () => !await runs(), "A to end the session");
        await locked.send("SELECT 1;");
        await locked.expect(/FATAL:.*Your access to locked has ended: ended by devin@example.test: done/);
        await locked.close();
      });
      await step("a session of A is listed at B, and ended from there", async () => {
        const other = await a.psql(userA!, "demo");
        const live = async () =>
          (await userB.json<{ sessions: { id: string; startedAt: number }[] }>("/api/live")).sessions;
        await eventually(async () => (await live()).length === 2, "both sessions at B");
        const newest = (await live()).sort((x, y) => y.startedAt - x.startedAt)[0]!;
        // Listed as it runs, and in the record a moment later.
        const there = async () => (await userB.api(`/api/sessions/${newest.id}`)).status === 200;
        await eventually(there, "its page at B");
        const page = await userB.json<{ session: { live: boolean } }>(`/api/sessions/${newest.id}`);
        assert.equal(page.session.live, true);
        const end = await userB.post(`/api/sessions/${newest.id}/end`, { reason: "too long" });
        assert.equal(end.status, 200, end.text);
        await other.send("SELECT 1;");
        await other.expect(/FATAL:.*devin@example.test/);
        await other.close();
      });
      await step("who signs out at the issuer, which tells B alone, is out at A, too", async () => {
        const form = await userB.browser.get(`${fleet.issuer.url}/session/end`);
        const xsrf = /name="xsrf" value="([^"]+)"/.exec(form.text)?.[1] ?? "";
        await userB.browser.post(`${fleet.issuer.url}/session/end/confirm`, { xsrf, logout: "yes" });
        await eventually(async () => (await userA!.api("/api/me")).status === 401, "A to forget the browser");
        await psql.send("SELECT 1;");
        await psql.expect(/FATAL:.*signed out at the identity provider/);
        await psql.close();
        userA = await a.signIn(devin);
        psql = await a.psql(userA, "demo");
      });
      await step(
        "B, which never saw that session, is told of its end by its `sid` alone: A ends it",
        async () => {
          const [sid] = fleet.issuer.sessionsOf(devin.email, "postern").slice(-1);
          const now = Math.floor(Date.now() / 1000);
          const claims = {
            iss: fleet.issuer.url,
            aud: "postern",
            iat: now,
            exp: now + 120,
            jti: "by-sid",
            sid,
          };
          const events = { "http://schemas.openid.net/event/backchannel-logout": {} };
          const answer = await fetch(`${b.dashboard}/auth/backchannel-logout`, {
            method: "POST",
            body: new URLSearchParams({
              logout_token: fleet.issuer.signToken({ ...claims, events }, { typ: "logout+jwt" }),
            }),
          });
          assert.equal(answer.status, 200);
          await eventually(
            async () => (await userA!.api("/api/me")).status === 401,
            "A to forget the browser",
          );
          await psql.send("SELECT 1;");
          await psql.expect(/FATAL:.*signed out at the identity provider/);
          await psql.close();
          userA = await a.signIn(devin);
          psql = await a.psql(userA, "demo");
        },
      );
      await step("A is killed: B withdraws what waited there within the time, and says so", async () => {
        const news = await listen(adaB);
        const id = await hold();
        await a.kill();
        await psql.close();
        await eventually(async () => !(await inbox(adaB)).includes(id), "the inbox of B without it");
        await news.heard(/approval.withdrawn/);
        const { state, outcome } = await shown(adaB, id);
        assert.deepEqual([state, outcome], ["withdrawn", "Postern stopped without notice"]);
        assert.match((await adaB.decide(id, true)).text, /is withdrawn already/);
        const record = (await alexB.api("/api/audit/export")).text;
        const lost = record.split("\n").filter((line) => line.includes('"gateway.lost"'));
        assert.equal(lost.length, 1);
        assert.match(lost[0]!, /"approvals":1.*"sessions":1/);
        assert.equal(await value(row), 0);
        news.close();
        await a.start();
        userA = await a.signIn(devin);
        adaA = await a.signIn(ada);
        psql = await a.psql(userA, "demo");
        const again = await hold();
        await adaB.decide(again, true);
        await psql.expect("UPDATE 1\n");
      });
      await step("A is suspended for longer: what B has ended is over at A when it goes on", async () => {
        const id = await hold();
        a.signal("SIGSTOP");
        await eventually(async () => (await shown(adaB, id)).state === "withdrawn", "B to withdraw it");
        a.signal("SIGCONT");
        await psql.expect(/cut off from its store|stopped without notice/);
        await psql.close();
        assert.equal(await value(row), 0);
        userA = await a.signIn(devin);
        psql = await a.psql(userA, "demo");
      });
      await step("the store is down for longer than a lease: nobody is taken for lost", async () => {
        const id = await hold();
        await store.crash();
        await new Promise((resolve) => setTimeout(resolve, 12_000));
        await store.start();
        await eventually(async () => (await adaB.decide(id, true)).status === 200, "the decision");
        await psql.expect("UPDATE 1\n");
        const lost = (await alexB.api("/api/audit/export")).text.split("\n")
          .filter((line) => line.includes('"gateway.lost"'));
        assert.equal(lost.length, 2, "those of before");
      });
      await step("a node with another secret than the others is not let in", async () => {
        const key = `${a.data}/mask.key`;
        const before = await Deno.readFile(key);
        await a.stop();
        await psql.close();
        await Deno.writeFile(key, new Uint8Array(32));
        await assert.rejects(a.start(), /has another mask.key[\s\S]*copy mask.key/);
        await Deno.writeFile(key, before);
        await a.start();
        userA = await a.signIn(devin);
        psql = await a.psql(userA, "demo");
      });
      await step("A stops as it should: what waits is withdrawn at once", async () => {
        const id = await hold();
        await a.stop();
        await psql.close();
        await eventually(async () => (await shown(adaB, id)).state === "withdrawn", "its withdrawal");
        assert.match((await shown(adaB, id)).outcome, /shutting down/);
        const { stdout } = await runPsql({
          connection: storeUrl(store),
          args: ["-Atc", "SELECT count(*) FROM nodes"],
        });
        assert.equal(stdout.trim(), "1", "it has left");
      });
      await step(
        "both are killed, and start at once: what waited is withdrawn once, and they go on",
        async () => {
          await a.start();
          userA = await a.signIn(devin);
          psql = await a.psql(userA, "demo");
          const id = await hold();
          await Promise.all([a.kill(), b.kill()]);
          await psql.close();
          await Promise.all([a.start(), b.start()]);
          const [devinA, adaB] = await Promise.all([a.signIn(devin), b.signIn(ada)]);
          await eventually(async () => (await shown(adaB, id)).state === "withdrawn", "its withdrawal");
          const { stdout } = await runPsql({
            connection: storeUrl(store),
            args: [
              "-Atc",
              `SELECT count(*) FROM events WHERE type = 'approval.withdrawn' AND content LIKE '%"${id}"%'`,
            ],
          });
          assert.equal(stdout.trim(), "1", "one end");
          psql = await a.psql(devinA, "demo");
          assert.equal((await adaB.decide(await hold(adaB), true)).status, 200);
          await psql.expect("UPDATE 1\n");
          assert.equal(await value(row), 1);
        },
      );
    } catch (error) {
      console.log((await a.log()).slice(-3000), "\n--- b\n", (await b.log()).slice(-3000));
      throw error;
    } finally {
      await psql.close().catch(() => {});
      await fleet.close();
      await Promise.all([store.close(), target.close()]);
    }
  },
);

/** Every connection to the store but this one. */
async function cutOff(store: Parameters<typeof storeUrl>[0]): Promise<void> {
  await store.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'postern store%'",
  );
}
