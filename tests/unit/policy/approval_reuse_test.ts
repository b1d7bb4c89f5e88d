/** An approval whose client went away: who may take it up, how often, and until when. */
import assert from "node:assert/strict";
import { ada, ben, desk, devin, held, now, person, refused, request } from "./approval_fixture.ts";

const yes = { approve: true, reason: "" };

Deno.test("an approval that its client did not live to use passes the same digest, once", async () => {
  const { approvals } = desk();
  await held(approvals);
  await approvals.decide("r1", ada, yes);
  const again = request({ id: "r2", session: "s2" });
  const hold = await approvals.hold(again, devin);
  assert.equal(hold.request.id, "r1");
  assert.match(hold.passes ?? "", /approved by ada/);
  assert.equal((await hold.outcome).state, "approved");
  const raced = await Promise.allSettled([
    approvals.use("r1", again),
    approvals.use("r1", request({ id: "r3", session: "s3" })),
  ]);
  assert.deepEqual(raced.map(({ status }) => status), ["fulfilled", "rejected"]);
  const third = await approvals.hold(request({ id: "r4" }), devin);
  assert.equal(third.passes, undefined, "it asks anew");
  third.withdraw("test over");
  await third.outcome;
});

Deno.test("an approval is not good for another digest", async () => {
  const { approvals } = desk();
  await held(approvals);
  await approvals.decide("r1", ada, yes);
  await assert.rejects(
    approvals.use("r1", request({ digest: "other" })),
    refused(/used already, or is over/),
  );
  const other = await approvals.hold(request({ id: "r2", digest: "other" }), devin);
  assert.equal(other.passes, undefined);
  other.withdraw("test over");
  await other.outcome;
});

Deno.test("the same statement sent again joins its pending request; one of both runs", async () => {
  const { approvals, appended } = desk();
  const first = await held(approvals);
  const second = await approvals.hold(request({ id: "r2", session: "s2" }), devin);
  assert.equal(second.request.id, "r1");
  assert.equal(approvals.pending().length, 1);
  await approvals.decide("r1", ada, yes);
  assert.match((await first.outcome).reason, /another connection of yours runs it/);
  assert.equal((await second.outcome).state, "approved");
  assert.deepEqual(appended.map(({ type, session }) => [type, session]), [
    ["approval.requested", "s1"],
    ["approval.joined", "s2"],
    ["approval.decided", "s1"],
  ]);
});

Deno.test("two that ask at the same moment ask once", async () => {
  const { approvals } = desk();
  const [one, two] = await Promise.all([held(approvals), held(approvals, { id: "r2", session: "s2" })]);
  assert.equal(one.request.id, two.request.id);
  one.withdraw("gone");
  assert.equal((await one.outcome).state, "withdrawn");
  assert.equal(approvals.pending().length, 1, "the other still waits");
  two.withdraw("gone too");
  await two.outcome;
  assert.equal(approvals.pending().length, 0);
});

Deno.test("a client that leaves may come again while its request is kept; else it is withdrawn", async () => {
  const { approvals, appended } = desk(60_000);
  const first = await held(approvals);
  first.leave("the client disconnected");
  assert.equal((await first.outcome).state, "withdrawn");
  assert.equal(approvals.pending().length, 1);
  const second = await approvals.hold(request({ id: "r2", session: "s2" }), devin);
  await approvals.decide("r1", ada, yes);
  assert.equal((await second.outcome).state, "approved");

  const short = desk(1);
  const left = await held(short.approvals);
  left.leave("the client disconnected");
  await left.outcome;
  while (short.approvals.pending().length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(short.appended.at(-1)?.data.outcome, "the client disconnected, and did not come again");
  assert.equal(appended.length, 3);

  const none = desk(0);
  (await held(none.approvals)).leave("the client disconnected");
  assert.equal(none.approvals.pending()[0]?.state, "withdrawn");
});

Deno.test("approved while its client is away, it passes the retry", async () => {
  const { approvals } = desk(60_000);
  (await held(approvals)).leave("the client disconnected");
  await approvals.decide("r1", ada, yes);
  const again = await approvals.hold(request({ id: "r2", session: "s2" }), devin);
  assert.match(again.passes ?? "", /approved by ada/);
  await approvals.use("r1", request({ id: "r2", session: "s2" }));
});

Deno.test("somebody whose access ends loses what was approved, what is pending, and their say", async () => {
  const { approvals, appended } = desk();
  await held(approvals);
  await approvals.decide("r1", ada, yes);
  const pending = await held(approvals, { id: "r2", digest: "two" });
  await approvals.endAccess(devin, "devin left the company");
  assert.equal((await pending.outcome).state, "withdrawn");
  assert.deepEqual(
    appended.filter(({ type }) => type === "approval.withdrawn").map(({ data }) => [data.id, data.outcome]),
    [["r2", "devin left the company"], ["r1", "devin left the company"]],
  );
  await assert.rejects(approvals.use("r1", request()), refused(/is over/));

  const quorum = await held(approvals, { id: "r3", digest: "three", quorum: 2 });
  await approvals.decide("r3", ada, yes);
  await approvals.endAccess(ada, "ada left");
  await approvals.decide("r3", ben, yes);
  assert.equal(approvals.pending()[0]?.state, "pending", "ada's review no longer counts");
  const cleo = person("cleo@example.test", ["db-approvers"]);
  await approvals.decide("r3", cleo, yes);
  assert.equal((await quorum.outcome).state, "approved");
});

Deno.test("a review of somebody whose sign-in has ended meanwhile does not count", async () => {
  const { approvals, clock } = desk();
  const hold = await held(approvals, { quorum: 2 });
  await approvals.decide("r1", person("ada@example.test", ["db-approvers"], now + 1000), yes);
  clock.now = now + 1001;
  await approvals.decide("r1", ben, yes);
  const [shown] = approvals.pending();
  assert.deepEqual(shown?.reviews.map(({ by, lapsed }) => [by, lapsed ?? false]), [
    ["ada@example.test", true],
    ["ben@example.test", false],
  ]);
  await approvals.decide("r1", person("ada@example.test", ["db-approvers"], now + 99_000), yes);
  assert.equal((await hold.outcome).state, "approved");
});
