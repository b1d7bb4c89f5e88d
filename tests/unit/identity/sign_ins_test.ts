import assert from "node:assert/strict";
import { createSignIns } from "../../../policy/identity/mod.ts";
import type { ConnectionAttempt } from "../../../policy/ports.ts";
import type { Identity } from "../../../policy/types.ts";

const attempt = (address = "10.0.0.1"): ConnectionAttempt => ({
  protocol: "p",
  database: "orders-prod/other",
  client: { address, port: 5, application: "psql", user: "me", tls: null },
});
const ada: Identity = {
  subject: "1",
  issuer: "https://i.example",
  name: "ada",
  groups: [],
  signedInAt: 0,
  expiresAt: 10_000,
  method: "browser",
};
const setUp = (options = {}) => {
  const time = { now: 1000 };
  const signIns = createSignIns({
    url: "https://postern.example/",
    timeoutMs: () => 5000,
    clock: () => time.now,
    ...options,
  });
  return { time, signIns, begin: (address?: string) => signIns.start(attempt(address)) };
};
const secretOf = (url: string) => url.split("/").at(-1) as string;
const failed = (part: string, code = "AuthFailed") => (error: Error & { code: string }) => {
  assert.equal(error.code, code);
  assert.ok(error.message.includes(part), error.message);
  return true;
};

Deno.test("a link leads from the client's terminal to the person's browser and back, once", async () => {
  const { signIns, begin } = setUp();
  const signIn = begin();
  assert.match(signIn.url, /^https:\/\/postern\.example\/connect\/[\w-]{43}$/);
  assert.match(signIn.code, /^[B-DF-HJ-KM-NP-TV-XZ2-9]{4}-[2-9]{2}$/);
  const secret = secretOf(signIn.url);
  const page = signIns.find(secret);
  assert.equal(page?.code, signIn.code);
  assert.equal(page?.target, "orders-prod");
  assert.equal(page?.deadlineAt, 6000);
  signIns.confirm(secret, ada);
  assert.equal(await signIn.identity, ada);
  assert.equal(signIns.find(secret), null);
  assert.throws(() => signIns.confirm(secret, ada), failed("used, expired"));
  assert.equal(signIns.waiting, 0);
});

Deno.test("links differ, and a wrong one finds nothing", () => {
  const { signIns, begin } = setUp();
  const many = Array.from({ length: 15 }, () => begin());
  assert.equal(new Set(many.map((one) => one.url)).size, 15);
  assert.equal(new Set(many.map((one) => one.code)).size, 15);
  const secret = secretOf((many[0] as { url: string }).url);
  for (const wrong of ["", "x", secret.slice(1), `${secret}x`, secret.toUpperCase(), "__proto__"]) {
    assert.equal(signIns.find(wrong), null);
    assert.throws(() => signIns.confirm(wrong, ada), failed("used, expired"));
    assert.throws(() => signIns.reject(wrong, "ada"), failed("used, expired"));
  }
  many.forEach((one) => one.abandon());
});

Deno.test("a refusal in the browser reaches the client with the name of who refused", async () => {
  const { signIns, begin } = setUp();
  const signIn = begin();
  signIns.reject(secretOf(signIn.url), "ada@example.test");
  await assert.rejects(signIn.identity, failed("ada@example.test refused this connection"));
});

Deno.test("nobody signs in: the wait ends at the deadline, and the link with it", async () => {
  const { signIns, begin } = setUp({ timeoutMs: () => 20 });
  const signIn = begin();
  await assert.rejects(signIn.identity, failed("Nobody signed in within"));
  assert.equal(signIns.find(secretOf(signIn.url)), null);
});

Deno.test("a link past its deadline is dead even before the timer has fired", () => {
  const { time, signIns, begin } = setUp();
  const signIn = begin();
  time.now = 6000;
  assert.equal(signIns.find(secretOf(signIn.url)), null);
  assert.throws(() => signIns.confirm(secretOf(signIn.url), ada), failed("used, expired"));
  signIn.abandon();
});

Deno.test("a client that goes away takes its link along, and its late abandon undoes nothing", async () => {
  const { signIns, begin } = setUp();
  const gone = begin();
  gone.abandon();
  await assert.rejects(gone.identity, failed("client went away"));
  assert.throws(() => signIns.confirm(secretOf(gone.url), ada), failed("client has gone away"));
  const done = begin();
  signIns.confirm(secretOf(done.url), ada);
  done.abandon();
  assert.equal(await done.identity, ada);
});

Deno.test("somebody whose own sign-in has expired confirms nothing", () => {
  const { signIns, begin } = setUp();
  const signIn = begin();
  assert.throws(
    () => signIns.confirm(secretOf(signIn.url), { ...ada, expiresAt: 1000 }),
    failed("Your own sign-in has expired"),
  );
  assert.notEqual(signIns.find(secretOf(signIn.url)), null);
  signIn.abandon();
});

Deno.test("waiting connections are limited per address and in all, and a place becomes free again", () => {
  const { begin } = setUp({ limits: () => ({ signInsMax: 3, signInsPerAddressMax: 2 }) });
  const [first] = [begin("a"), begin("a")];
  assert.throws(() => begin("a"), failed('2 connections from "a"', "LimitExceeded"));
  const other = begin("b");
  assert.throws(() => begin("c"), failed("3 connections wait", "LimitExceeded"));
  first?.abandon();
  const again = begin("c");
  assert.ok(again.url);
  [other, again].forEach((one) => one.abandon());
});
