/** What the record hides of a text: the literals and parameters that go to a masked column. */
import assert from "node:assert/strict";
import type { Understood } from "../../../policy/sql/dialect.ts";
import { understand } from "./mysql_fixture.ts";
import { understood } from "./postgresql_fixture.ts";

/** Hidden ones are between ‹ and ›; parameters by their number from 0. */
function shown(text: string, { facts }: Understood): [string, ...number[]] {
  let marked = "";
  let at = 0;
  for (const [start, end] of facts.maskedLiterals) {
    marked += `${text.slice(at, start)}‹${text.slice(start, end)}›`;
    at = end;
  }
  return [marked + text.slice(at), ...facts.maskedParameters];
}

/** What is expected, from which the text itself follows. */
function check(judge: (text: string) => Understood, expected: string, ...parameters: number[]): void {
  const text = expected.replace(/[‹›]/g, "");
  assert.deepEqual(shown(text, judge(text)), [expected, ...parameters]);
}

const pg = (expected: string, ...parameters: number[]) => check(understood, expected, ...parameters);
const my = (expected: string, ...parameters: number[]) => check(understand, expected, ...parameters);

Deno.test("what is written to a masked column is hidden from the record, and nothing else", () => {
  pg("UPDATE users SET name = 'Ann', ssn = ‹'123-45-6789'› WHERE id = 7");
  pg("INSERT INTO users (id, ssn, name) VALUES (1, ‹'1'›, 'a'), (2, ‹E'it\\'s'›, 'b')");
  pg("INSERT INTO users (id, ssn) VALUES ($1, $2), ($3, upper($4))", 1, 3);
  pg("INSERT INTO users (id, ssn) SELECT 4, ‹'x'› || name FROM orders JOIN users USING (id)");
  pg("INSERT INTO users (id, name) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET ssn = ‹$x$it's$x$›");
  pg("UPDATE users SET name = 'ü🂡é', ssn = ‹'ü'› WHERE name = '🂡'");
  pg("UPDATE users SET ssn = ‹'a'\n  'b'› WHERE id = 3");
  my("UPDATE users SET name = 'Ann', ssn = ‹'123-45-6789'› WHERE id = 7");
  my("INSERT INTO users (id, ssn, name) VALUES (1, ‹'1'›, 'a'), (2, concat(‹'x'›, ?), 'b')", 0);
  my("INSERT INTO users (id, ssn) VALUES (?, ?), (?, ?)", 1, 3);
  my("REPLACE INTO users SET id = 1, ssn = ‹'1'›, name = 'a'");
  my("INSERT INTO users (id, name) VALUES (1, 'a') ON DUPLICATE KEY UPDATE ssn = ‹_utf8mb4'x'›".replace(
    "‹_utf8mb4",
    "_utf8mb4‹",
  ));
  my("INSERT INTO users (id, ssn) SELECT 4, concat(‹'x'›, note) FROM orders WHERE id = 4");
});

Deno.test("what is compared with a masked column is hidden, what stands beside it is not", () => {
  pg("SELECT id FROM users WHERE id = 4 AND ssn = ‹'123-45-6789'›");
  pg("SELECT id FROM users WHERE id IN (1, 2) OR ssn IN (‹'1'›, ‹'2'›, $1)", 0);
  pg("SELECT id FROM users WHERE ‹'1'› = (SELECT ssn FROM users WHERE id = 1)");
  my("SELECT id FROM users WHERE id = 4 AND ssn = ‹'123-45-6789'›");
  my("SELECT id FROM users WHERE id IN (1, 2) OR ssn IN (‹'1'›, ‹'2'›, ?)", 0);
});

Deno.test("where a literal can take a detour to a masked column, all literals are hidden", () => {
  pg("UPDATE users u SET ssn = v.s FROM (VALUES (‹1›, ‹'1'›), (‹-2›, ‹'2'›)) v(id, s) WHERE u.id = v.id");
  pg("WITH v AS (SELECT ‹'1'› AS s) INSERT INTO users (id, ssn) SELECT ‹1›, s FROM v");
  my("INSERT INTO users (id, ssn) WITH v AS (SELECT ‹'1'› AS s) SELECT ‹1›, s FROM v");
  my("UPDATE users u JOIN (SELECT ‹1› AS id, ‹'1'› AS s) v ON u.id = v.id SET u.ssn = v.s WHERE u.id = ‹1›");
});

Deno.test("statements without masked columns hide nothing", () => {
  pg("UPDATE orders SET note = 'x' WHERE id = 3");
  my("UPDATE orders SET note = 'x' WHERE id = 3");
  pg("SELECT 'a', ssn, 3 FROM users WHERE id = 4");
});

Deno.test("what a variable of MySQL is given may go to a masked column later", () => {
  my("SET @a = ‹'123-45-6789'›, @b = CONCAT(‹'1'›, ‹'2'›), sql_safe_updates = 1");
  my("SELECT @a := ‹'123-45-6789'›, 'other'");
  my("SELECT ‹'123-45-6789'›, CONCAT(‹'1'›, name) INTO @a, @b FROM orders WHERE note = 'x'");
  my("SELECT ‹'123-45-6789'› INTO @a");
  my("UPDATE users SET ssn = @a, name = 'x' WHERE id = 1");
});
