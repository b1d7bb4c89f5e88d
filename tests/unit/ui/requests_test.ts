/** The inbox, decisions, the consent for a client, and the history. */
import assert from "node:assert/strict";
import {
  connectPageSchema,
  historySchema,
  meSchema,
  requestAnswerSchema,
  type Requests,
  requestsSchema,
} from "../../../ui/contract.ts";
import { PREVIEW_LENGTH_MAX } from "../../../ui/api/views.ts";
import { ada, devin, grace } from "./fakes.ts";
import { errorCode, noon, startHarness } from "./harness.ts";

Deno.test("the inbox lists what waits, oldest deadline first, in the contract's shape", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  const late = await gateway.hold({ deadlineAt: noon + 60_000 });
  const soon = await gateway.hold({
    deadlineAt: noon + 30_000,
    parameters: [{ text: "1", type: "integer", bytes: 4 }],
  });
  const browser = await harness.signedIn(ada);
  const body = requestsSchema.parse(await browser.json("/api/requests"));
  assert.deepEqual(body.requests.map(({ id }) => id), [soon.request.id, late.request.id]);
  assert.equal(body.now, noon);
  assert.equal(body.requests[0]!.refusal, null);
  assert.equal(body.requests[0]!.parameterCount, 1);
  meSchema.parse(await browser.json("/api/me"));
  await harness.close();
});

Deno.test("a long statement is cut in the list and whole in the detail, with no character split", async () => {
  const harness = startHarness();
  const text = `SELECT '${"x".repeat(PREVIEW_LENGTH_MAX - 9)}😀${"é\u202e".repeat(1000)}'`;
  const { request } = await harness.gateway.hold({ text });
  const browser = await harness.signedIn(ada);
  const { requests: [card] } = await browser.json<Requests>("/api/requests");
  assert.ok(text.startsWith(card!.preview));
  assert.ok(card!.preview.isWellFormed() && card!.preview.length < PREVIEW_LENGTH_MAX);
  assert.equal(card!.textLength, text.length);
  const detail = requestAnswerSchema.parse(await browser.json(`/api/requests/${request.id}`));
  assert.equal(detail.request.text, text);
  await harness.close();
});

Deno.test("an approval settles the hold, with who and why", async () => {
  const harness = startHarness();
  const hold = await harness.gateway.hold();
  const browser = await harness.signedIn(ada);
  const response = await browser.post(`/api/requests/${hold.request.id}/decision`, {
    approve: true,
    reason: "  agreed  ",
  });
  assert.equal(response.status, 200);
  const { request } = requestAnswerSchema.parse(await response.json());
  assert.equal(request.state, "approved");
  assert.deepEqual(request.reviews, [{ by: ada.name, approve: true, reason: "agreed", at: noon }]);
  assert.deepEqual(await hold.outcome, { state: "approved", by: ada.name, reason: "agreed" });
  const again = await browser.post(`/api/requests/${hold.request.id}/decision`, {
    approve: false,
    reason: "no",
  });
  assert.equal(again.status, 403);
  assert.match((await again.json()).error.message, /approved already/);
  await harness.close();
});

Deno.test("a refusal needs a reason, and gives it to the client", async () => {
  const harness = startHarness();
  const hold = await harness.gateway.hold();
  const browser = await harness.signedIn(ada);
  const path = `/api/requests/${hold.request.id}/decision`;
  for (const reason of ["", "   "]) {
    const response = await browser.post(path, { approve: false, reason });
    assert.equal(response.status, 403);
    const { error } = await response.json();
    assert.equal(error.code, "PolicyDenied");
    assert.ok(error.hint.length > 0);
  }
  assert.equal((await browser.post(path, { approve: false, reason: "under audit" })).status, 200);
  assert.deepEqual(await hold.outcome, { state: "denied", by: ada.name, reason: "under audit" });
  await harness.close();
});

Deno.test("nobody approves their own statement, approver or not", async () => {
  const harness = startHarness();
  const hold = await harness.gateway.hold({}, grace);
  const browser = await harness.signedIn(grace);
  const { requests: [card] } = await browser.json<Requests>("/api/requests");
  assert.equal(card!.mine, true);
  assert.match(card!.refusal!, /own statement/);
  const response = await browser.post(`/api/requests/${hold.request.id}/decision`, {
    approve: true,
    reason: "",
  });
  assert.equal(response.status, 403);
  assert.equal(await errorCode(response), "PolicyDenied");
  assert.equal(harness.gateway.approvals.pending().length, 1);
  await harness.close();
});

Deno.test("whom a rule names may decide, whatever the config says of their role", async () => {
  const harness = startHarness({ roles: { approver: [], auditor: [], admin: [] } });
  const hold = await harness.gateway.hold();
  const browser = await harness.signedIn(ada);
  const { requests: [card] } = await browser.json<Requests>("/api/requests");
  assert.equal(card!.refusal, null);
  const path = `/api/requests/${hold.request.id}/decision`;
  assert.equal((await browser.post(path, { approve: true, reason: "" })).status, 200);
  await harness.close();
});

Deno.test("a decision that cannot be recorded is none", async () => {
  const harness = startHarness();
  const hold = await harness.gateway.hold();
  const browser = await harness.signedIn(ada);
  harness.gateway.journal.broken = true;
  const response = await browser.post(`/api/requests/${hold.request.id}/decision`, {
    approve: true,
    reason: "",
  });
  assert.equal(response.status, 503);
  assert.equal(harness.gateway.approvals.pending().length, 1);
  harness.gateway.journal.broken = false;
  await harness.close();
});

Deno.test("the history has what is over, newest first, by pages without gap or repetition", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  const browser = await harness.signedIn(ada);
  const made: string[] = [];
  for (let at = 0; at < 7; at++) {
    gateway.time = noon + at * 1000;
    // Two of them at the same moment, and one that this approver may not see.
    if (at === 3) gateway.time = noon + 2000;
    const hold = await gateway.hold(at === 5 ? { approvers: ["other-approvers"] } : {});
    hold.withdraw("Ctrl-C");
    await hold.outcome;
    if (at !== 5) made.unshift(hold.request.id);
  }
  await gateway.hold();
  const seen: string[] = [];
  let next: number | null = null;
  do {
    const page = historySchema.parse(
      await browser.json(`/api/history?limit=2${next === null ? "" : `&before=${next}`}`),
    );
    seen.push(...page.requests.map(({ id }) => id));
    next = page.next;
  } while (next !== null);
  assert.deepEqual(seen, made);
  await harness.close();
});

const client = { address: "203.0.113.9", port: 40_000, application: "psql", user: "devin", tls: null };

Deno.test("opening a client's link lets nobody in; the consent does, once", async () => {
  const harness = startHarness();
  const { signIns } = harness.gateway;
  signIns.pages.set("s3cret", { code: "KX7-42M", target: "orders-prod", client, deadlineAt: noon + 60_000 });
  const fresh = harness.browser();
  const redirected = await fresh.fetch("/connect/s3cret");
  assert.equal(redirected.headers.get("location"), "/auth/login?next=%2Fconnect%2Fs3cret");
  const back = await fresh.signIn("/connect/s3cret");
  assert.equal(back.headers.get("location"), "/connect/s3cret");
  assert.equal((await fresh.fetch("/connect/s3cret")).status, 200);
  const page = connectPageSchema.parse(await fresh.json("/api/connect/s3cret"));
  assert.deepEqual([page.code, page.target, page.client], ["KX7-42M", "orders-prod", client]);
  assert.equal(signIns.confirmed.length, 0, "looking at it is no consent");
  assert.equal((await fresh.post("/api/connect/s3cret", { decision: "yes" })).status, 400);
  assert.equal((await fresh.post("/api/connect/s3cret", { decision: "confirm" })).status, 200);
  assert.deepEqual(signIns.confirmed.map(({ secret, identity }) => [secret, identity.name]), [[
    "s3cret",
    devin.name,
  ]]);
  const twice = await fresh.post("/api/connect/s3cret", { decision: "confirm" });
  assert.equal(twice.status, 410);
  assert.equal(await errorCode(twice), "LinkGone");
  await harness.close();
});

Deno.test("a client that is not mine is turned away by name", async () => {
  const harness = startHarness();
  const { signIns } = harness.gateway;
  signIns.pages.set("s3cret", { code: "ABC", target: "orders-prod", client, deadlineAt: noon + 60_000 });
  const browser = await harness.signedIn(devin);
  assert.equal((await browser.post("/api/connect/s3cret", { decision: "reject" })).status, 200);
  assert.deepEqual(signIns.rejected, [{ secret: "s3cret", by: devin.name }]);
  assert.deepEqual(signIns.confirmed, []);
  assert.equal((await browser.fetch("/api/connect/other")).status, 410);
  await harness.close();
});
