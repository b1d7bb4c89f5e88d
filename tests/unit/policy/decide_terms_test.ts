import assert from "node:assert/strict";
import {
  compileRules,
  decide,
  everWrites,
  mayConnect,
  type Place,
  type Rule,
} from "../../../policy/decide.ts";
import type { Identity } from "../../../policy/types.ts";
import {
  ann,
  approvers,
  defaults,
  judge,
  noon,
  place,
  reads,
  type Sketch,
  statement,
} from "./decide_fixture.ts";

Deno.test("a message gets its strictest statement's verdict, and one approval for all of it", () => {
  const rules: readonly Rule[] = [
    reads,
    {
      name: "a",
      what: { tables: ["a.*"] },
      then: "approve",
      approvers: { groups: ["x", "dbas"], quorum: 1 },
      deadlineMs: 60_000,
    },
    {
      name: "b",
      what: { tables: ["b.*"] },
      then: "approve",
      approvers: { groups: ["dbas", "y"], quorum: 2 },
      deadlineMs: 90_000,
    },
    { name: "c", what: { tables: ["c.*"] }, then: "approve", approvers: { groups: ["z"], quorum: 1 } },
  ];
  const write = (tables: string[]): Sketch => ({ kind: "write", tables });
  const held = judge(rules, [{}, write(["w:a.t"]), write(["w:b.t"])]);
  assert.equal(held.verdict, "approve");
  assert.deepEqual(held.terms, { groups: ["dbas"], quorum: 2, deadlineMs: 60_000 });
  assert.deepEqual(held.statements.map(({ verdict }) => verdict), ["allow", "approve", "approve"]);
  const one = judge(rules, [write(["w:a.t", "w:b.t"])]);
  assert.deepEqual([one.verdict, one.terms], ["approve", {
    groups: ["dbas"],
    quorum: 2,
    deadlineMs: 60_000,
  }]);
  const apart = judge(rules, [write(["w:a.t"]), write(["w:c.t"])]);
  assert.deepEqual([apart.verdict, apart.terms, apart.hint], ["deny", null, "Send them one by one"]);
  const nobody = judge(rules, [write(["w:a.t", "w:c.t"])]);
  assert.equal(nobody.verdict, "deny");
  assert.match(nobody.reason, /no approvers in common/);
  const refused = judge(rules, [write(["w:a.t"]), { kind: "ddl" }]);
  assert.deepEqual([refused.verdict, refused.rule], ["deny", "default-deny"]);
});

const times: readonly [name: string, when: Rule["when"], at: string, fits: boolean][] = [
  [
    "within hours",
    { hours: { from: 480, to: 1080 }, timezone: "Europe/Berlin" },
    "2026-01-05T07:00:00Z",
    true,
  ],
  [
    "before hours",
    { hours: { from: 480, to: 1080 }, timezone: "Europe/Berlin" },
    "2026-01-05T06:59:59Z",
    false,
  ],
  [
    "the end is not included",
    { hours: { from: 480, to: 1080 }, timezone: "Europe/Berlin" },
    "2026-01-05T17:00:00Z",
    false,
  ],
  [
    "summer time",
    { hours: { from: 480, to: 1080 }, timezone: "Europe/Berlin" },
    "2026-07-06T06:00:00Z",
    true,
  ],
  ["a day", { days: ["mon"], timezone: "UTC" }, "2026-01-05T23:59:59Z", true],
  ["another day", { days: ["mon"], timezone: "UTC" }, "2026-01-06T00:00:00Z", false],
  ["the day of the zone", { days: ["tue"], timezone: "Asia/Tokyo" }, "2026-01-05T20:00:00Z", true],
  [
    "over midnight, its evening",
    { days: ["mon"], hours: { from: 1320, to: 360 }, timezone: "UTC" },
    "2026-01-05T23:00:00Z",
    true,
  ],
  [
    "over midnight, its morning",
    { days: ["mon"], hours: { from: 1320, to: 360 }, timezone: "UTC" },
    "2026-01-06T05:59:00Z",
    true,
  ],
  [
    "over midnight, the morning before",
    { days: ["mon"], hours: { from: 1320, to: 360 }, timezone: "UTC" },
    "2026-01-05T05:00:00Z",
    false,
  ],
  ["until midnight", { hours: { from: 1320, to: 1440 }, timezone: "UTC" }, "2026-01-05T23:59:00Z", true],
];

for (const [name, when, at, fits] of times) {
  Deno.test(`a rule's time: ${name}`, () => {
    const rule: Rule = { name: "timed", when, then: "allow" };
    const rules = compileRules([rule]);
    // Asked about another minute in between: the answer must not stick.
    decide([statement()], ann, place, Date.parse(at) + 43_200_000, rules);
    const { verdict } = decide([statement()], ann, place, Date.parse(at), rules);
    assert.equal(verdict, fits ? "allow" : "deny");
  });
}

const odd = { ...place, clientAddress: "not an address" };
const mapped = { ...place, clientAddress: "::ffff:10.1.2.3" };
const networks: readonly [name: string, where: Place, then: Rule["then"], fits: boolean][] = [
  ["IPv4 in IPv6", mapped, "allow", true],
  ["no address, allow", odd, "allow", false],
  ["no address, deny", odd, "deny", true],
];
for (const [name, where, then, fits] of networks) {
  Deno.test(`a rule's network: ${name}`, () => {
    const rule: Rule = { name: "net", where: { clients: ["10.0.0.0/8"] }, then };
    const { rule: decided } = judge([rule], [{}], noon, ann, where);
    assert.equal(decided === "net", fits);
  });
}

Deno.test("who may connect is a matter of the target's groups", () => {
  assert.equal(mayConnect(ann, { name: "orders", groups: ["x", "engineers"] }), true);
  assert.equal(mayConnect(ann, { name: "orders", groups: ["x"] }), false);
  assert.equal(mayConnect(ann, { name: "orders", groups: [] }), false);
  const bound = { ...ann, targets: ["orders"] };
  assert.equal(mayConnect(bound, { name: "orders", groups: ["engineers"] }), true);
  assert.equal(mayConnect(bound, { name: "other", groups: ["engineers"] }), false, "bound to another target");
  assert.equal(mayConnect({ ...ann, groups: [] }, { name: "orders", groups: ["engineers"] }), false);
});

const writers: readonly [name: string, rules: readonly Rule[], who: Identity, writes: boolean][] = [
  [
    "reads only",
    [reads, { name: "session", what: { kinds: ["session", "transaction"] }, then: "allow" }],
    ann,
    false,
  ],
  ["the default rules", defaults, ann, true],
  [
    "writes with approval",
    [{ name: "w", what: { kinds: ["write"] }, then: "approve", approvers }],
    ann,
    true,
  ],
  [
    "writes at night only",
    [{ name: "w", what: { kinds: ["write"] }, when: { days: ["sun"], timezone: "UTC" }, then: "allow" }],
    ann,
    true,
  ],
  ["writes for others", [reads, { name: "w", who: { groups: ["dbas"] }, then: "allow" }], ann, false],
  [
    "all kinds, after a denial of everything else",
    [reads, { name: "d", then: "deny" }, { name: "w", then: "allow" }],
    ann,
    false,
  ],
  [
    "after a denial of some tables",
    [{ name: "d", what: { tables: ["a.*"] }, then: "deny" }, { name: "w", then: "allow" }],
    ann,
    true,
  ],
  [
    "after a denial at some times",
    [{ name: "d", when: { days: ["sun"], timezone: "UTC" }, then: "deny" }, { name: "w", then: "allow" }],
    ann,
    true,
  ],
  [
    "reads with a loosened floor",
    [{ name: "f", what: { kinds: ["read"], unsafe: ["function:*"] }, then: "allow" }],
    ann,
    true,
  ],
  ["no rules", [], ann, false],
];

for (const [name, rules, who, writes] of writers) {
  Deno.test(`whether a person could ever write: ${name}`, () => {
    const target = { name: place.target, environment: place.environment };
    const where = { target, database: place.database, clientAddress: place.clientAddress };
    assert.equal(everWrites(who, where, compileRules(rules)), writes);
  });
}
