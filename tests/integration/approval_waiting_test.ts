/** While a statement waits: what its client is told, a transaction's own deadline, and whose word counts, at real clients. */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import pg from "pg";
import { ada, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const schema = "CREATE TABLE t(id INT PRIMARY KEY, n INT NOT NULL); INSERT INTO t VALUES (1, 0), (2, 0)";
const change = "UPDATE t SET n = n + 1 WHERE id = 1";

interface Shown {
  readonly state: string;
  readonly inTransaction: boolean;
  readonly requestedAt: number;
  readonly deadlineAt: number;
}

testNeeding(
  [postgresqlHere, mariadbHere],
  "a hold in a transaction has its own deadline; its client hears for whom, how long, and that locks are kept",
  async (t) => {
    const [demo, shop] = await Promise.all([startPostgresql({ sql: schema }), startMariadb({ sql: schema })]);
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", demo) +
        targetYaml("shop", "mysql", shop).replace("TARGET_PASSWORD", "SHOP_PASSWORD"),
      sections: "approvals: { transactionDeadline: 5s }",
      env: { TARGET_PASSWORD: demo.password, SHOP_PASSWORD: shop.password },
    });
    try {
      const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      const shown = async (id: string) =>
        (await approver.json<{ request: Shown }>(`/api/requests/${id}`)).request;
      const waited = ({ requestedAt, deadlineAt }: Shown) => deadlineAt - requestedAt;
      await t.step("PostgreSQL: told at once, refused in time, and the transaction is aborted", async () => {
        const client = new pg.Client({ connectionString: await user.url("demo") });
        const notices: string[] = [];
        client.on(
          "notice",
          (notice: { message?: string; detail?: string; hint?: string }) =>
            notices.push(`${notice.message} ${notice.detail} ${notice.hint}`),
        );
        await client.connect();
        await client.query("BEGIN");
        const sent = client.query(change).then(() => "ran", (error: Error) => error.message);
        const { id } = await approver.pending(change);
        const request = await shown(id);
        assert.deepEqual([request.inTransaction, waited(request)], [true, 5_000]);
        assert.match(await sent, /Nobody approved this statement in time/);
        const told = notices.find((text) => text.includes("waits for approval"))!;
        assert.match(told, /waits for approval by a member of db-approvers/);
        assert.match(told, /Waiting until \d\d:\d\d:\d\d UTC \(\d s\)/);
        assert.match(told, /the open transaction keeps its locks meanwhile/);
        assert.ok(told.includes(`/requests/${id}`));
        assert.equal((await shown(id)).state, "expired");
        await assert.rejects(client.query("SELECT 1"), /aborted/);
        await client.query("ROLLBACK");
        // Outside of one it may wait for as long as the rule says.
        notices.length = 0;
        const alone = client.query(change).then(() => "ran", (error: Error) => error.message);
        const next = await approver.pending(change);
        const longer = await shown(next.id);
        assert.ok(!longer.inTransaction && waited(longer) > 60_000);
        await approver.decide(next.id, true);
        assert.equal(await alone, "ran");
        assert.ok(!notices.some((text) => text.includes("keeps its locks")));
        await client.end();
      });
      await t.step("MariaDB: refused in time, with for whom", async () => {
        const client = await mysql2.createConnection(await user.url("shop"));
        await client.query("BEGIN");
        const sent = client.query(change).then(() => "ran", (error: Error) => error.message);
        const { id } = await approver.pending(change);
        assert.equal(waited(await shown(id)), 5_000);
        assert.match(
          await sent,
          /needs approval by a member of db-approvers, and nobody decided in time/,
        );
        assert.equal((await shown(id)).state, "expired");
        await client.end();
      });
    } finally {
      await gateway.close();
      await Promise.all([demo.close(), shop.close()]);
    }
  },
);

const bea = { email: "bea@example.test", name: "Bea", groups: ["db-approvers"] };
const olga = { email: "olga@example.test", name: "Olga", groups: ["orders-owners"] };
const max = { email: "max@example.test", name: "Max", groups: ["managers"] };

testNeeding(
  [postgresqlHere],
  "a quorum of distinct groups, the target's owners among them; a second group after a time",
  async () => {
    const demo = await startPostgresql({ sql: schema });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", demo).replace(
        "groups: [engineers]",
        "groups: [engineers]\n    owners: [orders-owners]",
      ),
      sections: `rules:
  - { name: reads, then: allow, what: { kinds: [read, session, transaction] } }
  - name: writes
    then: approve
    what: { kinds: [write] }
    approvers:
      groups: [db-approvers]
      owners: true
      quorum: 2
      distinctGroups: true
      escalate: { after: 10s, groups: [managers] }
`,
      env: { TARGET_PASSWORD: demo.password },
      people: [devin, ada, bea, olga, max],
    });
    try {
      const [user, one, same, owner, manager] = await Promise.all(
        [devin, ada, bea, olga, max].map((person) => gateway.signIn(person)),
      );
      const client = new pg.Client({ connectionString: await user!.url("demo") });
      client.on("error", () => {});
      await client.connect();
      const state = async (id: string) =>
        (await one!.json<{ request: { state: string } }>(`/api/requests/${id}`)).request.state;
      const held = async (text: string) => {
        const sent = client.query(text);
        sent.catch(() => {});
        return { sent, id: (await one!.pending(text)).id };
      };

      const first = await held("UPDATE t SET n = 1 WHERE id = 1");
      assert.equal((await one!.decide(first.id, true)).status, 200);
      assert.equal((await same!.decide(first.id, true)).status, 200);
      assert.equal(await state(first.id), "pending", "two of one group speak for one");
      assert.match((await user!.decide(first.id, true)).text, /their own/);
      assert.equal((await owner!.decide(first.id, true)).status, 200);
      await first.sent;
      assert.equal(await state(first.id), "approved");

      const second = await held("UPDATE t SET n = 2 WHERE id = 2");
      assert.match((await manager!.decide(second.id, true)).text, /no such request, or you may not see it/);
      await one!.decide(second.id, true);
      let page = await manager!.decide(second.id, true);
      for (let tries = 0; page.status !== 200 && tries < 600; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        page = await manager!.decide(second.id, true);
      }
      await second.sent;
      assert.equal(await state(second.id), "approved");
      assert.deepEqual(await demo.query("SELECT n FROM t ORDER BY id"), [{ n: 1 }, { n: 2 }]);
      await client.end();
    } finally {
      await gateway.close();
      await demo.close();
    }
  },
);
