/** What the record and the approver see of values that go to masked columns. */
import assert from "node:assert/strict";
import { requestFor } from "../../../policy/approval/request.ts";
import { approvalRequested, statementJudged } from "../../../policy/audit/events.ts";
import { hiddenMark, shownOf } from "../../../policy/hidden.ts";
import type { JudgedStatement, StatementRun } from "../../../policy/types.ts";
import { identity, run as sample, target } from "../audit/samples.ts";

const secret = "123-45-6789";

/** As the dialect would tell it: the literals at every place where the secret stands, and these parameters. */
function runOf(
  text: string,
  parameters: readonly (string | null)[] = [],
  hidden: number[] = [],
): StatementRun {
  const quoted = `'${secret}'`;
  const maskedLiterals: [number, number][] = [];
  for (let at = text.indexOf(quoted); at >= 0; at = text.indexOf(quoted, at + 1)) {
    maskedLiterals.push([at, at + quoted.length]);
  }
  const [first] = sample.judgement.statements;
  const facts = { ...first!.facts, maskedLiterals, maskedParameters: hidden };
  const statements: JudgedStatement[] = [{ ...first!, facts }];
  return {
    ...sample,
    text,
    parameters: parameters.map((value) => ({ text: value, type: "text", bytes: value?.length ?? 0 })),
    judgement: { ...sample.judgement, verdict: "approve", statements, terms: terms() },
  };
}

const terms = () => ({ groups: ["db-approvers"], quorum: 1, deadlineMs: 60_000 });

const requestOf = (run: StatementRun, key = new Uint8Array(32)) =>
  requestFor(
    run,
    { id: "s1", identity, target, database: "orders", client: { ...clientOf() } },
    0,
    { transactionHoldMs: 1, digestKey: key, template: () => null },
  );

const clientOf = () => ({ address: "", port: 0, application: "", user: "", tls: null });

Deno.test("literals for masked columns are replaced, and where is told", () => {
  const text =
    `UPDATE users SET ssn = '${secret}', name = '${hiddenMark}' WHERE ssn = '${secret}' AND id = 7`;
  const shown = shownOf(runOf(text));
  assert.equal(
    shown.text,
    `UPDATE users SET ssn = ${hiddenMark}, name = '${hiddenMark}' WHERE ssn = ${hiddenMark} AND id = 7`,
  );
  assert.deepEqual(shown.hidden.map(([start, end]) => shown.text.slice(start, end)), [
    hiddenMark,
    hiddenMark,
  ]);
  assert.equal(shown.text.indexOf(hiddenMark), shown.hidden[0]?.[0]);
  assert.notEqual(
    shown.hidden[1]?.[0],
    shown.text.indexOf(hiddenMark, shown.hidden[0]![1]),
    "not the one that was typed",
  );
});

Deno.test("parameters for masked columns are replaced with their length, NULL stays NULL", () => {
  const run = runOf("INSERT INTO users VALUES ($1, $2, $3)", ["1", secret, null], [1, 2]);
  const shown = shownOf(run);
  assert.deepEqual(shown.parameters.map(({ text, bytes }) => [text, bytes]), [["1", 1], [hiddenMark, 0], [
    null,
    0,
  ]]);
  assert.deepEqual(shown.hiddenParameters, [1, 2]);
});

Deno.test("no event holds the value, and the digest still tells one value from another", () => {
  const literal = runOf(`UPDATE users SET ssn = '${secret}' WHERE id = 7`);
  const bound = runOf("UPDATE users SET ssn = $1 WHERE id = 7", [secret], [0]);
  for (const run of [literal, bound]) {
    const about = { person: "p", session: "s1", target: "t" };
    const drafts = [approvalRequested(requestOf(run)), statementJudged(about, { id: "1", run, policy: "p" })];
    for (const draft of drafts) {
      assert.doesNotMatch(JSON.stringify(draft), new RegExp(secret));
      assert.match(JSON.stringify(draft.data), /"hidden(Parameters)?":\[/);
    }
  }
  const other = runOf("UPDATE users SET ssn = $1 WHERE id = 7", ["987-65-4321"], [0]);
  assert.deepEqual(shownOf(other).parameters, shownOf(bound).parameters);
  assert.notEqual(requestOf(other).digest, requestOf(bound).digest);
  assert.notEqual(requestOf(bound).digest, requestOf(bound, new Uint8Array(32).fill(1)).digest, "keyed");
});
