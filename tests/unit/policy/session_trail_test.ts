/** Reads that were let go: each is recorded once, in order, with its end where that comes at once. */
import assert from "node:assert/strict";
import { Recorder } from "../../../policy/recorder.ts";
import type { Recordable } from "../../../policy/ports.ts";
import { SessionEvents } from "../../../policy/session_events.ts";
import { SessionTrail } from "../../../policy/session_trail.ts";
import type { EventDraft, Judgement, StatementOutcome } from "../../../policy/types.ts";
import { about, run } from "../audit/samples.ts";

const judgement: Judgement = { ...run.judgement, verdict: "allow" };
const done: StatementOutcome = { rows: 1, bytes: 20, tag: "SELECT 1", error: null };
const measured = { durationMs: 2, sent: 9 };

/** `id` or `id+end` of a judged statement, `end id` of an end, and when it happened. */
function shown(event: Recordable): string {
  const draft = "template" in event
    ? JSON.parse(event.template.content(event.at ?? 0, event.values)) as EventDraft & { at: number }
    : event;
  const { statement, finished } = draft.data;
  if (draft.type !== "statement.judged") return `${draft.type} ${statement}`;
  return `${statement}${finished === undefined ? "" : "+end"} at ${(draft as { at?: number }).at}`;
}

function setUp({ reads = "batched" as "batched" | "durable", roomy = true } = {}) {
  const recorded: string[] = [];
  const settle: ((error: null) => void)[] = [];
  const journal = {
    roomy,
    record: (event: Recordable) => (recorded.push(`durable ${shown(event)}`), Promise.resolve()),
    trail: (event: Recordable, settled: (error: null) => void) => {
      recorded.push(shown(event));
      settle.push(settled);
    },
    note: (event: Recordable) => void recorded.push(shown(event)),
  };
  const recorder = new Recorder(journal, () => reads, () => {});
  const events = new SessionEvents(about);
  const trail = new SessionTrail({ journal, recorder }, about, events);
  const letsGo = (id: string, text = run.text) =>
    trail.letsGo(id, events.judged(id, { ...run, judgement, text }, "p", null), true, 5);
  // The first of a kind teaches the template.
  assert.equal(letsGo("first"), false);
  return { recorded, trail, letsGo, events, settle };
}

Deno.test("a read and its end are one event, dated when the read was let go", () => {
  const { recorded, trail, letsGo } = setUp();
  assert.ok(letsGo("a"));
  assert.deepEqual(recorded, []);
  assert.ok(trail.finished("a", done, measured));
  assert.ok(letsGo("b"));
  assert.ok(letsGo("c"));
  assert.ok(trail.finished("b", done, measured));
  assert.ok(trail.finished("c", done, measured));
  trail.flush();
  assert.deepEqual(recorded, ["a+end at 5", "b+end at 5", "c+end at 5"]);
});

Deno.test("one whose end does not come is recorded by itself, soon and once", async () => {
  const { recorded, trail, letsGo } = setUp();
  letsGo("a");
  letsGo("b");
  for (let tries = 0; recorded.length === 0 && tries < 500; tries++) {
    await new Promise((wake) => setTimeout(wake, 5));
  }
  assert.deepEqual(recorded, ["a at 5", "b at 5"]);
  assert.equal(trail.finished("a", done, measured), false);
  assert.equal(trail.finished("b", done, measured), false);
  trail.flush();
  assert.deepEqual(recorded.slice(2), ["statement.finished a", "statement.finished b"]);
});

Deno.test("errors, recorded rows, large answers and ends out of turn have events of their own", () => {
  const { recorded, trail, letsGo } = setUp();
  const results = [{ columns: [], rows: [], more: false }];
  const ends: [string, StatementOutcome][] = [
    ["a", { ...done, error: { code: "22012", message: "division by zero" } }],
    ["b", { ...done, results }],
    ["c", { ...done, rows: 1001 }],
  ];
  for (const [id, outcome] of ends) {
    assert.ok(letsGo(id));
    assert.equal(trail.finished(id, outcome, measured), false);
  }
  letsGo("d");
  letsGo("e");
  assert.equal(trail.finished("e", done, measured), false);
  assert.equal(trail.finished("d", done, measured), false);
  assert.deepEqual(recorded, [
    "a at 5",
    "statement.finished a",
    "b at 5",
    "result.recorded b",
    "statement.finished b",
    "c at 5",
    "statement.finished c",
    "d at 5",
    "e at 5",
    "statement.finished e",
    "statement.finished d",
  ]);
});

Deno.test("what may not be let go comes after those that were, and only it waits", () => {
  const { recorded, trail, letsGo, events } = setUp();
  letsGo("a");
  const write = events.judged("w", { ...run, judgement }, "p", null);
  assert.equal(trail.letsGo("w", write, false, 6), false);
  assert.deepEqual(recorded, ["a at 5"]);
  letsGo("b");
  assert.equal(letsGo("long", "x".repeat(70_000)), false);
  assert.deepEqual(recorded, ["a at 5", "b at 5"]);
  for (const options of [{ reads: "durable" }, { roomy: false }] as const) {
    const other = setUp(options);
    assert.equal(other.letsGo("a"), false);
    assert.deepEqual(other.recorded, []);
  }
});

Deno.test("reads that wait for their end count among those that may be lost", () => {
  const { trail, letsGo, settle } = setUp();
  for (let read = 0; read < 1000; read++) assert.ok(letsGo(`${read}`));
  assert.equal(letsGo("one more"), false);
  for (const settled of settle) settled(null);
  assert.ok(letsGo("after"));
  assert.ok(trail.finished("after", done, measured));
});
