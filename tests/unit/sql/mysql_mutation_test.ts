/** However a text is dressed, its verdict gets no milder. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Lexer } from "../../../policy/sql/mysql/lexer.ts";
import { modeOf } from "../../../policy/sql/mysql/mode.ts";
import { isTrivia, type Token } from "../../../policy/sql/mysql/tokens.ts";
import { inMode, mariadb, mysql, type Verdict, verdictOf } from "./mysql_fixture.ts";

/** What must not get past, and what it is refused for. */
const dangerous = [
  "DROP TABLE orders",
  "DELETE FROM orders",
  "DELETE FROM orders WHERE 1 = 1",
  "UPDATE orders SET note = 'x'",
  "UPDATE users SET name = ssn WHERE id = 1",
  "INSERT INTO orders SELECT id, id, ssn FROM users",
  "SELECT name FROM users WHERE ssn LIKE '0%'",
  "SELECT name FROM users ORDER BY ssn",
  "SELECT 1 INTO OUTFILE '/tmp/x'",
  "SELECT sleep(5)",
  "SELECT LOAD_FILE('/etc/passwd')",
  "SELECT del_user(1)",
  "SELECT @x := ssn FROM users",
  "LOAD DATA LOCAL INFILE 'x' INTO TABLE orders",
  "SET GLOBAL general_log = 1",
  "SET NAMES gbk",
  "SET sql_log_bin = 0",
  "HANDLER users OPEN",
  "PREPARE s FROM 'DROP TABLE orders'",
  "EXECUTE IMMEDIATE 'DROP TABLE orders'",
  "CALL p_read()",
  "LOCK TABLES users WRITE",
  "SHOW PROCESSLIST",
  "GRANT ALL ON *.* TO x",
  "START TRANSACTION READ WRITE",
  "SELECT * FROM mysql.user",
  "CREATE TABLE leak SELECT * FROM users",
];
/** Needs approval: must not become free. */
const held = [
  "DELETE FROM orders WHERE id = 1",
  "UPDATE orders SET note = 'x' WHERE id = 1",
  "INSERT INTO orders VALUES (1, 2, 'n')",
  "REPLACE INTO orders(id) VALUES (1)",
  "SELECT * FROM orders FOR UPDATE",
  "CALL p_del(1)",
];
const severity: Readonly<Record<Verdict, number>> = { allow: 0, approve: 1, deny: 2 };

const space = fc.constantFrom(
  " ",
  "\t",
  "\n",
  "\r\n",
  "\f",
  "\v",
  "/**/",
  "/* x */",
  "/*'*/",
  "-- x\n",
  "#\n",
  " -- '\n",
  "--\t\n",
  "/*!*/",
  "/*!50000 */",
  "/*!99999 x */",
);
const letters = fc.func(fc.boolean());

function cased(text: string, upper: (at: number) => boolean): string {
  return Array.from(text, (char, at) => upper(at) ? char.toUpperCase() : char.toLowerCase()).join("");
}

type Dress = {
  readonly token: Token;
  readonly raw: string;
  readonly upper: (...args: [number]) => boolean;
  readonly how: number;
};

/** Other spellings of one token that mean the same. */
function dressed({ token, raw, upper, how }: Dress): string {
  if (token.kind === "word") {
    // Tables tell by case here, settings and keywords do not.
    const isTable = /^(?:users|orders|mysql|user|leak|del_user|p_\w+)$/.test(raw);
    if (isTable) return how === 0 ? `\`${raw}\`` : raw;
    return how === 1 && /^(?:ssn|name|note|id)$/.test(raw) ? `\`${cased(raw, upper)}\`` : cased(raw, upper);
  }
  if (token.kind !== "string" || token.doubleQuoted) return raw;
  if (how === 0 && !raw.includes("\\")) return raw.replaceAll("'", '"');
  return raw;
}

function mutated(text: string): fc.Arbitrary<string> {
  const tokens = new Lexer(text, 0, modeOf(mariadb)).statement().tokens.filter((token) => !isTrivia(token));
  const pieces = tokens.map((token) =>
    fc.tuple(letters, fc.nat(3), space).map(([upper, how, gap]) => {
      const piece = dressed({ token, raw: text.slice(token.start, token.end), upper, how });
      // Nothing may come between a function and its parenthesis, or inside of a joined name.
      return { piece, gap, joins: token.value === "." };
    })
  );
  return fc.tuple(
    fc.constantFrom("", " ", "/* */", "\n", "-- \n"),
    fc.constantFrom("", ";", " ;", "/**/", " -- ", "#"),
    ...pieces,
  )
    .map(([before, after, ...parts]) => {
      const list = parts as { piece: string; gap: string; joins: boolean }[];
      const body = list.map(({ piece, gap, joins }, at) => {
        const next = list[at + 1];
        const glue = joins || next?.joins || next?.piece === "(" || next === undefined ? "" : gap;
        return piece + glue;
      }).join("");
      return before + body + after;
    });
}

for (const [what, texts] of [["dangerous", dangerous], ["held", held]] as const) {
  Deno.test(`no dress makes what is ${what} milder`, () => {
    for (const text of texts) {
      const plain = verdictOf(text);
      assert.equal(plain, what === "held" ? "approve" : "deny", text);
      fc.assert(
        fc.property(mutated(text), fc.constantFrom(mariadb, mysql), (dress, state) => {
          const verdict = verdictOf(dress, state);
          assert.ok(severity[verdict] >= severity[plain], `${verdict}: ${JSON.stringify(dress)}`);
        }),
        { numRuns: 60 },
      );
    }
  });
}

Deno.test("beside other statements, and inside version comments, nothing gets milder", () => {
  for (const text of [...dangerous, ...held]) {
    const least = severity[verdictOf(text)];
    const dresses = [
      `SELECT 1; ${text}`,
      `${text}; SELECT 1`,
      `/*! ${text} */`,
      `/*!50000 ${text} */`,
      `/*!50000${text}*/`,
      `SELECT 'x' ; /* y */ ${text} -- z`,
      `BEGIN; ${text}; COMMIT`,
      `SET STATEMENT max_statement_time = 1 FOR ${text}`,
      `ANALYZE ${text}`,
      `EXPLAIN ANALYZE ${text}`,
      `PREPARE s FROM '${text.replaceAll("'", "''")}'`,
      `BEGIN NOT ATOMIC ${text}; END`,
      `IF 1 THEN ${text}; END IF`,
      `\ufeff${text}`,
      `(${text})`,
      `/*M! ${text} */`,
    ];
    for (const dress of dresses) {
      for (const state of [mariadb, mysql]) {
        const skipped = dress.startsWith("/*M!") && state === mysql;
        if (!skipped) assert.ok(severity[verdictOf(dress, state)] >= least, JSON.stringify(dress));
      }
    }
  }
});

Deno.test("what modes hide and show", () => {
  const pairs: readonly (readonly [text: string, mode: string])[] = [
    ["SELECT 'a\\'; DROP TABLE orders; -- '", "NO_BACKSLASH_ESCAPES"],
    ['SELECT "a\'"; DROP TABLE orders; -- "', "ANSI_QUOTES"],
    ['SELECT "a\\"; DROP TABLE orders; -- "', "ANSI_QUOTES"],
  ];
  for (const [text, mode] of pairs) {
    assert.equal(verdictOf(text, inMode(mode)), "deny", text);
  }
  assert.equal(verdictOf(pairs[0]![0]), "allow", "one harmless literal in the default mode");
});
