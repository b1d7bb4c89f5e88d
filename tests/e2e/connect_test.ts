/** The page "Connect" in Chromium: what is open, a password that counts down and goes, and the keyboard. */
import assert from "node:assert/strict";
import { counts } from "../support/counts.ts";
import { alex, devin } from "../unit/ui/fakes.ts";
import { dashboardTest, findings, pageOf } from "./dashboard_support.ts";

/** Screenshots for people go here where it is set. */
const shots = Deno.env.get("DASHBOARD_SHOTS");

dashboardTest(
  "a one-time password is asked for by keyboard, shown with its time, and removed after it",
  async (test, browser) => {
    const page = await pageOf(browser, test, devin, { bypassCsp: true });
    await page.keyboard.press("7");
    await page.getByRole("heading", { name: "Connect", exact: true }).waitFor();
    assert.equal(await page.title(), "Connect · Postern");
    assert.equal(
      await page.getByRole("link", { name: "Connect", exact: true }).getAttribute("aria-current"),
      "page",
    );
    await page.getByRole("article", { name: "orders-staging" }).waitFor();
    await counts(page.getByRole("article"), 2, "those of devin's groups");

    const card = page.getByRole("article", { name: "orders-prod" });
    assert.match(await card.innerText(), /psql 'host=db\.example\.test .*dbname=orders-prod/);
    await card.getByRole("button", { name: "New one-time password for orders-prod" }).focus();
    await page.keyboard.press("Enter");
    const lines = card.getByRole("group", { name: "One-time password for orders-prod" });
    await lines.waitFor();
    const password = /PGPASSWORD=(\S+)/.exec(await lines.innerText())?.[1];
    assert.ok(password);
    await card.getByText("Good once, for this target").waitFor();
    await card.getByText(/^[45]:\d\d left$/).waitFor();
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement?.textContent ?? "");
    assert.match(focused, /Copy.*psql/, "the next stop is the first line's button");
    assert.deepEqual(await findings(page), []);
    if (shots) await page.screenshot({ path: `${shots}/targets-own.png`, fullPage: true });
    await page.setViewportSize({ width: 360, height: 740 });
    assert.deepEqual(await findings(page), []);
    if (shots) await page.screenshot({ path: `${shots}/targets-own-phone.png`, fullPage: true });

    // Postern's clock goes on by ten minutes: the page learns it with its next answer.
    test.gateway.time = Date.now() + 10 * 60_000;
    await page.getByRole("button", { name: "New one-time password for orders-staging" }).click();
    await card.getByText("has expired, and its lines were removed").waitFor();
    const whole = await page.evaluate(() => document.documentElement.outerHTML);
    assert.ok(!whole.includes(password), "nowhere in the page");
  },
);

dashboardTest("who may reach nothing is told what to do about it", async (test, browser) => {
  const page = await pageOf(browser, test, alex);
  await page.goto(`${test.url}/connect`);
  await page.getByText("No target is open to you").waitFor();
  await page.getByText("Ask for membership of one of a target's groups").waitFor();
  assert.equal(await page.getByRole("button", { name: /one-time password/ }).count(), 0);
});
