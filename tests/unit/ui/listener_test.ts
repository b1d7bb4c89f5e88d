/** The listener: TLS and HTTP/2, a taken port, and an end that waits for nobody's event stream. */
import assert from "node:assert/strict";
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
