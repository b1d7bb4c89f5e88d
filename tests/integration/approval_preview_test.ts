/** What approvers are told of a statement before it runs: on real databases, through whole Postern. */
import assert from "node:assert/strict";
import pg from "pg";
import { ada, alex, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { type Impact, preview, previewRules } from "../support/previews.ts";
import { testNeeding } from "../support/programs.ts";

const shop = `
  CREATE TABLE customers(id int PRIMARY KEY, name text, ssn text, status text);
  CREATE TABLE orders(id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE, total int);
  CREATE TABLE items(id int PRIMARY KEY, order_id int REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE notes(id int PRIMARY KEY, item int REFERENCES items ON DELETE SET NULL);
  CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
  CREATE TRIGGER log_status AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION logged();
  INSERT INTO customers SELECT i, 'c' || i, '900-11-' || (1000 + i), 'active' FROM generate_series(1, 500) i;
  INSERT INTO orders SELECT i, 1 + i % 500, i FROM generate_series(1, 20000) i;
  ANALYZE;
`;

testNeeding(
  [postgresqlHere],
  "the preview of ten statements on PostgreSQL",
  async (t) => {
    const target = await startPostgresql({ sql: shop, logStatements: true });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      sections: previewRules,
      env: { TARGET_PASSWORD: target.password },
    });
    const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
    const client = new pg.Client({ connectionString: await user.url("demo") });
    const looks: string[] = [];
    const look = async (text: string, values: unknown[] = []): Promise<Impact> => {
      const impact = await preview(approver, () => client.query(text, values));
      looks.push(`${text}\n${JSON.stringify(impact, null, 1)}`);
      return impact;
    };
    try {
      await client.connect();
      await t.step("an UPDATE: rows, plan, trigger, lock, exact count, masked samples", async () => {
        const impact = await look(
          "UPDATE customers SET status = 'x', ssn = '123-45-6789' WHERE id < 11 -- why",
        );
        assert.equal(impact.exactRows, 10);
        assert.match(
          impact.plan.join("\n"),
          /^Update customers\n {2}find about \d+ rows of customers by the index/,
        );
        assert.deepEqual(impact.triggers, [
          "log_status on public.customers runs public.logged() after each row",
        ]);
        assert.match(impact.locks[0] ?? "", /^ROW EXCLUSIVE on public.customers/);
        assert.deepEqual(impact.tables.map(({ name, rows, indexes }) => [name, rows, indexes]), [[
          "public.customers",
          500,
          1,
        ]]);
        assert.deepEqual(impact.samples?.columns, ["status", "ssn"]);
        assert.deepEqual(
          impact.samples?.before[0],
          ["active", "***-**-1001"].map((text) => text.replace("***-**-", "***-**-")),
        );
        assert.deepEqual(impact.samples?.after?.[0], ["x", "‹masked›"]);
        assert.deepEqual(impact.missing, []);
        assert.doesNotMatch(JSON.stringify(impact), /900-11|123-45/);
      });
      await t.step("bound parameters, that would break out of a quoted text", async () => {
        const impact = await look("UPDATE customers SET name = $1 WHERE name = $2", [
          "it's",
          "'; DROP TABLE notes; --",
        ]);
        assert.deepEqual([impact.exactRows, impact.missing], [0, []]);
        const more = await look("UPDATE customers SET name = $2 WHERE id = $1", [3, "\\' || 'x"]);
        assert.deepEqual([more.exactRows, more.samples?.after?.[0]], [1, ["\\' || 'x"]]);
      });
      await t.step("a DELETE cascades three levels deep", async () => {
        const impact = await look("DELETE FROM customers WHERE id = 5");
        assert.equal(impact.cascades.length, 3);
        assert.match(
          impact.cascades[0] ?? "",
          /^from customers on to orders, of about 20,000 rows: .*CASCADE/,
        );
        assert.match(impact.cascades[2] ?? "", /^from items on to notes, .*SET NULL\) \(level 3\)/);
      });
      await t.step("a whole table read is worth a warning", async () => {
        const impact = await look("UPDATE orders SET total = 0 WHERE total > 5");
        assert.match(impact.warnings.join(), /reads all of orders/);
        assert.equal(impact.exactRows, 19_995);
      });
      await t.step("INSERT, INSERT … SELECT, MERGE-like CTE", async () => {
        const impact = await look("INSERT INTO notes (id) SELECT id FROM orders WHERE total < 100");
        assert.ok(impact.plan.length >= 2 && impact.plan[0] === "Insert notes", impact.plan.join("\n"));
        assert.match(impact.missing.join(), /the exact count/);
        const from = await look(
          "UPDATE orders o SET total = 1 FROM customers c WHERE c.id = o.customer AND c.id = 3",
        );
        assert.match(from.plan.join(), /join/);
      });
      await t.step("schema changes: what is locked, rewritten, scanned", async () => {
        const added = await look("ALTER TABLE orders ADD COLUMN note text");
        assert.match(added.locks.join(), /^ACCESS EXCLUSIVE on public.orders: everybody waits/);
        assert.deepEqual(added.warnings, []);
        const typed = await look("ALTER TABLE orders ALTER COLUMN total TYPE bigint");
        assert.match(typed.warnings.join(), /rewrites the table and its indexes.*20,000 rows/);
        const indexed = await look("CREATE INDEX ON orders (total)");
        assert.match(indexed.warnings.join(), /CONCURRENTLY/);
      });
      await t.step("nothing of it ran, and only Postern's reads reached the target", async () => {
        const rows = await target.query("SELECT count(*)::int AS n FROM customers WHERE status = 'active'");
        assert.equal(rows[0]?.n, 500);
        const log = await target.readLog();
        assert.doesNotMatch(log, /EXPLAIN[^\n]*ANALYZE/);
      });
      await t.step("the record holds the estimate, without what is masked", async () => {
        const auditor = await gateway.signIn(alex);
        const { text } = await auditor.api("/api/audit/export");
        assert.ok(text.includes("approval.previewed"));
        assert.doesNotMatch(text, /900-11-|123-45-6789/);
      });
      if (Deno.env.has("PREVIEWS")) console.log(looks.join("\n\n"));
    } finally {
      await client.end().catch(() => {});
      await gateway.close();
      await target.close();
    }
  },
);
