/** Statements are coloured by the lexer that judges them, and stay plain where that is not certain. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { dialects } from "../../../policy/sql/mod.ts";

const fragments = fc.array(fc.oneof(
  fc.constantFrom(
    "'",
    '"',
    "`",
    "\\",
    "--",
    "-- ",
    "/*",
    "*/",
    "/*!",
    "$$",
    "$1",
    "?",
    "#",
    "\n",
    " ",
    "SELECT",
  ),
  fc.constantFrom("from", "E'", ";", "1.5e3", "\u202e", "é", "😀", "\ud800", "@x", "0x1f"),
  fc.string({ maxLength: 4 }),
)).map((parts) => parts.join(""));

/** What is not plain, with its text. */
function marked(id: string, text: string): [string, string][] | null {
  const colours = dialects.find((one) => one.id === id)!.colours(text);
  if (colours === null) return null;
  let at = 0;
  return colours.flatMap(([kind, length]): [string, string][] => {
    const part = text.slice(at, at += length);
    return kind === "plain" ? [] : [[kind, part]];
  });
}

Deno.test("the tokens of any text add up to it, or there are none", async () => {
  await Promise.all(dialects.map((dialect) => dialect.ready()));
  fc.assert(fc.property(fragments, (text) => {
    for (const dialect of dialects) {
      const colours = dialect.colours(text);
      if (colours !== null) assert.equal(colours.reduce((sum, [, length]) => sum + length, 0), text.length);
    }
  }));
});

Deno.test("PostgreSQL's own scanner colours, quotes of dollars and nested comments included", async () => {
  await Promise.all(dialects.map((dialect) => dialect.ready()));
  const text = `SELECT "Näme", 'it''s', $1, 42 FROM t -- 😀\nWHERE /* a /* b */ c */ name = $q$ 'raw' $q$`;
  assert.deepEqual(marked("postgresql", text), [
    ["keyword", "SELECT"],
    ["quoted", '"Näme"'],
    ["string", "'it''s'"],
    ["parameter", "$1"],
    ["number", "42"],
    ["keyword", "FROM"],
    ["comment", "-- 😀"],
    ["keyword", "WHERE"],
    ["comment", "/* a /* b */ c */"],
    ["string", "$q$ 'raw' $q$"],
  ]);
  assert.equal(marked("postgresql", "SELECT 'never closed"), null);
});

Deno.test("MySQL's lexer colours where every sql_mode reads a text alike, and else nothing", () => {
  assert.deepEqual(marked("mysql", "SELECT `a`, 'b', ? FROM t # c"), [
    ["keyword", "SELECT"],
    ["quoted", "`a`"],
    ["string", "'b'"],
    ["parameter", "?"],
    ["keyword", "FROM"],
    ["comment", "# c"],
  ]);
  for (
    const doubtful of ['SELECT "a"', "SELECT 'a\\' OR 1 -- '", "SELECT /*!50000 1 */ + 1", "SELECT 'open"]
  ) {
    assert.equal(marked("mysql", doubtful), null, doubtful);
  }
});
