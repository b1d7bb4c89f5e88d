/** The event stream: who is told what, that nothing is lost, and that nothing grows without bound. */
import assert from "node:assert/strict";
import type { AuditEvent } from "../../../policy/types.ts";
import { BrowserSessions } from "../../../ui/api/browser_sessions.ts";
import { defaultStreamLimits, EventStreams, type StreamLimits } from "../../../ui/api/stream.ts";
import { changeSchema } from "../../../ui/contract.ts";
import { ada, alex, devin, FakeGateway, type FakePerson, grace, otto, roles } from "./fakes.ts";
import { viewerOf } from "../../../ui/api/roles.ts";
import { identityOf } from "./fakes.ts";
import { noon, startHarness, type TestBrowser } from "./harness.ts";

/** Reads what a stream sends, event by event. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    assert.equal(response.status, 200);
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event's fields; null at the end. */
  async next(): Promise<Record<string, string> | null> {
    let end: number;
    while ((end = this.#text.indexOf("\n\n")) < 0) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += value;
    }
    const block = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    return Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s).slice(0, 2)));
  }

  async changes(count: number): Promise<{ sequence: number; type: string; person: string | null }[]> {
    const found = [];
    while (found.length < count) {
      const event = await this.next();
      assert.ok(event, "the stream ended early");
      if (event.event !== "change") continue;
      const change = changeSchema.parse(JSON.parse(event.data!));
      assert.equal(event.id, String(change.sequence));
      found.push(change);
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

async function open(browser: TestBrowser, last?: number): Promise<Reader> {
  const headers: Record<string, string> = last === undefined ? {} : { "last-event-id": String(last) };
  return new Reader(await browser.fetch("/api/stream", { headers }));
}

Deno.test("each is told what they may know, and nothing of the content", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  const readers = new Map<FakePerson, Reader>();
  // The auditor last: they would be told of the others' sign-ins.
  for (const person of [devin, ada, otto, alex]) {
    readers.set(person, await open(await harness.signedIn(person)));
  }
  const first = gateway.journal.all.length;
  await gateway.session("session-1", devin);
  await gateway.session("session-2", grace);
  await gateway.hold({ text: "UPDATE secret_text" }, devin);
  await gateway.hold({ session: "session-2", approvers: ["other-approvers"] }, grace);
  await gateway.statement("session-1", "SELECT secret_text");
  const marks = gateway.journal.all.slice(first).map(({ sequence }) => sequence - first);
  assert.deepEqual(marks, [1, 2, 3, 4, 5]);
  const told = async (person: FakePerson, count: number) =>
    (await readers.get(person)!.changes(count)).map(({ sequence }) => sequence - first);
  assert.deepEqual(await told(devin, 3), [1, 3, 5], "one's own");
  assert.deepEqual(await told(ada, 1), [3], "what one's groups decide");
  assert.deepEqual(await told(otto, 1), [4]);
  assert.deepEqual(await told(alex, 5), [1, 2, 3, 4, 5], "an auditor, all");
  for (const reader of readers.values()) await reader.close();
  assert.equal(harness.dashboard.streams.size, 0, "closed streams are forgotten");
  await harness.close();
});

Deno.test("an approver hears of a decision on a request that they may see, by its id", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  const hold = await gateway.hold();
  const reader = await open(await harness.signedIn(ada));
  hold.withdraw("Ctrl-C");
  await hold.outcome;
  const [change] = await reader.changes(1);
  assert.equal(change!.type, "approval.withdrawn");
  await reader.close();
  await harness.close();
});

Deno.test("a replay that an approver opened goes on live", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1");
  const hold = await gateway.hold();
  const browser = await harness.signedIn(ada);
  const reader = await open(browser);
  await gateway.statement("session-1", "SELECT 1");
  await browser.json("/api/sessions/session-1/events");
  await gateway.statement("session-1", "SELECT 2");
  hold.withdraw("over");
  assert.deepEqual((await reader.changes(3)).map(({ type }) => type), [
    "dashboard.action",
    "statement.judged",
    "approval.withdrawn",
  ], "the statement before the look was none of theirs");
  await reader.close();
  await harness.close();
});

Deno.test("who comes back gets what they missed, in order and once, while more arrives", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1");
  const browser = await harness.signedIn(alex);
  const last = gateway.journal.all.length;
  for (let at = 0; at < 1234; at++) await gateway.statement("session-1", `SELECT ${at}`);
  const reader = await open(browser, last);
  for (let at = 0; at < 20; at++) await gateway.statement("session-1", `SELECT ${at}`);
  const sequences = (await reader.changes(1254)).map(({ sequence }) => sequence);
  assert.deepEqual(sequences, Array.from({ length: 1254 }, (_, at) => last + 1 + at));
  await reader.close();
  await harness.close();
});

Deno.test("the stream of somebody signed out, or past their time, ends at the next heartbeat", async () => {
  const gateway = new FakeGateway(noon);
  const { sessions, context } = streamContext(gateway, alex, { heartbeatMs: 5 });
  const streams = context.streams;
  const reader = new Reader(streams.open(context.c));
  assert.equal((await reader.next())!.event, "hello");
  sessions.end(context.session);
  let event: Record<string, string> | null;
  do event = await reader.next(); while (event !== null);
  assert.equal(streams.size, 0);
  streams.close();
  await gateway.close();
});

Deno.test("a browser that does not read is cut off, not buffered for", async () => {
  const gateway = new FakeGateway(noon);
  const { context } = streamContext(gateway, alex, { unreadBytesMax: 2000 });
  const response = context.streams.open(context.c);
  for (let at = 0; at < 100; at++) await gateway.session(`session-${at}`);
  assert.equal(context.streams.size, 0);
  const text = await response.text();
  assert.ok(text.length < 4000, `${text.length} characters were kept`);
  context.streams.close();
  await gateway.close();
});

Deno.test("who missed too much is told to ask for everything again", async () => {
  const gateway = new FakeGateway(noon);
  const { context } = streamContext(gateway, alex, { missedEventsMax: 600 }, "0");
  for (let at = 0; at < 1200; at++) await gateway.session(`session-${at}`);
  const reader = new Reader(context.streams.open(context.c));
  let event: Record<string, string> | null;
  do event = await reader.next(); while (event !== null && event.event !== "reset");
  assert.equal(event?.event, "reset");
  await gateway.session("after");
  const [change] = await reader.changes(1);
  assert.equal(change!.sequence, gateway.journal.all.length);
  await reader.close();
  context.streams.close();
  await gateway.close();
});

Deno.test("more events during a catch-up than may wait are fetched instead, none is lost", async () => {
  const gateway = new FakeGateway(noon);
  const { context } = streamContext(gateway, alex, { waitingEventsMax: 3 }, "0");
  for (let at = 0; at < 10; at++) await gateway.session(`session-${at}`);
  const events = gateway.journal.events.bind(gateway.journal);
  let held: AuditEvent[] | null = null;
  gateway.journal.events = async (filter) => {
    const page = await events(filter);
    if (held === null) {
      held = page;
      for (let at = 10; at < 30; at++) await gateway.session(`session-${at}`);
    }
    return page;
  };
  const reader = new Reader(context.streams.open(context.c));
  const sequences = (await reader.changes(30)).map(({ sequence }) => sequence);
  assert.deepEqual(sequences, Array.from({ length: 30 }, (_, at) => at + 1));
  await reader.close();
  context.streams.close();
  await gateway.close();
});

Deno.test("one browser may have only so many streams", async () => {
  const harness = startHarness();
  const browser = await harness.signedIn(devin);
  const readers: Reader[] = [];
  for (let at = 0; at < defaultStreamLimits.perSessionMax; at++) readers.push(await open(browser));
  assert.equal((await browser.fetch("/api/stream")).status, 429);
  await readers.pop()!.close();
  readers.push(await open(browser));
  for (const reader of readers) await reader.close();
  await harness.close();
});

Deno.test("all together may have only so many streams, and are told by which limit", async () => {
  const gateway = new FakeGateway(noon);
  const { context } = streamContext(gateway, devin, { totalMax: 1 });
  const reader = new Reader(context.streams.open(context.c));
  assert.throws(() => context.streams.open(context.c), /\(dashboard\.limits\.eventStreamsInAll\)/);
  await reader.close();
  await new Reader(context.streams.open(context.c)).close();
  context.streams.close();
  await gateway.close();
});

/** Streams with limits of their own, and a request to open one with. */
function streamContext(
  gateway: FakeGateway,
  person: FakePerson,
  limits: Partial<StreamLimits>,
  last?: string,
) {
  const sessions = new BrowserSessions(gateway.clock);
  const { session } = sessions.create(identityOf(person, gateway.clock()));
  const viewer = viewerOf(session.identity, roles);
  const streams = new EventStreams(
    { journal: gateway.journal, approvals: gateway.approvals, log: () => {} },
    sessions,
    { ...defaultStreamLimits, ...limits },
  );
  const c = {
    get: (name: string) => name === "session" ? session : viewer,
    req: { header: (name: string) => name === "last-event-id" ? last : undefined, query: () => undefined },
    body: (body: BodyInit, status: number, headers: HeadersInit) => new Response(body, { status, headers }),
  } as unknown as Parameters<EventStreams["open"]>[0];
  return { sessions, context: { streams, c, session } };
}
