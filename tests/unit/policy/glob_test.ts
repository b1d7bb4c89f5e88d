import assert from "node:assert/strict";
import fc from "fast-check";
import { anyGlob, globMatcher, hasWildcard, splitName } from "../../../policy/glob.ts";

const cases: readonly [pattern: string, text: string, fits: boolean][] = [
  ["", "", true],
  ["", "a", false],
  ["*", "", true],
  ["*", "anything.at all", true],
  ["a", "a", true],
  ["a", "ab", false],
  ["a*", "abc", true],
  ["*c", "abc", true],
  ["*c", "abcd", false],
  ["a*c", "ac", true],
  ["a*a", "a", false],
  ["ab*bc", "abc", false],
  ["*b*", "abc", true],
  ["*b*", "ac", false],
  ["*a*b*", "xbxaxb", true],
  ["*ab*cd*ef", "ab cd ef", true],
  ["*ab*cd*ef", "ab ef cd", false],
  ["**", "x", true],
  ["a.b", "axb", false],
  ["[ab]?", "[ab]?", true],
  ["a\\*", "a*", true],
  ["a\\*", "ab", false],
  ["a\\", "a\\", true],
  ["É*", "É1", true],
];

for (const [pattern, text, fits] of cases) {
  Deno.test(`the glob ${JSON.stringify(pattern)} ${fits ? "fits" : "does not fit"} ${JSON.stringify(text)}`, () => {
    assert.equal(globMatcher(pattern)(text), fits);
  });
}

Deno.test("letters' case is ignored only where asked", () => {
  assert.equal(globMatcher("SSN*")("ssn_1"), false);
  assert.equal(globMatcher("SSN*", { ignoreCase: true })("ssn_1"), true);
  assert.equal(globMatcher("straße", { ignoreCase: true })("STRASSE"), true);
});

/** What a glob means, as plainly as it can be said. */
function fits(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    return fits(pattern.slice(1), text) || (text !== "" && fits(pattern, text.slice(1)));
  }
  return text[0] === pattern[0] && fits(pattern.slice(1), text.slice(1));
}

Deno.test("a glob means what its plain definition says", () => {
  const short = (alphabet: string, maxLength: number) =>
    fc.array(fc.constantFrom(...alphabet), { maxLength }).map((chars) => chars.join(""));
  fc.assert(
    fc.property(short("ab*", 7), short("ab", 9), (pattern, text) => {
      assert.equal(globMatcher(pattern)(text), fits(pattern, text));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("a pattern made to backtrack ends", () => {
  const text = "a".repeat(100_000);
  assert.equal(globMatcher("*a".repeat(200) + "b")(text), false);
  assert.equal(globMatcher("a*".repeat(200))(text), true);
});

Deno.test("names are split at their dots, but not at escaped ones", () => {
  assert.deepEqual(splitName("a.b.c"), ["a", "b", "c"]);
  assert.deepEqual(splitName("a\\.b.c"), ["a\\.b", "c"]);
  assert.deepEqual(splitName("a."), ["a", ""]);
  assert.equal(globMatcher(splitName("a\\.b.c")[0] ?? "")("a.b"), true);
});

Deno.test("several globs fit where one does, none where there are none", () => {
  assert.equal(anyGlob(["x", "a*"])("ab"), true);
  assert.equal(anyGlob([])("ab"), false);
  assert.equal(hasWildcard("a*"), true);
  assert.equal(hasWildcard("a\\*"), false);
});
