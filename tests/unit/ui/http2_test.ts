/** HTTP/2 behind the front: streams that never come to their end, and clients that do not read. */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { connect } from "node:http2";
import type { DashboardEnv } from "../../../ui/api/http.ts";
import { refusalOf } from "../../../ui/api/http.ts";
import { defaultDashboardLimits, wholeBody } from "../../../ui/api/limits.ts";
import { defaultFrontLimits, listenHttp } from "../../../ui/api/listener.ts";
import { createAuthority } from "../../support/certificates.ts";

const authority = createAuthority();
const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** RFC 9113, section 4.1: length, type, flags, stream. */
const frame = (type: number, flags: number, stream: number, payload: number[] = []) => [
  ...[payload.length >> 16 & 255, payload.length >> 8 & 255, payload.length & 255, type, flags],
  ...[0, 0, 0, stream],
  ...payload,
];
const settings = frame(4, 0, 0);
/** `:method: GET`, by the static table: headers that say that more follow (no END_HEADERS). */
const headersWithoutEnd = frame(1, 0, 1, [0x82]);

async function served(body: (port: number) => Promise<void>): Promise<void> {
  const app = new Hono<DashboardEnv>();
  app.onError((thrown, c) => c.json(refusalOf(thrown).body, refusalOf(thrown).status as 429));
  app.use(wholeBody({ ...defaultDashboardLimits, arrival: 300 }));
  app.post("/echo", async (c) => c.text(await c.req.text()));
  app.get("/here", (c) => c.text("here"));
  const listener = listenHttp(app, {
    hostname: "127.0.0.1",
    port: 0,
    tls: authority.issue(),
    limits: { ...defaultFrontLimits, arrivalMs: 300, idleMs: 400 },
  }, () => {});
  try {
    await body(listener.port);
  } finally {
    await listener.close();
  }
}

/** Until the server closes; the bytes do not matter. */
async function cutOff(port: number, first: number[], more: number[] | null): Promise<void> {
  using conn = await Deno.connectTls({
    hostname: "localhost",
    port,
    caCerts: [authority.certificate],
    alpnProtocols: ["h2"],
  });
  const reading = (async () => {
    const buffer = new Uint8Array(16_384);
    while (await conn.read(buffer).catch(() => null) !== null);
  })();
  await conn.write(new Uint8Array([...preface, ...first]));
  let over = false;
  void reading.then(() => over = true);
  while (more !== null && !over) {
    if (await conn.write(new Uint8Array(more)).then(() => false, () => true)) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await reading;
}

Deno.test("HTTP/2: a header block that never ends is cut, whatever trickles in behind it", () =>
  served(async (port) => {
    await cutOff(port, settings, null);
    // CONTINUATION frames without END_HEADERS, one after the other.
    await cutOff(port, [...settings, ...headersWithoutEnd], frame(9, 0, 1, [0x82]));
    // Pings are no request.
    await cutOff(port, settings, frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]));
  }));

const sessionAt = (port: number, options = {}) =>
  connect(`https://localhost:${port}`, { ca: [authority.certificate], ...options });

Deno.test("HTTP/2: a body that never ends is refused in time, and the connection's other requests go on", () =>
  served(async (port) => {
    const session = sessionAt(port);
    session.on("error", () => {});
    const ask = (headers: Record<string, string>, end: boolean) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const stream = session.request(headers, { endStream: end });
        let [status, text] = [0, ""];
        stream.on("response", (answer) => {
          status = Number(answer[":status"]);
        });
        stream.on("data", (chunk) => text += chunk);
        for (const over of ["end", "close"]) stream.on(over, () => resolve({ status, text }));
        stream.on("error", (error) => status === 0 ? reject(error) : resolve({ status, text }));
        if (!end) stream.write("a part");
      });
    const post = { ":path": "/echo", ":method": "POST" };
    const [unfinished, other] = await Promise.all([ask(post, false), ask({ ":path": "/here" }, true)]);
    assert.deepEqual(other, { status: 200, text: "here" });
    assert.equal(unfinished.status, 408);
    assert.match(unfinished.text, /dashboard\.limits\.arrival/);
    assert.equal((await ask({ ":path": "/here" }, true)).text, "here");
    session.destroy();
  }));
