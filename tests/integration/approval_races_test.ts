/**
 * Races around one held statement, on real psql and a real PostgreSQL: whatever comes first, there is one outcome, the
 * same at the client, in the store, in the dashboard and at the target. Prints what was tried, how often, what came out.
 */
import assert from "node:assert/strict";
import pg from "pg";
import { ada, alex, type DashboardUser, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { type PsqlSession, startPsql } from "../support/psql.ts";

const bea = { email: "bea@example.test", name: "Bea", groups: ["db-approvers"] };
const times = 6;

interface Seen {
  readonly client: "ran" | "refused";
  readonly state: string;
  readonly rows: number;
}

testNeeding(
  ["psql", "script", postgresqlHere],
  "races around a held statement have one outcome, the same everywhere",
  async (t) => {
    const target = await startPostgresql({
      sql:
        "CREATE TABLE t(id int PRIMARY KEY, n int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 200) i",
    });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      env: { TARGET_PASSWORD: target.password },
      people: [devin, ada, bea, alex],
    });
    const [user, one, other] = await Promise.all([devin, ada, bea].map((person) => gateway.signIn(person)));
    const psqlTo = async (): Promise<PsqlSession> => {
      const url = new URL(await user!.url("demo"));
      const connection = `host=127.0.0.1 port=${url.port} dbname=demo user=${url.username} sslmode=disable`;
      const psql = startPsql({ connection, env: { PGPASSWORD: url.password } });
      await psql.expect(/demo=>|demo=#/);
      return psql;
    };
    let psql = await psqlTo();
    let id = 0;
    const table: Record<string, Record<string, number>> = {};
    const stateOf = async (request: string) =>
      (await one!.json<{ request: { state: string } }>(`/api/requests/${request}`)).request.state;

    /** Holds a statement in psql, lets both happen at once, and compares what everybody sees. */
    const race = async (name: string, both: (request: string, psql: PsqlSession) => Promise<unknown>[]) => {
      const row = ++id;
      const text = `UPDATE t SET n = n + 1 WHERE id = ${row};`;
      await psql.send(text);
      const request = (await one!.pending(`WHERE id = ${row};`)).id;
      await Promise.allSettled(both(request, psql));
      const [shown] = await psql.expect(/UPDATE 1\n|ERROR:[^\n]*/, 60_000);
      const seen: Seen = {
        client: shown.startsWith("UPDATE") ? "ran" : "refused",
        state: await stateOf(request),
        rows: Number((await target.query(`SELECT n FROM t WHERE id = ${row}`))[0]?.n),
      };
      await psql.expect(/demo=[>#]/, 60_000);
      assert.equal(seen.rows, seen.client === "ran" ? 1 : 0, `${name}: ${JSON.stringify(seen)} ${shown}`);
      // A cancel that comes after the decision or the record, and before the target, ends an approved statement unsent.
      const unsent = /(?:approved|recorded) and not sent/.test(shown);
      assert.equal(
        seen.state === "approved",
        seen.client === "ran" || unsent,
        `${name}: ${JSON.stringify(seen)} ${shown}`,
      );
      const outcome = `${seen.state}, ${unsent ? "cancelled before it was sent" : seen.client}`;
      const counts = table[name] ??= {};
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    };
    const approve = (by: DashboardUser | undefined, request: string) => by!.decide(request, true);
    const deny = (by: DashboardUser | undefined, request: string) => by!.decide(request, false, "no");
    const repeated = async (name: string, both: Parameters<typeof race>[1]) => {
      await t.step(name, async () => {
        for (let time = 0; time < times; time++) await race(name, both);
      });
    };

    try {
      await repeated("two approve at once", (request) => [approve(one, request), approve(other, request)]);
      await repeated("one approves, one refuses", (request) => [approve(one, request), deny(other, request)]);
      await repeated("one refuses, one approves", (request) => [deny(one, request), approve(other, request)]);
      await repeated("approve and Ctrl-C", (request, client) => [approve(one, request), client.interrupt()]);
      await repeated("Ctrl-C and approve", (request, client) => [client.interrupt(), approve(one, request)]);
      await t.step("the session is killed while it is approved", async () => {
        for (let time = 0; time < times; time++) {
          const row = ++id;
          await psql.send(`UPDATE t SET n = n + 1 WHERE id = ${row};`);
          const held = await one!.pending(`WHERE id = ${row};`);
          await Promise.allSettled([
            approve(one, held.id),
            other!.post(`/api/sessions/${held.session}/end`, { reason: "race" }),
          ]);
          await psql.expect(/FATAL|server closed|terminat|lost|ended this session/i, 60_000);
          await psql.close();
          const state = await stateOf(held.id);
          const rows = Number((await target.query(`SELECT n FROM t WHERE id = ${row}`))[0]?.n);
          assert.ok(state === "approved" || rows === 0, `${state} ${rows}`);
          const counts = table["approve and kill"] ??= {};
          const outcome = `${state}, ${rows === 1 ? "ran" : "did not run"}`;
          counts[outcome] = (counts[outcome] ?? 0) + 1;
          psql = await psqlTo();
        }
      });
      await t.step(
        "one approval, four connections that send the statement at once: it runs once",
        async () => {
          for (let time = 0; time < times; time++) {
            const row = ++id;
            const text = `UPDATE t SET n = n + 1 WHERE id = ${row}`;
            const clients: pg.Client[] = await Promise.all([1, 2, 3, 4].map(async () => {
              const client = new pg.Client({ connectionString: await user!.url("demo") });
              client.on("error", () => {});
              await client.connect();
              return client;
            }));
            const sent = clients.map((client) => client.query(text).then(() => "ran", () => "refused"));
            const { id: request } = await one!.pending(`WHERE id = ${row}`);
            await approve(one, request);
            for (let done = false; !done;) {
              const { requests } = await one!.json<{ requests: { id: string }[] }>("/api/requests");
              for (const late of requests) await deny(one, late.id);
              done = await Promise.race([
                Promise.all(sent).then(() => true),
                new Promise<false>((go) => setTimeout(go, 20, false)),
              ]);
            }
            const outcomes: string[] = await Promise.all(sent);
            const rows = Number((await target.query(`SELECT n FROM t WHERE id = ${row}`))[0]?.n);
            assert.deepEqual(
              [outcomes.filter((what) => what === "ran").length, rows],
              [1, 1],
              outcomes.join(),
            );
            const counts = table["four send it at once, one approval"] ??= {};
            counts["one ran, three were refused"] = (counts["one ran, three were refused"] ?? 0) + 1;
            await Promise.all(clients.map((client) => client.end()));
          }
        },
      );
      await t.step("Postern is restarted while a statement waits", async () => {
        const row = ++id;
        await psql.send(`UPDATE t SET n = n + 1 WHERE id = ${row};`);
        const { id: request } = await one!.pending(`WHERE id = ${row};`);
        await gateway.restart();
        await psql.expect(/withdrawn|FATAL|server closed|shutting down/, 60_000);
        const approver = await gateway.signIn(ada);
        const late = await approver.decide(request, true);
        assert.match(late.text, /is withdrawn already/);
        assert.equal((await target.query(`SELECT n FROM t WHERE id = ${row}`))[0]?.n, 0);
        table["restart while it waits"] = { "withdrawn, did not run": 1 };
      });
      await t.step("the record agrees: each that ran has one approval of its own", async () => {
        const auditor = await gateway.signIn(alex);
        const { text } = await auditor.api("/api/audit/export");
        const events = text.split("\n").filter((line) => line.includes('"statement.judged"')).map((line) =>
          JSON.parse(line)
        );
        const used = events.map((event) => (event.event ?? event).data).filter((data) =>
          data.forwarded && data.approval
        ).map((data) => data.approval);
        assert.equal(new Set(used).size, used.length, "no approval let two statements pass");
        const [sum] = await target.query("SELECT sum(n)::int AS n FROM t");
        assert.ok(Number(sum?.n) <= used.length);
      });
      console.log(
        Object.entries(table).map(([name, counts]) => `${name}: ${JSON.stringify(counts)}`).join("\n"),
      );
    } finally {
      await psql.close().catch(() => {});
      await gateway.close();
      await target.close();
    }
  },
);
