/** MariaDB Connector/J and SQLAlchemy under the default rules: their metadata passes, waits for nobody, is marked as such. */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import { devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { assertIntrospectionPassed } from "../support/introspection.ts";
import { type Mariadb, mariadbHere, startMariadb } from "../support/mariadb.ts";
import { missing, testNeeding } from "../support/programs.ts";
import { mariadbJdbc, pythonModule, runJava, runPython } from "../support/tools.ts";

const sql = `
  CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE, ssn VARCHAR(20));
  CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer_id INT, note VARCHAR(100), amount DECIMAL(10, 2),
    at DATETIME DEFAULT CURRENT_TIMESTAMP, KEY orders_note (note), FOREIGN KEY (customer_id) REFERENCES customers (id))
    COMMENT 'What was ordered';
  CREATE TABLE numbers AS SELECT seq AS id FROM seq_1_to_2000;
  CREATE VIEW big_orders AS SELECT * FROM orders WHERE amount > 100;
  INSERT INTO customers (name, ssn) VALUES ('Ann', '078-05-1120');
  INSERT INTO orders (customer_id, note, amount) VALUES (1, 'first', 5), (1, 'second', 500);
`;
const masks = `masks:
  - columns: ["app.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
`;

let database: Mariadb | null = null;
let gateway: TestGateway | null = null;
Deno.test.beforeAll(async () => {
  if (missing([mariadbHere]) !== null) return;
  database = await startMariadb({ sql });
  gateway = await startTestGateway({
    // What tools ask at their start holds nothing that a detector should take for somebody's data.
    targets: `${targetYaml("shop", "mysql", database)}    detectors: mask\n`,
    sections: masks,
    env: { TARGET_PASSWORD: database.password },
  });
});
Deno.test.afterAll(async () => {
  await gateway?.close();
  await database?.close();
});

const credentials = async () => await (await gateway!.signIn(devin)).oneTimePassword("shop");

const guiQueries = [
  "SET character_set_results = NULL",
  "SELECT @@session.auto_increment_increment AS a, @@character_set_client, @@sql_mode",
  "SHOW VARIABLES LIKE 'sql_mode'",
  "SHOW DATABASES",
  "SHOW FULL TABLES FROM `app`",
  "SHOW TABLE STATUS FROM `app`",
  "SHOW CREATE TABLE `app`.`orders`",
  "SHOW ENGINES",
  "SHOW PLUGINS",
  "SHOW CHARACTER SET",
  "SHOW COLLATION",
  "SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'app' AND TABLE_NAME = 'orders' ORDER BY ORDINAL_POSITION",
  "SELECT * FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'app'",
  "SHOW INDEX FROM `orders` FROM `app`",
  "SHOW SESSION STATUS LIKE 'Ssl_cipher'",
  "SELECT DATABASE()",
];
const slow = "SELECT COUNT(*) FROM numbers a, numbers b, numbers c WHERE a.id + b.id + c.id = 7";

testNeeding(
  [mariadbHere, mariadbJdbc],
  "MariaDB Connector/J: start-up, metadata, prepared on both ends, streams, savepoints, time-outs",
  async () => {
    // What the first connection of an address is greeted with is a guess; from the second on it is the target's own.
    await connectOnce();
    for (const options of ["", "?useServerPrepStmts=true&useCompression=true", "?allowMultiQueries=true"]) {
      const { user, password } = await credentials();
      const url = `jdbc:mariadb://127.0.0.1:${gateway!.ports.mysql}/${options}`;
      const { code, stdout, stderr } = await runJava(
        "jdbc_session",
        "mariadb-java-client.jar",
        [url, `${user}@shop`, password, slow],
        `${guiQueries.join("\n")}\n`,
      );
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trimEnd().split("\n"), [
        `statements ${guiQueries.length}`,
        "product MariaDB 10",
        "tables [customers, numbers, orders]",
        "columns [amount, at, customer_id, id, note]",
        "primary [id]",
        "imported [customers]",
        "exported [orders]",
        "indexes true",
        "prepared 2 second",
        "fetched 2000",
        "refused 42000 true",
        "valid true",
        "timeout 70100",
        "after 1",
      ]);
      await assertIntrospectionPassed(gateway!, [
        "orders",
        "numbers",
        "set autocommit",
        "SET character_set",
        "SELECT @@",
      ]);
    }
  },
);

testNeeding(
  [mariadbHere, pythonModule("sqlalchemy"), pythonModule("pymysql")],
  "SQLAlchemy with PyMySQL: the inspector and reflection pass under the default rules",
  async () => {
    const { user, password } = await credentials();
    const url = `mysql+pymysql://${user}:${password}@127.0.0.1:${gateway!.ports.mysql}/shop`;
    const { code, stdout, stderr } = await runPython("sqlalchemy_introspection", [url]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^tables customers numbers orders\nviews big_orders\n/);
    assert.match(stdout, /^orders keys \['id'\] \['customers'\] \['customer_id', 'orders_note'\] 0 0$/m);
    assert.match(stdout, /^rows \[\(1, 'first'\)\]$/m);
    await assertIntrospectionPassed(gateway!, ["FROM orders"]);
  },
);

async function connectOnce(): Promise<void> {
  const { user, password } = await credentials();
  const port = gateway!.ports.mysql!;
  const client = await mysql2.createConnection({ host: "127.0.0.1", port, user, password, database: "shop" });
  await client.end();
}
