/** Every kind of mask, on every type that it knows, in every protocol and format: typed, stable, and not the value. */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

/** The value of each type, as text. */
const values = { t: "078-05-1120", i: "78051", n: "78051.25", d: "1984-07-19" } as const;
type Type = keyof typeof values;

/** What each kind makes of each type; a pattern where it depends on the key. NULL where the type cannot hold it. */
const kinds: readonly {
  name: string;
  mask: string;
  becomes: Readonly<Record<Type, string | RegExp | null>>;
}[] = [
  { name: "nul", mask: "{ kind: 'null' }", becomes: { t: null, i: null, n: null, d: null } },
  {
    name: "fixed",
    mask: "{ kind: fixed, text: 'n/a' }",
    becomes: { t: "n/a", i: null, n: null, d: null },
  },
  {
    name: "zero",
    mask: "{ kind: fixed, text: '0' }",
    becomes: { t: "0", i: "0", n: "0", d: null },
  },
  {
    name: "part",
    mask: "{ kind: partial, keepLast: 4 }",
    becomes: { t: "***-**-1120", i: null, n: null, d: null },
  },
  { name: "hash", mask: "{ kind: hash }", becomes: { t: /^[0-9a-f]{16}$/, i: null, n: null, d: null } },
  {
    name: "buck",
    mask: "{ kind: bucket, size: 1000 }",
    becomes: { t: null, i: "78000", n: "78000", d: "1000-01-01" },
  },
  {
    name: "year",
    mask: "{ kind: bucket, size: 10, unit: year }",
    becomes: { t: null, i: "78050", n: "78050", d: "1980-01-01" },
  },
  {
    name: "fake",
    mask: "{ kind: fake }",
    becomes: { t: /^\d{3}-\d{2}-\d{4}$/, i: /^\d{5}$/, n: /^\d{5}\.\d{2}$/, d: /^(?:19|20)\d\d-\d\d-\d\d$/ },
  },
];
const types = Object.keys(values) as Type[];
const columns = kinds.flatMap(({ name }) => types.map((type) => `${name}_${type}`));

const sections = `masks:
${kinds.map(({ name, mask }) => `  - { columns: ["*.m.${name}_*"], mask: ${mask} }`).join("\n")}
`;

function tableSql(sqlTypes: Readonly<Record<Type, string>>): string {
  const type = (column: string) => column.slice(-1) as Type;
  return `CREATE TABLE m (id int PRIMARY KEY, ${
    columns.map((one) => `${one} ${sqlTypes[type(one)]}`).join(", ")
  });
    INSERT INTO m VALUES (1, ${columns.map((one) => `'${values[type(one)]}'`).join(", ")}),
      (2, ${columns.map((one) => `'${values[type(one)]}'`).join(", ")});`;
}

const text = (value: unknown): string | null => {
  if (value === null) return null;
  if (!(value instanceof Date)) return String(value);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${value.getFullYear()}-${two(value.getMonth() + 1)}-${two(value.getDate())}`;
};

type Row = Readonly<Record<string, unknown>>;

/** Both rows hold the same values: so must what is shown of them, in every format. */
function check(name: string, rows: readonly Row[], seen: Map<string, string | null>): void {
  assert.equal(rows.length, 2, name);
  for (const { name: kind, becomes } of kinds) {
    for (const type of types) {
      const column = `${kind}_${type}`;
      const [one, other] = rows.map((row) => text(row[column]));
      const cell = `${name} ${column}: ${one}`;
      const wanted = becomes[type];
      assert.equal(one, other, cell);
      assert.notEqual(one, values[type], cell);
      // A scale of its own in text is the target's business: 78000 and 78000.00 are one number.
      const plain = type === "n" && one?.includes(".") && typeof wanted === "string"
        ? String(Number(one))
        : one;
      if (wanted instanceof RegExp) assert.match(String(plain), wanted, cell);
      else assert.equal(plain, wanted, cell);
      if (seen.has(column)) assert.equal(plain, seen.get(column), `${cell}, and in another format`);
      seen.set(column, plain ?? null);
    }
  }
}

testNeeding(
  [postgresqlHere],
  "PostgreSQL: mask kinds by type, simple and prepared, text and binary",
  async () => {
    const server = await startPostgresql({
      sql: tableSql({ t: "text", i: "int", n: "numeric(9,2)", d: "date" }),
    });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", server),
      sections,
      env: { TARGET_PASSWORD: server.password },
    });
    try {
      const client = new pg.Client({
        host: "127.0.0.1",
        port: gateway.ports.postgresql!,
        database: "demo",
        ...await (await gateway.signIn(devin)).password("demo"),
        types: { getTypeParser: () => (value: unknown) => value },
      } as pg.ClientConfig);
      client.on("error", () => {});
      await client.connect();
      const seen = new Map<string, string | null>();
      check("simple", (await client.query("SELECT * FROM m ORDER BY id")).rows, seen);
      const asked = { text: "SELECT * FROM m WHERE id < $1 ORDER BY id", values: [9] };
      check("prepared, text", (await client.query(asked)).rows, seen);
      // The driver reads other types than text wrongly in binary; their layouts are the unit tests' business.
      const binary = (await client.query({ ...asked, binary: true } as pg.QueryConfig)).rows;
      for (const row of binary) {
        for (const column of columns) {
          if (column.endsWith("_t")) assert.equal(text(row[column]), seen.get(column), `binary ${column}`);
          else assert.equal(row[column] === null, seen.get(column) === null, `binary ${column}`);
        }
      }
      check(
        "joined",
        (await client.query("SELECT m.* FROM m JOIN m x USING (id) ORDER BY id")).rows,
        seen,
      );
      await client.end();
    } finally {
      await gateway.close();
      await server.close();
    }
  },
);

testNeeding(
  [mariadbHere],
  "MariaDB: mask kinds by type, in rows of plain and of prepared statements",
  async () => {
    const server = await startMariadb({
      sql: tableSql({ t: "varchar(40)", i: "int", n: "decimal(9,2)", d: "date" }),
    });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "mysql", server),
      sections,
      env: { TARGET_PASSWORD: server.password },
    });
    try {
      const ticket = await (await gateway.signIn(devin)).password("demo");
      const client = await createConnection({
        host: "127.0.0.1",
        port: gateway.ports.mysql!,
        database: "demo",
        dateStrings: true,
        ...ticket,
      });
      const seen = new Map<string, string | null>();
      check("text", (await client.query("SELECT * FROM m ORDER BY id"))[0] as Row[], seen);
      check(
        "binary",
        (await client.execute("SELECT * FROM m WHERE id < ? ORDER BY id", [9]))[0] as Row[],
        seen,
      );
      await client.end();
    } finally {
      await gateway.close();
      await server.close();
    }
  },
);
