/** Sessions, their replay, who looked at it, their end, and the export. */
import assert from "node:assert/strict";
import { scan } from "../../../ui/api/paging.ts";
import { STEP_TEXT_LENGTH_MAX } from "../../../ui/api/steps.ts";
import {
  recordedResultsSchema,
  sessionAnswerSchema,
  type SessionRow,
  sessionsSchema,
  type Steps,
  stepsSchema,
} from "../../../ui/contract.ts";
import { ada, alex, devin, root } from "./fakes.ts";
import { errorCode, noon, startHarness } from "./harness.ts";

Deno.test("sessions come newest first, by pages, with the live ones marked", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  for (let at = 0; at < 5; at++) {
    gateway.time = noon + at;
    await gateway.session(`session-${at}`);
  }
  await gateway.endSession("session-1", devin);
  gateway.live.running.delete("session-2");
  const browser = await harness.signedIn(alex);
  const rows: SessionRow[] = [];
  let next: number | null = null;
  do {
    const page = sessionsSchema.parse(
      await browser.json(`/api/sessions?limit=2${next === null ? "" : `&before=${next}`}`),
    );
    rows.push(...page.sessions);
    next = page.next;
  } while (next !== null);
  assert.deepEqual(rows.map(({ id }) => id), [4, 3, 2, 1, 0].map((at) => `session-${at}`));
  assert.deepEqual(rows.map(({ live, endedAt }) => [live, endedAt !== null]), [
    [true, false],
    [true, false],
    [false, false],
    [false, true],
    [true, false],
  ]);
  const filtered = await browser.json<{ sessions: SessionRow[] }>("/api/sessions?target=nowhere");
  assert.deepEqual(filtered.sessions, []);
  await harness.close();
});

Deno.test("a page of what one may see skips none, also where moments tie and most is hidden", async () => {
  const items = Array.from(
    { length: 200 },
    (_, at) => ({ at: 1000 - Math.floor(at / 3), seen: at % 7 === 0, id: at }),
  );
  const seen: number[] = [];
  let before: number | undefined;
  for (let pages = 0; pages < 100; pages++) {
    const page: { found: typeof items; next: number | null } = await scan({
      fetch: (before = Infinity, limit) => {
        const older = items.filter(({ at }) => at < before);
        const last = older[limit - 1];
        return Promise.resolve(older.filter(({ at }, place) => place < limit || at === last?.at));
      },
      visible: ({ seen }) => seen,
      cursorOf: ({ at }) => at,
      before,
      limit: 5,
    });
    seen.push(...page.found.map(({ id }) => id));
    if (page.next === null) break;
    before = page.next;
  }
  assert.deepEqual(seen, items.filter((item) => item.seen).map(({ id }) => id));
});

Deno.test("a replay has every statement, decision and outcome in order, by pages", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1");
  const statement = await gateway.statement("session-1", "SELECT 1");
  await gateway.finished("session-1", statement);
  const hold = await gateway.hold();
  hold.withdraw("Ctrl-C");
  await hold.outcome;
  await gateway.session("session-2");
  await gateway.endSession("session-1", devin);
  const browser = await harness.signedIn(alex);
  const steps: Steps["steps"] = [];
  let next: number | null = null;
  do {
    const page: Steps = stepsSchema.parse(
      await browser.json(`/api/sessions/session-1/events?limit=2${next === null ? "" : `&after=${next}`}`),
    );
    steps.push(...page.steps);
    next = page.next;
  } while (next !== null);
  assert.deepEqual(steps.map(({ step }) => step), ["note", "statement", "outcome", "held", "review", "note"]);
  assert.ok(steps.every(({ sequence }, at) => at === 0 || sequence > steps[at - 1]!.sequence));
  await harness.close();
});

Deno.test("a long statement is cut in the replay, and whole on demand", async () => {
  const harness = startHarness();
  const text = `SELECT '${"x".repeat(1_000_000)}'`;
  await harness.gateway.session("session-1");
  await harness.gateway.statement("session-1", text);
  const browser = await harness.signedIn(alex);
  const { steps } = await browser.json<Steps>("/api/sessions/session-1/events");
  const step = steps[1]!;
  assert.ok(
    step.step === "statement" && step.text.length === STEP_TEXT_LENGTH_MAX && step.textLength === text.length,
  );
  const path = `/api/sessions/session-1/events/${step.sequence}`;
  assert.equal((await browser.json<{ text: string }>(path)).text, text);
  for (const other of ["0", "1", "999", "x", "1e3"]) {
    assert.equal((await browser.fetch(`/api/sessions/session-1/events/${other}`)).status, 404, other);
  }
  await harness.close();
});

Deno.test("an event of an unknown shape is shown as one, not left out and not a failure", async () => {
  const harness = startHarness();
  await harness.gateway.session("session-1");
  await harness.gateway.journal.append({
    type: "statement.judged",
    person: devin.name,
    session: "session-1",
    target: "orders-prod",
    data: { text: 7 },
  });
  const browser = await harness.signedIn(alex);
  const { steps } = stepsSchema.parse(await browser.json("/api/sessions/session-1/events"));
  assert.deepEqual([steps[1]!.step, "text" in steps[1]! && steps[1].text], [
    "note",
    "This event is not of a known shape",
  ]);
  await harness.close();
});

Deno.test("who looked at a replay is in the record, once a look, before anything is shown", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1");
  const browser = await harness.signedIn(alex);
  const looks = () => gateway.journal.all.filter(({ data }) => data.action === "session.viewed");
  for (const after of ["", "?after=0", "?after=1"]) {
    await browser.json(`/api/sessions/session-1/events${after}`);
  }
  assert.deepEqual(
    looks().map(({ person, session, data }) => [person, session, data.subject, data.address]),
    [
      [alex.name, "session-1", "session-1", "192.0.2.7"],
    ],
  );
  gateway.time = noon + 11 * 60_000;
  await browser.json("/api/sessions/session-1/events");
  assert.equal(looks().length, 2);
  gateway.journal.broken = true;
  gateway.time += 11 * 60_000;
  for (const attempt of ["first", "second"]) {
    const response = await browser.fetch("/api/sessions/session-1/events");
    assert.equal(response.status, 503, `no look without its record, ${attempt} try`);
    await response.body?.cancel();
  }
  await harness.close();
});

Deno.test("ending a session needs the role and a reason, is recorded, and happens once", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1");
  const admin = await harness.signedIn(root);
  const { may } = sessionAnswerSchema.parse(await admin.json("/api/sessions/session-1"));
  assert.deepEqual(may, { end: true, export: true });
  const auditor = await harness.signedIn(alex);
  assert.deepEqual((await auditor.json<{ may: unknown }>("/api/sessions/session-1")).may, {
    end: false,
    export: true,
  });
  assert.equal((await admin.post("/api/sessions/session-1/end", { reason: " " })).status, 400);
  assert.equal((await admin.post("/api/sessions/session-1/end", { reason: "stuck" })).status, 200);
  assert.deepEqual(gateway.live.ended, [{ id: "session-1", by: root.name, reason: "stuck" }]);
  const again = await admin.post("/api/sessions/session-1/end", { reason: "stuck" });
  assert.equal(again.status, 410);
  assert.equal(await errorCode(again), "SessionEnded");
  assert.ok(
    gateway.journal.all.some(({ data }) => data.action === "session.killed" && data.detail === "stuck"),
  );
  await harness.close();
});

Deno.test("the export is the record line by line, and itself in the record first", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1");
  await gateway.session("session-2");
  await gateway.statement("session-1", "SELECT 'ünï\n'");
  const browser = await harness.signedIn(alex);
  const response = await browser.fetch("/api/audit/export?session=session-1");
  assert.equal(response.headers.get("content-disposition"), 'attachment; filename="postern-session-1.jsonl"');
  assert.match(response.headers.get("content-type")!, /jsonl/);
  const lines = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  const expected = gateway.journal.all.filter(({ session }) => session === "session-1");
  assert.deepEqual(lines, expected);
  assert.equal(lines.at(-1)!.data.action, "record.exported");
  const evil = await browser.fetch(`/api/audit/export?session=${encodeURIComponent('x"; filename="y\r\n')}`);
  assert.equal(
    evil.headers.get("content-disposition"),
    'attachment; filename="postern-x___filename__y__.jsonl"',
  );
  await evil.body?.cancel();
  gateway.journal.broken = true;
  assert.equal((await browser.fetch("/api/audit/export")).status, 503);
  await harness.close();
});

Deno.test("an approver may watch, and not export", async () => {
  const harness = startHarness();
  await harness.gateway.session("session-1");
  await harness.gateway.hold();
  const browser = await harness.signedIn(ada);
  const { may } = sessionAnswerSchema.parse(await browser.json("/api/sessions/session-1"));
  assert.deepEqual(may, { end: true, export: false });
  assert.equal((await browser.fetch("/api/audit/export?session=session-1")).status, 403);
  await harness.close();
});

Deno.test("rows that the client saw are counted in the replay, and whole on demand", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1");
  const statement = await gateway.statement("session-1", "SELECT name, ssn FROM customers");
  const results = [{
    columns: [{ name: "name", masked: false }, { name: "ssn", masked: true }],
    rows: [["Ann", "***-1037"], [null, null]],
    more: true,
  }];
  await gateway.finished("session-1", statement, { results });
  const browser = await harness.signedIn(alex);
  const { steps } = await browser.json<Steps>("/api/sessions/session-1/events");
  const step = steps[2]!;
  assert.ok(step.step === "result" && step.statement === statement && step.rows === 2, JSON.stringify(step));
  const path = `/api/sessions/session-1/results/${step.sequence}`;
  assert.deepEqual(recordedResultsSchema.parse(await browser.json(path)), { results });
  for (const other of [steps[1]!.sequence, 0, 999]) {
    assert.equal((await browser.fetch(`/api/sessions/session-1/results/${other}`)).status, 404);
  }
  await harness.close();
});
