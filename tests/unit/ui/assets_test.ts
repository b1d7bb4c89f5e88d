/** The bundle: its size, what it is served as, and what is said where it is missing. */
import assert from "node:assert/strict";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { join } from "node:path";
import { dashboardSchema, loadAssets } from "../../../ui/api/mod.ts";
import { distFolder } from "../../../ui/api/assets.ts";
import { ensureBundle, GZIPPED_SCRIPT_BYTES_MAX } from "../../../ui/bundle.ts";
import { startHarness } from "./harness.ts";

async function assets() {
  await ensureBundle();
  return await loadAssets();
}

Deno.test("the first load's script is under its limit, and nothing comes from elsewhere", async () => {
  const it = await assets();
  const page = it.page();
  const scripts = [...page.matchAll(/(?:src|modulepreload" href)="([^"]+)"/g)].map(([, path]) =>
    it.file(path!)!
  );
  assert.ok(scripts.length >= 2);
  for (const { body } of scripts) {
    // What a script imports before it runs counts, too.
    const text = new TextDecoder().decode(body);
    for (const [, name] of text.matchAll(/from\s*"\.\/([^"]+)"/g)) {
      assert.ok(page.includes(`modulepreload" href="/assets/${name}"`), `${name} is preloaded, and counted`);
    }
  }
  const gzipped = scripts.reduce((sum, script) => sum + script.gzip.byteLength, 0);
  assert.ok(gzipped < GZIPPED_SCRIPT_BYTES_MAX, `${gzipped} bytes`);
  assert.doesNotMatch(page, /https?:|style=|<script>|onload|javascript:/);
  const style = new TextDecoder().decode(it.file(/href="([^"]+\.css)"/.exec(page)![1]!)!.body);
  assert.doesNotMatch(style, /@import|url\("?https?:/);
});

Deno.test("files are kept for good by browsers, compressed as they like, and found by their tag", async () => {
  const harness = startHarness({ assets: await assets() });
  const browser = harness.browser();
  const [, path] = /src="(\/assets\/main-[^"]+)"/.exec(await (await browser.fetch("/")).text())!;
  const plain = await browser.fetch(path!);
  assert.equal(plain.headers.get("cache-control"), "public, max-age=31536000, immutable");
  assert.equal(plain.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(plain.headers.get("vary"), "accept-encoding");
  const body = new Uint8Array(await plain.arrayBuffer());
  for (const [encoding, unpack] of [["gzip", gunzipSync], ["br", brotliDecompressSync]] as const) {
    const packed = await browser.fetch(path!, { headers: { "accept-encoding": encoding } });
    assert.equal(packed.headers.get("content-encoding"), encoding);
    assert.deepEqual(new Uint8Array(unpack(new Uint8Array(await packed.arrayBuffer()))), body);
  }
  const cached = await browser.fetch(path!, { headers: { "if-none-match": plain.headers.get("etag")! } });
  assert.equal(cached.status, 304);
  for (const bad of ["/assets/none.js", "/assets/..%2fmanifest.json", "/assets/index.html", "/assets/"]) {
    assert.equal((await browser.fetch(bad)).status, 404, bad);
  }
  await harness.close();
});

Deno.test("no path leads to a file that is not the dashboard's own", async () => {
  const harness = startHarness({ assets: await assets() });
  const browser = harness.browser();
  for (
    const path of [
      "/assets/..%2f..%2f..%2fetc%2fpasswd",
      "/assets/%2e%2e/main.ts",
      "/assets/....//main.ts",
      "/assets/..%5c..%5cmain.ts",
      "/assets/%2fetc%2fpasswd",
      "/assets/build.json%00.js",
      "/assets/__proto__",
    ]
  ) {
    const answer = await browser.fetch(path);
    assert.equal(answer.status, 404, path);
    assert.doesNotMatch(await answer.text(), /root:|import /, path);
  }
  await harness.close();
});

Deno.test("what failed at sign-in is in the page as text, whatever it holds", async () => {
  const it = await assets();
  const message = `"><script>alert(1)</script>&'$&`;
  const page = it.page({ problem: { message, hint: "h" } });
  assert.doesNotMatch(page, /<script>alert/);
  const [, content] = /name="postern-told" content="([^"]*)"/.exec(page)!;
  const decoded = content!.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  assert.deepEqual(JSON.parse(decoded), { problem: { message, hint: "h" } });
  assert.doesNotMatch(it.page(), /\{\{/);
});

Deno.test("without a bundle the start fails with what to run", async () => {
  const empty = await Deno.makeTempDir();
  try {
    await assert.rejects(loadAssets(empty), /deno task bundle/);
    await Deno.writeTextFile(join(empty, "manifest.json"), "[]");
    await assert.rejects(loadAssets(empty), /deno task bundle/);
  } finally {
    await Deno.remove(empty, { recursive: true });
  }
  assert.match(distFolder, /ui[/\\]dist$/);
});

Deno.test("the config's dashboard section: an origin, an address, durations", () => {
  const good = dashboardSchema.parse({ listen: "127.0.0.1:8443", url: "https://Postern.example.test/" });
  assert.equal(good.url, "https://postern.example.test");
  assert.deepEqual(good.listen, { host: "127.0.0.1", port: 8443 });
  assert.deepEqual(good.sessions, { idle: 2 * 3_600_000, absolute: 12 * 3_600_000 });
  const sessions = dashboardSchema.parse({
    listen: ":0",
    url: "http://127.0.0.1:1",
    sessions: { idle: "15m", absolute: "8h" },
  }).sessions;
  assert.deepEqual(sessions, { idle: 900_000, absolute: 28_800_000 });
  const url = "https://postern.example.test";
  for (
    const bad of [
      { listen: "127.0.0.1:8443" },
      { listen: "127.0.0.1", url },
      { listen: "127.0.0.1:8443", url: `${url}/path` },
      { listen: "127.0.0.1:8443", url: "ftp://x" },
      { listen: "127.0.0.1:8443", url: "https://a:b@x" },
      { listen: "127.0.0.1:8443", url, unknown: 1 },
      { listen: "127.0.0.1:8443", url, sessions: { idle: "1s" } },
    ]
  ) {
    assert.equal(dashboardSchema.safeParse(bad).success, false, JSON.stringify(bad));
  }
});
