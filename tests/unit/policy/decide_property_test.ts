import assert from "node:assert/strict";
import fc from "fast-check";
import { compileRules, decide, everWrites, type Rule } from "../../../policy/decide.ts";
import { ann, place, rules, severity, statement, statements } from "./decide_fixture.ts";

const at = fc.integer({ min: 0, max: 2 ** 42 });
const ruleLists = fc.array(rules, { maxLength: 5 });

function verdict(list: readonly Rule[], texts: Parameters<typeof decide>[0], time: number) {
  return severity[decide(texts, ann, place, time, compileRules(list)).verdict];
}

Deno.test("decide is total: any facts and rules give a verdict with a rule and a reason", () => {
  fc.assert(
    fc.property(ruleLists, fc.array(statements, { maxLength: 4 }), at, (list, texts, time) => {
      const judgement = decide(texts, ann, place, time, compileRules(list));
      assert.ok(judgement.verdict in severity);
      assert.equal(judgement.statements.length, texts.length);
      assert.equal(judgement.terms !== null, judgement.verdict === "approve");
      assert.ok(judgement.reason !== "");
      if (texts.length > 0) assert.ok(judgement.rule !== "");
    }),
    { numRuns: 2000 },
  );
});

Deno.test("the same question has the same answer", () => {
  fc.assert(fc.property(ruleLists, statements, at, (list, text, time) => {
    const compiled = compileRules(list);
    const first = decide([text], ann, place, time, compiled);
    decide([statement()], ann, place, time + 3_600_000, compiled);
    assert.deepEqual(decide([text], ann, place, time, compiled), first);
  }));
});

Deno.test("a denial in front makes no verdict milder", () => {
  const denial = rules.map((rule): Rule => ({ ...rule, then: "deny" }));
  fc.assert(
    fc.property(ruleLists, denial, statements, at, (list, first, text, time) => {
      assert.ok(verdict([first, ...list], [text], time) >= verdict(list, [text], time));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("an allow at the end makes no verdict stricter, and an allow anywhere loosens no floor it does not name", () => {
  const allow = rules.map((rule): Rule => ({ ...rule, then: "allow" }));
  fc.assert(
    fc.property(ruleLists, allow, statements, at, (list, last, text, time) => {
      assert.ok(verdict([...list, last], [text], time) <= verdict(list, [text], time));
      const { unsafe, missingWhere } = last.what ?? {};
      const dangerous = text.facts.unsafe.length > 0 && (unsafe ?? []).length === 0;
      const unbounded = text.facts.missingWhere && missingWhere !== true;
      if (dangerous || unbounded) assert.equal(verdict([last], [text], time), severity.deny);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("another table, another unsafe code or another statement makes no verdict milder", () => {
  // Without tables, an allow for some tables fits as well; from the first table on, each can only add.
  const withTables = statements.filter(({ facts }) => facts.tables.length > 0 && !facts.catalogOnly);
  // Functions and columns are lists to be covered whole or touched in part, and conditions read everything.
  const plain = rules.map(({ if: _, what = {}, ...rule }): Rule => ({
    ...rule,
    what: { ...what, columns: [], functions: [] },
  }));
  const more = fc.constantFrom("r:c.v", "w:c.v", "r:a.new", "w:b.new");
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 5 }), withTables, more, at, (list, text, name, time) => {
      const alone = verdict(list, [text], time);
      const { facts } = text;
      const [added] = statement({ tables: [name] }).facts.tables;
      assert.ok(added !== undefined);
      const writesAlready = facts.tables.some(({ access }) => access === "write");
      if (added.access === "read" || writesAlready) {
        const wider = { ...text, facts: { ...facts, tables: [...facts.tables, added] } };
        assert.ok(verdict(list, [wider], time) >= alone);
      }
      assert.ok(verdict(list, [text, statement({ kind: "ddl" })], time) >= alone);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("who could never write there is never allowed or offered a write", () => {
  const { target: name, environment, database, clientAddress } = place;
  const writing = statements.filter(({ facts }) =>
    !["read", "session", "transaction"].includes(facts.kind) ||
    facts.tables.some(({ access }) => access === "write")
  );
  let judged = 0;
  fc.assert(
    fc.property(ruleLists, writing, at, (list, text, time) => {
      const compiled = compileRules(list);
      if (everWrites(ann, { target: { name, environment }, database, clientAddress }, compiled)) return;
      judged++;
      assert.equal(decide([text], ann, place, time, compiled).verdict, "deny");
    }),
    { numRuns: 3000 },
  );
  assert.ok(judged > 100, `only ${judged} cases were about somebody who cannot write`);
});
