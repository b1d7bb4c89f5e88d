/** The second opinion: what Postern calls clean, and the target refuses to a role without rights on masked columns, does not run. */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { compileMasks } from "../../policy/masking.ts";
import { catalogOf } from "../support/catalogs.ts";
import { alex, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, startMysql } from "../support/mysql.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const tables = `
  CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), ssn varchar(20));
  INSERT INTO customers VALUES (1, 'Ann', '900-11-1037'), (2, 'Bob', '900-22-2042');
  CREATE VIEW shown AS SELECT id, name, ssn AS tax_no FROM customers;
`;
const columns = ["*.customers.ssn"];
const sections = `masks:
  - columns: ${JSON.stringify(columns)}
    mask: { kind: partial, keepLast: 4 }
`;

/** What `postern catalog TARGET --probe-role-sql` prints. */
async function roleSql(protocol: string, server: Parameters<typeof catalogOf>[1]) {
  const catalog = await catalogOf(protocol, server);
  const { lookup } = compileMasks([{ columns, mask: { kind: "null" } }])([], "demo");
  return catalog.probeRole(lookup, "postern_probe");
}

const probe = (otherwise: string, password = "PROBE_PASSWORD") =>
  `    probe: { account: { user: postern_probe, password: { env: ${password} } }, wait: 20s, otherwise: ${otherwise} }\n`;

/** Events of a type in the record, once there are so many. */
async function events(gateway: TestGateway, type: string, least: number): Promise<string[]> {
  const auditor = await gateway.signIn(alex);
  for (let tries = 0;; tries++) {
    const { text } = await auditor.api("/api/audit/export");
    const found = text.split("\n").filter((line) => line.includes(`"type":"${type}"`));
    if (found.length >= least) return found;
    assert.ok(tries < 1200, `${found.length} of ${type}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

testNeeding(
  [postgresqlHere],
  "PostgreSQL: a read that the probe role is refused does not run, and is told",
  async (t) => {
    const server = await startPostgresql({ sql: tables });
    const sql = await roleSql("postgresql", server);
    assert.match(sql, /GRANT SELECT \("id", "name"\) ON "public"."customers" TO "postern_probe"/);
    assert.match(sql, /GRANT SELECT \("id", "name"\) ON "public"."shown" TO "postern_probe"/);
    await server.query(sql, { superuser: true, database: "app" });
    await server.query("ALTER ROLE postern_probe PASSWORD 'probe-secret'", { superuser: true });
    // It came after the role: the role has no rights on it, as if Postern had missed what it shows.
    await server.query("CREATE TABLE fresh AS SELECT ssn AS x FROM customers");
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", server) + probe("deny") +
        targetYaml("locked", "postgresql", server) + probe("deny", "TARGET_PASSWORD") +
        targetYaml("open", "postgresql", server) + probe("allow", "TARGET_PASSWORD"),
      sections,
      env: { TARGET_PASSWORD: server.password, PROBE_PASSWORD: "probe-secret" },
    });
    const user = await gateway.signIn(devin);
    const connect = async (target: string) => {
      const client = new pg.Client({
        host: "127.0.0.1",
        port: gateway.ports.postgresql!,
        database: target,
        ...await user.password(target),
      });
      await client.connect();
      return client;
    };
    try {
      const client = await connect("demo");
      try {
        await t.step("reads without masked columns pass, with and without parameters", async () => {
          assert.equal(
            (await client.query("SELECT name FROM customers WHERE id = 1 -- why")).rows[0].name,
            "Ann",
          );
          const asked = {
            text: "SELECT name FROM shown WHERE id = $1 AND name = ANY($2)",
            values: [2, ["Bob"]],
          };
          assert.equal((await client.query(asked)).rows[0].name, "Bob");
          assert.equal((await client.query(asked)).rows[0].name, "Bob");
          assert.equal((await client.query("SELECT count(*)::int AS n FROM customers")).rows[0].n, 2);
        });
        await t.step("masked columns are masked, not probed", async () => {
          assert.equal(
            (await client.query("SELECT ssn FROM customers WHERE id = 1")).rows[0].ssn,
            "***-**-1037",
          );
          assert.equal(
            (await client.query("SELECT tax_no FROM shown WHERE id = 1")).rows[0].tax_no,
            "***-**-1037",
          );
        });
        await t.step(
          "what the role is refused is refused, in both ways of the protocol, and the session goes on",
          async () => {
            for (
              const query of ["SELECT x FROM fresh", { text: "SELECT x FROM fresh LIMIT $1", values: [1] }]
            ) {
              await assert.rejects(client.query(query), (error: Error & { code?: string }) => {
                assert.equal(error.code, "42501");
                assert.match(error.message, /refuses this to a role that may not read masked columns/);
                return true;
              });
            }
            assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
            const told = await events(gateway, "probe.disagreed", 2);
            assert.ok(told.every((line) => line.includes('"code":"42501"')));
            const judged = await events(gateway, "statement.judged", 1);
            const refused = judged.filter((line) => line.includes("FROM fresh"));
            assert.equal(refused.length, 2);
            for (const line of refused) {
              assert.match(line, /"forwarded":false.*"rule":"built-in: second opinion"/);
            }
          },
        );
        await t.step("a mistaken statement gets the target's own error", async () => {
          await assert.rejects(
            client.query("SELECT name FROM customers WHERE id = 'x'"),
            /invalid input syntax/,
          );
        });
      } finally {
        await client.end();
      }
      await t.step("without an answer it is as configured", async () => {
        const locked = await connect("locked");
        await assert.rejects(locked.query("SELECT name FROM customers"), /gave no second opinion/);
        await locked.end();
        const open = await connect("open");
        assert.equal((await open.query("SELECT name FROM customers WHERE id = 1")).rows[0].name, "Ann");
        await open.end();
      });
    } finally {
      await gateway.close();
      await server.close();
    }
  },
);

/** What is printed for the tables above, with a password. */
const account = "'postern_probe'@'%'";
const grants = [
  `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY 'probe-secret';`,
  `GRANT SELECT (\`id\`, \`name\`) ON \`app\`.\`customers\` TO ${account};`,
  `GRANT SELECT (\`id\`, \`name\`) ON \`app\`.\`shown\` TO ${account};`,
  `GRANT SHOW VIEW ON \`app\`.\`shown\` TO ${account};`,
];
/** It came after the account, which has no rights on it. */
const fresh = "CREATE TABLE app.fresh AS SELECT ssn AS x FROM app.customers;";

for (const flavour of ["mariadb", "mysql"] as const) {
  const here = flavour === "mariadb" ? mariadbHere : mysqlHere;
  testNeeding([here], `${flavour}: a read that the probe account is refused does not run`, async () => {
    const server = flavour === "mariadb"
      ? await startMariadb({ sql: tables })
      : await startMysql([tables.replaceAll("\n", " ").replaceAll(";", ";\n"), fresh, ...grants].join("\n"));
    if ("query" in server) {
      for (const line of grants) await server.query(line, { root: true });
      await server.query(fresh);
    }
    const printed = (await roleSql("mysql", server)).replace("change me", "probe-secret").split("\n");
    const own = printed.filter((line) => !line.startsWith("--") && !line.includes("fresh"));
    assert.deepEqual(own.sort(), grants.toSorted());
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "mysql", server) + probe("deny"),
      sections,
      env: { TARGET_PASSWORD: server.password, PROBE_PASSWORD: "probe-secret" },
    });
    try {
      const ticket = await (await gateway.signIn(devin)).password("demo");
      const client = await createConnection({
        host: "127.0.0.1",
        port: gateway.ports.mysql!,
        database: "demo",
        ...ticket,
      });
      const names = async (text: string, values: unknown[] = []) =>
        JSON.stringify(
          (await (values.length > 0 ? client.execute(text, values as string[]) : client.query(text)))[0],
        );
      assert.equal(await names("SELECT name FROM customers WHERE id = 1 -- why"), '[{"name":"Ann"}]');
      assert.equal(await names("SELECT name FROM customers WHERE id = ?", [2]), '[{"name":"Bob"}]');
      assert.equal(await names("SELECT ssn FROM customers WHERE id = 1"), '[{"ssn":"***-**-1037"}]');
      await assert.rejects(names("SELECT x FROM fresh"), /role that may not read masked columns/);
      await assert.rejects(
        names("SELECT x FROM fresh WHERE x <> ?", ["1"]),
        /role that may not read masked columns/,
      );
      assert.equal(await names("SELECT 1 AS one"), '[{"one":1}]');
      await client.end();
      assert.equal((await events(gateway, "probe.disagreed", 2)).length, 2);
    } finally {
      await gateway.close();
      await server.close();
    }
  });
}
