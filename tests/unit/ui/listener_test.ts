/** The listener: TLS and HTTP/2, a taken port, and an end that waits for nobody's event stream. */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { limitHits } from "../../../policy/limits.ts";
import { addressOf, type DashboardEnv, refusalOf } from "../../../ui/api/http.ts";
import type { FrontLimits } from "../../../ui/api/http_front.ts";
import { defaultDashboardLimits, wholeBody } from "../../../ui/api/limits.ts";
import { defaultFrontLimits, listenHttp } from "../../../ui/api/listener.ts";
import { startDashboard } from "../../../ui/api/mod.ts";
import { createAuthority } from "../../support/certificates.ts";
import { freePort } from "../../support/ports.ts";
import { devin, FakeGateway } from "./fakes.ts";

Deno.test("over TLS and HTTP/2 the host, the cookies and the headers are as they must be", async () => {
  const authority = createAuthority();
  const port = freePort();
  const url = `https://localhost:${port}`;
  const gateway = new FakeGateway();
  gateway.identity.next = devin;
  const dashboard = startDashboard(gateway.deps(url), {
    hostname: "127.0.0.1",
    port,
    tls: authority.issue(),
  });
  const client = Deno.createHttpClient({ caCerts: [authority.certificate], http1: false, http2: true });
  try {
    assert.equal((await (await fetch(`${url}/healthz`, { client })).json()).ok, true);
    const begun = await fetch(`${url}/auth/login`, { client, redirect: "manual" });
    await begun.body?.cancel();
    const [flow] = begun.headers.getSetCookie();
    const returned = await fetch(begun.headers.get("location")!, {
      client,
      redirect: "manual",
      headers: { cookie: flow!.split(";")[0]! },
    });
    await returned.body?.cancel();
    const session = returned.headers.getSetCookie().find((cookie) =>
      cookie.startsWith("__Host-postern-session=")
    );
    assert.match(session ?? "", /; Secure/);
    const me = await fetch(`${url}/api/me`, { client, headers: { cookie: session!.split(";")[0]! } });
    assert.equal((await me.json()).name, devin.name);
    assert.ok(me.headers.get("strict-transport-security"));
    const other = await fetch(`https://127.0.0.1:${port}/api/me`, { client });
    assert.equal(other.status, 421, "another name for the same listener");
    await other.body?.cancel();
  } finally {
    client.close();
    await dashboard.close();
    await gateway.close();
  }
});

Deno.test("a taken port is said at once, and nothing of the failed start is left", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const gateway = new FakeGateway();
  assert.throws(
    () => startDashboard(gateway.deps(`http://127.0.0.1:${port}`), { hostname: "127.0.0.1", port }),
    Deno.errors.AddrInUse,
  );
  // The approvals' own, which was there before.
  assert.equal(gateway.journal.listeners, 1);
  taken.close();
  await gateway.close();
});

Deno.test("closing ends event streams instead of waiting for them", async () => {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const gateway = new FakeGateway();
  const dashboard = startDashboard(gateway.deps(url), { hostname: "127.0.0.1", port });
  const begun = await fetch(`${url}/auth/login`, { redirect: "manual" });
  await begun.body?.cancel();
  const returned = await fetch(begun.headers.get("location")!, {
    redirect: "manual",
    headers: { cookie: begun.headers.getSetCookie()[0]!.split(";")[0]! },
  });
  await returned.body?.cancel();
  const cookie = returned.headers.getSetCookie().find((one) => one.startsWith("postern-session="))!.split(
    ";",
  )[0]!;
  const stream = await fetch(`${url}/api/stream`, { headers: { cookie } });
  assert.equal(stream.status, 200);
  await dashboard.close();
  // The approvals' own, which was there before.
  assert.equal(gateway.journal.listeners, 1);
  assert.match(await stream.text(), /event: hello/, "it ended, and not with an error");
  await assert.rejects(fetch(`${url}/healthz`));
  await gateway.close();
});

Deno.test("a new certificate counts for new connections, and TLS cannot be switched off", async () => {
  const [before, after] = [createAuthority(), createAuthority()];
  const port = freePort();
  const url = `https://localhost:${port}`;
  const dashboard = startDashboard(new FakeGateway().deps(url), {
    hostname: "127.0.0.1",
    port,
    tls: before.issue(),
  });
  const asking = (caCerts: string[]) => Deno.createHttpClient({ caCerts, poolMaxIdlePerHost: 0 });
  const status = async (ca: string): Promise<number | null> => {
    using client = asking([ca]);
    const answer = await fetch(`${url}/healthz`, { client }).catch(() => null);
    await answer?.body?.cancel();
    return answer?.status ?? null;
  };
  try {
    assert.deepEqual([await status(before.certificate), await status(after.certificate)], [200, null]);
    dashboard.setTls(after.issue());
    let answered: number | null = null;
    for (let tries = 0; answered === null && tries < 100; tries++) answered = await status(after.certificate);
    assert.equal(answered, 200);
    assert.equal(await status(before.certificate), null);
    assert.throws(() => dashboard.setTls(undefined), /without a restart/);
  } finally {
    await dashboard.close();
  }
});

/** A server whose times are short, its app, and what it logged. */
async function served(
  limits: Partial<FrontLimits>,
  body: (at: { readonly port: number; readonly logged: string[] }) => Promise<void>,
  tls?: { readonly certificate: string; readonly key: string },
): Promise<void> {
  const logged: string[] = [];
  const app = new Hono<DashboardEnv>();
  app.onError((thrown, c) => c.json(refusalOf(thrown).body, refusalOf(thrown).status as 429));
  app.use(wholeBody({ ...defaultDashboardLimits, arrival: 300 }));
  app.get("/address", (c) => c.text(addressOf(c)));
  app.post("/echo", async (c) => c.text(await c.req.text()));
  app.get("/slow", async (c) => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return c.text("slow and whole");
  });
  const listener = listenHttp(app, {
    hostname: "127.0.0.1",
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    limits: { ...defaultFrontLimits, ...limits },
  }, (level, message, fields) => logged.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`));
  try {
    await body({ port: listener.port, logged });
  } finally {
    await listener.close();
  }
}

/** What a server answers to these pieces, sent with pauses, until it closes. */
async function said(port: number, pieces: readonly string[], pauseMs = 0): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const answer = new Response(conn.readable).text().catch(() => "");
  const writer = conn.writable.getWriter();
  for (const piece of pieces) {
    const sent = await writer.write(new TextEncoder().encode(piece)).then(() => true, () => false);
    if (!sent) break;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return await answer;
}

const head = "GET /address HTTP/1.1\r\nhost: x\r\n";
const drip = Array.from({ length: 10_000 }, (_, at) => `x-${at}: y\r\n`);

Deno.test("slow-loris: a connection whose headers never end is cut, whatever trickles in", async () => {
  await served({ arrivalMs: 200 }, async ({ port, logged }) => {
    const before = limitHits.get("dashboard.limits.arrival") ?? 0;
    assert.equal(await said(port, [head, ...drip], 20), "", "cut in the middle of its headers");
    assert.equal(await said(port, []), "", "cut for saying nothing");
    assert.equal((limitHits.get("dashboard.limits.arrival") ?? 0) - before, 2);
    assert.equal(logged.filter((line) => /no whole request came in time/.test(line)).length, 2);
  });
});

Deno.test("slow-loris over TLS: neither a handshake nor a request that never ends holds a connection", async () => {
  const authority = createAuthority();
  await served({ arrivalMs: 300 }, async ({ port }) => {
    assert.equal(await said(port, ["\x16"], 1), "");
    using conn = await Deno.connectTls({ hostname: "localhost", port, caCerts: [authority.certificate] });
    await conn.write(new TextEncoder().encode(head));
    const rest = await conn.read(new Uint8Array(10)).catch(() => null);
    assert.equal(rest, null);
  }, authority.issue());
});

Deno.test("slow-loris between requests and in a body: cut, while slow answers and busy connections go on", async () => {
  await served({ arrivalMs: 400, idleMs: 200 }, async ({ port }) => {
    const twice = await said(port, [`${head}\r\n`, head, ...drip], 20);
    assert.equal(twice.match(/HTTP\/1\.1 200/g)?.length, 1, "the second request never came to its end");
    const slow = await said(port, ["GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"]);
    assert.match(slow, /slow and whole$/, "an answer may take its time");
    const body = ["POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", ...drip.slice(0, 60)];
    const refused = await said(port, body, 20);
    assert.match(refused, /^HTTP\/1\.1 408[^]*dashboard\.limits\.arrival/);
    const chunked = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    const trickle = Array.from({ length: 60 }, () => "1\r\nx\r\n");
    assert.match(
      await said(port, [chunked, ...trickle], 20),
      /^HTTP\/1\.1 408[^]*dashboard\.limits\.arrival/,
    );
    const whole = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    assert.match(await said(port, [whole]), /hello$/);
  });
});

Deno.test("the front counts connections, in all and of one address, and says which limit was reached", async () => {
  for (const limit of ["connections", "connectionsPerAddress"] as const) {
    await served({ [`${limit}Max`]: 2 }, async ({ port, logged }) => {
      const held = [await Deno.connect({ port }), await Deno.connect({ port })];
      for (const conn of held) {
        await conn.write(new TextEncoder().encode(`${head}\r\n`));
        await conn.read(new Uint8Array(1000));
      }
      const refused = await said(port, [`${head}\r\n`]);
      assert.match(refused, new RegExp(`^HTTP/1.1 503[^]*dashboard\\.limits\\.${limit}: 2`));
      assert.match(logged.join("\n"), new RegExp(`refused.*dashboard.limits.${limit}`));
      for (const conn of held) conn.close();
      let again = "";
      for (let tries = 0; tries < 100 && !/ 200 /.test(again); tries++) {
        again = await said(port, [`${head.trimEnd()}\r\nconnection: close\r\n\r\n`]);
      }
      assert.match(again, /127\.0\.0\.1$/, "and the client's own address is what the app sees");
    });
  }
});

Deno.test("who comes to the server behind the front by itself is not served", async () => {
  const before = new Set(listeningPorts());
  await served({}, async ({ port }) => {
    const inner = listeningPorts().filter((one) => !before.has(one) && one !== port);
    const answers = await Promise.all(inner.map((one) => said(one, [`${head}connection: close\r\n\r\n`])));
    assert.ok(answers.some((answer) => /^HTTP\/1\.1 421/.test(answer)), JSON.stringify(answers));
  });
});

/** Of this machine's loopback. */
function listeningPorts(): number[] {
  return Deno.readTextFileSync("/proc/net/tcp").split("\n").slice(1).flatMap((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return state === "0A" && local.startsWith("0100007F") ? [parseInt(local.split(":")[1]!, 16)] : [];
  });
}
