/** The lexer cuts texts as the targets do (sql/sql_lex.cc), or refuses. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { checkCharacters, Lexer } from "../../../policy/sql/mysql/lexer.ts";
import { modeOf } from "../../../policy/sql/mysql/mode.ts";
import { Refusal } from "../../../policy/sql/mysql/refusal.ts";
import { isTrivia, type Token } from "../../../policy/sql/mysql/tokens.ts";
import type { SqlState } from "../../../policy/types.ts";
import { inMode, mariadb, mysql } from "./mysql_fixture.ts";

function allTokens(text: string, state: SqlState): Token[] {
  checkCharacters(text);
  const tokens: Token[] = [];
  const lexer = new Lexer(text, 0, modeOf(state));
  for (let end = 0; end < text.length;) {
    const statement = lexer.statement();
    tokens.push(...statement.tokens);
    end = statement.end;
  }
  return tokens;
}

/** `kind:value` of what the parser sees. */
function seen(text: string, state = mariadb): string[] {
  return allTokens(text, state).filter((token) => !isTrivia(token)).map(({ kind, value }) =>
    `${kind}:${value}`
  );
}

function refuses(text: string, state = mariadb): void {
  assert.throws(() => allTokens(text, state), (error) => error instanceof Refusal, JSON.stringify(text));
}

Deno.test("numbers, words and what is both", () => {
  assert.deepEqual(seen("1abc"), ["word:1abc"]);
  assert.deepEqual(seen("1e5 1e5abc 1e+5 1e"), [
    "number:1e5",
    "number:1e5",
    "word:abc",
    "number:1e+5",
    "word:1e",
  ]);
  assert.deepEqual(seen("0x41 0x4g 0X41"), ["bits:41", "word:0x4g", "word:0X41"]);
  assert.deepEqual(seen("0b01 0b12"), ["bits:01", "word:0b12"]);
  assert.deepEqual(seen("1.5 .5 1. 1.x"), ["number:1.5", "number:.5", "number:1.", "number:1.", "word:x"]);
  assert.deepEqual(seen("t.5a"), ["word:t", "op:.", "word:5a"]);
  assert.deepEqual(seen("`t`.5"), ["name:t", "number:.5"]);
  refuses("1.5e");
});

Deno.test("after a dot, and before one, a word is no keyword", () => {
  const keywords = allTokens("select.x, t.select, t . select", mariadb).map(({ keyword }) => keyword).filter(
    Boolean,
  );
  assert.deepEqual(keywords, ["T", "SELECT"]);
});

Deno.test("a letter beyond ASCII makes no keyword", () => {
  assert.equal(allTokens("ſelect", mariadb)[0]?.keyword, "");
  assert.equal(allTokens("\ufeffselect", mariadb)[0]?.keyword, "");
  refuses("sélect", { ...mariadb, character_set_client: "latin1" });
  assert.deepEqual(seen("'é'", { ...mariadb, character_set_client: "latin1" }), ["string:é"]);
});

Deno.test("-- needs white space after it", () => {
  assert.deepEqual(seen("1 --1"), ["number:1", "op:-", "op:-", "number:1"]);
  assert.deepEqual(seen("1 -- 1"), ["number:1"]);
  assert.deepEqual(seen("1 --\t1\n+2"), ["number:1", "op:+", "number:2"]);
  assert.deepEqual(seen("1 --"), ["number:1"]);
  assert.deepEqual(seen("1 # 2\r3\n4"), ["number:1", "number:4"]);
  refuses("1 --\x011");
});

Deno.test("strings by sql_mode", () => {
  assert.deepEqual(seen("'a''b' 'a\\'b' 'a\\\\'"), ["string:a'b", "string:a'b", "string:a\\"]);
  assert.deepEqual(seen("'a\\'; x -- '", inMode("NO_BACKSLASH_ESCAPES")), ["string:a\\", "end:;", "word:x"]);
  assert.deepEqual(seen('"a"')[0], "string:a");
  assert.deepEqual(seen('"a""b"', inMode("ANSI_QUOTES")), ['name:a"b']);
  assert.deepEqual(seen('"a\\"', inMode("ANSI")), ["name:a\\"]);
  assert.deepEqual(seen("`a``b`"), ["name:a`b"]);
  for (const open of ["'a", '"a', "`a", "'a\\'", "``", "'a\\"]) refuses(open);
});

Deno.test("introducers and typed literals", () => {
  assert.deepEqual(seen("_utf8mb4'x' _latin1 0x41"), [
    "charset:_utf8mb4",
    "string:x",
    "charset:_latin1",
    "bits:41",
  ]);
  assert.deepEqual(seen("_ssn"), ["word:_ssn"]);
  refuses("_unheard'x'");
  assert.deepEqual(seen("N'x' x'41' b'01' X''"), ["string:x", "bits:41", "bits:01", "bits:"]);
  refuses("x'4'");
  refuses("b'2'");
});

Deno.test("variables", () => {
  assert.deepEqual(seen("@a.b$c:=1"), ["variable:a.b$c", "op::=", "number:1"]);
  assert.deepEqual(seen("@'a b' @`c` @\"d\""), ["variable:a b", "variable:c", "variable:d"]);
  assert.deepEqual(seen("@@global.x"), ["op:@@", "word:global", "op:.", "word:x"]);
  for (const bad of ["@ x", "@@ x", "@"]) refuses(bad);
});

Deno.test("operators are taken in bulk, as the targets do", () => {
  assert.deepEqual(seen("a<=>b!=c<>d"), ["word:a", "op:<=>", "word:b", "op:!=", "word:c", "op:<>", "word:d"]);
  assert.deepEqual(seen("1=!0 !!1"), ["number:1", "op:=", "op:!", "number:0", "op:!", "op:!", "number:1"]);
  for (const bad of ["1=>2", "1==1", "1<>=1"]) refuses(bad);
});

Deno.test("comments do not nest", () => {
  assert.deepEqual(seen("/* /* */ a -- */"), ["word:a"]);
  refuses("/* a");
  refuses("/*");
});

Deno.test("version comments are read as the target runs them", () => {
  const inside = (text: string, state: SqlState) => seen(text, state).includes("word:x");
  assert.ok(inside("/*! x */", mysql) && inside("/*! x */", mariadb));
  assert.ok(inside("/*!50000 x */", mysql) && inside("/*!50000x*/", mariadb));
  assert.ok(inside("/*!50701 x */", mysql), "MySQL runs it");
  assert.ok(!inside("/*!50701 x */", mariadb), "MariaDB leaves out what is for MySQL 5.7 and later");
  assert.ok(!inside("/*!99999 x */", mysql) && !inside("/*!999999 x */", mariadb));
  assert.ok(inside("/*!100000 x */", mariadb) && inside("/*!101106 x */", mariadb));
  assert.ok(!inside("/*!101107 x */", mariadb));
  assert.ok(inside("/*M! x */", mariadb) && inside("/*M!50701 x */", mariadb));
  assert.ok(!inside("/*M! x */", mysql) && !inside("/*m! x */", mariadb));
  assert.deepEqual(seen("SEL/*!ECT*/ 1"), ["word:SEL", "word:ECT", "number:1"]);
});

Deno.test("ambiguous version comments are refused", () => {
  const texts = [
    "/*!5000 x */",
    "/*!5000000 x */",
    "/*! x",
    "/*! x /* y */ */",
    "/*!99999 x /* y */ z */",
    "/*! x -- y */\n*/",
    "/*! x # y */\n*/",
    "/*! x ; y */",
  ];
  for (const text of texts) refuses(text);
  refuses("/*!100500 x */", mysql);
  refuses("/*!50000 x */", { ...mariadb, version: "" });
  assert.deepEqual(seen("/*! '*/ -- ' */"), ["string:*/ -- "]);
});

Deno.test("what no text may hold", () => {
  for (
    const text of [
      "SELECT 1;\0 DELETE",
      "'a\0b'",
      "'\ud800'",
      "a\x07b",
      "a\\b",
      "a[1]",
      "$$x$$",
      "`a\u{1f600}`",
    ]
  ) {
    refuses(text);
  }
});

Deno.test("states in which texts cannot be read are refused", () => {
  for (const charset of ["gbk", "sjis", "big5", "cp932", "gb18030", "utf16"]) {
    assert.throws(() => modeOf({ ...mariadb, character_set_client: charset }), /character set/);
  }
  for (const mode of ["ORACLE", "MSSQL", "FROBNICATE"]) {
    assert.throws(() => modeOf(inMode(`STRICT_ALL_TABLES,${mode}`)), /sql_mode/);
  }
  assert.throws(() => modeOf({ ...mariadb, flavour: "tidb" }), /flavour/);
  assert.equal(modeOf({ version: "5.5.5-10.11.6-MariaDB-log" }).version, 101106);
  assert.equal(modeOf({ version: "8.0.36" }).flavour, "mysql");
});

const pieces = fc.array(
  fc.constantFrom(
    ..."SELECT FROM a `b` 'c' \"d\" ' \" ` \\ /* */ /*! /*!50000 /*M! -- --1 # \n \r \t ; , . ( ) + - * / @x @@y := <=> 1 1.5 .5 0x41 x'41' _utf8'z' é \0"
      .split(" "),
    " ",
    "\n",
  ),
  { maxLength: 30 },
).map((list) => list.join(""));

Deno.test("tokens concatenate to the text, or the text is refused", () => {
  const states = fc.constantFrom(mariadb, mysql, inMode("ANSI_QUOTES"), inMode("NO_BACKSLASH_ESCAPES"));
  fc.assert(
    fc.property(fc.oneof(pieces, fc.string({ unit: "binary" }), fc.string()), states, (text, state) => {
      let tokens: Token[];
      try {
        tokens = allTokens(text, state);
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error));
        return;
      }
      assert.equal(tokens.map(({ start, end }) => text.slice(start, end)).join(""), text);
      assert.ok(tokens.every(({ start, end }) => end > start), "every token takes something");
    }),
    { numRuns: 1000 },
  );
});
