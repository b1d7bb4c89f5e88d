/** Approvals beyond one statement, by real psql and mariadb: what they cover passes, and past a limit it is asked anew. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { ada, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { required, testNeeding } from "../support/programs.ts";
import { startPsql } from "../support/psql.ts";

const sql =
  "CREATE TABLE t(id int PRIMARY KEY, n int); INSERT INTO t VALUES (1,0),(2,0),(3,0),(4,0),(5,0); CREATE TABLE u(id int PRIMARY KEY, n int); INSERT INTO u VALUES (1,0)";
const sections = `rules:
  - name: reads
    what: { kinds: [read, session, transaction] }
    then: allow
  - name: writes
    what: { kinds: [write] }
    then: approve
    approvers: { groups: [db-approvers], may: [once, template, tables], template: { minutes: 30, statements: 3 }, tables: { minutes: 30, statements: 3 } }
`;
const update = (table: string, id: number, by = 1) => `UPDATE ${table} SET n = n + ${by} WHERE id = ${id}`;

testNeeding(
  ["psql", "script", "mariadb", postgresqlHere, mariadbHere],
  "approvals for a template and for tables cover what they say, as often as they say",
  async (t) => {
    const [orders, shop] = await Promise.all([startPostgresql({ sql }), startMariadb({ sql })]);
    const gateway = await startTestGateway({
      targets: targetYaml("orders", "postgresql", orders) +
        targetYaml("shop", "mysql", shop).replace("TARGET_PASSWORD", "SHOP_PASSWORD"),
      sections,
      env: { TARGET_PASSWORD: orders.password, SHOP_PASSWORD: shop.password },
    });
    try {
      const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      const grant = async (text: string, scope: string, statements = 3) => {
        const { id } = await approver.pending(text);
        return await approver.post(`/api/requests/${id}/decision`, {
          approve: true,
          reason: "",
          scope,
          minutes: 5,
          statements,
        });
      };
      const refuse = async (text: string) => {
        const { id } = await approver.pending(text);
        assert.equal((await approver.decide(id, false, "asked anew")).status, 200);
      };
      const psqlTo = async () => {
        const { user: name, password } = await user.password("orders");
        const psql = startPsql({
          connection:
            `host=127.0.0.1 port=${gateway.ports.postgresql} dbname=orders user=${name} sslmode=disable`,
          env: { PGPASSWORD: password },
        });
        await psql.expect(/orders=[>#]/);
        return psql;
      };
      for (
        const [scope, second, outside] of [
          ["template", update("t", 2), update("u", 1)],
          // Another form of write, on the same table.
          ["tables", "DELETE FROM t WHERE id = 5", update("u", 1)],
        ] as const
      ) {
        await t.step(`psql: ${scope}`, async () => {
          const psql = await psqlTo();
          await psql.send(`${update("t", 1)};`);
          assert.equal(
            (await grant("id = 1", scope, 4)).status,
            403,
            "more than the rule lets approvers give",
          );
          assert.equal((await grant("id = 1", scope)).status, 200);
          await psql.expect("UPDATE 1\n");
          await psql.send(`${outside};`);
          await refuse("UPDATE u");
          await psql.expect(/ERROR:.*asked anew/);
          await psql.send(`${second};`);
          await psql.expect(/(UPDATE|DELETE) 1\n/);
          await psql.send(`${update("t", 3)};`);
          await psql.expect("UPDATE 1\n");
          await psql.send(`${update("t", 4)};`);
          await refuse("id = 4");
          await psql.expect(/ERROR:.*asked anew/);
          await psql.close();
          const other = await psqlTo();
          await other.send(`${update("t", 2, 7)};`);
          await refuse("n + 7");
          await other.expect(/ERROR:.*asked anew/);
          await other.close();
        });
        await t.step(`mariadb: ${scope}`, async () => {
          const { user: name, password } = await user.password("shop");
          const texts = [update("t", 1), outside, second, update("t", 3), update("t", 4)];
          const running = run([
            ...[required("mariadb"), "--no-defaults", "-h127.0.0.1", `-P${gateway.ports.mysql}`],
            ...[`-u${name}`, `-p${password}`, "--skip-ssl", "--force", "-vv", "shop"],
          ], { timeoutMs: 90_000, stdin: `${texts.join(";\n")};\n` });
          assert.equal((await grant("id = 1", scope)).status, 200);
          await refuse("UPDATE u");
          await refuse("id = 4");
          const { stdout, stderr } = await running;
          assert.equal(stdout.match(/1 row affected/g)?.length, 3, stdout + stderr);
          assert.equal(stderr.match(/asked anew/g)?.length, 2, stderr);
        });
      }
      const [sum] = await orders.query("SELECT sum(n)::int AS n FROM t");
      assert.equal(sum?.n, 5, "what was approved ran, once each");
    } finally {
      await gateway.close();
      await Promise.all([orders.close(), shop.close()]);
    }
  },
);
