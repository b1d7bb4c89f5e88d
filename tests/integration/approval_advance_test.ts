/** Approval in advance: a file is approved as one, then psql and the mariadb client run exactly that, each once. */
import assert from "node:assert/strict";
import pg from "pg";
import { run } from "../support/daemons.ts";
import { ada, type DashboardUser, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";

const schema = "CREATE TABLE t(id INT PRIMARY KEY, n INT NOT NULL); INSERT INTO t VALUES (1, 0), (2, 0)";
const file = `-- the change
UPDATE t SET n = n + 1 WHERE id = 1;
SELECT count(*) FROM t;
UPDATE t SET n = n + 10
  WHERE id = 2;
`;

/** Each statement's own outcome is recorded after the decision. */
async function recorded(approver: DashboardUser, outcome: string, count: number): Promise<void> {
  for (let tries = 0; tries < 2400; tries++) {
    const { requests } = await approver.json<{ requests: { outcome: string }[] }>("/api/history");
    if (requests.filter((request) => request.outcome === outcome).length === count) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`never recorded: ${outcome}`);
}

async function submit(user: DashboardUser, text: string): Promise<string> {
  const page = await user.post("/api/requests", { target: "demo", text, reason: "ticket 7" });
  assert.equal(page.status, 200, page.text);
  return JSON.parse(page.text).request.id;
}

testNeeding(
  [postgresqlHere, "psql"],
  "a file approved in advance runs once with psql -f, and nothing else does",
  async () => {
    const target = await startPostgresql({ sql: schema });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      env: { TARGET_PASSWORD: target.password },
    });
    const count = async () => (await target.query("SELECT sum(n)::int AS n FROM t"))[0]?.n;
    try {
      const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      const refused = await user.post("/api/requests", { target: "demo", text: "DROP TABLE t", reason: "" });
      assert.match(refused.text, /Statement 1: .*refuses DROP TABLE/);
      const nothing = await user.post("/api/requests", { target: "demo", text: "SELECT 1", reason: "" });
      assert.match(nothing.text, /None of these statements needs an approval/);

      const id = await submit(user, file);
      const { request } = await approver.json<{ request: Record<string, unknown> }>(`/api/requests/${id}`);
      assert.equal(request.text, file);
      const list = ["UPDATE t SET n = n + 1 WHERE id = 1;", "UPDATE t SET n = n + 10\n  WHERE id = 2;"]
        .map((text) => ({ text, verbs: ["UPDATE"] }));
      assert.deepEqual(request.advance, { statements: 2, windowMs: 3_600_000, list });
      assert.match(String(request.reason), /ticket 7/);
      assert.match((await user.decide(id, true)).text, /their own/);
      await approver.decide(id, true);
      await recorded(approver, `approved in advance with ${id}`, 2);
      const path = `${gateway.folder}/change.sql`;
      await Deno.writeTextFile(path, file);
      const psql = async (...args: string[]) => {
        const url = new URL(await user.url("demo"));
        const connection = `host=127.0.0.1 port=${url.port} dbname=demo user=${url.username} sslmode=disable`;
        return await runPsql({ connection, args, env: { PGPASSWORD: url.password } });
      };
      const ran = await psql("-f", path);
      assert.deepEqual([ran.code, await count()], [0, 11], ran.stderr);
      assert.match(ran.stderr, /this statement is approved by ada@example.test: for this very statement/);
      const again = psql("-c", "UPDATE t SET n = n + 1 WHERE id = 1;");
      const anew = await approver.pending("n + 1 WHERE id = 1");
      await approver.decide(anew.id, false, "once only");
      assert.match((await again).stderr, /once only/);
      assert.equal(await count(), 11);
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);

testNeeding(
  [mariadbHere, "mariadb"],
  "a statement approved in advance runs once with the mariadb client",
  async () => {
    const target = await startMariadb({ sql: schema });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "mysql", target),
      env: { TARGET_PASSWORD: target.password },
    });
    try {
      const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      const text = "UPDATE t SET n = n + 1 WHERE id = 1";
      const id = await submit(user, `${text};\n`);
      await approver.decide(id, true);
      await recorded(approver, `approved in advance with ${id}`, 1);
      const url = new URL(await user.url("demo"));
      const { code, stderr } = await run([
        "mariadb",
        "-h127.0.0.1",
        `-P${url.port}`,
        `-u${url.username}`,
        `-p${url.password}`,
        "--default-character-set=utf8mb4",
        "-Ddemo",
        "-e",
        text,
      ]);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await target.query("SELECT n FROM t WHERE id = 1"), [{ n: 1 }]);
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);

testNeeding(
  [postgresqlHere],
  "what an approver left out is refused until somebody approves it anew, and is asked for alone after that",
  async () => {
    const target = await startPostgresql({ sql: schema });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      env: { TARGET_PASSWORD: target.password },
    });
    try {
      const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      const client = new pg.Client({ connectionString: await user.url("demo") });
      await client.connect();
      const kept = "UPDATE t SET n = n + 1 WHERE id = 1;";
      const left = "UPDATE t SET n = n + 10 WHERE id = 2;";
      const some = await submit(user, `${kept}\n${left}`);
      const decision = { approve: true, reason: "not row 2", only: [0] };
      assert.equal((await approver.post(`/api/requests/${some}/decision`, decision)).status, 200);
      await recorded(approver, `left out of what was approved in advance with ${some}`, 1);
      await assert.rejects(client.query(left), /ada@example.test left this statement out.*: not row 2/);

      const anew = await submit(user, left);
      await assert.rejects(client.query(left), /left this statement out/, "asked for is not approved");
      await approver.decide(anew, true);
      await recorded(approver, `approved in advance with ${anew}`, 1);
      await client.query(left);
      await client.query(kept);
      // Used: the statement is one like any other now, and waits for its own approval.
      const third = client.query(left);
      await approver.decide((await approver.pending(left.slice(0, -1))).id, true);
      await third;
      assert.deepEqual(await target.query("SELECT n FROM t ORDER BY id"), [{ n: 1 }, { n: 20 }]);
      await client.end();
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);
