/** Rules by verb, setting and lock, on what the dialects find. */
import assert from "node:assert/strict";
import { compileRules, decide, type Rule } from "../../../policy/decide.ts";
import type { Understood } from "../../../policy/sql/dialect.ts";
import { understand } from "../sql/mysql_fixture.ts";
import { understood } from "../sql/postgresql_fixture.ts";
import { ann, noon, place } from "./decide_fixture.ts";

const rules: readonly Rule[] = [
  { name: "no-work-mem", what: { settings: ["work_mem"] }, then: "deny" },
  {
    name: "ask-for-locks",
    what: { locks: ["*"] },
    then: "approve",
    approvers: { groups: ["dbas"], quorum: 1 },
  },
  { name: "no-chance", what: { volatile: ["*.random", "builtin.rand", "builtin.sleep"] }, then: "deny" },
  { name: "no-patterns", what: { operators: ["pg_catalog.~*"] }, then: "deny" },
  { name: "one-by-one", if: "facts.statements > 2", then: "deny" },
  { name: "no-clock", if: "'pg_catalog.clock_timestamp' in facts.volatile", then: "deny" },
  { name: "no-shift", if: "'pg_catalog.<<' in facts.operators", then: "deny" },
  { name: "no-analyze", what: { verbs: ["explain analyze*"] }, then: "deny" },
  {
    name: "few-settings",
    what: { kinds: ["session"], settings: ["statement_timeout", "autocommit"] },
    then: "allow",
  },
  {
    name: "cel",
    what: { kinds: ["read"] },
    if: "facts.settings.size() + facts.locks.size() == 0",
    then: "allow",
  },
];

function ruled(statement: Understood): string {
  const { verdict, rule } = decide([statement], ann, place, noon, compileRules(rules));
  return `${verdict} ${rule}`;
}

Deno.test("settings, locks and verbs can be matched, in both dialects", () => {
  for (
    const [text, expected] of [
      ["SET work_mem = '1GB'", "deny no-work-mem"],
      ["SELECT set_config('work_mem', '1GB', false)", "deny no-work-mem"],
      ["RESET work_mem", "deny no-work-mem"],
      ["SET statement_timeout = '1s'", "allow few-settings"],
      ["SET application_name = 'x'", "deny default-deny"],
      ["SELECT id FROM orders FOR UPDATE", "approve ask-for-locks"],
      ["SELECT id FROM orders FOR NO KEY UPDATE OF orders", "approve ask-for-locks"],
      ["WITH o AS (SELECT id FROM orders FOR SHARE) SELECT * FROM o", "approve ask-for-locks"],
      ["LOCK TABLE orders", "approve ask-for-locks"],
      ["EXPLAIN ANALYZE SELECT 1", "deny no-analyze"],
      ["EXPLAIN SELECT 1", "allow cel"],
      ["SELECT 1", "allow cel"],
      ["SELECT random()", "deny no-chance"],
      ["SELECT clock_timestamp()", "deny no-clock"],
      ["SELECT now(), lower('x')", "allow cel"],
      ["SELECT id FROM orders WHERE note ~* 'x'", "deny no-patterns"],
      ["SELECT id FROM orders WHERE note OPERATOR(pg_catalog.~*) 'x'", "deny no-patterns"],
      ["SELECT id FROM orders WHERE note ILIKE 'x'", "deny no-patterns"],
      ["SELECT id FROM orders WHERE note = 'x'", "allow cel"],
      ["SELECT 1 << 2", "deny no-shift"],
    ] as const
  ) assert.equal(ruled(understood(text)), expected, text);
  const three = ["SELECT 1", "SELECT 2", "SELECT 3"].map((text) => understood(text));
  const compiled = compileRules(rules);
  assert.equal(decide(three, ann, place, noon, compiled).rule, "one-by-one");
  assert.equal(decide(three.slice(1), ann, place, noon, compiled).verdict, "allow");
  for (
    const [text, expected] of [
      ["SET autocommit = 1", "allow few-settings"],
      ["SET autocommit = 1, sql_mode = 'STRICT_TRANS_TABLES'", "deny default-deny"],
      ["SELECT id FROM orders FOR UPDATE", "approve ask-for-locks"],
      ["SELECT id FROM orders", "allow cel"],
      ["SELECT RAND()", "deny no-chance"],
      ["SELECT NOW()", "allow cel"],
    ] as const
  ) assert.equal(ruled(understand(text)), expected, text);
});
