/** Detectors leave alone what tools ask the catalogs: every value of every catalog of real servers is read by them. */
import assert from "node:assert/strict";
import { createConnection } from "mariadb";
import { detect } from "../../policy/detect.ts";
import { mariadbHere, patient, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, startMysql } from "../support/mysql.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const rowsMax = 5_000;

/** MySQL's own example of a number with a unit, which has the form of a card's. */
const known = "342342342342345";

/** What is found in it, and how many values there are. */
function read(rows: readonly (readonly unknown[])[], of: string, found: string[]): number {
  let values = 0;
  for (const value of rows.flat()) {
    if (value === null) continue;
    values++;
    const text = String(value);
    for (const { kind, start, end } of detect(text)) {
      const what = text.slice(start, end);
      if (what !== known) found.push(`${of}: ${kind} ${what}`);
    }
  }
  return values;
}

testNeeding([postgresqlHere], "PostgreSQL: detectors find nothing in the catalogs", async (t) => {
  const server = await startPostgresql({
    sql: "CREATE TABLE orders (id int PRIMARY KEY, note text); ANALYZE;",
  });
  const found: string[] = [];
  let values = 0;
  try {
    const relations = await server.query(
      `SELECT n.nspname || '.' || quote_ident(c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE n.nspname IN ('pg_catalog', 'information_schema') AND relkind IN ('r', 'v')`,
      { superuser: true },
    );
    for (const { name } of relations) {
      const rows = await server.query(`SELECT * FROM ${name} LIMIT ${rowsMax}`, { superuser: true })
        .catch(() => []);
      values += read(rows.map(Object.values), String(name), found);
    }
  } finally {
    await server.close();
  }
  await t.step(`${values} values, ${found.length} taken for those of people`, () => {
    assert.ok(values > 50_000);
    assert.deepEqual(found, []);
  });
});

const servers = [["MariaDB", mariadbHere, startMariadb], ["MySQL", mysqlHere, startMysql]] as const;
for (const [name, here, start] of servers) {
  testNeeding([here], `${name}: detectors find nothing in the catalogs`, async (t) => {
    const server = await start();
    const { host, port, user, password } = server;
    const found: string[] = [];
    let values = 0;
    const connection = await createConnection({
      host,
      port,
      user,
      password,
      allowPublicKeyRetrieval: true,
      ...patient,
    });
    try {
      const ask = async (sql: string): Promise<unknown[][]> =>
        await connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.string() }).catch(
          () => [],
        );
      const tables = await ask(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ('information_schema', 'performance_schema', 'mysql', 'sys')",
      );
      for (const table of tables) {
        const of = table.map((part) => `\`${part}\``).join(".");
        values += read(await ask(`SELECT * FROM ${of} LIMIT ${rowsMax}`), of, found);
      }
      for (const show of ["VARIABLES", "STATUS", "COLLATION", "ENGINES", "PLUGINS"]) {
        values += read(await ask(`SHOW ${show}`), show, found);
      }
    } finally {
      await connection.end();
      await server.close();
    }
    await t.step(`${values} values, ${found.length} taken for those of people`, () => {
      assert.ok(values > 20_000);
      assert.deepEqual(found, []);
    });
  });
}
