import assert from "node:assert/strict";
import fc from "fast-check";
import { address, parseConfig, size } from "../../../policy/config.ts";
import { broken, good, options, problems, schema } from "./config_fixture.ts";

const hostile: readonly [name: string, text: string, expected: RegExp][] = [
  ["nothing", "", /is empty/],
  ["a comment only", "# nothing\n", /is empty/],
  ["a list", "- 1\n", /must be a map/],
  ["a scalar", "postern", /must be a map/],
  ["a NUL", "\0", /./],
  ["broken YAML", "a: [1, 2\nb: }", /not YAML/],
  ["two documents", "a: 1\n---\nb: 2\n", /not YAML/],
  ["deep brackets", "a: " + "[".repeat(100_000), /levels deep/],
  ["deep dashes", "- ".repeat(50_000), /levels deep/],
  ["deep indentation", Array.from({ length: 1300 }, (_, at) => " ".repeat(at) + "a:").join("\n"), /./],
  ["too long", "#".repeat(2 * 1024 * 1024), /characters long/],
  [
    "a bomb of aliases",
    "a: &a [x, x]\n" +
    ["b", "c", "d", "e", "f", "g", "h"].map((name, at) =>
      `${name}: &${name} [${Array(9).fill(`*${"abcdefg"[at]}`).join(", ")}]`
    ).join("\n"),
    /anchored values/,
  ],
  ["a number for a name", "targets: { 1: { protocol: 3 } }", /targets\.1\.protocol/],
  ["null everywhere", "identity:\ntargets:\nrules:\nmasks:\n", /identity: must be a map/],
];

for (const [name, text, expected] of hostile) {
  Deno.test(`a hostile config is refused with a sentence: ${name}`, () => {
    const lines = problems(text);
    assert.ok(lines.some((line) => expected.test(line)), lines.slice(0, 5).join("\n") || "none");
    for (const line of lines) assert.match(line, /^\d+:\d+ /);
  });
}

Deno.test("anchors may be used within reason", () => {
  const text = broken("account: { user: app }", "account: &account { user: app }");
  assert.deepEqual(problems(text), []);
});

const warned: readonly [name: string, rules: string, expected: boolean][] = [
  [
    "behind one that allows everything",
    "[{name: a, then: allow}, {name: b, what: {kinds: [ddl]}, then: deny}]",
    true,
  ],
  ["behind one that denies everything", "[{name: a, then: deny}, {name: b, then: allow}]", true],
  [
    "the same kinds and fewer tables",
    "[{name: a, what: {kinds: [read]}, then: allow}, {name: b, what: {kinds: [read], tables: [x.y]}, then: allow}]",
    true,
  ],
  ["other people", "[{name: a, who: {groups: [g]}, then: allow}, {name: b, then: deny}]", false],
  [
    "fewer people",
    "[{name: a, who: {groups: [g, h]}, then: allow}, {name: b, who: {groups: [h]}, then: deny}]",
    true,
  ],
  ["other hours", "[{name: a, when: {hours: '08:00-09:00'}, then: deny}, {name: b, then: allow}]", false],
  [
    "a missing WHERE that the first does not name",
    "[{name: a, then: allow}, {name: b, what: {missingWhere: true}, then: deny}]",
    false,
  ],
  ["catch-all at the end", "[{name: a, what: {kinds: [read]}, then: allow}, {name: b, then: deny}]", false],
  ["a condition", "[{name: a, if: facts.missingWhere, then: deny}, {name: b, then: allow}]", false],
];

for (const [name, rules, expected] of warned) {
  Deno.test(`a rule that can never decide is warned of, one that can is not: ${name}`, () => {
    const text = good.replace(/rules:[^]*(?=masks:)/, `rules: ${rules}\n`);
    const parsed = parseConfig(text, schema, options);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    assert.equal(parsed.warnings.some(({ message }) => message.includes("can never decide")), expected);
  });
}

Deno.test("approvers of a rule that does not ask for approval are warned of", () => {
  const parsed = parseConfig(broken("then: allow", "then: allow\n    deadline: 5m"), schema, options);
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.warnings.map(({ path, line }) => [path, line]), [["rules[0].deadline", 26]]);
});

Deno.test("addresses and sizes are read with their units and limits", () => {
  const addresses: readonly [string, unknown][] = [
    ["127.0.0.1:6432", { host: "127.0.0.1", port: 6432 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    [":8443", { host: "::", port: 8443 }],
    ["db.example.com:1", { host: "db.example.com", port: 1 }],
    ["::1:80", null],
    ["[::g]:80", null],
    ["host", null],
    ["host:65536", null],
    ["a b:80", null],
  ];
  for (const [text, expected] of addresses) {
    const parsed = address.safeParse(text);
    assert.deepEqual(parsed.success ? parsed.data : null, expected, text);
  }
  const sizes: readonly [string, number | null][] = [
    ["10MB", 10 * 1024 * 1024],
    ["64KB", 65_536],
    ["1GB", null],
    ["10", null],
    ["-1MB", null],
    ["1e3KB", null],
  ];
  for (const [text, expected] of sizes) {
    const parsed = size("1KB", "100MB").safeParse(text);
    assert.equal(parsed.success ? parsed.data : null, expected, text);
  }
});

Deno.test("a config cut, doubled or garbled anywhere is read or refused with places inside it", () => {
  const garbage = fc.constantFrom(
    "",
    ":",
    "- ",
    "[",
    "}",
    "&a ",
    "*a",
    "'",
    "\t",
    "\n",
    "\0",
    "!!",
    "? ",
    "é",
    "__proto__: 1",
  );
  const place = fc.integer({ min: 0, max: good.length });
  fc.assert(
    fc.property(place, place, garbage, (one, other, between) => {
      const text = good.slice(0, one) + between + good.slice(other);
      const lines = text.split("\n").length;
      const parsed = parseConfig(text, schema, options);
      if (parsed.ok) return;
      assert.ok(parsed.problems.length > 0);
      for (const { line, column, message } of parsed.problems) {
        assert.ok(
          line >= 1 && line <= lines + 1 && column >= 1 && message !== "",
          `${line}:${column} of ${lines}`,
        );
      }
    }),
    { numRuns: 500 },
  );
});
