/** Clients that vanish around an approval and come again: real drivers, whole Postern, a restart in between. */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import pg from "pg";
import {
  ada,
  alex,
  type DashboardUser,
  devin,
  startTestGateway,
  targetYaml,
  type TestGateway,
} from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const schema = "CREATE TABLE t(id INT PRIMARY KEY, n INT NOT NULL); INSERT INTO t VALUES (1, 0), (2, 0)";
const add = "UPDATE t SET n = n + 1 WHERE id = 1";

/** A connection of the driver's, as somebody who was told that it may vanish. */
async function mysqlClient(user: DashboardUser) {
  const connection = await mysql2.createConnection(await user.url("demo"));
  connection.on("error", () => {});
  return connection;
}

const outcome = (sent: Promise<unknown>): Promise<string> =>
  sent.then(() => "ran", (error: Error) => error.message);

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 2400; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`never came true: ${what}`);
}

const stateOf = async (user: DashboardUser, id: string) =>
  (await user.json<{ request: { state: string } }>(`/api/requests/${id}`)).request.state;

testNeeding(
  [mariadbHere],
  "a MySQL client that timed out tries again: it joins its request, or passes with its approval, once",
  async (t) => {
    const target = await startMariadb({ sql: schema });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "mysql", target),
      sections: "approvals: { retryWindow: 1m }",
      env: { TARGET_PASSWORD: target.password },
    });
    const count = async () => {
      const rows = await target.query("SELECT n FROM t WHERE id = 1") as { n: number }[];
      return rows[0]?.n;
    };
    try {
      let [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      /** Sends it, and vanishes once it is pending. */
      const vanish = async () => {
        const client = await mysqlClient(user);
        const sent = outcome(client.query(add));
        const { id } = await approver.pending(add);
        client.destroy();
        await Promise.race([sent, Promise.resolve()]);
        return id;
      };

      await t.step("the retry joins the pending request", async () => {
        const id = await vanish();
        const again = await mysqlClient(user);
        const sent = outcome(again.query(add));
        const auditable = async () =>
          (await approver.json<{ requests: unknown[] }>("/api/requests")).requests;
        await until(async () => (await auditable()).length === 1, "one request");
        await joined(gateway, id);
        assert.equal((await auditable()).length, 1);
        await approver.decide(id, true);
        assert.equal(await sent, "ran");
        assert.equal(await count(), 1);
        await again.end();
      });

      await t.step(
        "approved while nobody was there: of two that race one passes, the third asks anew",
        async () => {
          const id = await vanish();
          await approver.decide(id, true);
          const clients = await Promise.all([mysqlClient(user), mysqlClient(user)]);
          const sent = clients.map((client) => outcome(client.query(add)));
          const both = Promise.all(sent);
          // The other one has lost the race, or asks anew because it came after it.
          const over = both.then(() => true);
          await until(async () => {
            const { requests } = await approver.json<{ requests: { id: string }[] }>("/api/requests");
            for (const { id: anew } of requests) await approver.decide(anew, false, "once only");
            return await Promise.race([over, Promise.resolve(false)]);
          }, "both are answered");
          const [one, two] = await both;
          assert.equal([one, two].filter((what) => what === "ran").length, 1);
          assert.match(String([one, two].find((what) => what !== "ran")), /used already|once only/);
          assert.equal(await count(), 2);
          clients.forEach((client) => client.destroy());
          await until(
            async () => (await approver.json<{ requests: unknown[] }>("/api/requests")).requests.length === 0,
            "none",
          );
        },
      );

      await t.step("an unused approval outlives a restart, a pending request does not", async () => {
        const kept = await vanish();
        await approver.decide(kept, true);
        const client = await mysqlClient(user);
        const lost = outcome(client.query("UPDATE t SET n = 9 WHERE id = 2"));
        const { id } = await approver.pending("SET n = 9");
        await gateway.restart();
        assert.match(await lost, /shutting down|closed|withdrawn/);
        [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
        assert.equal(await stateOf(approver, id), "withdrawn");
        assert.equal(await stateOf(approver, kept), "approved");
        const again = await mysqlClient(user);
        assert.equal(await outcome(again.query(add)), "ran");
        assert.equal(await count(), 3);
        await again.end();
      });
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);

/** Resolves once the record says that the request was joined. */
async function joined(gateway: TestGateway, id: string): Promise<void> {
  const auditor = await gateway.signIn(alex);
  await until(async () => {
    const { text } = await auditor.api("/api/audit/export");
    return text.split("\n").some((line) => line.includes("approval.joined") && line.includes(id));
  }, "the request is joined");
}

testNeeding(
  [postgresqlHere],
  "a PostgreSQL client that disconnects withdraws what it waited for",
  async () => {
    const target = await startPostgresql({ sql: schema });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      env: { TARGET_PASSWORD: target.password },
    });
    try {
      const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      const client = new pg.Client({ connectionString: await user.url("demo") });
      client.on("error", () => {});
      await client.connect();
      const sent = outcome(client.query(add));
      const { id } = await approver.pending(add);
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      await sent;
      await until(async () => await stateOf(approver, id) === "withdrawn", "withdrawn");
      const late = await approver.decide(id, true);
      assert.match(late.text, /is withdrawn already/);
      assert.equal((await target.query("SELECT n FROM t WHERE id = 1"))[0]?.n, 0);
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);
