import assert from "node:assert/strict";
import { PosternError } from "../../../policy/errors.ts";
import { type ReadsRecorded, Recorder } from "../../../policy/recorder.ts";
import type { EventDraft } from "../../../policy/types.ts";

const draft: EventDraft = { type: "statement.judged", person: "p", session: "s", target: "t", data: {} };

function setUp(reads: ReadsRecorded) {
  const waiting: { resolve: () => void; reject: () => void }[] = [];
  const failed = () => new PosternError("StoreFailed", "full");
  const record = () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ resolve, reject: () => reject(failed()) });
    return promise;
  };
  const trail = (_: EventDraft, settled: (error: PosternError | null) => void) =>
    void waiting.push({ resolve: () => settled(null), reject: () => settled(failed()) });
  return { recorder: new Recorder({ record, trail, roomy: true }, () => reads, () => {}), waiting };
}

/** Whether a promise has settled by the time that everything that could settle has. */
async function settled(promise: Promise<unknown> | null): Promise<boolean> {
  if (promise === null) return true;
  const open = Symbol();
  await new Promise((resolve) => setTimeout(resolve, 0));
  return await Promise.race([promise.catch(() => {}), Promise.resolve(open)]) !== open;
}

Deno.test("durable reads wait for the store, and so does everything else in either mode", async () => {
  for (const [mode, isRead] of [["durable", true], ["durable", false], ["batched", false]] as const) {
    const { recorder, waiting } = setUp(mode);
    const recording = recorder.record(draft, isRead);
    assert.equal(await settled(recording), false, `${mode}, read: ${isRead}`);
    waiting[0]?.resolve();
    await recording;
  }
});

Deno.test("a store that fails refuses what waited for it", async () => {
  const { recorder, waiting } = setUp("durable");
  const recording = recorder.record(draft, true);
  waiting[0]?.reject();
  await assert.rejects(async () => await recording, PosternError);
});

Deno.test("batched reads go ahead, but only so many of them", async () => {
  const { recorder, waiting } = setUp("batched");
  for (let reads = 0; reads < 1000; reads++) await recorder.record(draft, true);
  const next = recorder.record(draft, true);
  assert.equal(await settled(next), false);
  waiting.forEach(({ resolve }) => resolve());
  await next;
  await recorder.record(draft, true);
});

Deno.test("after a batched read was lost, nothing goes ahead until the store has taken one again", async () => {
  const { recorder, waiting } = setUp("batched");
  await recorder.record(draft, true);
  waiting[0]?.reject();
  await settled(Promise.resolve());
  const refused = recorder.record(draft, true);
  assert.equal(await settled(refused), false);
  waiting[1]?.reject();
  await assert.rejects(async () => await refused, PosternError);
  const taken = recorder.record(draft, true);
  waiting[2]?.resolve();
  await taken;
  await recorder.record(draft, true);
});
