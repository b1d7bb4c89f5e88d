/** Every route with every role, and with none. */
import assert from "node:assert/strict";
import { ada, alex, devin, type FakePerson, grace, otto, root } from "./fakes.ts";
import { startHarness } from "./harness.ts";

/** Who gets what: of devin's session and held statement, which ada's and grace's group decides. */
type Answers = readonly [
  none: number,
  engineer: number,
  approver: number,
  auditor: number,
  admin: number,
  other: number,
];

const visitors: readonly (FakePerson | null)[] = [null, devin, ada, alex, root, otto];

const post = {
  decision: { approve: true, reason: "" },
  consent: { decision: "confirm" },
  end: { reason: "done" },
};

/** `METHOD path` -> the address asked for, the body, and the answers. Other people's things are not found. */
const expected: Readonly<Record<string, { path?: string; body?: unknown; answers: Answers }>> = {
  "GET /healthz": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /.well-known/postern": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /assets/:name": { path: "/assets/none.js", answers: [404, 404, 404, 404, 404, 404] },
  "GET /": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /requests/:id": { path: "/requests/ID", answers: [200, 200, 200, 200, 200, 200] },
  "GET /history": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /live": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /console": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /overview": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /rules": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /search": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /sessions": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /sessions/:id": { path: "/sessions/session-1", answers: [200, 200, 200, 200, 200, 200] },
  "GET /access": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /access/:id": { path: "/access/GRANT", answers: [200, 200, 200, 200, 200, 200] },
  "GET /advance": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /api/access": { answers: [401, 200, 200, 200, 200, 200] },
  "POST /api/access": {
    body: { target: "orders-prod", reason: "ticket 4711", durationMs: 60_000 },
    // Membership is enough there, so that nobody may ask.
    answers: [401, 403, 403, 403, 403, 403],
  },
  // What is submitted is judged elsewhere; here it is refused to everybody alike.
  "POST /api/requests": {
    body: { target: "orders-prod", text: "UPDATE t SET a = 1 WHERE id = 2", reason: "" },
    answers: [401, 403, 403, 403, 403, 403],
  },
  "GET /api/access/desk": { answers: [401, 200, 200, 200, 200, 200] },
  "GET /api/access/:id": { path: "/api/access/GRANT", answers: [401, 200, 200, 200, 200, 404] },
  "POST /api/access/:id/decision": {
    path: "/api/access/GRANT/decision",
    body: { approve: false, reason: "not now" },
    answers: [401, 403, 200, 403, 403, 404],
  },
  "POST /api/access/:id/withdraw": {
    path: "/api/access/GRANT/withdraw",
    body: {},
    answers: [401, 200, 403, 403, 403, 404],
  },
  // It is not granted yet: whoever may end it is told so.
  "POST /api/access/:id/end": {
    path: "/api/access/GRANT/end",
    body: { words: "over" },
    answers: [401, 403, 403, 403, 403, 404],
  },
  "POST /api/access/:id/review": {
    path: "/api/access/GLASS/review",
    body: { words: "right so" },
    answers: [401, 403, 200, 403, 200, 200],
  },
  "GET /connect": { answers: [200, 200, 200, 200, 200, 200] },
  "GET /connect/:secret": { path: "/connect/secret", answers: [302, 200, 200, 200, 200, 200] },
  "GET /auth/login": { answers: [302, 302, 302, 302, 302, 302] },
  "GET /auth/callback": { answers: [403, 403, 403, 403, 403, 403] },
  // Without a good token of the issuer's.
  "POST /auth/backchannel-logout": { body: {}, answers: [400, 400, 400, 400, 400, 400] },
  "POST /auth/logout": { body: {}, answers: [401, 200, 200, 200, 200, 200] },
  "GET /api/me": { answers: [401, 200, 200, 200, 200, 200] },
  "GET /api/stream": { answers: [401, 200, 200, 200, 200, 200] },
  "GET /api/connect/:secret": { path: "/api/connect/secret", answers: [401, 200, 200, 200, 200, 200] },
  "POST /api/connect/:secret": {
    path: "/api/connect/secret",
    body: post.consent,
    answers: [401, 200, 200, 200, 200, 200],
  },
  "GET /api/targets": { answers: [401, 200, 200, 200, 200, 200] },
  "POST /api/targets/:name/password": {
    path: "/api/targets/orders-prod/password",
    body: {},
    // Who may reach the target is up to its groups, not to a role.
    answers: [401, 200, 403, 403, 403, 403],
  },
  "GET /api/requests": { answers: [401, 200, 200, 200, 200, 200] },
  "GET /api/requests/:id": { path: "/api/requests/ID", answers: [401, 200, 200, 200, 200, 404] },
  "GET /api/requests/:id/others": {
    path: "/api/requests/ID/others",
    answers: [401, 200, 200, 200, 200, 404],
  },
  "POST /api/requests/:id/decision": {
    path: "/api/requests/ID/decision",
    body: post.decision,
    // Who decides this request is up to its rule, not to a role.
    answers: [401, 403, 200, 403, 403, 404],
  },
  "GET /api/history": { answers: [401, 200, 200, 200, 200, 200] },
  "GET /api/sessions": { answers: [401, 200, 200, 200, 200, 200] },
  "GET /api/sessions/:id": { path: "/api/sessions/session-1", answers: [401, 200, 200, 200, 200, 404] },
  "GET /api/sessions/:id/events": {
    path: "/api/sessions/session-1/events",
    answers: [401, 200, 200, 200, 200, 404],
  },
  "GET /api/sessions/:id/events/:sequence": {
    path: "/api/sessions/session-1/events/2",
    answers: [401, 200, 200, 200, 200, 404],
  },
  "GET /api/sessions/:id/results/:sequence": {
    path: "/api/sessions/session-1/results/RESULT",
    answers: [401, 200, 200, 200, 200, 404],
  },
  "POST /api/sessions/renew": {
    body: { users: ["devin-bcdfghjk"] },
    answers: [401, 200, 200, 200, 200, 200],
  },
  "POST /api/sessions/:id/end": {
    path: "/api/sessions/session-1/end",
    body: post.end,
    // Everybody ends their own; auditors look only.
    answers: [401, 200, 200, 403, 200, 404],
  },
  "POST /api/sessions/:id/verify": {
    path: "/api/sessions/session-1/verify",
    body: {},
    answers: [401, 200, 200, 200, 200, 404],
  },
  "GET /api/console": { answers: [401, 200, 200, 200, 200, 200] },
  "POST /api/console/run": {
    body: { target: "orders-prod", text: "SELECT 1" },
    // Its config opens none of the targets to the dashboard.
    answers: [401, 403, 403, 403, 403, 403],
  },
  "GET /api/overview": { path: "/api/overview?from=0", answers: [401, 403, 403, 200, 200, 403] },
  "GET /api/policy": { answers: [401, 200, 200, 200, 200, 200] },
  "POST /api/policy/try": {
    body: { text: "SELECT 1", target: "orders-prod", person: devin.name },
    // Whoever is no auditor or admin asks for themselves.
    answers: [401, 403, 403, 200, 200, 403],
  },
  "GET /api/live": { answers: [401, 200, 200, 200, 200, 200] },
  "POST /api/live/end": {
    body: { person: devin.name, reason: "done" },
    answers: [401, 200, 200, 403, 200, 404],
  },
  "GET /api/search": { answers: [401, 200, 200, 200, 200, 200] },
  // Auditors without the samples: see below.
  "GET /api/detections": { answers: [401, 403, 403, 200, 200, 403] },
  "GET /api/deliveries": { answers: [401, 403, 403, 200, 200, 403] },
  "GET /api/audit/export": { answers: [401, 403, 403, 200, 200, 403] },
};

Deno.test("every route answers each role, and nobody, as the table says", async () => {
  const names = startHarness();
  const routes = names.dashboard.routes.map(({ method, path }) => `${method} ${path}`);
  await names.close();
  assert.deepEqual(routes.toSorted(), Object.keys(expected).toSorted(), "a route without its row here");

  const table: string[] = [];
  for (const [route, { path, body, answers }] of Object.entries(expected)) {
    const [method, pattern] = route.split(" ") as ["GET" | "POST", string];
    const got: number[] = [];
    for (const visitor of visitors) {
      // A gateway of its own for each: what one does must not change what the next one finds.
      const harness = startHarness();
      const { gateway } = harness;
      await gateway.session("session-1");
      const statement = await gateway.statement("session-1", "SELECT 1");
      const results = [{ columns: [{ name: "a", masked: false }], rows: [["1"]], more: false }];
      await gateway.finished("session-1", statement, { results });
      const recorded = gateway.journal.all.find(({ type }) => type === "result.recorded")!;
      const hold = await gateway.hold();
      const asked = await gateway.askedAccess();
      const broken = await gateway.askedAccess({ breakGlass: true, approvers: [], state: "ended" });
      gateway.signIns.pages.set("secret", {
        code: "ABC",
        target: "orders-prod",
        client: { address: "10.0.0.1", port: 1, application: "psql", user: "devin", tls: null },
        deadlineAt: gateway.clock() + 60_000,
      });
      const browser = visitor === null ? harness.browser() : await harness.signedIn(visitor);
      const address = (path ?? pattern).replace("ID", hold.request.id)
        .replace("RESULT", String(recorded.sequence)).replace("GRANT", asked.id).replace("GLASS", broken.id);
      const response = method === "GET" ? await browser.fetch(address) : await browser.post(address, body);
      got.push(response.status);
      await response.body?.cancel();
      await harness.close();
    }
    table.push(`${route.padEnd(46)} ${got.map((status) => String(status).padStart(9)).join("")}`);
    assert.deepEqual(got, answers, `${route} for nobody, engineer, approver, auditor, admin, other approver`);
  }
  const heads = ["nobody", "engineer", "approver", "auditor", "admin", "other"];
  console.log([`${"".padEnd(46)} ${heads.map((head) => head.padStart(9)).join("")}`, ...table].join("\n"));
});

Deno.test("of what detectors found auditors see where and how many, and admins a masked sample, too", async () => {
  const harness = startHarness();
  const { detections } = harness.gateway;
  const found = {
    column: "public.orders.note",
    kind: "card",
    count: 2,
    sample: "**** **** **** 1111",
  } as const;
  detections.add({ target: "orders-prod", database: "orders", masked: false }, [found], 1);
  const seen = async (person: FakePerson) =>
    (await (await harness.signedIn(person)).json<{ detections: Record<string, unknown>[] }>(
      "/api/detections",
    ))
      .detections.map(({ text, sample }) => [text, sample]);
  const text = "public.orders.note contained 2 card numbers";
  assert.deepEqual(await seen(alex), [[text, null]]);
  assert.deepEqual(await seen(root), [[text, found.sample]]);
  await harness.close();
});

Deno.test("an engineer sees their own requests and sessions only", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1", devin);
  await gateway.session("session-2", grace);
  await gateway.hold({}, devin);
  const other = await gateway.hold({ session: "session-2" }, grace);
  const browser = await harness.signedIn(devin);

  const { requests } = await browser.json<{ requests: { person: string; mine: boolean; refusal: string }[] }>(
    "/api/requests",
  );
  assert.deepEqual(requests.map(({ person, mine }) => [person, mine]), [[devin.name, true]]);
  assert.equal(requests[0]!.refusal, "Nobody approves their own statement");
  const { sessions } = await browser.json<{ sessions: { id: string }[] }>("/api/sessions");
  assert.deepEqual(sessions.map(({ id }) => id), ["session-1"]);
  // Asking for somebody else's by filter gives nothing, not theirs and not one's own.
  const theirs = await browser.json<{ sessions: unknown[] }>(`/api/sessions?person=${grace.name}`);
  assert.deepEqual(theirs.sessions, []);
  assert.equal((await browser.fetch(`/api/requests/${other.request.id}`)).status, 404);
  assert.equal((await browser.fetch("/api/sessions/session-2/events")).status, 404);
  await harness.close();
});

Deno.test("an approver sees the sessions of requests that their groups decide, and no others", async () => {
  const harness = startHarness();
  const { gateway } = harness;
  await gateway.session("session-1", devin);
  await gateway.session("session-2", devin);
  await gateway.session("session-3", devin);
  const held = await gateway.hold({ session: "session-1" });
  await gateway.hold({ session: "session-2", approvers: ["other-approvers"] });
  const browser = await harness.signedIn(ada);
  const ids = async () =>
    (await browser.json<{ sessions: { id: string }[] }>("/api/sessions")).sessions.map(({ id }) => id);
  assert.deepEqual(await ids(), ["session-1"]);
  held.withdraw("Ctrl-C");
  await held.outcome;
  assert.deepEqual(await ids(), ["session-1"], "after the request is over, too");
  assert.deepEqual(
    (await (await harness.signedIn(alex)).json<{ sessions: { id: string }[] }>("/api/sessions")).sessions
      .length,
    3,
  );
  await harness.close();
});

Deno.test("roles come from the groups of the config, and everyone signed in is an engineer", async () => {
  const harness = startHarness();
  for (
    const [person, roles] of [
      [devin, ["engineer"]],
      [grace, ["engineer", "approver"]],
      [alex, ["engineer", "auditor"]],
      [root, ["engineer", "admin"]],
    ] as const
  ) {
    const me = await (await harness.signedIn(person)).json<{ roles: string[]; name: string }>("/api/me");
    assert.deepEqual([me.name, me.roles], [person.name, roles]);
  }
  await harness.close();
});
