/** Approvals that go beyond one statement, quorums of distinct groups, escalation. */
import assert from "node:assert/strict";
import type { ApprovalRequest } from "../../../policy/types.ts";
import { ada, ben, desk, devin, held, now, person, refused, request } from "./approval_fixture.ts";

const limits = { minutesMax: 30, statementsMax: 5 };
const t = { schema: "public", name: "t", access: "write" } as const;

const further = (digest: string, change: Partial<ApprovalRequest> = {}) =>
  request({
    id: digest,
    digest,
    tables: [t],
    tableScope: limits,
    template: { digest: "like", ...limits },
    ...change,
  });

async function granted(scope: "template" | "tables", minutes = 10, statements = 3) {
  const it = desk();
  const hold = await it.approvals.hold(further("first"), devin);
  await it.approvals.decide("first", ada, { approve: true, reason: "", scope, minutes, statements });
  await hold.outcome;
  await it.approvals.use("first", further("first"));
  const passes = async (asked: ApprovalRequest) => {
    const next = await it.approvals.hold(asked, devin);
    if (next.passes === undefined) {
      next.withdraw("test");
      return false;
    }
    await it.approvals.use(next.request.id, asked);
    return true;
  };
  return { ...it, passes };
}

Deno.test("a template's approval lets the like pass in its session, as often and as long as was said", async () => {
  const { passes, clock, appended } = await granted("template");
  assert.equal(await passes(further("a", { template: { digest: "unlike", ...limits } })), false);
  assert.equal(await passes(further("b", { session: "s2" })), false, "another session");
  assert.equal(await passes(further("c")), true);
  assert.equal(await passes(further("d", { template: null })), false);
  clock.now = now + 10 * 60_000 - 1;
  assert.equal(await passes(further("e")), true);
  assert.equal(await passes(further("f")), false, "three in all");
  const decided = appended.find(({ type }) => type === "approval.decided");
  assert.match(String(decided?.data.outcome), /for 3 statements like this in this session until/);

  const late = await granted("template");
  late.clock.now = now + 10 * 60_000;
  assert.equal(await late.passes(further("g")), false);
});

Deno.test("an approval for tables lets writes on these tables pass, and nothing that touches more", async () => {
  const { passes } = await granted("tables", 10, 5);
  const u = { schema: "public", name: "u", access: "read" } as const;
  assert.equal(await passes(further("a", { template: null })), true);
  assert.equal(await passes(further("b", { tables: [t, u] })), false, "reads another table");
  assert.equal(await passes(further("c", { tables: [] })), false);
  assert.equal(await passes(further("d", { tableScope: null })), false, "no plain write");
  assert.equal(await passes(further("e", { rule: "another" })), false);
  assert.equal(await passes(further("f", { kind: "copy" })), false);
  assert.equal(await passes(further("g", { quorum: 2 })), false, "more people must agree");
  assert.equal(await passes(further("h", { approvers: ["others"] })), false, "others must agree");
  assert.equal(await passes(further("i", { tables: [{ ...t, access: "read" }, t] })), true);
});

Deno.test("two that race for the last statement of a grant: one passes", async () => {
  const { approvals } = await granted("tables", 10, 2);
  const raced = await Promise.allSettled([
    approvals.use("first", further("a")),
    approvals.use("first", further("b")),
  ]);
  assert.deepEqual(raced.map(({ status }) => status), ["fulfilled", "rejected"]);
});

Deno.test("what is approved for a session ends with it", async () => {
  const { approvals, passes } = await granted("tables");
  approvals.forget("s1");
  assert.equal(await passes(further("a")), false);
});

Deno.test("nobody approves more than the rule lets them", async () => {
  const { approvals } = desk();
  const hold = await held(approvals, { tableScope: limits });
  const decide = (scope: "template" | "tables", minutes: number, statements: number) =>
    approvals.decide("r1", ada, { approve: true, reason: "", scope, minutes, statements });
  await assert.rejects(decide("template", 1, 1), refused(/lets nobody approve more/));
  await assert.rejects(decide("tables", 31, 1), refused(/1 to 30 minutes/));
  await assert.rejects(decide("tables", 30, 6), refused(/1 to 5 statements/));
  await decide("tables", 30, 5);
  await hold.outcome;
});

Deno.test("a quorum grants the narrowest of what was said", async () => {
  const { approvals } = desk();
  await approvals.hold(further("one", { quorum: 2 }), devin);
  await approvals.decide("one", ada, {
    approve: true,
    reason: "",
    scope: "tables",
    minutes: 9,
    statements: 5,
  });
  const both = await approvals.decide("one", ben, {
    approve: true,
    reason: "",
    scope: "tables",
    minutes: 20,
    statements: 2,
  });
  assert.deepEqual(both.granted, { scope: "tables", until: now + 9 * 60_000, statementsMax: 2 });
  await approvals.hold(further("two", { quorum: 2, session: "s2" }), devin);
  await approvals.decide("two", ada, {
    approve: true,
    reason: "",
    scope: "tables",
    minutes: 9,
    statements: 5,
  });
  assert.equal((await approvals.decide("two", ben, { approve: true, reason: "" })).granted?.scope, "once");
});

const list = ["one", "two", "three"].map((text) => ({ text, verbs: ["UPDATE"] }));
const inAdvance = { advance: { statements: 3, windowMs: 60 * 60_000, list } };

Deno.test("of statements asked for in advance an approver picks some, for a shorter time", async () => {
  const { approvals, appended } = desk();
  await held(approvals, inAdvance);
  const decided = await approvals.decide("r1", ada, {
    approve: true,
    reason: "not the second",
    only: [0, 2],
    minutes: 10,
  });
  const granted = { scope: "once", until: now + 10 * 60_000, statementsMax: 2, only: [0, 2] };
  assert.deepEqual(decided.granted, granted);
  assert.match(
    decided.outcome,
    /^approved by ada@example.test: 2 of 3 statements \(number 1, 3\), each once, until/,
  );
  const { data } = appended.find(({ type }) => type === "approval.decided")!;
  assert.deepEqual(
    [data.granted, data.outcome],
    [granted, decided.outcome],
    "the record says what was approved",
  );
  const [review] = data.reviews as { only: number[]; minutes: number }[];
  assert.deepEqual([review!.only, review!.minutes], [[0, 2], 10]);
});

Deno.test("all of what was asked for in advance is approved where nothing else is said", async () => {
  const { approvals } = desk();
  await held(approvals, inAdvance);
  const { granted, outcome } = await approvals.decide("r1", ada, { approve: true, reason: "" });
  assert.deepEqual(granted, { scope: "once", until: now + 60 * 60_000, statementsMax: 3 });
  assert.match(outcome, /: 3 of 3 statements, each once/);
});

Deno.test("a choice that is none, is wider than what was asked for, or is of something else is refused", async () => {
  const { approvals } = desk();
  await held(approvals, inAdvance);
  await held(approvals, { id: "r2", digest: "other" });
  const decide = (terms: object, id = "r1") =>
    approvals.decide(id, ada, { approve: true, reason: "", ...terms });
  for (const only of [[], [3], [-1], [1, 0], [1, 1], [0.5]]) {
    await assert.rejects(decide({ only }), refused(/Choose 1 to 3 of the 3 statements/), String(only));
  }
  await assert.rejects(decide({ minutes: 61 }), refused(/1 to 60 minutes/));
  await assert.rejects(decide({ minutes: 0 }), refused(/1 to 60 minutes/));
  await assert.rejects(
    decide({ scope: "tables", minutes: 5, statements: 2 }),
    refused(/approved as they are, each once/),
  );
  await assert.rejects(decide({ only: [0] }, "r2"), refused(/Only of statements asked for in advance/));
  assert.equal(approvals.pending().length, 2, "both are still to be decided");
});

Deno.test("of statements asked for in advance a quorum grants what all of them chose", async () => {
  const { approvals } = desk();
  await held(approvals, { ...inAdvance, quorum: 2 });
  await approvals.decide("r1", ada, { approve: true, reason: "", only: [0, 1], minutes: 30 });
  await assert.rejects(
    approvals.decide("r1", ben, { approve: true, reason: "", only: [2] }),
    refused(/None of these statements was approved by the others/),
  );
  const { granted } = await approvals.decide("r1", ben, {
    approve: true,
    reason: "",
    only: [1, 2],
    minutes: 5,
  });
  assert.deepEqual(granted, { scope: "once", until: now + 5 * 60_000, statementsMax: 1, only: [1] });
});

Deno.test("a quorum of distinct groups finds a group for each, and counts none twice", async () => {
  const dba = person("dba@example.test", ["dba"]);
  const both = person("both@example.test", ["dba", "owners"]);
  const yes = { approve: true, reason: "" };
  const terms = { quorum: 2, distinctGroups: true, approvers: ["dba", "owners"] };
  const { approvals } = desk();
  const first = await held(approvals, terms);
  await approvals.decide("r1", both, yes);
  assert.equal((await approvals.decide("r1", dba, yes)).state, "approved", "both speaks for owners then");
  await first.outcome;
  await held(approvals, { ...terms, id: "r2", digest: "two" });
  await approvals.decide("r2", dba, yes);
  const again = await approvals.decide("r2", person("dba2@example.test", ["dba"]), yes);
  assert.equal(again.state, "pending", "two of one group");
  assert.equal((await approvals.decide("r2", both, yes)).state, "approved");
});

Deno.test("after a time a second group may decide, and the record says when", async () => {
  const { approvals, clock, appended } = desk();
  const lead = person("lead@example.test", ["team-leads"]);
  const hold = await held(approvals, { escalation: { at: now + 1, groups: ["team-leads"] } });
  assert.equal(hold.forWhom, "a member of db-approvers");
  await assert.rejects(
    approvals.decide("r1", lead, { approve: true, reason: "" }),
    refused(/Only members of db-approvers may/),
  );
  clock.now = now + 1;
  while (appended.at(-1)?.type !== "approval.escalated") {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(hold.forWhom, "a member of db-approvers or team-leads");
  assert.deepEqual(approvals.pending()[0]?.approvers, ["db-approvers", "team-leads"]);
  await approvals.decide("r1", lead, { approve: true, reason: "" });
  assert.equal((await hold.outcome).state, "approved");
});
