import assert from "node:assert/strict";
import { corpus, judge, rightVerdicts, verdictOf } from "../../support/postgresql_lab.ts";
import { analyst, cases, catalog } from "./postgresql_fixture.ts";

Deno.test("each statement of the list gets its verdict", () => {
  const wrong = cases().map(({ verdict, text }) => ({ text, verdict, got: verdictOf(judge(analyst, text)) }))
    .filter(({ verdict, got }) => got !== verdict);
  assert.deepEqual(wrong, []);
});

Deno.test("the list is long, and has all verdicts", () => {
  assert.ok(cases().length > 450);
  assert.deepEqual([...new Set(cases().map(({ verdict }) => verdict))].sort(), [
    "allow",
    "approve",
    "deny",
    "mask",
  ]);
});

Deno.test("the corpora get right verdicts by a catalog from a file, too", () => {
  const wrong = corpus().filter((one) => {
    const judgement = judge(analyst, one.sql ?? "");
    return !rightVerdicts(one, judgement).includes(verdictOf(judgement));
  });
  assert.deepEqual(wrong.map(({ id }) => id), []);
  assert.equal(corpus().length, 91);
});

Deno.test("every refusal says what was seen and what to do", () => {
  for (const { text } of cases()) {
    const judgement = judge(analyst, text);
    if (judgement.verdict !== "deny") continue;
    assert.ok(judgement.reason.length > 20, text);
    assert.ok(judgement.hint.length > 5, text);
    assert.ok(judgement.rule !== "", text);
  }
});

Deno.test("nothing is masked for somebody without masks, and nothing about values is refused", () => {
  const open = catalog.analyst("none", () => null);
  for (const { text } of cases()) {
    const answer = open.analyse(text, {});
    if ("refused" in answer) continue;
    for (const { facts, result, tainted } of answer) {
      const system = facts.tables.some(({ schema }) => schema === "pg_catalog");
      if (!system) assert.equal(result.kind, "clean", text);
      assert.equal(tainted, false, text);
      const masked = facts.unsafe.filter(({ code }) => code.startsWith("masked-") && !/_config/.test(text));
      if (!system) assert.deepEqual(masked, [], text);
    }
  }
});
