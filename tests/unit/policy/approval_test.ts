import assert from "node:assert/strict";
import { digestKeyOf, digestOf } from "../../../policy/approval.ts";
import { ada, ben, desk, devin, digestKey, held, now, person, refused } from "./approval_fixture.ts";

Deno.test("an approver's consent settles the hold as approved, once it is recorded", async () => {
  const { approvals, appended } = desk();
  const hold = await held(approvals);
  assert.equal(hold.url, "http://x/requests/r1");
  await approvals.decide("r1", ada, { approve: true, reason: "" });
  assert.deepEqual(await hold.outcome, { state: "approved", by: ada.name, reason: "" });
  assert.deepEqual(appended.map(({ type }) => type), ["approval.requested", "approval.decided"]);
  assert.deepEqual(approvals.pending(), []);
});

Deno.test("nobody approves their own, not even as an approver or under another name", async () => {
  const { approvals } = desk();
  const hold = await held(approvals);
  const both = { ...devin, groups: ["db-approvers"] };
  const renamed = { ...both, name: "someone@example.test" };
  const lookalike = { ...both, subject: "other" };
  for (const self of [both, renamed, lookalike]) {
    await assert.rejects(approvals.decide("r1", self, { approve: true, reason: "" }), refused(/their own/));
  }
  hold.withdraw("test over");
  await hold.outcome;
});

Deno.test("outsiders and expired sign-ins decide nothing", async () => {
  const { approvals } = desk();
  const hold = await held(approvals);
  const outsider = person("alex@example.test", ["auditors"]);
  await assert.rejects(
    approvals.decide("r1", outsider, { approve: true, reason: "" }),
    refused(/Only members/),
  );
  const stale = person("eve@example.test", ["db-approvers"], now);
  await assert.rejects(approvals.decide("r1", stale, { approve: true, reason: "" }), refused(/expired/));
  hold.withdraw("test over");
  assert.equal((await hold.outcome).state, "withdrawn");
});

Deno.test("a refusal needs a reason, and the requester gets it", async () => {
  const { approvals } = desk();
  const hold = await held(approvals);
  await assert.rejects(approvals.decide("r1", ada, { approve: false, reason: " " }), refused(/reason/));
  await approvals.decide("r1", ada, { approve: false, reason: "wrong id" });
  assert.deepEqual(await hold.outcome, { state: "denied", by: ada.name, reason: "wrong id" });
});

Deno.test("a quorum counts different people, and one refusal ends it", async () => {
  const { approvals } = desk();
  const first = await held(approvals, { quorum: 2 });
  await approvals.decide("r1", ada, { approve: true, reason: "" });
  await assert.rejects(approvals.decide("r1", ada, { approve: true, reason: "" }), refused(/already/));
  assert.equal(approvals.pending()[0]?.reviews.length, 1);
  await approvals.decide("r1", ben, { approve: true, reason: "" });
  assert.equal((await first.outcome).state, "approved");

  const second = await held(approvals, { id: "r2", digest: "other", quorum: 2 });
  await approvals.decide("r2", ada, { approve: true, reason: "" });
  await approvals.decide("r2", ben, { approve: false, reason: "no" });
  assert.equal((await second.outcome).state, "denied");
});

Deno.test("an approval is used once: the second decision is told what became of it", async () => {
  const { approvals } = desk();
  const hold = await held(approvals);
  const two = await Promise.allSettled([
    approvals.decide("r1", ada, { approve: true, reason: "" }),
    approvals.decide("r1", ben, { approve: false, reason: "no" }),
  ]);
  assert.deepEqual(two.map(({ status }) => status), ["fulfilled", "rejected"]);
  assert.equal((await hold.outcome).state, "approved");
});

Deno.test("a withdrawal while a decision is being recorded does nothing where the decision stands", async () => {
  const { approvals, gate, appended } = desk();
  const hold = await held(approvals);
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.wait = promise;
  const deciding = approvals.decide("r1", ada, { approve: true, reason: "" });
  hold.withdraw("Ctrl-C");
  resolve();
  await deciding;
  assert.equal((await hold.outcome).state, "approved");
  assert.deepEqual(appended.map(({ type }) => type), ["approval.requested", "approval.decided"]);
});

Deno.test("a decision that cannot be recorded is none: the request stays, or goes if it was withdrawn meanwhile", async () => {
  const { approvals, gate } = desk();
  const hold = await held(approvals);
  gate.fail = true;
  await assert.rejects(approvals.decide("r1", ada, { approve: true, reason: "" }), refused(/full/));
  assert.equal(approvals.pending().length, 1);

  const { promise, resolve } = Promise.withResolvers<void>();
  gate.wait = promise;
  const deciding = approvals.decide("r1", ada, { approve: true, reason: "" });
  hold.withdraw("Ctrl-C");
  resolve();
  await assert.rejects(deciding, refused(/full/));
  assert.equal((await hold.outcome).state, "withdrawn");
});

Deno.test("a request that cannot be recorded is never shown", async () => {
  const { approvals, gate } = desk();
  gate.fail = true;
  await assert.rejects(held(approvals), refused(/full/));
  assert.deepEqual(approvals.pending(), []);
});

Deno.test("the deadline ends a request that nobody decided", async () => {
  const { approvals, appended } = desk();
  const hold = await held(approvals, { deadlineAt: now + 1 });
  assert.equal((await hold.outcome).state, "expired");
  assert.equal(appended.at(-1)?.type, "approval.withdrawn");
  assert.equal(appended.at(-1)?.data.state, "expired");
});

Deno.test("the digest changes with every part and not with their order", () => {
  const base = { text: "UPDATE t SET a = $1", parameters: [{ text: "1", type: "int4" }], role: "app" };
  const digest = (parts: Parameters<typeof digestOf>[0]) => digestOf(parts, digestKey);
  assert.equal(digest(base), digest({ role: base.role, parameters: base.parameters, text: base.text }));
  assert.notEqual(digest(base), digestOf(base, digestKeyOf(digestKey)), "another installation's is another");
  for (
    const other of [
      { ...base, text: base.text + " " },
      { ...base, parameters: [{ text: null, type: "int4" }] },
      { ...base, parameters: [{ text: "1", type: "text" }] },
      { ...base, role: "owner" },
    ]
  ) assert.notEqual(digest(other), digest(base));
});
