/** Templates and words of statements: what search counts as alike, and finds by. */
import assert from "node:assert/strict";
import { templateId, templateOf, wantedOf, wordsOf } from "../../../policy/audit/template.ts";

const alike: readonly (readonly [string, string])[] = [
  ["SELECT * FROM t WHERE id = 1", "select *\n from t where id = 42 -- for the ticket"],
  ["select * from t where id in (1, 2, 3)", "select * from t where id in (7)"],
  ["insert into t values (1, 'a'), (2, 'b')", "insert into t values (9, 'it''s')"],
  ["select $1, 'x'", "select $2, E'a\\'b'"],
  ["select $tag$ it's $tag$", "select 'x'"],
  ["select 1.5e3;", "select .5"],
];

const different: readonly (readonly [string, string])[] = [
  ["select a1 from t", "select a2 from t"],
  ['select "A" from t', 'select "a" from t'],
  ["select * from t", "select * from u"],
  ["delete from t where id = 1", "delete from t"],
];

Deno.test("statements that differ in literals, lists, comments, blanks and case only have one template", () => {
  for (const [one, other] of alike) assert.equal(templateOf(one), templateOf(other));
  for (const [one, other] of different) assert.notEqual(templateOf(one), templateOf(other));
  assert.equal(
    templateOf("SELECT * FROM t WHERE id IN (1, 2) AND x = 'y';"),
    "select * from t where id in (?) and x = ?",
  );
  assert.match(templateId("select ?"), /^[0-9a-f]{16}$/);
});

Deno.test("a text made to be slow takes no longer than its length", () => {
  const hostile = ["/*", "$a$", "'", "$", '"', "1.", "--", "((((", "? ,", "e'\\"];
  for (const piece of hostile) {
    const text = piece.repeat(100_000);
    assert.ok(templateOf(text).length <= 20_000);
    assert.ok(wordsOf(text).length <= 300);
  }
});

Deno.test("words, beginnings and passages of a search", () => {
  assert.deepEqual(wordsOf("UPDATE Kunden SET größe = 7, größe=7"), [
    "update",
    "kunden",
    "set",
    "größe",
    "7",
  ]);
  assert.deepEqual(wantedOf('orders ord* "mia@example.com"'), {
    words: ["orders", "mia", "example", "com"],
    beginnings: ["ord"],
    passages: ["mia@example.com"],
  });
  assert.deepEqual(wantedOf("  * "), { words: [], beginnings: [], passages: [] });
});
