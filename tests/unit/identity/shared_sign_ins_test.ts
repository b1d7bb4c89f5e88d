import assert from "node:assert/strict";
import { PosternError } from "../../../policy/errors.ts";
import { shareSignIns } from "../../../policy/identity/shared_sign_ins.ts";
import type { ConnectionAttempt, SignIn } from "../../../policy/ports.ts";
import type { Identity, Target } from "../../../policy/types.ts";

const identity = { name: "devin@example.test", expiresAt: Infinity } as Identity;
const target = { name: "demo" } as Target;

function attempt(change: Partial<ConnectionAttempt["client"]> = {}): ConnectionAttempt {
  const client = {
    address: "10.0.0.1",
    port: 1,
    application: "pool",
    user: "devin",
    tls: "TLSv1.3",
    ...change,
  };
  return { protocol: "postgresql", database: "demo", client };
}

function setUp(windowMs = 1000) {
  let now = 0;
  const started: { confirm: () => void; fail: () => void; abandoned: boolean }[] = [];
  const start = (): SignIn => {
    const { promise, resolve, reject } = Promise.withResolvers<Identity>();
    promise.catch(() => {});
    const entry = {
      confirm: () => resolve(identity),
      fail: () => reject(new PosternError("AuthFailed", "refused")),
      abandoned: false,
    };
    started.push(entry);
    return {
      url: `link-${started.length}`,
      code: "C",
      deadlineAt: 10_000,
      identity: promise,
      abandon: () => {
        entry.abandoned = true;
        entry.fail();
      },
    };
  };
  const share = shareSignIns(start, { windowMs: () => windowMs, clock: () => now });
  return {
    share: (one: ConnectionAttempt) => share.start(one, target),
    knows: share.knows,
    started,
    pass: (ms: number) => now += ms,
  };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("connections of one pool share a link, and one confirmation lets them all in", async () => {
  const { share, started } = setUp(1);
  const two = [share(attempt()), share(attempt({ port: 2 }))];
  assert.equal(started.length, 1);
  assert.deepEqual(two.map(({ url }) => url), ["link-1", "link-1"]);
  started[0]?.confirm();
  assert.deepEqual(await Promise.all(two.map((one) => one.identity)), [identity, identity]);
});

Deno.test("within the window the next connection need not ask; after it, it must", async () => {
  const { share, knows, started, pass } = setUp(5);
  assert.equal(knows(attempt()), false);
  share(attempt());
  assert.equal(knows(attempt()), false);
  started[0]?.confirm();
  await settle();
  assert.deepEqual([attempt(), attempt({ user: "eve" })].map(knows), [true, false]);
  const next = share(attempt());
  assert.equal(next.settled, true);
  assert.equal(await next.identity, identity);
  pass(5);
  assert.equal(knows(attempt()), false);
  assert.equal(share(attempt()).settled, undefined);
  assert.equal(started.length, 2);
});

Deno.test("another address, user, application or transport never rides along", async () => {
  const { share, started } = setUp(5);
  share(attempt());
  started[0]?.confirm();
  await settle();
  for (const other of [{ address: "10.0.0.2" }, { user: "eve" }, { application: "psql" }, { tls: null }]) {
    assert.equal(share(attempt(other)).settled, undefined, JSON.stringify(other));
  }
  assert.equal(started.length, 5);
});

Deno.test("a link dies with the last connection that waits for it, and a refusal is for all", async () => {
  const { share, started } = setUp();
  const [one, two] = [share(attempt()), share(attempt())];
  one.abandon();
  one.abandon();
  assert.equal(started[0]?.abandoned, false);
  two.abandon();
  assert.equal(started[0]?.abandoned, true);
  await assert.rejects(two.identity, PosternError);
  await settle();
  share(attempt());
  assert.equal(started.length, 2, "a dead link is not shared");
});

Deno.test("a window of 0 shares nothing", () => {
  const { share, started } = setUp(0);
  share(attempt());
  share(attempt());
  assert.equal(started.length, 2);
});
