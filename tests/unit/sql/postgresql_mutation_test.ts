/** The same statement written in another way must not get a milder verdict. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { corpus, judge, verdictOf } from "../../support/postgresql_lab.ts";
import { analyst, cases } from "./postgresql_fixture.ts";

const strictness = ["allow", "mask", "approve", "deny"];

type Token = { readonly kind: "word" | "space" | "other"; readonly text: string };

/** Enough of a lexer to change a statement without changing what it means: strings, quoted names and comments stay. */
function tokens(text: string): Token[] {
  const pattern =
    /(?<space>\s+)|(?<other>[uU]&?["'](?:[^"']|""|'')*["']|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\3\$|--[^\n\r]*[\n\r]?|\/\*[\s\S]*?\*\/|\$\d+|[0-9][\w.]*)|(?<word>[A-Za-z_][\w$]*)|(?<rest>[\s\S])/g;
  return [...text.matchAll(pattern)].map(({ 0: whole, groups = {} }) => ({
    kind: groups["word"] !== undefined ? "word" : groups["space"] !== undefined ? "space" : "other",
    text: whole,
  }));
}

const spaces = [" ", "\n", "\t", "\r\n", "  ", " /* x */ ", " -- x\n", "\n--'\n", " /* /* ' */ \" */ ", "\f"];
/** Names in the statements that are columns or tables wherever they stand. */
const names = new Set([
  "ssn",
  "card",
  "users",
  "orders",
  "users_child",
  "v_users",
  "tax_no",
  "note",
  "email",
]);

type Mutation = (token: Token, random: number) => string;

const mutations: Readonly<Record<string, Mutation>> = {
  case: ({ kind, text }, random) =>
    kind === "word"
      ? [...text].map((c, i) => (random >> (i % 20)) & 1 ? c.toUpperCase() : c.toLowerCase()).join("")
      : text,
  space: ({ kind, text }, random) => kind === "space" ? spaces[random % spaces.length]! : text,
  quotes: ({ kind, text }, random) =>
    kind === "word" && names.has(text) && random % 2 === 0 ? `"${text}"` : text,
  unicode: ({ kind, text }, random) =>
    kind === "word" && names.has(text) && random % 2 === 0
      ? `U&"${[...text].map((c) => `\\${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`
      : text,
};

function mutate(text: string, mutation: Mutation, seeds: readonly number[]): string {
  return tokens(text).map((token, index) => mutation(token, seeds[index % seeds.length]!)).join("");
}

const judged = [
  ...cases().map(({ text }) => text),
  ...corpus().map(({ sql = "" }) => sql),
].filter((text) => !("refused" in analyst.analyse(text, {})));

function rank(text: string): number {
  return strictness.indexOf(verdictOf(judge(analyst, text)));
}

for (const [name, mutation] of Object.entries(mutations)) {
  Deno.test(`no verdict gets milder by another ${name}`, () => {
    const seeds = fc.array(fc.nat(0xfffff), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(fc.constantFrom(...judged), seeds, (text, numbers) => {
        const changed = mutate(text, mutation, numbers);
        assert.ok(rank(changed) >= rank(text), `${changed}\nis judged milder than\n${text}`);
      }),
      { numRuns: 1_500 },
    );
  });
}

Deno.test("no verdict gets milder by what stands around a statement", () => {
  const around: readonly ((text: string) => string)[] = [
    (text) => `SELECT 1; ${text}`,
    (text) => `${text}; SELECT 1`,
    (text) => `;;${text};;`,
    (text) => `/* SELECT */ ${text} --`,
    (text) => `\ufeff${text}`,
    (text) => `BEGIN; ${text}; COMMIT`,
    (text) => `EXPLAIN ANALYZE ${text}`,
  ];
  for (const text of judged) {
    for (const wrap of around) assert.ok(rank(wrap(text)) >= rank(text), wrap(text));
  }
});
