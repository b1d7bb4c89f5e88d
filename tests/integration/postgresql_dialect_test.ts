/** Judges statements with the catalog of a real PostgreSQL, and proves masks by two databases that differ only in secrets. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { corpus, judge, rightVerdicts, startLab, twoSecrets, verdictOf } from "../support/postgresql_lab.ts";
import { postgresqlHere } from "../support/postgresql.ts";
import { statement } from "../support/postgresql_statements.ts";
import { testNeeding } from "../support/programs.ts";

const strictness = ["allow", "mask", "approve", "deny"];

testNeeding([postgresqlHere], "the corpora's statements get the verdicts they should", async (t) => {
  const lab = await startLab();
  try {
    const wrong: string[] = [];
    let overBlocked = 0;
    for (const each of corpus()) {
      const text = each.sql ?? "";
      const judgement = judge(lab.analyst, text);
      const verdict = verdictOf(judgement);
      const right = rightVerdicts(each, judgement);
      if (!right.includes(verdict)) {
        wrong.push(`${each.id}: ${verdict} instead of ${right.join(" or ")}: ${text}`);
      }
      if (strictness.indexOf(verdict) > strictness.indexOf(each.expect)) overBlocked++;
    }
    assert.deepEqual(wrong, []);
    await t.step(
      `stricter than asked for, as the corpora allow: ${overBlocked}`,
      () => assert.ok(overBlocked < 25),
    );
    // Some differ from run to run by themselves: OIDs, times.
    for (const each of corpus().filter(({ server }) => !JSON.stringify(server).includes("nondet"))) {
      const [a, b] = await lab.observe(each.sql ?? "");
      assert.equal(a, b, `${each.id} tells the databases apart`);
      for (const secret of [...twoSecrets[0].ssns, ...twoSecrets[0].cards]) {
        const own = each.sql?.includes(secret) ?? false;
        assert.ok(own || !a.includes(secret), `${each.id} shows a secret`);
      }
    }
  } finally {
    await lab.close();
  }
});

testNeeding([postgresqlHere], "no random dress of a masked column tells two databases apart", async (t) => {
  const lab = await startLab();
  const counts = { denied: 0, failed: 0, rows: 0 };
  const seconds = Number(Deno.env.get("FUZZ_SECONDS") ?? "0");
  try {
    await fc.assert(
      fc.asyncProperty(statement, async (text) => {
        const [a, b] = await lab.observe(text);
        if (a === "denied") counts.denied++;
        else if (a.startsWith('["error"')) counts.failed++;
        else counts.rows++;
        assert.equal(a, b);
      }),
      seconds > 0
        ? { numRuns: 10_000_000, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false }
        : { numRuns: 400, seed: 7 },
    );
    await t.step(
      `${counts.rows} gave rows, ${counts.failed} failed on both, ${counts.denied} were refused`,
      () => {
        assert.ok(counts.rows > 20);
      },
    );
  } finally {
    await lab.close();
  }
});
