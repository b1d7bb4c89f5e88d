/** The lines that people copy: right for every protocol, and safe in a shell and in a URL. */
import assert from "node:assert/strict";
import { connectLines as mysqlLines } from "../../../proxy/mysql/connect_lines.ts";
import { connectLines as postgresLines } from "../../../proxy/postgres/connect_lines.ts";
import type { ConnectRequest } from "../../../proxy/protocol.ts";

const plain: ConnectRequest = {
  host: "db.example.test",
  port: 6432,
  target: "orders-prod",
  user: "devin-x2y3",
  password: "secret",
  tls: "none",
};
const texts = (lines: readonly { line: string }[]) => lines.map(({ line }) => line);

Deno.test("PostgreSQL: psql with and without a password, and a URL", () => {
  assert.deepEqual(texts(postgresLines(plain)), [
    "PGPASSWORD=secret psql 'host=db.example.test port=6432 user=devin-x2y3 dbname=orders-prod'",
    "postgresql://devin-x2y3:secret@db.example.test:6432/orders-prod",
  ]);
  assert.deepEqual(
    texts(postgresLines({ ...plain, password: null, tls: "required", user: "o'neil x\\@example.test" })),
    [
      `psql 'host=db.example.test port=6432 user='\\''o\\'\\''neil x\\\\@example.test'\\'' dbname=orders-prod sslmode=require'`,
    ],
  );
  const [, url] = texts(postgresLines({ ...plain, host: "::1", password: "p@ss/w", tls: "offered" }));
  assert.equal(url, "postgresql://devin-x2y3:p%40ss%2Fw@[::1]:6432/orders-prod?sslmode=require");
  assert.equal(new URL(url!).hostname, "[::1]");
});

Deno.test("MySQL and MariaDB: each client's own options, a URL, and JDBC", () => {
  assert.deepEqual(texts(mysqlLines(plain)), [
    "MYSQL_PWD=secret mariadb -h db.example.test -P 6432 -u devin-x2y3 orders-prod",
    "MYSQL_PWD=secret mysql -h db.example.test -P 6432 -u devin-x2y3 orders-prod",
    "mysql://devin-x2y3:secret@db.example.test:6432/orders-prod",
    "jdbc:mysql://db.example.test:6432/?user=devin-x2y3@orders-prod&password=secret",
  ]);
  assert.deepEqual(
    texts(mysqlLines({ ...plain, host: "localhost", password: null, tls: "required", user: "$(id)" })),
    [
      "mariadb -h localhost -P 6432 -u '$(id)' --protocol=tcp --ssl orders-prod",
      "mysql -h localhost -P 6432 -u '$(id)' --protocol=tcp --ssl-mode=REQUIRED orders-prod",
    ],
  );
});

Deno.test("labels are distinct: they are what tells the lines apart", () => {
  for (const lines of [postgresLines(plain), mysqlLines(plain), mysqlLines({ ...plain, password: null })]) {
    assert.equal(new Set(lines.map(({ label }) => label)).size, lines.length);
  }
});
