/** The story on a real MariaDB, with the stock client: whole Postern, default rules, real issuer, store, dashboard. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { ada, alex, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { testNeeding } from "../support/programs.ts";

const sql = `
  CREATE TABLE customers(id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(20), status VARCHAR(20));
  INSERT INTO customers VALUES (1, 'Ann', '900-11-1037', 'active'), (2, 'Bob', '900-22-2042', 'active');
`;

const masks = `masks:
  - columns: ["*.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
`;

const client = (gateway: TestGateway, ...args: string[]) =>
  run(["mariadb", "-h127.0.0.1", `-P${gateway.ports.mysql}`, "-uDevin", "-Ddemo", ...args]);

const ask = (gateway: TestGateway, text: string) => client(gateway, "-Ne", text);

testNeeding(
  [mariadbHere, "mariadb"],
  "the story with the mariadb client: link, masks, hold, approve, refuse, replay",
  async (t) => {
    const target = await startMariadb({ sql, logStatements: true });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "mysql", target),
      sections: masks,
      env: { TARGET_PASSWORD: target.password },
    });
    try {
      await t.step("the first error has the link, the browser lets the next connection in", async () => {
        const { stderr, code } = await ask(gateway, "SELECT 1");
        assert.equal(code, 1);
        const link = /http:\/\/127\.0\.0\.1:\d+\/connect\/[\w-]+/.exec(stderr)?.[0];
        assert.ok(link !== undefined, stderr);
        const page = await (await gateway.signIn(devin)).confirm(link);
        assert.equal(page.status, 200, page.text);
        const second = await ask(gateway, "SELECT 'in'");
        assert.equal(second.stdout, "in\n", second.stderr);
      });

      await t.step("masked under every name, and not in what is not masked", async () => {
        const rows = await ask(
          gateway,
          "SELECT name, ssn AS harmless FROM customers c ORDER BY id; SELECT * FROM customers",
        );
        assert.equal(rows.stderr, "");
        assert.match(rows.stdout, /Ann\t\*\*\*-\*\*-1037/);
        assert.doesNotMatch(rows.stdout, /900-/);
      });

      await t.step("DDL and a write without WHERE are refused with rule and hint", async () => {
        for (
          const text of ["DROP TABLE customers", "DELETE FROM customers", "UPDATE customers SET status = 'x'"]
        ) {
          const { stderr } = await ask(gateway, text);
          assert.match(stderr, /ERROR 1142 \(42000\).*Postern: .*\[rule: [^\]]+\] Hint: /, text);
        }
        assert.doesNotMatch(await Deno.readTextFile(target.generalLog), /DROP TABLE|DELETE FROM/);
      });

      await t.step("an UPDATE waits for its approver and then runs", async () => {
        const approver = await gateway.signIn(ada);
        const text = "UPDATE customers SET status = 'suspended' WHERE id = 2";
        const waiting = client(gateway, "-vvv", "-e", text);
        const pending = await approver.pending("status = 'suspended'");
        const { request } = await approver.json<{ request: Record<string, unknown> }>(
          `/api/requests/${pending.id}`,
        );
        assert.equal(request.text, text);
        assert.equal((await approver.decide(pending.id, true)).status, 200);
        const { stdout, stderr } = await waiting;
        assert.match(stdout, /1 row affected[^]*Rows matched: 1 {2}Changed: 1/, stderr);
        const refused = client(gateway, "-e", "UPDATE customers SET status = 'gone' WHERE id = 1");
        const second = await approver.pending("status = 'gone'");
        await approver.decide(second.id, false, "not today");
        assert.match((await refused).stderr, /ERROR 1227.*refused this statement: not today/);
      });

      await t.step("the record has every statement, in order, with its rows", async () => {
        const auditor = await gateway.signIn(alex);
        const { sessions } = await auditor.json<{ sessions: { id: string; target: string }[] }>(
          "/api/sessions",
        );
        assert.ok(sessions.length >= 5);
        assert.ok(sessions.every(({ target: name }) => name === "demo"));
      });
    } finally {
      await gateway.close();
      await target.close();
    }
  },
);
