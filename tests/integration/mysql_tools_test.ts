/** MariaDB Connector/J and SQLAlchemy under the default rules: their metadata passes, waits for nobody, is marked as such. */
import assert from "node:assert/strict";
import * as mysql2 from "mysql2/promise";
import {
  ada,
  type DashboardUser,
  devin,
  startTestGateway,
  targetYaml,
  type TestGateway,
} from "../support/gateway.ts";
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
let user: DashboardUser | null = null;
Deno.test.beforeAll(async () => {
  if (missing([mariadbHere]) !== null) return;
  database = await startMariadb({ sql });
  gateway = await startTestGateway({
    targets: targetYaml("shop", "mysql", database),
    sections: masks,
    env: { TARGET_PASSWORD: database.password },
  });
  user = await gateway.signIn(devin);
});
Deno.test.afterAll(async () => {
  await gateway?.close();
  await database?.close();
});

/** A user and a password that are good for one connection. */
async function credentials(): Promise<{ user: string; password: string }> {
  const page = await user!.post("/api/targets/shop/password", {});
  assert.equal(page.status, 200, page.text);
  const issued = JSON.parse(page.text) as { user: string; lines: { line: string }[] };
  return { user: issued.user, password: /MYSQL_PWD=(\S+)/.exec(issued.lines[0]!.line)![1]! };
}

/** A step of the replay that is a statement. */
interface Step {
  readonly step: string;
  readonly text: string;
  readonly verdict: string;
  readonly catalogOnly: boolean;
}

/** What the newest session ran, as the replay shows it. */
async function replayed(): Promise<Step[]> {
  const { sessions } = await user!.json<{ sessions: { id: string }[] }>("/api/sessions");
  const found: Step[] = [];
  for (let from: number | null = 0; from !== null;) {
    const page: { steps: Step[]; next: number | null } = await user!.json(
      `/api/sessions/${sessions[0]!.id}/events?after=${from}`,
    );
    found.push(...page.steps.filter(({ step }) => step === "statement"));
    from = page.next;
  }
  return found;
}

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
      await onlyCatalogs(["orders", "numbers", "set autocommit", "SET character_set", "SELECT @@"]);
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
    await onlyCatalogs(["FROM orders"]);
  },
);

async function connectOnce(): Promise<void> {
  const { user, password } = await credentials();
  const port = gateway!.ports.mysql!;
  const client = await mysql2.createConnection({ host: "127.0.0.1", port, user, password, database: "shop" });
  await client.end();
}

/** Everything passed but the DROP, nobody was asked, and what is not about `tables` is a catalog read or no read. */
async function onlyCatalogs(tables: readonly string[]): Promise<void> {
  const steps = await replayed();
  assert.ok(steps.length > 15, `${steps.length} statements`);
  assert.deepEqual(steps.filter(({ verdict, text }) => verdict !== "allow" && !/^DROP/.test(text)), []);
  const unmarked = steps.filter(({ catalogOnly, text }) =>
    !catalogOnly && /^\s*(SELECT|SHOW)/i.test(text) && !tables.some((table) => text.includes(table))
  );
  assert.deepEqual(unmarked.map(({ text }) => text), []);
  const { requests } = await (await gateway!.signIn(ada)).json<{ requests: unknown[] }>("/api/requests");
  assert.deepEqual(requests, []);
}
