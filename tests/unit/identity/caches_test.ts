import assert from "node:assert/strict";
import { AttemptLimiter } from "../../../policy/identity/attempt_limiter.ts";
import { Flows } from "../../../policy/identity/flows.ts";
import { Cached } from "../../../policy/identity/issuer.ts";

const minute = 60_000;

/** A document that can be made to fail, with the number of times it was fetched. */
function setUp(freshMs = 10 * minute) {
  const state = { now: 0, fetched: 0, down: false };
  const cached = new Cached(
    async () => {
      state.fetched++;
      await Promise.resolve();
      if (state.down) throw new Error(`down ${state.fetched}`);
      return state.fetched;
    },
    freshMs,
    () => state.now,
  );
  return { state, cached };
}

Deno.test("a document is fetched once for everybody who asks at the same time, and again when it is old", async () => {
  const { state, cached } = setUp();
  assert.equal(cached.ageMs, Infinity);
  assert.deepEqual(await Promise.all([cached.get(), cached.get(), cached.get()]), [1, 1, 1]);
  state.now = 10 * minute - 1;
  assert.equal(await cached.get(), 1);
  assert.equal(cached.ageMs, state.now);
  state.now = 10 * minute;
  assert.equal(await cached.get(), 2);
  assert.equal(await cached.get(0), 3);
});

Deno.test("after a failure everybody gets it until a pause is over, which doubles up to a minute", async () => {
  const { state, cached } = setUp();
  state.down = true;
  const pauses: number[] = [];
  await assert.rejects(cached.get(), { message: "down 1" });
  for (let failures = 1, failedAt = 0; failures <= 8; failures++, failedAt = state.now) {
    while (state.fetched === failures) {
      state.now += 500;
      await assert.rejects(cached.get());
    }
    pauses.push(state.now - failedAt);
  }
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000));
});

Deno.test("a failure is forgotten with the next success", async () => {
  const { state, cached } = setUp();
  state.down = true;
  await assert.rejects(cached.get());
  state.down = false;
  await assert.rejects(cached.get(), { message: "down 1" });
  state.now = 1000;
  assert.equal(await cached.get(), 2);
  state.down = true;
  await assert.rejects(cached.get(0), { message: "down 3" });
  state.now = 2000;
  state.down = false;
  assert.equal(await cached.get(0), 4);
});

Deno.test("sign-ins under way are limited: beyond it the oldest goes, and old ones go by themselves", () => {
  let now = 0;
  const flows = new Flows(() => now);
  const flow = { redirectUri: "r", state: "s", nonce: "n", verifier: "v" };
  const first = flows.add(flow);
  for (let n = 0; n < 10_000; n++) flows.add(flow);
  assert.equal(flows.size, 10_000);
  assert.equal(flows.take(first), null);
  const last = flows.add(flow);
  assert.equal(flows.take(last)?.verifier, "v");
  assert.equal(flows.take(last), null);
  now = 10 * minute;
  flows.add(flow);
  assert.equal(flows.size, 1);
});

Deno.test("failures are counted per key within five minutes, in bounded memory", () => {
  let now = 0;
  const limiter = new AttemptLimiter(
    "limits.failedSignInsPerAddress",
    "from this address",
    () => 3,
    () => now,
  );
  const limited = { code: "LimitExceeded", message: /3 in 5 minutes/ };
  limiter.fail("a");
  now = minute;
  limiter.fail("a");
  limiter.check("a");
  limiter.fail("a");
  assert.throws(() => limiter.check("a"), limited);
  limiter.check("b");
  now = 5 * minute;
  limiter.check("a");
  limiter.fail("a");
  assert.throws(() => limiter.check("a"), limited);
  for (let n = 0; n < 20_000; n++) limiter.fail(`x${n}`);
  limiter.check("a");
});
