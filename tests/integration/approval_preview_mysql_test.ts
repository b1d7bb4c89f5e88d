/**
 * What approvers are told of a statement before it runs, on MariaDB and MySQL: ten statements each, through whole
 * Postern. With PREVIEWS in the environment they are printed.
 */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import { ada, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, startMysql } from "../support/mysql.ts";
import { type Impact, preview, previewRules } from "../support/previews.ts";
import { testNeeding } from "../support/programs.ts";

const schema = `
  CREATE TABLE customers(id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(20));
  CREATE TABLE orders(id INT PRIMARY KEY, customer INT, FOREIGN KEY (customer) REFERENCES customers(id) ON DELETE CASCADE);
  CREATE TABLE items(id INT PRIMARY KEY, order_id INT, FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE);
  INSERT INTO customers VALUES (1, 'ann', '900-11-1001'), (2, 'bob', '900-11-1002');
  INSERT INTO orders VALUES (1, 1), (2, 1), (3, 2);
  CREATE TRIGGER log_it AFTER UPDATE ON customers FOR EACH ROW SET @x = 1;
`;

interface Case {
  readonly what: string;
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly check: (impact: Impact) => void;
}

const cases: readonly Case[] = [
  {
    what: "an UPDATE by key: plan, trigger, locks, count, rows before and after",
    text: "UPDATE customers SET name = 'x' WHERE id = 1",
    check: (impact) => {
      assert.deepEqual([impact.exactRows, impact.triggers], [1, [
        "log_it on app.customers runs after each row",
      ]]);
      assert.deepEqual(impact.samples, { columns: ["name"], before: [["ann"]], after: [["x"]] });
      assert.match(impact.plan.join(), /customers by the index PRIMARY/);
      assert.match(impact.locks.join(), /row locks/);
    },
  },
  {
    what: "bound parameters, that would break out of a quoted text",
    text: "UPDATE customers SET name = ? WHERE name = ?",
    values: ["a", "' OR '1'='1"],
    check: (impact) => assert.deepEqual([impact.exactRows, impact.plan.length > 0], [0, true]),
  },
  {
    what: "masked columns, and values for them, are masked in the rows",
    text: "UPDATE customers SET ssn = ?, `name` = concat(name, ?, '(,)') WHERE id < ? LIMIT 1",
    values: ["123-45-6789", "-x", 3],
    check: (impact) =>
      assert.deepEqual(impact.samples, {
        columns: ["ssn", "name"],
        before: [["***-**-1001", "ann"]],
        after: [["‹masked›", "ann-x(,)"]],
      }),
  },
  {
    what: "assignments that build on each other have no rows after, and say so",
    text: "UPDATE customers SET name = 'y', ssn = name WHERE id = 1",
    check: (impact) =>
      assert.deepEqual(
        [impact.samples, impact.missing],
        [null, ["sample rows: its assignments build on each other"]],
      ),
  },
  {
    what: "a DELETE cascades two levels deep",
    text: "DELETE FROM customers WHERE id = 2",
    check: (impact) => {
      assert.deepEqual(impact.samples, { columns: [], before: [["2", "bob", "***-**-1002"]], after: null });
      assert.match(impact.cascades[0] ?? "", /^from app.customers on to app.orders, .*CASCADE/);
      assert.match(impact.cascades[1] ?? "", /^from app.orders on to app.items, .*CASCADE.*level 2/);
    },
  },
  {
    what: "without a WHERE: every row",
    text: "UPDATE orders SET customer = 1",
    check: (impact) => assert.match(impact.plan.join("\n"), /read the whole .*of orders, about 3 rows/),
  },
  {
    what: "INSERT … SELECT: the plan of what it reads",
    text: "INSERT INTO items SELECT id, id FROM orders WHERE customer = 1",
    check: (impact) => assert.match(impact.plan.join("\n"), /orders/),
  },
  {
    what: "an UPDATE of a join: both tables in its plan",
    text: "UPDATE orders o JOIN customers c ON c.id = o.customer SET o.customer = 2 WHERE c.name = 'ann'",
    check: (impact) => {
      const names = impact.tables.map(({ name }) => name).sort();
      assert.deepEqual(names, ["app.customers", "app.orders"]);
      assert.match(impact.plan.join("\n"), / of c\b.* of o\b/s);
    },
  },
  {
    what: "ALTER TABLE: what is locked",
    text: "ALTER TABLE orders ADD COLUMN note INT",
    check: (impact) => assert.match(impact.locks.join(), /metadata lock on app.orders/),
  },
  {
    what: "CREATE INDEX: what is locked",
    text: "CREATE INDEX by_customer ON orders (customer, id)",
    check: (impact) => assert.match(impact.locks.join(), /metadata lock on app.orders/),
  },
];

const servers = [
  ["MariaDB", mariadbHere, () => startMariadb({ sql: schema })],
  ["MySQL", mysqlHere, () => startMysql(schema)],
] as const;

for (const [flavour, here, start] of servers) {
  testNeeding([here], `the preview of ten statements on ${flavour}`, async (t) => {
    const target = await start();
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "mysql", target),
      sections: previewRules,
      env: { TARGET_PASSWORD: target.password },
    });
    const looks: string[] = [];
    try {
      const [user, approver] = await Promise.all([gateway.signIn(devin), gateway.signIn(ada)]);
      const client = await mysql2.createConnection(await user.url("demo"));
      for (const { what, text, values, check } of cases) {
        await t.step(what, async () => {
          const impact = await preview(
            approver,
            () => values === undefined ? client.query(text) : client.execute(text, [...values] as string[]),
          );
          looks.push(`${text}\n${JSON.stringify(impact, null, 1)}`);
          assert.doesNotMatch(JSON.stringify(impact), /900-11|123-45/);
          check(impact);
        });
      }
      client.destroy();
      if (Deno.env.has("PREVIEWS")) console.log(looks.join("\n\n"));
    } finally {
      await gateway.close();
      await target.close();
    }
  });
}
