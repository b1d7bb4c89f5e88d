import assert from "node:assert/strict";
import { missing, program } from "../../support/programs.ts";
import { count, cpuSecondsOf } from "../../support/run_tests.ts";

const tally = () => ({
  passed: 0,
  failed: 0,
  skipped: 0,
  reasons: new Map<string, number>(),
  failures: [] as string[],
});

Deno.test("runs are added up, with the reasons of what was skipped", () => {
  const sum = tally();
  count(
    "a ... ok (1ms)\nb [skipped: psql is not installed] ... ignored (0ms)\n\nok | 12 passed (3 steps) | 0 failed | 1 ignored (20ms)\n",
    0,
    sum,
  );
  count(
    "c [skipped: psql is not installed] ... ignored (0ms)\n\nok | 1 passed | 0 failed | 1 ignored (1ms)\n",
    0,
    sum,
  );
  assert.deepEqual(sum, {
    passed: 13,
    failed: 0,
    skipped: 2,
    reasons: new Map([["psql is not installed", 2]]),
    failures: [],
  });
});

Deno.test("failures count as many as there were, and at least one where the run failed", () => {
  const several = tally();
  count("FAILED | 2 passed | 3 failed (1s)\n", 1, several);
  assert.deepEqual([several.passed, several.failed], [2, 3]);
  const silent = tally();
  count("thread panicked\n", 101, silent);
  assert.equal(silent.failed, 1);
  const odd = tally();
  count("ok | 5 passed | 0 failed (1s)\n", 1, odd);
  assert.deepEqual([odd.passed, odd.failed], [5, 1]);
});

Deno.test("a program that is not there is named as the reason", () => {
  assert.equal(program("surely-no-such-program"), null);
  assert.equal(missing(["surely-no-such-program"]), "surely-no-such-program is not installed");
  assert.notEqual(program("sh"), null);
  assert.equal(missing(["sh"]), null);
  assert.equal(missing([{ missing: () => "it is Tuesday" }, "sh"]), "it is Tuesday");
});

Deno.test("the shell's count of its children's time is read, user and system; anything else is not", () => {
  assert.equal(cpuSecondsOf("0m0.010s 0m0.000s\n1m2.500s 0m0.500s\n"), 63);
  assert.equal(cpuSecondsOf("Killed\n"), null);
});
