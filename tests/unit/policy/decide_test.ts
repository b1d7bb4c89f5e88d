import assert from "node:assert/strict";
import { compileRules, decide, type Rule } from "../../../policy/decide.ts";
import { ann, approvers, defaults, judge, noon, place, reads, type Sketch } from "./decide_fixture.ts";

type Case = readonly [name: string, rules: readonly Rule[], statement: Sketch, verdict: string];

const cases: readonly Case[] = [
  ["a read, by default", defaults, { tables: ["r:public.orders"] }, "allow reads"],
  ["BEGIN, by default", defaults, { kind: "transaction" }, "allow reads"],
  ["a write, by default", defaults, { kind: "write", tables: ["w:a.t"] }, "approve writes-need-approval"],
  [
    "a write that reads, by default",
    defaults,
    { kind: "write", tables: ["w:a.t", "r:b.u"] },
    "approve writes-need-approval",
  ],
  [
    "no WHERE, by default",
    defaults,
    { kind: "write", tables: ["w:a.t"], missingWhere: true },
    "deny no-writes-without-where",
  ],
  ["COPY, by default", defaults, { kind: "copy", tables: ["r:a.t"] }, "approve writes-need-approval"],
  ["DDL, by default", defaults, { kind: "ddl", tables: ["w:a.t"] }, "deny no-schema-changes"],
  ["the unknown, by default", defaults, { kind: "unknown" }, "deny default-deny"],
  ["no rules", [], {}, "deny default-deny"],
  ["a read that says it writes a table", [reads], { tables: ["w:a.t"] }, "deny default-deny"],

  ["the floor", [reads], { unsafe: ["files"] }, "deny built-in floor: files"],
  [
    "the floor before a rule that allows all",
    [{ name: "all", then: "allow" }],
    { unsafe: ["files"] },
    "deny built-in floor: files",
  ],
  ["the floor, loosened by name", [{ name: "f", what: { unsafe: ["files"] }, then: "allow" }], {
    unsafe: ["files"],
  }, "allow f"],
  ["the floor, loosened by glob", [{ name: "f", what: { unsafe: ["fi*"] }, then: "allow" }], {
    unsafe: ["files"],
  }, "allow f"],
  ["the floor, loosened for one of two", [{ name: "f", what: { unsafe: ["files"] }, then: "allow" }], {
    unsafe: ["files", "programs"],
  }, "deny built-in floor: programs"],
  [
    "the floor, loosened for two by two rules",
    [
      { name: "f", what: { unsafe: ["files"] }, then: "allow" },
      { name: "p", what: { unsafe: ["programs"] }, then: "allow" },
    ],
    { unsafe: ["files", "programs"] },
    "deny default-deny",
  ],
  [
    "a rule that names a code fits nothing else",
    [{ name: "f", what: { unsafe: ["files"] }, then: "allow" }],
    {},
    "deny default-deny",
  ],
  ["the floor, not loosened by a denial", [{ name: "d", what: { unsafe: ["files"] }, then: "deny" }], {
    unsafe: ["files"],
  }, "deny built-in floor: files"],
  ["no WHERE, the floor", [{ name: "w", what: { kinds: ["write"] }, then: "allow" }], {
    kind: "write",
    tables: ["w:a.t"],
    missingWhere: true,
  }, "deny built-in floor: missing-where"],
  [
    "no WHERE, loosened by name",
    [{ name: "w", what: { missingWhere: true, tables: ["a.t"] }, then: "allow" }],
    { kind: "write", tables: ["w:a.t"], missingWhere: true },
    "allow w",
  ],
  [
    "no WHERE, loosened for another table",
    [{ name: "w", what: { missingWhere: true, tables: ["a.t"] }, then: "allow" }],
    { kind: "write", tables: ["w:a.u"], missingWhere: true },
    "deny default-deny",
  ],

  ["allow covers all tables", [{ name: "a", what: { tables: ["a.*"] }, then: "allow" }], {
    tables: ["r:a.t", "r:a.u"],
  }, "allow a"],
  ["allow covers some tables", [{ name: "a", what: { tables: ["a.*"] }, then: "allow" }], {
    tables: ["r:a.t", "r:b.u"],
  }, "deny default-deny"],
  [
    "two allows cover one table each",
    [
      { name: "a", what: { tables: ["a.*"] }, then: "allow" },
      { name: "b", what: { tables: ["b.*"] }, then: "allow" },
    ],
    { tables: ["r:a.t", "r:b.u"] },
    "allow a",
  ],
  ["deny takes one table of many", [{ name: "d", what: { tables: ["b.*"] }, then: "deny" }, reads], {
    tables: ["r:a.t", "r:b.u"],
  }, "deny d"],
  [
    "deny after an allow for the same table",
    [reads, { name: "d", what: { tables: ["b.*"] }, then: "deny" }],
    { tables: ["r:b.u"] },
    "allow reads",
  ],
  [
    "deny after an allow for another table",
    [
      { name: "a", what: { tables: ["a.*"] }, then: "allow" },
      { name: "d", what: { tables: ["b.*"] }, then: "deny" },
      reads,
    ],
    { tables: ["r:a.t", "r:b.u"] },
    "deny d",
  ],
  [
    "approve of one table, allow of the other",
    [{ name: "q", what: { tables: ["b.*"] }, then: "approve", approvers }, reads],
    { tables: ["r:a.t", "r:b.u"] },
    "approve q",
  ],
  [
    "approve of one table does not shield the other from a denial",
    [
      { name: "q", what: { tables: ["a.*"] }, then: "approve", approvers },
      { name: "d", what: { tables: ["b.*"] }, then: "deny" },
    ],
    { kind: "write", tables: ["w:a.t", "w:b.u"] },
    "deny d",
  ],
  [
    "approve of one table does not carry one that no rule names",
    [{ name: "q", what: { tables: ["a.*"] }, then: "approve", approvers }],
    { kind: "write", tables: ["w:a.t", "w:b.u"] },
    "deny default-deny",
  ],
  [
    "what a write only reads may be covered by a rule for reads",
    [reads, { name: "q", what: { kinds: ["write"], tables: ["a.*"] }, then: "approve", approvers }],
    { kind: "write", tables: ["w:a.t", "r:b.u"] },
    "approve q",
  ],
  ["COPY out of a table is no read", [reads], { kind: "copy", tables: ["r:a.t"] }, "deny default-deny"],
  [
    "a denial of reads counts for COPY",
    [
      { name: "d", what: { kinds: ["read"], tables: ["a.*"] }, then: "deny" },
      { name: "c", what: { kinds: ["copy"] }, then: "allow" },
    ],
    { kind: "copy", tables: ["r:a.t"] },
    "deny d",
  ],
  [
    "an approval of reads counts for COPY",
    [
      { name: "q", what: { kinds: ["read"], tables: ["a.*"] }, then: "approve", approvers },
      { name: "c", what: { kinds: ["copy"] }, then: "allow" },
    ],
    { kind: "copy", tables: ["r:a.t"] },
    "approve q",
  ],
  [
    "an approval of reads does not soften a denial of COPY",
    [
      { name: "q", what: { kinds: ["read"], tables: ["a.*"] }, then: "approve", approvers },
      { name: "c", what: { kinds: ["copy"] }, then: "deny" },
    ],
    { kind: "copy", tables: ["r:a.t"] },
    "deny c",
  ],
  [
    "a statement without tables fits an allow with tables",
    [{ name: "a", what: { kinds: ["read"], tables: ["a.*"] }, then: "allow" }],
    {},
    "allow a",
  ],
  [
    "a CALL without tables fits no allow with tables",
    [{ name: "a", what: { tables: ["a.*"] }, then: "allow" }],
    { kind: "call" },
    "deny default-deny",
  ],
  [
    "a statement without tables fits no denial with tables",
    [{ name: "d", what: { tables: ["*.x"] }, then: "deny" }, reads],
    {},
    "allow reads",
  ],
  ["what tools ask the catalogs", [{ name: "a", what: { tables: ["public.*"] }, then: "allow" }], {
    tables: ["r:pg_catalog.pg_class"],
    catalogOnly: true,
  }, "allow a"],
  ["the catalogs may be denied", [{ name: "d", what: { tables: ["pg_catalog.*"] }, then: "deny" }, reads], {
    tables: ["r:pg_catalog.pg_class"],
    catalogOnly: true,
  }, "deny d"],

  ["letters' case for allow", [{ name: "a", what: { tables: ["public.Orders"] }, then: "allow" }], {
    tables: ["r:public.orders"],
  }, "deny default-deny"],
  ["letters' case for deny", [{ name: "d", what: { tables: ["public.Orders"] }, then: "deny" }, reads], {
    tables: ["r:public.orders"],
  }, "deny d"],

  ["deny takes one column", [{ name: "d", what: { columns: ["*.users.ssn"] }, then: "deny" }, reads], {
    tables: ["r:a.users"],
    columns: ["a.users.id", "a.users.ssn"],
  }, "deny d"],
  [
    "deny of a column lets the others",
    [{ name: "d", what: { columns: ["*.users.ssn"] }, then: "deny" }, reads],
    { tables: ["r:a.users"], columns: ["a.users.id"] },
    "allow reads",
  ],
  [
    "deny sees a column of a table that the facts do not list",
    [{ name: "d", what: { columns: ["*.users.ssn"] }, then: "deny" }, reads],
    { tables: ["r:a.view"], columns: ["a.users.ssn"] },
    "deny d",
  ],
  [
    "deny sees a column whose name has a dot",
    [{ name: "d", what: { columns: ["*.users.ssn"] }, then: "deny" }, reads],
    { tables: ["r:a.users"], columns: ["a.b.users.ssn"] },
    "deny d",
  ],
  ["allow needs every column", [{ name: "a", what: { columns: ["a.users.id"] }, then: "allow" }], {
    tables: ["r:a.users"],
    columns: ["a.users.id", "a.users.ssn"],
  }, "deny default-deny"],
  ["allow by columns counts rows", [{ name: "a", what: { columns: ["a.users.id"] }, then: "allow" }], {
    tables: ["r:a.users"],
  }, "allow a"],
  ["allow by columns is for their table", [{ name: "a", what: { columns: ["a.users.id"] }, then: "allow" }], {
    tables: ["r:a.other"],
  }, "deny default-deny"],
  [
    "approve of one column, allow of the rest",
    [{ name: "q", what: { columns: ["*.users.ssn"] }, then: "approve", approvers }, reads],
    { tables: ["r:a.users"], columns: ["a.users.id", "a.users.ssn"] },
    "approve q",
  ],
  [
    "approve of one column does not shield another from a denial",
    [
      { name: "q", what: { columns: ["*.users.ssn"] }, then: "approve", approvers },
      { name: "d", what: { columns: ["*.users.card"] }, then: "deny" },
      reads,
    ],
    { tables: ["r:a.users"], columns: ["a.users.ssn", "a.users.card"] },
    "deny d",
  ],

  ["allow needs every function", [{ name: "a", what: { functions: ["app.safe"] }, then: "allow" }], {
    functions: ["app.safe", "app.other"],
  }, "deny default-deny"],
  ["allow by function needs one", [{ name: "a", what: { functions: ["app.safe"] }, then: "allow" }], {
    tables: ["r:secret.t"],
  }, "deny default-deny"],
  ["allow by function", [{ name: "a", what: { functions: ["app.*"] }, then: "allow" }], {
    functions: ["app.safe"],
  }, "allow a"],
  ["deny takes one function", [{ name: "d", what: { functions: ["app.bad"] }, then: "deny" }, reads], {
    functions: ["app.safe", "app.bad"],
  }, "deny d"],

  [
    "a condition",
    [{ name: "a", if: "facts.tables.size() == 1 && target.environment == 'production'", then: "allow" }],
    { tables: ["r:a.t"] },
    "allow a",
  ],
  [
    "a condition that is false",
    [{ name: "a", if: "'dbas' in identity.groups", then: "allow" }],
    {},
    "deny default-deny",
  ],
  [
    "a failing condition of an allow",
    [{ name: "a", if: "facts.columns[9] == 'x'", then: "allow" }],
    {},
    "deny default-deny",
  ],
  [
    "a failing condition of a denial",
    [{ name: "d", if: "facts.columns[9] == 'x'", then: "deny" }, reads],
    {},
    "deny d",
  ],
  [
    "a failing condition of an approval",
    [{ name: "q", if: "facts.columns[9] == 'x'", then: "approve", approvers }, reads],
    {},
    "approve q",
  ],
  [
    "a failing condition of an approval before a denial",
    [{ name: "q", if: "facts.columns[9] == 'x'", then: "approve", approvers }, { name: "d", then: "deny" }],
    {},
    "deny d",
  ],

  ["another group", [{ ...reads, who: { groups: ["dbas"] } }], {}, "deny default-deny"],
  [
    "a user by glob, in any case",
    [{ ...reads, who: { groups: ["dbas"], users: ["*@EXAMPLE.com"] } }],
    {},
    "allow reads",
  ],
  ["another target", [{ ...reads, where: { targets: ["billing-*"] } }], {}, "deny default-deny"],
  ["another environment", [{ ...reads, where: { environments: ["staging"] } }], {}, "deny default-deny"],
  [
    "the client's network",
    [{ ...reads, where: { clients: ["192.0.2.1", "10.0.0.0/8"] } }],
    {},
    "allow reads",
  ],
  [
    "another network",
    [{ ...reads, where: { clients: ["10.2.0.0/16", "fd00::/8"] } }],
    {},
    "deny default-deny",
  ],
];

for (const [name, rules, sketch, expected] of cases) {
  Deno.test(`a verdict: ${name}`, () => {
    const judgement = judge(rules, [sketch]);
    assert.equal(`${judgement.verdict} ${judgement.rule}`, expected, judgement.reason);
    assert.equal(judgement.terms !== null, judgement.verdict === "approve");
    assert.ok(judgement.reason.length > 10);
    if (judgement.verdict !== "allow") assert.ok(judgement.hint.length > 10, judgement.reason);
  });
}

Deno.test("a refusal says what was seen, which rule, and what to do", () => {
  const { reason, hint } = judge(defaults, [{
    kind: "write",
    tables: ["w:public.orders"],
    missingWhere: true,
  }]);
  assert.equal(
    reason,
    'The rule "no-writes-without-where" refuses UPDATE on public.orders without a WHERE that restricts its rows: it would change every row',
  );
  assert.match(
    hint,
    /^Add a WHERE that restricts the rows\. Here you may run, within the rules, allowed: reads/,
  );
  const uncovered = judge([{ ...reads, what: { tables: ["public.*"] } }], [{
    tables: ["r:public.a", "r:secret.b"],
  }]);
  assert.equal(
    uncovered.reason,
    "No rule lets ann@example.com run SELECT on public.a and secret.b; none covers secret.b",
  );
  const held = judge(defaults, [{ kind: "write", tables: ["w:public.orders"] }]);
  assert.equal(held.hint, "It waits for a member of dbas, for 15 min at most; cancel to withdraw it");
});

Deno.test("names in a reason cannot forge lines or steer a terminal", () => {
  const judgement = judge([], [{ tables: ["r:a\n.\u001b[2Jx\u202e"], verb: "SEL\u0007ECT" }]);
  assert.doesNotMatch(judgement.reason, /[\p{Cc}\p{Cf}]/u);
  assert.ok(judge([], [{ verb: "x".repeat(1e6) }]).reason.length < 300);
  const refused = { code: "syntax", reason: "near \u001b[2J\n", hint: "\u202e" };
  const unread = decide({ refused }, ann, place, noon, compileRules([]));
  assert.doesNotMatch(unread.reason + unread.hint, /[\p{Cc}\p{Cf}]/u);
});

Deno.test("a text that was not understood is denied with its own reason", () => {
  const refused = { code: "syntax", reason: "It does not parse", hint: "Check it" };
  const judgement = decide({ refused }, ann, place, noon, compileRules(defaults));
  assert.deepEqual(judgement, {
    verdict: "deny",
    rule: "built-in: not understood",
    reason: "It does not parse",
    hint: "Check it",
    terms: null,
    tainted: false,
    statements: [],
  });
});

Deno.test("an empty message is allowed", () => {
  const judgement = judge([], []);
  assert.equal(judgement.verdict, "allow");
  assert.deepEqual(judgement.statements, []);
});
