import assert from "node:assert/strict";
import { AppendQueue, queueLimits } from "../../../policy/store/append_queue.ts";
import { seal } from "../../../policy/store/projection.ts";
import type { Encoded } from "../../../policy/store/projection.ts";
import { emptyChain, type Head } from "../../../policy/audit/chain.ts";
import { PosternError } from "../../../policy/errors.ts";
import { dashboardAction } from "../../../policy/audit/events.ts";
import type { AuditEvent, EventDraft } from "../../../policy/types.ts";

const draft = (subject: string, detail = "") =>
  dashboardAction("mia@example.com", { action: "test", subject, detail, address: "" });

/** A store that takes batches when told to. */
function scripted(limits = {}) {
  const batches: { events: readonly Encoded[]; settle: (error?: unknown) => void }[] = [];
  const durable: AuditEvent[] = [];
  let head: Head = emptyChain;
  const queue = new AppendQueue(
    (events) =>
      new Promise((resolve, reject) => {
        batches.push({
          events,
          settle(error) {
            if (error !== undefined) return reject(error);
            const sealed = seal(head, events);
            head = sealed.head;
            resolve({
              first: sealed.first,
              previous: sealed.links[0]!.previous,
              hashes: sealed.links.map((link) => link.hash),
            });
          },
        });
      }),
    (event) => durable.push(event),
    { ...queueLimits, ...limits },
  );
  return { queue, batches, durable };
}

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

async function settleAll(batches: { settle: () => void }[]): Promise<number> {
  let count = 0;
  for (; batches.length > 0; count++) {
    batches.shift()!.settle();
    await turn();
  }
  return count;
}

Deno.test("what arrives while a batch is under way travels together in the next, in order", async () => {
  const { queue, batches, durable } = scripted();
  const first = queue.add(draft("0"), 1);
  await turn();
  const rest = Array.from({ length: 50 }, (_, i) => queue.add(draft(String(i + 1)), 2));
  assert.equal(batches.length, 1, "one batch at a time");
  assert.equal(await settleAll(batches), 2);
  const events = [await first, ...await Promise.all(rest)];
  assert.deepEqual(events.map((event) => event.sequence), Array.from({ length: 51 }, (_, i) => i + 1));
  assert.deepEqual(events.map((event) => event.data.subject), events.map((_, i) => String(i)));
  events.forEach((event, i) => assert.equal(event.previous, i === 0 ? emptyChain.hash : events[i - 1]!.hash));
  assert.deepEqual(durable, events);
});

Deno.test("a batch that fails rejects its own events, and the next ones follow the last durable one", async () => {
  const { queue, batches, durable } = scripted();
  const lost = queue.add(draft("lost"), 1);
  await turn();
  const kept = queue.add(draft("kept"), 1);
  batches.shift()!.settle(new PosternError("StoreFailed", "disk full"));
  await assert.rejects(lost, /disk full/);
  await settleAll(batches);
  assert.equal((await kept).sequence, 1);
  assert.deepEqual(durable.map((event) => event.data.subject), ["kept"]);
});

Deno.test("one event that is no JSON, or lacks what its list shows, is refused alone", async () => {
  const { queue, batches } = scripted();
  const good = queue.add(draft("good"), 1);
  const noJson = { ...draft("x"), data: { action: undefined } } as unknown as EventDraft;
  await assert.rejects(queue.add(noJson, 1), TypeError);
  const noReason = { ...draft("x"), type: "session.ended", data: {} } as unknown as EventDraft;
  await assert.rejects(queue.add(noReason, 1), /session.ended event has the wrong data/);
  await turn();
  await settleAll(batches);
  assert.equal((await good).sequence, 1);
});

Deno.test("a backlog over its limit refuses the next event, names the limit, and recovers", async () => {
  const { queue, batches } = scripted({ backlogEvents: 3 });
  const first = queue.add(draft("0"), 1);
  await turn();
  const waiting = [1, 2, 3].map((i) => queue.add(draft(String(i)), 1));
  await assert.rejects(queue.add(draft("4"), 1), (error) => {
    assert.ok(error instanceof PosternError && error.code === "StoreFailed");
    assert.match(error.message, /3 events wait/);
    return true;
  });
  await settleAll(batches);
  await Promise.all([first, ...waiting]);
  const late = queue.add(draft("5"), 1);
  await turn();
  await settleAll(batches);
  assert.equal((await late).sequence, 5);
});

Deno.test("a backlog of too many characters refuses the next event and names the limit", async () => {
  const { queue, batches } = scripted({ backlogChars: 5000 });
  const first = queue.add(draft("0", "x".repeat(3000)), 1);
  await assert.rejects(queue.add(draft("1", "x".repeat(3000)), 1), /5000 characters of events wait/);
  await turn();
  await settleAll(batches);
  await first;
});

Deno.test("one event longer than the store takes is refused and names the limit", async () => {
  const { queue } = scripted({ eventChars: 5000 });
  await assert.rejects(queue.add(draft("0", "x".repeat(6000)), 1), /more than the store takes \(5000\)/);
  await queue.idle();
});

Deno.test("big events travel in several batches", async () => {
  const { queue, batches } = scripted();
  const all = Array.from({ length: 5 }, () => queue.add(draft("0", "x".repeat(1_500_000)), 1));
  await turn();
  assert.equal(await settleAll(batches), 3);
  assert.equal((await Promise.all(all)).at(-1)!.sequence, 5);
});

Deno.test("idle resolves when the last waiting event is settled, also when it failed", async () => {
  const { queue, batches } = scripted();
  await queue.idle();
  const lost = queue.add(draft("0"), 1);
  let idle = false;
  const done = queue.idle().then(() => idle = true);
  await turn();
  assert.equal(idle, false);
  batches.shift()!.settle(new Error("gone"));
  await assert.rejects(lost);
  await done;
});
