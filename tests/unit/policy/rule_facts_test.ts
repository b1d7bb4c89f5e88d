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
    ] as const
  ) assert.equal(ruled(understood(text)), expected, text);
  for (
    const [text, expected] of [
      ["SET autocommit = 1", "allow few-settings"],
      ["SET autocommit = 1, sql_mode = 'STRICT_TRANS_TABLES'", "deny default-deny"],
      ["SELECT id FROM orders FOR UPDATE", "approve ask-for-locks"],
      ["SELECT id FROM orders", "allow cel"],
    ] as const
  ) assert.equal(ruled(understand(text)), expected, text);
});
