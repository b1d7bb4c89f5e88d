/** What a hostile page, host name, path, body or cookie gets. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Hono } from "hono";
import { type DashboardEnv, localPath, refusalOf } from "../../../ui/api/http.ts";
import { rateLimit } from "../../../ui/api/rate_limit.ts";
import { ada, devin } from "./fakes.ts";
import { errorCode, origin, startHarness } from "./harness.ts";

Deno.test("a state change from anywhere but the dashboard's own page is refused", async () => {
  const harness = startHarness();
  const { request } = await harness.gateway.hold();
  const browser = await harness.signedIn(ada);
  const path = `/api/requests/${request.id}/decision`;
  const body = JSON.stringify({ approve: true, reason: "" });
  const own = { "content-type": "application/json", "postern-request": "1", origin };
  const forged: Record<string, Record<string, string>> = {
    "no origin at all": { "content-type": "application/json", "postern-request": "1" },
    "another origin": { ...own, origin: "https://evil.example" },
    "the origin of another port": { ...own, origin: `${origin}:8443` },
    "the origin in plain http": { ...own, origin: origin.replace("https", "http") },
    "the null origin": { ...own, origin: "null" },
    "a sister site": { ...own, "sec-fetch-site": "same-site" },
    "another site that hides its origin": {
      "content-type": "application/json",
      "postern-request": "1",
      "sec-fetch-site": "cross-site",
    },
    "a form, which cannot set a header": { "content-type": "application/json", origin },
    "a header that is not ours": { ...own, "postern-request": "yes" },
  };
  for (const [name, headers] of Object.entries(forged)) {
    const response = await browser.fetch(path, { method: "POST", body, headers });
    assert.equal(response.status, 403, name);
    assert.equal(await errorCode(response), "CrossSite", name);
  }
  const form = await browser.fetch(path, {
    method: "POST",
    body,
    headers: { ...own, "content-type": "text/plain" },
  });
  assert.equal(form.status, 415);
  assert.equal(harness.gateway.approvals.pending().length, 1, "nothing of it decided anything");
  assert.equal((await browser.fetch(path, { method: "POST", body, headers: own })).status, 200);
  await harness.close();
});

Deno.test("another site may link to pages but not read the API", async () => {
  const harness = startHarness();
  const browser = await harness.signedIn(devin);
  const cross = { "sec-fetch-site": "cross-site" };
  assert.equal((await browser.fetch("/api/me", { headers: cross })).status, 403);
  assert.equal((await browser.fetch("/api/me", { headers: { origin: "https://evil.example" } })).status, 403);
  assert.equal((await browser.fetch("/requests/x", { headers: cross })).status, 200);
  assert.equal((await browser.fetch("/api/me", { headers: { "sec-fetch-site": "none" } })).status, 200);
  await harness.close();
});

Deno.test("a request for another host name is refused, whatever it asks for", async () => {
  const harness = startHarness();
  const browser = await harness.signedIn(devin);
  for (
    const host of [
      "evil.example",
      "postern.example.test:444",
      "127.0.0.1",
      "postern.example.test.evil.example",
    ]
  ) {
    for (const path of ["/", "/api/me", "/auth/login", "/assets/x.js"]) {
      const response = await browser.fetch(path, { headers: { host } });
      assert.equal(response.status, 421, `${host} ${path}`);
    }
    const health = await browser.fetch("/healthz", { headers: { host } });
    assert.equal(health.status, 200, "health checks come by address");
  }
  assert.equal((await browser.fetch("/", { headers: { host: "POSTERN.example.test" } })).status, 200);
  await harness.close();
});

Deno.test("sign-in never leads to another site", async () => {
  const bad = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%0d%0aLocation:x\r\n",
    "javascript:alert(1)",
    "evil.example",
    "/..//evil.example",
    "/./\\evil.example",
    "/auth/login?next=/",
    "/api/audit/export",
    "",
    "/" + "a".repeat(2000),
  ];
  const harness = startHarness();
  for (const next of bad) {
    const response = await harness.browser().signIn(next);
    const where = response.headers.get("location");
    assert.ok(where === "/" || where === "/%0d%0aLocation:x", `${JSON.stringify(next)} led to ${where}`);
  }
  const good = await harness.browser().signIn("/sessions?person=a%40b&target=x");
  assert.equal(good.headers.get("location"), "/sessions?person=a%40b&target=x");
  await harness.close();
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `/${text}`), fc.webUrl()), (text) => {
    const url = new URL(localPath(text), origin);
    return url.origin === origin && !localPath(text).startsWith("//");
  }));
});

Deno.test("every answer carries the security headers, refusals and failures too", async () => {
  const harness = startHarness();
  const browser = await harness.signedIn(devin);
  const asked: [string, RequestInit][] = [
    ["/", {}],
    ["/nowhere", {}],
    ["/api/nowhere", {}],
    ["/api/me", {}],
    ["/api/requests/none", {}],
    ["/api/me", { headers: { host: "evil.example" } }],
    ["/auth/logout", { method: "POST" }],
    ["/auth/callback?code=x", {}],
    ["/healthz", { method: "DELETE" }],
  ];
  for (const [path, init] of asked) {
    const { headers } = await browser.fetch(path, init);
    const csp = headers.get("content-security-policy") ?? "";
    for (
      const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    ) {
      assert.ok(csp.includes(part), `${path}: ${part}`);
    }
    assert.doesNotMatch(csp, /unsafe|\*|http:/, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("referrer-policy"), "no-referrer", path);
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin", path);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", path);
    assert.match(headers.get("strict-transport-security") ?? "", /max-age=\d{8}/, path);
    assert.equal(headers.get("cache-control"), "no-store", path);
  }
  await harness.close();
});

Deno.test("bad bodies and queries are refused with a reason", async () => {
  const harness = startHarness();
  const { request } = await harness.gateway.hold();
  const browser = await harness.signedIn(ada);
  const path = `/api/requests/${request.id}/decision`;
  const cases: [unknown, number][] = [
    [null, 400],
    [[], 400],
    [{ approve: "yes", reason: "" }, 400],
    [{ approve: true }, 400],
    [{ approve: true, reason: "", extra: 1 }, 400],
    [{ approve: true, reason: "x".repeat(2001) }, 400],
    [{ approve: true, reason: "x".repeat(70_000) }, 413],
  ];
  for (const [body, status] of cases) {
    const response = await browser.post(path, body);
    assert.equal(response.status, status, JSON.stringify(body)?.slice(0, 60));
    assert.ok((await response.json()).error.message.length > 5);
  }
  const broken = await browser.fetch(path, {
    method: "POST",
    body: "{",
    headers: { "content-type": "application/json", "postern-request": "1", origin },
  });
  assert.equal(broken.status, 400);
  for (
    const query of [
      "limit=0",
      "limit=101",
      "limit=x",
      "before=-1",
      "before=1e9",
      "what=1",
      "limit=1&limit=2",
      "person=",
    ]
  ) {
    const response = await browser.fetch(`/api/sessions?${query}`);
    assert.equal(response.status, 400, query);
  }
  assert.equal(harness.gateway.approvals.pending().length, 1);
  await harness.close();
});

Deno.test("a failure inside says nothing of itself to the browser, and all of it to the log", async () => {
  const harness = startHarness();
  const browser = await harness.signedIn(devin);
  harness.gateway.journal.session = () => Promise.reject(new Error("secret detail of the store"));
  const response = await browser.fetch("/api/sessions/session-1");
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /secret detail/);
  assert.ok(harness.logged.some((line) => line.includes("secret detail")));
  await harness.close();
});

Deno.test("over plain http cookies are neither Secure nor prefixed, so that a demo works", async () => {
  const url = "http://127.0.0.1:8443";
  const harness = startHarness({ url });
  const response = await harness.browser().signIn();
  const cookie = response.headers.getSetCookie().find((one) => one.startsWith("postern-session="));
  assert.match(cookie ?? "", /HttpOnly/i);
  assert.match(cookie ?? "", /SameSite=Lax/i);
  assert.doesNotMatch(cookie ?? "", /Secure/i);
  assert.equal(response.headers.get("strict-transport-security"), null);
  await harness.close();
});

Deno.test("an address that asks too often is told when to come back; others and the next minute are free", async () => {
  let now = 1_000_000;
  const app = new Hono<DashboardEnv>();
  app.onError((thrown, c) => c.json(refusalOf(thrown).body, refusalOf(thrown).status as 429));
  app.use(rateLimit(3, () => now)).get("*", (c) => c.text("ok"));
  const ask = (address: string, path = "/api/me") => app.request(path, {}, { address });
  const statuses = async (address: string, times: number) => {
    const answers = await Promise.all(Array.from({ length: times }, () => ask(address)));
    return answers.map(({ status }) => status);
  };
  assert.deepEqual(await statuses("10.0.0.1", 4), [200, 200, 200, 429]);
  const refused = await ask("10.0.0.1");
  assert.equal(refused.headers.get("retry-after"), "60");
  assert.match(await refused.text(), /dashboard\.limits\.requestsPerMinute/);
  assert.equal((await ask("10.0.0.2")).status, 200, "another address");
  assert.equal((await ask("10.0.0.1", "/assets/main.js")).status, 200, "the app's own files");
  now += 60_000;
  assert.equal((await ask("10.0.0.1")).status, 200, "a minute later");
});
