/** Signing in and out, and how long that lasts. */
import assert from "node:assert/strict";
import { BrowserSessions, defaultBrowserLimits } from "../../../ui/api/browser_sessions.ts";
import { ada, devin, identityOf } from "./fakes.ts";
import { errorCode, noon, startHarness } from "./harness.ts";

const sessionCookie = "__Host-postern-session";

Deno.test("the session's cookie is random, hidden from scripts, and bound to the host", async () => {
  const harness = startHarness();
  const browser = harness.browser();
  const response = await browser.signIn("/history");
  assert.equal(response.headers.get("location"), "/history");
  const cookie = response.headers.getSetCookie().find((one) => one.startsWith(`${sessionCookie}=`)) ?? "";
  for (const part of [/HttpOnly/i, /Secure/i, /SameSite=Lax/i, /Path=\//i]) assert.match(cookie, part);
  assert.doesNotMatch(cookie, /Domain/i);
  assert.match(browser.cookies.get(sessionCookie)!, /^[\w-]{43}$/, "256 bits");
  assert.deepEqual([...browser.cookies.keys()], [sessionCookie], "the flow's cookie is gone");
  const event = harness.gateway.journal.all.find(({ type }) => type === "dashboard.signin");
  assert.equal(event?.person, devin.name);
  assert.deepEqual(event?.data, { succeeded: true, groups: ["engineers"], address: "192.0.2.7", reason: "" });
  await harness.close();
});

Deno.test("signing in again gives a new secret and ends the old one", async () => {
  const harness = startHarness();
  const browser = await harness.signedIn(devin);
  const old = browser.cookies.get(sessionCookie)!;
  const begun = await harness.browser().fetch("/auth/login");
  assert.equal(begun.status, 302);
  // The same browser comes back with both: its old session, and a sign-in that it began meanwhile.
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(begun.headers.getSetCookie()[0]!)!;
  browser.cookies.set(name!, value!);
  const { pathname, search } = new URL(begun.headers.get("location")!);
  assert.equal((await browser.fetch(pathname + search)).status, 302);
  assert.notEqual(browser.cookies.get(sessionCookie), old);
  const stolen = harness.browser();
  stolen.cookies.set(sessionCookie, old);
  assert.equal((await stolen.fetch("/api/me")).status, 401);
  assert.equal((await browser.fetch("/api/me")).status, 200);
  await harness.close();
});

Deno.test("a cookie that somebody set before the sign-in is worth nothing after it", async () => {
  const harness = startHarness();
  const browser = harness.browser();
  browser.cookies.set(sessionCookie, "A".repeat(43));
  await browser.signIn();
  assert.notEqual(browser.cookies.get(sessionCookie), "A".repeat(43));
  const fixed = harness.browser();
  fixed.cookies.set(sessionCookie, "A".repeat(43));
  assert.equal((await fixed.fetch("/api/me")).status, 401);
  await harness.close();
});

Deno.test("an answer of the issuer counts only in the browser that asked, and once", async () => {
  const harness = startHarness();
  const browser = harness.browser();
  const begun = await browser.fetch("/auth/login");
  const { pathname, search } = new URL(begun.headers.get("location")!);
  const stranger = await harness.browser().fetch(pathname + search);
  assert.equal(stranger.status, 403);
  assert.match(await stranger.text(), /not begun in this browser/);
  const flow = new Map(browser.cookies);
  assert.equal((await browser.fetch(pathname + search)).status, 302);
  const again = harness.browser();
  for (const [name, value] of flow) again.cookies.set(name, value);
  assert.equal((await again.fetch(pathname + search)).status, 403, "a second time");
  const other = harness.browser();
  await other.fetch("/auth/login");
  const mixed = await other.fetch("/auth/callback?code=x&state=another");
  assert.equal(mixed.status, 403, "a state of somebody else's");
  const failures = harness.gateway.journal.all.filter(({ data }) => data.succeeded === false);
  assert.equal(failures.length, 3);
  await harness.close();
});

Deno.test("two tabs may sign in at the same time", async () => {
  const harness = startHarness();
  const browser = harness.browser();
  const first = new URL((await browser.fetch("/auth/login?next=/history")).headers.get("location")!);
  const second = new URL((await browser.fetch("/auth/login?next=/sessions")).headers.get("location")!);
  const done = [];
  for (const { pathname, search } of [first, second]) {
    done.push((await browser.fetch(pathname + search)).headers.get("location"));
  }
  assert.deepEqual(done, ["/history", "/sessions"]);
  await harness.close();
});

Deno.test("nobody is signed in whose sign-in cannot be recorded", async () => {
  const harness = startHarness();
  const browser = harness.browser();
  const begun = new URL((await browser.fetch("/auth/login")).headers.get("location")!);
  harness.gateway.journal.broken = true;
  const response = await browser.fetch(begun.pathname + begun.search);
  assert.equal(response.status, 503);
  assert.equal(browser.cookies.has(sessionCookie), false);
  await harness.close();
});

Deno.test("an issuer that is down is told on the sign-in page", async () => {
  const harness = startHarness();
  harness.gateway.identity.begin = () => Promise.reject(new Error("connection refused to 10.0.0.9"));
  const response = await harness.browser().fetch("/auth/login");
  assert.equal(response.status, 500);
  const text = await response.text();
  assert.match(text, /Postern failed on this/);
  assert.doesNotMatch(text, /10\.0\.0\.9/);
  await harness.close();
});

Deno.test("signing out ends the session on this side", async () => {
  const harness = startHarness();
  const browser = await harness.signedIn(devin);
  const kept = browser.cookies.get(sessionCookie)!;
  assert.equal((await browser.post("/auth/logout", {})).status, 200);
  assert.equal(browser.cookies.has(sessionCookie), false);
  browser.cookies.set(sessionCookie, kept);
  const response = await browser.fetch("/api/me");
  assert.equal(response.status, 401);
  assert.equal(await errorCode(response), "NotSignedIn");
  await harness.close();
});

Deno.test("a session ends after its idle time, after its absolute time, and with the identity", () => {
  let now = noon;
  const sessions = new BrowserSessions(() => now, {
    ...defaultBrowserLimits,
    idleMs: 1000,
    absoluteMs: 5000,
  });
  const create = (expiresInMs: number) =>
    sessions.create({ ...identityOf(devin, now), expiresAt: now + expiresInMs }).cookie;
  const idle = create(100_000);
  now += 999;
  assert.ok(sessions.find(idle));
  now += 999;
  assert.ok(sessions.find(idle), "asking keeps it alive");
  now += 1000;
  assert.equal(sessions.find(idle), null);

  const busy = create(100_000);
  for (let step = 0; step < 9; step++) {
    now += 500;
    assert.ok(sessions.find(busy));
  }
  now += 500;
  assert.equal(sessions.find(busy), null, "absolute");

  const short = create(700);
  now += 699;
  assert.ok(sessions.find(short));
  now += 1;
  assert.equal(sessions.find(short), null, "the identity's own end");
});

Deno.test("one person's sessions and all sessions are bounded, the oldest give way", () => {
  const sessions = new BrowserSessions(() => noon, { ...defaultBrowserLimits, perPersonMax: 2, totalMax: 3 });
  const first = sessions.create(identityOf(devin, noon)).cookie;
  const second = sessions.create(identityOf(devin, noon)).cookie;
  const third = sessions.create(identityOf(devin, noon)).cookie;
  assert.equal(sessions.find(first), null);
  assert.ok(sessions.find(second) && sessions.find(third));
  sessions.create(identityOf(ada, noon));
  sessions.create(identityOf({ name: "eve", groups: [] }, noon));
  assert.equal(sessions.size, 3);
  assert.equal(sessions.find(second), null);
});

Deno.test("cookies that are no secret of ours find nothing", () => {
  const sessions = new BrowserSessions(() => noon);
  sessions.create(identityOf(devin, noon));
  for (const cookie of [undefined, "", "x", "A".repeat(43), "x".repeat(100_000)]) {
    assert.equal(sessions.find(cookie), null);
  }
});
