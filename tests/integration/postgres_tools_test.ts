/** SQLAlchemy, Django and JDBC under the default rules: their introspection passes, waits for nobody, is marked as such. */
import assert from "node:assert/strict";
import { devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { assertIntrospectionPassed } from "../support/introspection.ts";
import { type Postgresql, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { missing, testNeeding } from "../support/programs.ts";
import { pgJdbc, pythonModule, runJava, runPython } from "../support/tools.ts";

const sql = `
  CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL UNIQUE, ssn text, born date);
  CREATE TABLE orders (id serial PRIMARY KEY, customer_id int REFERENCES customers, note text,
    amount numeric(10, 2) CHECK (amount >= 0), at timestamptz DEFAULT now(), tags text[], doc jsonb);
  CREATE INDEX orders_note ON orders (note);
  CREATE TABLE numbers AS SELECT g AS id FROM generate_series(1, 2000) g;
  CREATE VIEW big_orders AS SELECT * FROM orders WHERE amount > 100;
  COMMENT ON TABLE orders IS 'What was ordered';
  INSERT INTO customers (name, ssn) VALUES ('Ann', '078-05-1120');
  INSERT INTO orders (customer_id, note, amount) VALUES (1, 'first', 5), (1, 'second', 500);
`;
const masks = `masks:
  - columns: ["public.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
`;

let server: Postgresql | null = null;
let gateway: TestGateway | null = null;
Deno.test.beforeAll(async () => {
  if (missing([postgresqlHere]) !== null) return;
  server = await startPostgresql({ sql });
  gateway = await startTestGateway({
    // What tools ask at their start holds nothing that a detector should take for somebody's data.
    targets: `${targetYaml("demo", "postgresql", server)}    detectors: mask\n`,
    sections: masks,
    env: { TARGET_PASSWORD: server.password },
  });
});
Deno.test.afterAll(async () => {
  await gateway?.close();
  await server?.close();
});

const credentials = async () => await (await gateway!.signIn(devin)).oneTimePassword("demo");

testNeeding(
  [postgresqlHere, pythonModule("sqlalchemy"), pythonModule("psycopg2")],
  "SQLAlchemy: the inspector and reflection pass under the default rules and are marked as catalog reads",
  async () => {
    const { user, password } = await credentials();
    const url = `postgresql+psycopg2://${user}:${password}@127.0.0.1:${gateway!.ports.postgresql}/demo`;
    const { code, stdout, stderr } = await runPython("sqlalchemy_introspection", [url]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^tables customers numbers orders\nviews big_orders\n/);
    assert.match(stdout, /^orders keys \['id'\] \['customers'\] \['orders_note'\] 0 1$/m);
    assert.match(stdout, /^rows \[\(1, 'first'\)\]$/m);
    await assertIntrospectionPassed(gateway!, ["FROM orders"]);
  },
);

testNeeding(
  [postgresqlHere, pythonModule("django"), pythonModule("psycopg2")],
  "Django: inspectdb passes under the default rules and is marked as catalog reads",
  async () => {
    const { user, password } = await credentials();
    const args = ["postgresql", "127.0.0.1", String(gateway!.ports.postgresql), user, "demo"];
    const { code, stdout, stderr } = await runPython("django_introspection", args, { DB_PASSWORD: password });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /class Orders\(models\.Model\):/);
    assert.match(stdout, /models\.ForeignKey\(Customers, models\.DO_NOTHING/);
    assert.match(stdout, /# rows \[\(1, 'first'\)\]\n# count 2/);
    await assertIntrospectionPassed(gateway!, ['FROM "orders"', 'FROM "customers"', 'FROM "numbers"']);
  },
);

testNeeding(
  [postgresqlHere, pgJdbc],
  "pgJDBC and DBeaver's queries: metadata, named and binary statements, cursors, savepoints, time-outs",
  async () => {
    const { user, password } = await credentials();
    const url = `jdbc:postgresql://127.0.0.1:${gateway!.ports.postgresql}/demo?sslmode=disable`;
    const startUp = await Deno.readTextFile(new URL("../vectors/dbeaver_postgresql.sql", import.meta.url));
    const { code, stdout, stderr } = await runJava(
      "jdbc_session",
      "postgresql.jar",
      [url, user, password, "SELECT pg_sleep(30)"],
      startUp,
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trimEnd().split("\n"), [
      `statements ${startUp.trim().split("\n").length}`,
      "product PostgreSQL 15",
      "tables [customers, numbers, orders]",
      "columns [amount, at, customer_id, doc, id, note, tags]",
      "primary [id]",
      "imported [customers]",
      "exported [orders]",
      "indexes true",
      "prepared 2 second",
      "fetched 2000",
      "error 22012",
      "refused 42501 true",
      "valid true",
      "timeout 57014",
      "after 1",
    ]);
    await assertIntrospectionPassed(gateway!, ["orders", "numbers", "pg_sleep", "1 / 0"]);
  },
);
