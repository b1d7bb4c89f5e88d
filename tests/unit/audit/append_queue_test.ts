/** The queue over a spool on a real disk; the database is scripted, and takes what the spool holds when told to. */
import assert from "node:assert/strict";
import { AppendQueue } from "../../../policy/store/append_queue.ts";
import { queueLimits } from "../../../policy/store/queue_limits.ts";
import { encode, seal } from "../../../policy/store/projection.ts";
import type { Drained } from "../../../policy/store/engine.ts";
import { type Position } from "../../../policy/store/spool_format.ts";
import { metaOf } from "../../../policy/store/spool_meta.ts";
import { SpoolReader } from "../../../policy/store/spool_reader.ts";
import { emptyChain, type Head } from "../../../policy/audit/chain.ts";
import { PosternError } from "../../../policy/errors.ts";
import { dashboardAction } from "../../../policy/audit/events.ts";
import type { AuditEvent } from "../../../policy/types.ts";

const draft = (subject: string, detail = "") =>
  dashboardAction("mia@example.com", { action: "test", subject, detail, address: "" });
const event = (subject: string, detail = "") => encode(draft(subject, detail), 1);

interface Call {
  readonly hashes: boolean;
  settle(error?: unknown): void;
}

class Scripted {
  readonly calls: Call[] = [];
  readonly heard: AuditEvent[] = [];
  readonly logged: string[] = [];
  grown = 0;
  listening = true;
  #head: Head = emptyChain;
  #position: Position = { segment: 1, offset: 0 };
  readonly queue: AppendQueue;

  constructor(readonly folder: string, limits: Partial<typeof queueLimits>) {
    this.queue = new AppendQueue({
      spool: folder,
      segment: 1,
      drain: (to, hashes) =>
        new Promise((resolve, reject) =>
          this.calls.push({
            hashes,
            settle: (error) => error === undefined ? resolve(this.#drain(to, hashes)) : reject(error),
          })
        ),
      wanted: () => this.listening,
      placed: (one) => this.heard.push(one),
      grew: (count) => this.grown += count,
      log: (_, message) => this.logged.push(message),
    }, { ...queueLimits, ...limits });
  }

  #drain(to: Position, hashes: boolean): Drained {
    const from = this.#position;
    const { events, next, torn } = new SpoolReader(this.folder).read(from, to);
    const sealed = seal(this.#head, events);
    this.#head = sealed.head;
    this.#position = next;
    return {
      from,
      next,
      torn,
      count: events.length,
      first: sealed.first,
      previous: sealed.links[0]?.previous ?? "",
      hashes: hashes ? sealed.links.map(({ hash }) => hash) : [],
    };
  }

  /** The next call of the database's. */
  async call(): Promise<Call> {
    await until(() => this.calls.length > 0);
    return this.calls.shift()!;
  }

  /** Lets the database take everything, until this is settled. */
  async settling<T>(promise: Promise<T>, error?: unknown): Promise<T> {
    let settled = false;
    promise.catch(() => {}).finally(() => settled = true);
    while (!settled) {
      this.calls.shift()?.settle(error);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return await promise;
  }

  record(subject: string, detail = "", urgent = true): Promise<void> {
    const { type, content, ...meta } = event(subject, detail);
    return new Promise((resolve, reject) =>
      this.queue.record(
        metaOf({ type, content, ...meta }),
        content,
        type,
        (error) => error ? reject(error) : resolve(),
        urgent,
      )
    );
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function queueTest(
  name: string,
  body: (scripted: Scripted) => Promise<void>,
  limits: Partial<typeof queueLimits> = {},
): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "postern-spool-" });
    const scripted = new Scripted(folder, limits);
    try {
      await body(scripted);
    } finally {
      await scripted.settling(scripted.queue.close());
      await Deno.remove(folder, { recursive: true });
    }
  });
}

queueTest("what is recorded is durable before the database has it", async (scripted) => {
  await scripted.record("a");
  await scripted.record("b", "", false);
  assert.equal(scripted.grown, 0);
  const flushed = scripted.queue.flush();
  (await scripted.call()).settle();
  await flushed;
  assert.equal(scripted.grown, 2);
  assert.deepEqual(scripted.heard.map(({ data }) => data.subject), ["a", "b"]);
});

queueTest(
  "what arrives while a batch is under way travels together in the next, in order",
  async (scripted) => {
    const { queue, heard, calls } = scripted;
    const first = queue.add(event("0"));
    const under = await scripted.call();
    const rest = Array.from({ length: 50 }, (_, i) => queue.add(event(String(i + 1))));
    await scripted.record("durable meanwhile");
    assert.equal(calls.length, 0, "one batch at a time");
    under.settle();
    (await scripted.call()).settle();
    const events = [await first, ...await Promise.all(rest)];
    assert.deepEqual(events.map(({ sequence }) => sequence), Array.from({ length: 51 }, (_, i) => i + 1));
    assert.deepEqual(events.map(({ data }) => data.subject), events.map((_, i) => String(i)));
    events.forEach((one, i) => assert.equal(one.previous, i === 0 ? emptyChain.hash : events[i - 1]!.hash));
    assert.deepEqual(heard.slice(0, 51), events);
  },
);

queueTest("where nobody listens, no hashes are asked for", async (scripted) => {
  scripted.listening = false;
  await scripted.record("unheard");
  const quiet = scripted.queue.flush();
  const call = await scripted.call();
  assert.equal(call.hashes, false);
  call.settle();
  await quiet;
  assert.deepEqual(scripted.heard, []);
});

queueTest("a database that fails for a moment delays events, and loses none", async (scripted) => {
  const event1 = scripted.queue.add(event("kept"));
  (await scripted.call()).settle(new PosternError("StoreFailed", "gone for a moment"));
  assert.equal((await scripted.settling(event1)).sequence, 1);
});

queueTest("a database that fails for long is told of, and gets the event in the end", async (scripted) => {
  const gone = new PosternError("StoreFailed", "gone for long");
  await assert.rejects(scripted.settling(scripted.queue.add(event("kept")), gone), gone);
  await scripted.record("still durable");
  await assert.rejects(scripted.settling(scripted.queue.flush(), gone), gone);
  await scripted.settling(scripted.queue.flush());
  await until(() => scripted.grown === 2);
  assert.deepEqual(scripted.heard.map(({ data }) => data.subject), ["kept", "still durable"]);
}, { patienceMs: 1 });

queueTest(
  "a backlog over its limit refuses the next event, names the limit, and recovers",
  async (scripted) => {
    await Promise.all([1, 2, 3].map((i) => scripted.record(String(i))));
    await assert.rejects(scripted.record("4"), (error) => {
      assert.ok(error instanceof PosternError && error.code === "StoreFailed");
      assert.match(error.message, /3 events wait/);
      return true;
    });
    const flushed = scripted.queue.flush();
    (await scripted.call()).settle();
    await flushed;
    await scripted.record("5");
  },
  { backlogEvents: 3 },
);

queueTest("a backlog of too many characters refuses the next event and names the limit", async (scripted) => {
  await scripted.record("0", "x".repeat(3000));
  await assert.rejects(scripted.record("1", "x".repeat(3000)), /5000 characters of events wait/);
}, { backlogChars: 5000 });

queueTest("one event longer than the store takes is refused and names the limit", async (scripted) => {
  await assert.rejects(scripted.record("0", "x".repeat(6000)), /more than the store takes \(5000\)/);
}, { eventChars: 5000 });

queueTest("big events travel in several batches", async (scripted) => {
  const all = Array.from({ length: 5 }, () => scripted.queue.add(event("0", "x".repeat(1_500_000))));
  let batches = 0;
  for (let done = false; !done;) {
    (await scripted.call()).settle();
    batches++;
    done = await Promise.race([
      all[4]!.then(() => true),
      until(() => scripted.calls.length > 0).then(() => false),
    ]);
  }
  assert.ok(batches >= 3, `${batches} batches`);
  assert.equal((await Promise.all(all)).at(-1)!.sequence, 5);
});

queueTest("a disk that refuses a group refuses its events alone, and takes the next", async (scripted) => {
  await scripted.record("before");
  await Deno.rename(scripted.folder, `${scripted.folder}-away`);
  await assert.rejects(scripted.record("lost"), (error) => {
    assert.ok(error instanceof PosternError && error.code === "StoreFailed");
    return true;
  });
  await Deno.rename(`${scripted.folder}-away`, scripted.folder);
  await scripted.record("after");
  await scripted.settling(scripted.queue.flush());
  assert.deepEqual(scripted.heard.map(({ data }) => data.subject), ["before", "after"]);
});

queueTest(
  "what one transaction does not take of a backlog is taken at once, without a pause",
  async (scripted) => {
    scripted.listening = false;
    const recorded = Array.from({ length: 4_500 }, (_, i) => scripted.record(String(i), "", false));
    await Promise.all(recorded);
    for (const taken of [2_000, 4_000, 4_500]) {
      const call = await scripted.call();
      call.settle();
      // No timer can run in between.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      assert.equal(scripted.grown, taken);
      assert.equal(scripted.calls.length, taken < 4_500 ? 1 : 0);
    }
  },
);
