/** Access rules and the life of a grant, without a clock or a store. */
import assert from "node:assert/strict";
import {
  type AccessRule,
  isActive,
  moved,
  rulingOn,
  stillFor,
  timesOf,
  wholeScope,
  within,
} from "../../../policy/grant.ts";
import { checkWanted } from "../../../policy/grant_requests.ts";
import { scopeFilter } from "../../../policy/grant_scope.ts";
import type { Identity, JudgedStatement, Judgement, StatementFacts } from "../../../policy/types.ts";
import { grantOf } from "../ui/fakes.ts";

const who: Identity = {
  subject: "s",
  issuer: "i",
  name: "devin@example.test",
  groups: ["engineers"],
  signedInAt: 0,
  expiresAt: 1e15,
  method: "browser",
};
const rule = (parts: Partial<AccessRule>): AccessRule => ({
  name: "rule",
  then: "grant",
  durationMaxMs: 3_600_000,
  scope: wholeScope,
  approvers: { groups: ["dba"], quorum: 1 },
  deadlineMs: 60_000,
  ...parts,
});
const wanted = { target: "demo", reason: "why", durationMs: 60_000 };
const at = Date.UTC(2026, 0, 15, 12);

Deno.test("a grant counts from when it was wanted, or from its decision where that came later", () => {
  const grant = { ...grantOf(at, { durationMs: 60_000 }), startsAt: at + 5_000 };
  assert.deepEqual(timesOf(grant, at), { startsAt: at + 5_000, endsAt: at + 65_000 });
  assert.deepEqual(timesOf(grant, at + 9_000), { startsAt: at + 9_000, endsAt: at + 69_000 });
  assert.deepEqual(timesOf({ ...grant, startsAt: null }, at), { startsAt: at, endsAt: at + 60_000 });
  const granted = { ...grant, state: "granted" as const, ...timesOf(grant, at) };
  assert.deepEqual([at, at + 5_000, at + 64_999, at + 65_000].map((now) => isActive(granted, now)), [
    false,
    true,
    true,
    false,
  ]);
});

Deno.test("access starts now or within 30 days: not in the past, but for a clock that is some minutes late", () => {
  const from = (startsAt: number) => () => checkWanted({ ...wanted, startsAt }, at);
  const day = 86_400_000;
  for (const good of [at - 300_000, at, at + 30 * day]) from(good)();
  for (const bad of [at - day, at + 31 * day, NaN]) assert.throws(from(bad), /not in the past/);
});

Deno.test("the first access rule that fits decides: by who, time, span and scope; what is too long is cut", () => {
  const reads = { kinds: ["read"], tables: ["public.orders"], unmask: [] } as const;
  const rules = [
    rule({ name: "interns", who: { groups: ["interns"] }, then: "deny" }),
    rule({ name: "nights", when: { hours: { from: 0, to: 60 }, timezone: "UTC" } }),
    rule({ name: "office", where: { clients: ["10.0.0.0/8"] }, upToMs: 60_000 }),
    rule({ name: "reads", scope: reads, upToMs: 120_000 }),
    rule({ name: "ask", then: "approve", scope: { ...wholeScope, unmask: ["public.people.*"] } }),
  ];
  const named = (parts: object, address = "192.0.2.1") => {
    const { rule: name, durationMs, then, scope } = rulingOn(
      rules,
      { ...wanted, ...parts },
      who,
      address,
      at,
    );
    return [name, then, durationMs, scope.unmask.length];
  };
  assert.deepEqual(named({}, "10.1.2.3"), ["office", "grant", 60_000, 0]);
  assert.deepEqual(named({}), ["reads", "grant", 60_000, 0]);
  assert.deepEqual(named({ kinds: ["write"] }), ["ask", "approve", 60_000, 0]);
  assert.deepEqual(named({ tables: ["public.people"] }), ["ask", "approve", 60_000, 0]);
  assert.deepEqual(named({ durationMs: 86_400_000 }), ["ask", "approve", 3_600_000, 0]);
  assert.deepEqual(named({ unmask: ["public.people.email"] }), ["ask", "approve", 60_000, 1]);
  assert.throws(() => named({ unmask: ["public.orders.card"] }), /No access rule of demo covers/);
  assert.throws(
    () => rulingOn(rules, wanted, { ...who, groups: ["interns"] }, "", at),
    /The rule "interns" refuses access to demo/,
  );
});

Deno.test("a pattern that is asked for is covered only by one that fits all that it fits", () => {
  const covered = (scope: string, asked: string) =>
    within({ tables: [asked] }, { ...wholeScope, tables: [scope] }) !== null;
  for (
    const [scope, asked] of [
      ["*", "public.orders"],
      ["public.*", "public.*"],
      ["public.*", "public.ord*"],
      ["*.orders", "public.orders"],
      ["public.a\\*", "public.a\\*"],
    ] as const
  ) assert.ok(covered(scope, asked), `${scope} covers ${asked}`);
  for (
    const [scope, asked] of [
      ["public.orders", "public.*"],
      ["public.ord*", "public.*"],
      ["public.*", "*.orders"],
      ["public.a\\*", "public.a*"],
      ["public.orders", "public.Orders"],
      ["a.b", "a.b.c"],
    ] as const
  ) assert.ok(!covered(scope, asked), `${scope} does not cover ${asked}`);
});

Deno.test("a grant takes the steps of its table and no others, and is active by the clock alone", () => {
  const states = ["requested", "granted", "refused", "expired", "withdrawn", "ended", "revoked"] as const;
  const allowed = new Set([
    "requested requested",
    "requested granted",
    "requested refused",
    "requested expired",
    "requested withdrawn",
    "granted ended",
    "granted revoked",
  ]);
  for (const from of states) {
    for (const to of states) {
      const move = () => moved(grantOf(0, { state: from, outcome: "so" }), to, {});
      if (allowed.has(`${from} ${to}`)) assert.equal(move().state, to);
      else assert.throws(move, new RegExp(`is ${from} already: so`));
    }
  }
  const granted = grantOf(0, { state: "granted", startsAt: 10, endsAt: 20 });
  assert.deepEqual([9, 10, 19, 20].map((now) => isActive(granted, now)), [false, true, true, false]);
  assert.equal(isActive({ ...granted, state: "revoked" }, 15), false);
  assert.ok(stillFor([rule({ name: granted.rule })], granted, who));
  assert.ok(!stillFor([rule({ name: granted.rule, who: { groups: ["others"] } })], granted, who));
  assert.ok(!stillFor([], granted, who), "a rule that is gone speaks for nobody");
});

const statement = (parts: Partial<StatementFacts>): JudgedStatement => ({
  facts: {
    dialect: "postgresql",
    kind: "read",
    verb: "SELECT",
    tables: [],
    columns: [],
    functions: [],
    missingWhere: false,
    catalogOnly: false,
    masked: [],
    unsafe: [],
    refers: { statements: [], cursors: [] },
    ...parts,
  } as StatementFacts,
  verdict: "allow",
  rule: "all",
  reason: "",
  hint: "",
  terms: null,
  result: { kind: "clean" },
  tainted: false,
});
const judged = (...statements: JudgedStatement[]): Judgement =>
  ({ ...statements[0]!, statements }) as unknown as Judgement;
const on = (name: string, access: "read" | "write" = "read") => [{ schema: "public", name, access }];

Deno.test("outside its scope a grant refuses, whatever the rules say; what no client gets along without passes", () => {
  const filter = scopeFilter({ kinds: ["read"], tables: ["public.orders"], unmask: [] });
  const verdict = (...statements: JudgedStatement[]) => {
    const { verdict, rule } = filter(judged(...statements));
    return verdict === "deny" ? rule : verdict;
  };
  assert.equal(verdict(statement({ tables: on("orders") })), "allow");
  assert.equal(verdict(statement({})), "allow", "SELECT 1");
  assert.equal(verdict(statement({ kind: "transaction", verb: "BEGIN" })), "allow");
  assert.equal(verdict(statement({ kind: "session", verb: "SET" })), "allow");
  assert.equal(
    verdict(
      statement({ catalogOnly: true, tables: [{ schema: "pg_catalog", name: "pg_class", access: "read" }] }),
    ),
    "allow",
  );
  assert.equal(verdict(statement({ tables: on("people") })), "grant");
  assert.equal(verdict(statement({ tables: on("Orders") })), "grant", "names as the catalog spells them");
  assert.equal(verdict(statement({ kind: "write", tables: on("orders", "write") })), "grant");
  assert.equal(verdict(statement({ tables: on("orders") }), statement({ tables: on("people") })), "grant");
  const calls = scopeFilter({ kinds: null, tables: ["public.orders"], unmask: [] });
  assert.equal(calls(judged(statement({ kind: "call", verb: "CALL" }))).rule, "grant", "it names no table");
});
