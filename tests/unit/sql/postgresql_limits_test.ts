import assert from "node:assert/strict";
import { limits } from "../../../policy/sql/postgresql/text_limits.ts";
import { analyst } from "./postgresql_fixture.ts";

function code(text: string): string {
  const answer = analyst.analyse(text, {});
  return "refused" in answer ? answer.refused.code : "understood";
}

const repeat = (text: string, times: number) => text.repeat(times);
const many = 5_000;

const texts: Readonly<Record<string, readonly [string, string]>> = {
  "a NUL": ["SELECT 1\0; DROP TABLE users", "text-nul"],
  "a lone surrogate": ["SELECT '\ud800'", "text-encoding"],
  "ten megabytes": [`SELECT '${repeat("x", 10_000_000)}'`, "text-too-long"],
  "nested comments": [`${repeat("/*", many)}${repeat("*/", many)} SELECT 1`, "text-comment-depth"],
  "unclosed comments": [repeat("/*", many), "text-comment-depth"],
  "a few nested comments": [`${repeat("/*", 20)}${repeat("*/", 20)} SELECT 1`, "understood"],
  "many comments in a row": [`${repeat("/* x */", many)} SELECT 1`, "understood"],
  "brackets": [`SELECT ${repeat("(", many)}1${repeat(")", many)}`, "text-too-deep"],
  "unclosed brackets": [`SELECT ${repeat("(", many)}`, "text-too-deep"],
  "sub-selects": [`${repeat("SELECT (", many)}1${repeat(")", many)}`, "text-too-deep"],
  "a sum": [`SELECT ${repeat("1+", many)}1`, "text-too-deep"],
  "negations": [`SELECT ${repeat("NOT ", many)}true`, "text-too-deep"],
  "casts": [`SELECT 1${repeat("::int", many)}`, "text-too-deep"],
  "a union": [`SELECT 1${repeat(" UNION ALL SELECT 1", many)}`, "text-too-deep"],
  "joins": [`SELECT 1 FROM orders${repeat(" JOIN orders ON true", many)}`, "text-too-deep"],
  "cases": [`SELECT ${repeat("CASE WHEN true THEN ", many)}1${repeat(" END", many)}`, "text-too-deep"],
  "arrays": [`SELECT ${repeat("ARRAY[", many)}1${repeat("]", many)}`, "text-too-deep"],
  "subscripts": [`SELECT a${repeat("[1]", many)}`, "text-too-deep"],
  "a run of operator characters": [`SELECT 1 ${repeat("+-", many)}1`, "text-operator-run"],
  "a dashed line in a comment": [`SELECT 1 ${repeat("-", many)}`, "understood"],
  "a dashed line in a string": [`SELECT '${repeat("=+", many)}'`, "understood"],
  "a starred line in a comment": [`/*${repeat("*", many)}*/ SELECT 1`, "understood"],
  "comment marks in a string": [`SELECT '${repeat("/*", many)}'`, "understood"],
  "comment marks in a name": [`SELECT 1 AS "${repeat("/*", 20)}"`, "understood"],
  "comment marks in a dollar-quoted string": [`SELECT $x$${repeat("/*", many)}$x$`, "understood"],
  "brackets in an escape string": [`SELECT E'\\'${repeat("(", many)}'`, "understood"],
  "a quote that an escape does not hide": [`SELECT '\\' ${repeat("(", many)}`, "text-too-deep"],
  "many OR terms": [`SELECT 1 FROM orders WHERE ${repeat("id = 1 OR ", 1_000)}id = 2`, "understood"],
  "a long IN list": [`SELECT 1 FROM orders WHERE id IN (${repeat("1,", 20_000)}1)`, "understood"],
  "too long an IN list": [
    `SELECT 1 FROM orders WHERE id IN (${repeat("1,", 160_000)}1)`,
    "text-too-many-tokens",
  ],
  "as many columns as PostgreSQL has": [`SELECT ${repeat("id,", 1_663)}id FROM orders`, "understood"],
  "ten thousand columns": [`SELECT ${repeat("id,", 10_000)}id FROM orders`, "too-complex"],
  "columns that multiply": [
    `${repeat("SELECT a.*, a.*, a.* FROM (", 15)}SELECT * FROM users${repeat(") a", 15)}`,
    "too-complex",
  ],
  "recursion within recursion": [nested(30), "too-complex"],
  "a 300 kB value": [`INSERT INTO orders(note) VALUES ('${repeat("x", 300_000)}')`, "understood"],
  "semicolons": [repeat(";", 400_000), "text-too-many-tokens"],
  "white space": [repeat(" \n", 200_000), "understood"],
  "not SQL": ["not sql", "syntax"],
  "an unclosed string": ["SELECT 'x", "syntax"],
  "an unclosed dollar quote": ["SELECT $x$ $y$", "syntax"],
};

/** Each level is walked several times by the one around it. */
function nested(depth: number): string {
  if (depth === 0) return "SELECT ssn, id FROM users";
  const name = `t${depth}`;
  return `WITH RECURSIVE ${name}(a, b) AS (${
    nested(depth - 1)
  } UNION ALL SELECT b, a FROM ${name}) SELECT a, b FROM ${name}`;
}

for (const [name, [text, expected]] of Object.entries(texts)) {
  Deno.test(`text limits: ${name}`, () => assert.equal(code(text), expected));
}

Deno.test("the deepest texts that are let through do not break the parser", () => {
  const depth = limits.depthMax;
  const deep = [
    `SELECT ${repeat("(SELECT ", depth / 2 - 5)}1${repeat(")", depth / 2 - 5)}`,
    `SELECT ${repeat("1+", depth - 5)}1`,
    `SELECT ${repeat("NOT ", depth - 5)}true`,
    `${repeat("SELECT 1 UNION ALL ", depth - 5)}SELECT 1`,
    `SELECT 1 FROM orders${repeat(" JOIN orders ON true", depth - 5)}`,
    `SELECT ${repeat("lower(", depth / 2 - 5)}'x'${repeat(")", depth / 2 - 5)}`,
    `${repeat("SELECT * FROM (", depth / 2 - 5)}SELECT 1${repeat(") a", depth / 2 - 5)}`,
    `DELETE FROM orders WHERE ${repeat("NOT (id = 1 AND ", depth / 4)}true${repeat(")", depth / 4)}`,
  ];
  for (let turn = 0; turn < 5; turn++) {
    for (const text of deep) assert.notEqual(code(`${text} -- ${turn}`), "parser-failed", text.slice(0, 40));
  }
  assert.equal(code("SELECT 1"), "understood");
});

Deno.test("a refusal of a text says what to do instead", () => {
  for (const [text] of Object.values(texts)) {
    const answer = analyst.analyse(text, {});
    if (!("refused" in answer)) continue;
    assert.ok(answer.refused.reason.length > 20 && answer.refused.reason.length < 400);
    assert.ok(answer.refused.hint.length > 10);
  }
});
