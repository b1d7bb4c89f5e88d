/** What the dashboard endures: texts of a megabyte, a stream that breaks again and again, hands without a mouse. */
import assert from "node:assert/strict";
import { type Browser, type Page } from "playwright-core";
import { startDashboard } from "../../ui/api/mod.ts";
import { loadAssets } from "../../ui/api/assets.ts";
import { ensureBundle } from "../../ui/bundle.ts";
import { startCutRelay } from "../support/cut_relay.ts";
import { freePort } from "../support/ports.ts";
import { testNeeding } from "../support/programs.ts";
import { ada, alex, devin, FakeGateway, root } from "../unit/ui/fakes.ts";
import {
  chromiumNeeded,
  dashboardTest,
  fillDay,
  findings,
  launchChromium,
  pageOf,
} from "./dashboard_support.ts";

const megabyte = `UPDATE t SET note = '${"0123456789 ".repeat(95_000)}' WHERE id = 1`;
const widths = [{ width: 1440, height: 900 }, { width: 360, height: 740 }] as const;

/** The page answers: a key is acted upon, and the settings open and close. */
async function answers(page: Page): Promise<void> {
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

for (const size of widths) {
  dashboardTest(
    `a megabyte in the inbox and in a replay is counted, folded, opened, and the page stays usable: ${size.width} px`,
    async (test, browser) => {
      const { gateway, url } = test;
      await gateway.session("session-1");
      await gateway.finished("session-1", await gateway.statement("session-1", "SELECT 'before'"));
      await gateway.finished("session-1", await gateway.statement("session-1", megabyte));
      await gateway.finished("session-1", await gateway.statement("session-1", "SELECT 'after'"));
      const hold = await gateway.hold({ text: megabyte });
      const page = await pageOf(browser, test, ada, { ...size, bypassCsp: true });
      const length = megabyte.length.toLocaleString("en");

      await page.goto(`${url}/`);
      const card = page.locator("a.card");
      await card.getByText(`… ${length} characters in all`).waitFor();
      assert.deepEqual(await findings(page), [], "the inbox");
      await card.click();
      await page.getByRole("button", { name: `Show all ${length} characters` }).click();
      assert.equal(await page.locator("pre.sql").evaluate((one: Element) => one.textContent), megabyte);
      assert.deepEqual(await findings(page), [], "the request, opened");
      await answers(page);
      await page.keyboard.press("d");
      await page.getByRole("dialog", { name: "Deny this statement" }).getByRole("textbox").fill("too much");
      await page.keyboard.press("Control+Enter");
      assert.equal((await hold.outcome).state, "denied");

      await page.goto(`${url}/sessions/session-1`);
      const row = page.locator(".step-head").filter({ hasText: "UPDATE t SET note" }).first();
      await row.getByText(`… ${length} characters in all`).waitFor({ state: "attached" });
      await row.click();
      await page.getByRole("button", { name: `Load all ${length} characters` }).click();
      await page.getByRole("button", { name: `Show all ${length} characters` }).click();
      const story = page.locator(".story pre.sql");
      assert.equal(await story.evaluate((one: Element) => one.textContent), megabyte);
      assert.deepEqual(await findings(page), [], "the replay, opened");
      await answers(page);
      await page.getByRole("searchbox").fill("after");
      await page.getByRole("button", { name: /SELECT 'after'/ }).waitFor();
      await page.getByRole("searchbox").fill("");
      await row.click();
      await story.waitFor({ state: "detached" });
    },
  );
}

testNeeding(
  [chromiumNeeded],
  "a stream that breaks in the middle, again and again, tells of every event, once and in order",
  async () => {
    await ensureBundle();
    const inner = freePort();
    const relay = await startCutRelay(inner);
    const gateway = new FakeGateway();
    const url = `http://127.0.0.1:${relay.port}`;
    const address = { hostname: "127.0.0.1", port: inner };
    const dashboard = startDashboard({ ...gateway.deps(url), assets: await loadAssets() }, address);
    const browser = await launchChromium();
    try {
      const page = await heard(browser, gateway, url);
      const from = gateway.journal.all.length;
      for (let cut = 0; cut < 4; cut++) {
        // It breaks while events are on their way, and more come while nobody is reached.
        for (let at = 0; at < 200; at++) {
          if (at === 100) relay.cut();
          await gateway.hold({ text: `UPDATE t SET cut = ${cut} WHERE id = ${at}` });
          if (at % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        }
        await page.getByText("Not connected to Postern").waitFor();
        relay.mend();
        await page.getByText("Not connected to Postern").waitFor({ state: "detached" });
      }
      const last = gateway.journal.all.at(-1)!.sequence;
      await page.waitForFunction((last) => (globalThis as unknown as Heard).heard.at(-1) === last, last);
      const told = (await page.evaluate(() => (globalThis as unknown as Heard).heard))
        .filter((sequence) => sequence > from);
      const written = gateway.journal.all.slice(from).map(({ sequence }) => sequence);
      assert.deepEqual(told, written);
      assert.equal(written.length, 800);
      await page.getByRole("heading", { name: "Inbox" }).waitFor();
      await page.waitForFunction(() => document.title.startsWith("(800)"));
    } finally {
      await browser.close();
      relay.close();
      await gateway.close();
      await dashboard.close();
    }
  },
);

interface Heard {
  heard: number[];
}

/** Ada's inbox, in a page that keeps the number of each change its stream tells of. */
async function heard(browser: Browser, gateway: FakeGateway, url: string): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(90_000);
  await page.addInitScript(() => {
    const own = globalThis as unknown as Heard & { EventSource: typeof EventSource };
    own.heard = [];
    own.EventSource = class extends own.EventSource {
      constructor(address: string | URL) {
        super(address);
        this.addEventListener("change", ({ lastEventId }) => own.heard.push(Number(lastEventId)));
      }
    };
  });
  gateway.identity.next = ada;
  await page.goto(`${url}/auth/login?next=/`);
  await page.getByText("Nothing waits at the gate").waitFor();
  return page;
}

dashboardTest("first paint, as measured here", async (test, browser) => {
  await fillDay(test.gateway);
  const paints = async (page: Page, path: string) => {
    await page.goto(`${test.url}${path}`);
    await page.locator("h1").first().waitFor();
    const at = await page.waitForFunction(() =>
      performance.getEntriesByName("first-contentful-paint")[0]?.startTime
    );
    return Math.round(await at.jsonValue() ?? 0);
  };
  const stranger = await (await browser.newContext()).newPage();
  const known = await pageOf(browser, test, ada);
  // For people to read: how long a paint takes is the machine's business, too.
  console.log(
    `first contentful paint: ${await paints(stranger, "/")} ms signed out with nothing cached, ` +
      `${await paints(known, "/")} ms of the inbox, ${await paints(
        known,
        "/sessions/session-1",
      )} ms of a replay`,
  );
});

dashboardTest("the focus goes back to what opened a dialog", async (test, browser) => {
  const { gateway, url } = test;
  await gateway.session("session-1", devin);
  const { request } = await gateway.hold();
  const focus = (page: Page) =>
    page.evaluate(() => document.activeElement?.textContent?.trim().replace(/\s+/g, " ") ?? "");
  const goesBack = async (page: Page, opener: RegExp) => {
    const button = page.getByRole("button", { name: opener }).first();
    await button.focus();
    const before = await focus(page);
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    assert.ok(
      await dialog.evaluate((one: Element) => one.contains(document.activeElement)),
      `${opener}: in it`,
    );
    for (let tab = 0; tab < 30; tab++) {
      await page.keyboard.press("Tab");
      const out = await page.evaluate(() =>
        document.activeElement !== document.body && document.activeElement?.closest("dialog") === null
      );
      assert.ok(!out, `${opener}: the focus stays in it`);
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    // It moves with the next drawing of the page.
    await page.waitForFunction(
      (before) => document.activeElement?.textContent?.trim().replace(/\s+/g, " ") === before,
      before,
      { timeout: 20_000 },
    ).catch(async () => assert.equal(await focus(page), before, `${opener}: back`));
  };
  const approver = await pageOf(browser, test, ada);
  await approver.goto(`${url}/requests/${request.id}`);
  for (const opener of [/^Approve/, /^Deny/, /^Settings/]) await goesBack(approver, opener);
  const admin = await pageOf(browser, test, root);
  await admin.goto(`${url}/sessions/session-1`);
  await goesBack(admin, /^End session/);
  const auditor = await pageOf(browser, test, alex);
  await auditor.goto(`${url}/search?text=x`);
  await goesBack(auditor, /^Keep this search/);
});
