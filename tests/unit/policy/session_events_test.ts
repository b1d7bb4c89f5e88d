/** What is encoded once and filled in is, byte for byte, what encoding each event anew gives. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { contentOf } from "../../../policy/audit/chain.ts";
import { known, statementFinished, statementJudged } from "../../../policy/audit/events.ts";
import { Decisions } from "../../../policy/decisions.ts";
import { compileRules, decide } from "../../../policy/decide.ts";
import type { Recordable } from "../../../policy/ports.ts";
import { SessionEvents } from "../../../policy/session_events.ts";
import { encode } from "../../../policy/store/projection.ts";
import { metaFor, metaOf } from "../../../policy/store/spool_meta.ts";
import type { EventDraft, StatementRun } from "../../../policy/types.ts";
import { about, identity, run } from "../audit/samples.ts";

/** The content, and what is spooled beside it. */
function bytesOf(event: Recordable, at: number): [string, string] {
  if (!("template" in event)) return [contentOf({ ...event, at }), metaOf(encode(event, at))];
  return [event.template.content(at, event.values), metaFor(event.template, at)];
}

const anyText = fc.string({ unit: "binary" });

Deno.test("repeated statements are recorded with the bytes of a whole event each", () => {
  let filled = 0;
  fc.assert(
    fc.property(
      fc.record({ person: anyText, session: anyText, target: anyText }),
      fc.array(
        fc.record({
          text: anyText,
          inTransaction: fc.boolean(),
          parameters: fc.array(
            fc.record({ text: fc.option(anyText), type: anyText, bytes: fc.nat() }),
            { maxLength: 3 },
          ),
          at: fc.nat(),
        }),
        { minLength: 2, maxLength: 5 },
      ),
      (who, repeats) => {
        const events = new SessionEvents(who);
        repeats.forEach(({ at, ...varied }, i) => {
          const one: StatementRun = { ...run, ...varied };
          const id = `${crypto.randomUUID()}-${i}`;
          const { event, text } = events.judged(id, one, "policy", null);
          assert.equal(text, one.text);
          if ("template" in event) filled++;
          const whole = statementJudged(who, { id, run: one, policy: "policy" });
          assert.deepEqual(bytesOf(event, at), bytesOf(whole, at));
        });
      },
    ),
  );
  assert.ok(filled > 0, "some of them were filled in");
});

Deno.test("a template is not used where state or policy differ, or where something is hidden", () => {
  const events = new SessionEvents(about);
  const variants: [StatementRun, string][] = [
    [run, "p"],
    [run, "p"],
    [{ ...run, text: "SELECT 2" }, "p"],
    [{ ...run, state: { ...run.state } }, "p"],
    [run, "other"],
    [run, "other"],
  ];
  for (const [one, policy] of variants) {
    const whole = statementJudged(about, { id: "s", run: one, policy });
    assert.deepEqual(bytesOf(events.judged("s", one, policy, null).event, 5), bytesOf(whole, 5));
  }
  const approved = events.judged("s", run, "other", { approval: "a", waitedMs: 3 }).event as EventDraft;
  assert.deepEqual([approved.data.approval, approved.data.waitedMs], ["a", 3]);
  const [statement] = run.judgement.statements;
  assert.ok(statement !== undefined);
  const facts = { ...statement.facts, maskedParameters: [0] };
  const hiding = { ...run, judgement: { ...run.judgement, statements: [{ ...statement, facts }] } };
  const cut = { ...statement.facts, maskedLiterals: [[0, 6]] as const };
  const hidden = { ...run, judgement: { ...run.judgement, statements: [{ ...statement, facts: cut }] } };
  for (const text of ["SELECT 1", "SELECT 1", "SELECT 1", "DELETE 1", "DELETE 1", "DELETE 22"]) {
    const one = { ...hidden, text };
    const whole = statementJudged(about, { id: "s", run: one, policy: "p" });
    const judged = events.judged("s", one, "p", null);
    assert.deepEqual(bytesOf(judged.event, 5), bytesOf(whole, 5));
    assert.equal(judged.text, whole.data.text);
  }
  for (let i = 0; i < 3; i++) assert.ok(!("template" in events.judged("s", hiding, "p", null).event));
});

Deno.test("ends of statements are recorded with the bytes of a whole event each", () => {
  fc.assert(
    fc.property(
      fc.option(fc.nat()),
      fc.nat(),
      anyText,
      fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
      fc.option(fc.record({ code: anyText, message: anyText })),
      (rows, bytes, tag, ms, error) => {
        const outcome = { rows, bytes, tag, error };
        const measured = { durationMs: ms, sent: bytes };
        const event = new SessionEvents(about).finished("s-1", outcome, measured);
        assert.deepEqual(bytesOf(event, 7), bytesOf(statementFinished(about, "s-1", outcome, measured), 7));
      },
    ),
  );
});

Deno.test("a statement recorded with its end has the bytes of a whole event", () => {
  fc.assert(
    fc.property(fc.option(fc.nat()), fc.nat(), anyText, fc.nat(), anyText, (rows, bytes, tag, ms, text) => {
      const events = new SessionEvents(about);
      const one: StatementRun = { ...run, text };
      events.judged("first", one, "p", null);
      const { trailing } = events.judged("s", one, "p", null);
      assert.ok(trailing !== null);
      const measured = { durationMs: ms, sent: bytes };
      const event = events.together(trailing, { rows, bytes, tag, error: null }, measured);
      const whole = statementJudged(about, { id: "s", run: one, policy: "p" });
      const finished = { rows, bytes, tag, error: null, ...measured };
      assert.deepEqual(bytesOf(event, 7), bytesOf({ ...whole, data: { ...whole.data, finished } }, 7));
      assert.ok(
        known({
          ...JSON.parse(event.template.content(7, event.values)),
          sequence: 1,
          previous: "",
          hash: "",
        }),
      );
    }),
  );
});

const where = {
  target: "orders-prod",
  database: "orders",
  environment: "production",
  clientAddress: "127.0.0.1",
};
const understood = run.judgement.statements.map((one) => ({
  ...one,
  facts: { ...one.facts, kind: "read" as const, unsafe: [], missingWhere: false },
}));
const noon = Date.UTC(2026, 0, 5, 12, 0);

Deno.test("a decision is remembered for the same facts, rules and minute only", () => {
  const hours = { from: 0, to: 12 * 60 + 1 };
  const rules = compileRules([{ name: "morning", then: "allow", when: { timezone: "UTC", hours } }]);
  const decisions = new Decisions(identity, where);
  const first = decisions.on(understood, noon, rules);
  assert.equal(decisions.on(understood, noon + 59_999, rules), first);
  const later = decisions.on(understood, noon + 60_000, rules);
  assert.notEqual(later.verdict, first.verdict);
  for (const at of [noon, noon + 60_000, noon + 12 * 3_600_000, noon]) {
    assert.deepEqual(decisions.on(understood, at, rules), decide(understood, identity, where, at, rules));
  }
  const others = compileRules([{ name: "none", then: "deny" }]);
  assert.equal(decisions.on(understood, noon, others).verdict, "deny");
  assert.deepEqual(decisions.on([...understood], noon, rules), first);
});

Deno.test("a decision under a rule with a condition is taken anew each time", () => {
  const rules = compileRules([{ name: "if", then: "allow", if: "true" }]);
  const decisions = new Decisions(identity, where);
  const first = decisions.on(understood, noon, rules);
  const second = decisions.on(understood, noon, rules);
  assert.deepEqual(second, first);
  assert.notEqual(second, first);
});
