/** The dashboard in Chromium: deciding, by mouse and by keyboard, and what comes without a reload. */
import assert from "node:assert/strict";
import { counts } from "../support/counts.ts";
import type { Page } from "playwright-core";
import { ada, alex, devin, grace, root } from "../unit/ui/fakes.ts";
import { dashboardTest, fillDay, pageOf, type TestDashboard } from "./dashboard_support.ts";

const goTo = async (page: Page, test: TestDashboard, path: string) => await page.goto(`${test.url}${path}`);

dashboardTest(
  "a held statement shows up without a reload, and is approved by mouse",
  async (test, browser) => {
    const page = await pageOf(browser, test, ada);
    await goTo(page, test, "/");
    await page.getByText("Nothing waits at the gate").waitFor();
    assert.equal(await page.title(), "Inbox · Postern");
    const hold = await test.gateway.hold({ text: "UPDATE customers SET name = 'Zoë' WHERE id = 42" });
    await page.getByRole("link", { name: /devin@example.test wants to run UPDATE/ }).click();
    await page.waitForFunction(() => document.title === "(1) Request · Postern");
    const heading = page.getByRole("heading", {
      name: /wants to run UPDATE on public.customers in orders-prod/,
    });
    await heading.waitFor();
    assert.ok(
      await heading.evaluate((element: Element) => element === document.activeElement),
      "the heading has the focus",
    );
    assert.equal(
      await page.locator("pre.sql").innerText(),
      "UPDATE customers SET name = 'Zoë' WHERE id = 42",
    );
    await page.getByRole("button", { name: "Approve" }).click();
    const dialog = page.getByRole("dialog", { name: "Approve this statement" });
    await dialog.getByRole("button", { name: "Approve once" }).click();
    assert.deepEqual(await hold.outcome, { state: "approved", by: ada.name, reason: "" });
    await page.locator(".outcome").getByText("Approved").waitFor();
    await page.waitForFunction(() => document.title === "Request · Postern");
    assert.equal(
      await page.getByRole("status").filter({ hasText: "approved by" }).count(),
      1,
      "said to screen readers",
    );
  },
);

dashboardTest("a refusal asks for its reason, and the requester gets it", async (test, browser) => {
  const hold = await test.gateway.hold();
  const page = await pageOf(browser, test, ada);
  await goTo(page, test, `/requests/${hold.request.id}`);
  await page.getByRole("button", { name: "Deny" }).click();
  const dialog = page.getByRole("dialog", { name: "Deny this statement" });
  const reason = dialog.getByRole("textbox");
  assert.ok(await reason.evaluate((element: Element) => element === document.activeElement));
  await dialog.getByRole("button", { name: "Deny" }).click();
  await dialog.getByText("Say why: devin@example.test sees it").waitFor();
  await reason.fill("Order 42 is under audit");
  await page.keyboard.press("Control+Enter");
  assert.deepEqual(await hold.outcome, { state: "denied", by: ada.name, reason: "Order 42 is under audit" });
  await page.locator(".outcome").getByText("“Order 42 is under audit”").waitFor();
});

dashboardTest(
  "the fullest card of a laptop's window needs no scrolling, and a smaller window's keeps the decision in sight",
  async (test, browser) => {
    const { first } = await fillDay(test.gateway);
    const page = await pageOf(browser, test, ada);
    await goTo(page, test, `/requests/${first}`);
    await page.getByRole("region", { name: "Earlier requests" }).waitFor();
    await page.getByText("inside an open transaction").waitFor();
    const scrolls = () =>
      page.locator(".desk-detail").evaluate((pane: Element) => pane.scrollHeight - pane.clientHeight);
    assert.equal(await scrolls(), 0);
    await page.setViewportSize({ width: 1280, height: 680 });
    for (const part of [page.getByText("0 of 1"), page.getByRole("button", { name: "Approve" })]) {
      const box = await part.first().boundingBox();
      assert.ok(box !== null && box.y >= 0 && box.y + box.height <= 680);
    }
  },
);

dashboardTest("the whole way by keyboard: move, open, approve, deny, help, back", async (test, browser) => {
  const first = await test.gateway.hold({
    deadlineAt: Date.now() + 60_000,
    text: "UPDATE first SET a = 1 WHERE b = 2",
  });
  const second = await test.gateway.hold({
    deadlineAt: Date.now() + 90_000,
    text: "UPDATE second SET a = 1 WHERE b = 2",
  });
  const page = await pageOf(browser, test, ada, { width: 900, height: 800 });
  await goTo(page, test, "/");
  const cards = page.locator("a.card");
  await cards.nth(1).waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
  await page.keyboard.press("j");
  assert.match(await focused(), /UPDATE first/);
  await page.keyboard.press("j");
  assert.match(await focused(), /UPDATE second/);
  await page.keyboard.press("j");
  assert.match(await focused(), /UPDATE second/, "the last stays");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.locator("pre.sql").getByText("first").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).getByText("Approve this request").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("a");
  await page.getByRole("button", { name: "Approve once" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(test.gateway.approvals.pending().length, 2, "Escape decides nothing");
  await page.keyboard.press("a");
  await page.getByRole("button", { name: "Approve once" }).waitFor();
  await page.keyboard.press("Enter");
  assert.equal((await first.outcome).state, "approved");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("u");
  await page.locator("a.card").first().waitFor();
  await page.keyboard.press("Enter");
  await page.locator("pre.sql").getByText("second").waitFor();
  await page.keyboard.press("d");
  await page.getByRole("dialog", { name: "Deny this statement" }).waitFor();
  await page.keyboard.type("a? no");
  await page.keyboard.press("Control+Enter");
  assert.deepEqual(await second.outcome, { state: "denied", by: ada.name, reason: "a? no" });
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("4");
  await page.getByRole("heading", { name: "Sessions" }).waitFor();
});

dashboardTest("one's own statement cannot be approved, and says for whom it waits", async (test, browser) => {
  const { request } = await test.gateway.hold({}, grace);
  const page = await pageOf(browser, test, grace);
  await goTo(page, test, `/requests/${request.id}`);
  await page.getByText("You cannot approve your own statement. It waits for db-approvers.").waitFor();
  assert.equal(await page.getByRole("button", { name: /Approve|Deny/ }).count(), 0);
  await page.keyboard.press("a");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.getByRole("heading", { name: "Yours, waiting" }).waitFor();
});

dashboardTest(
  "a request that ended elsewhere says so, where it is open and on a late click",
  async (test, browser) => {
    const hold = await test.gateway.hold({ quorum: 1 });
    const page = await pageOf(browser, test, ada);
    await goTo(page, test, `/requests/${hold.request.id}`);
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByRole("dialog").waitFor();
    hold.withdraw("the client pressed Ctrl-C");
    await hold.outcome;
    await page.getByRole("button", { name: "Approve once" }).click().catch(() => {});
    await page.locator(".outcome").getByText("the client pressed Ctrl-C").waitFor();
    assert.equal(test.gateway.journal.all.filter(({ type }) => type === "approval.decided").length, 0);
  },
);

dashboardTest("an engineer sees what of theirs waits, and no inbox of others", async (test, browser) => {
  await fillDay(test.gateway);
  const page = await pageOf(browser, test, devin);
  await goTo(page, test, "/");
  await page.getByRole("heading", { name: "My waiting statements" }).waitFor();
  await page.locator("a.card").nth(1).waitFor();
  await counts(page.locator("a.card"), 2);
  assert.equal(await page.getByText("grace@example.test").count(), 0);
  await goTo(page, test, "/sessions");
  await page.getByRole("heading", { name: "My sessions" }).waitFor();
  await page.locator("tbody tr").first().waitFor();
  await counts(page.locator("tbody tr"), 1);
});

dashboardTest("a session's replay tells its story, follows it live, and ends it", async (test, browser) => {
  await fillDay(test.gateway);
  const page = await pageOf(browser, test, root);
  await goTo(page, test, "/sessions");
  await page.getByRole("link", { name: devin.name }).click();
  await page.getByRole("heading", { name: "devin@example.test on orders-prod" }).waitFor();
  await page.locator(".step-head .badge").first().waitFor();
  const words = await page.locator(".step-head .badge").allInnerTexts();
  assert.deepEqual(words, [
    "Ran",
    "Denied",
    "Failed",
    "Approved",
    "Not approved",
    "Waiting",
    "Waiting",
    "Waiting",
  ]);
  await page.getByRole("button", { name: "3 statements that only asked the catalogs" }).click();
  await counts(page.locator(".nested .step-head"), 3);
  await page.getByRole("button", { name: /UPDATE customers SET email/ }).click();
  const story = page.locator(".story");
  for (
    const part of [
      "12.4 s",
      "ada@example.test",
      "“As agreed with support”",
      "UPDATE 1 in",
      "new@example.test",
    ]
  ) {
    await story.getByText(part).first().waitFor();
  }
  const id = await test.gateway.statement("session-1", "SELECT 'arrived live'");
  await page.getByRole("button", { name: /arrived live/ }).getByText("Running").waitFor();
  await test.gateway.finished("session-1", id, { rows: 7 });
  await page.getByRole("button", { name: /arrived live/ }).getByText("7 rows").waitFor();
  await page.getByRole("button", { name: /^Refused/ }).click();
  await counts(page.locator(".step-head"), 2);
  await page.getByRole("searchbox").fill("drop");
  await counts(page.locator(".step-head"), 1);
  await page.getByRole("button", { name: "End session" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("Runs for hours");
  await page.getByRole("dialog").getByRole("button", { name: "End session" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual(test.gateway.live.ended, [{ id: "session-1", by: root.name, reason: "Runs for hours" }]);
});

dashboardTest("an auditor exports a session from its page", async (test, browser) => {
  await fillDay(test.gateway);
  const page = await pageOf(browser, test, alex);
  await goTo(page, test, "/sessions/session-1");
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export as JSON Lines" }).click();
  const file = await download;
  assert.equal(file.suggestedFilename(), "postern-session-1.jsonl");
  const text = await Deno.readTextFile((await file.path())!);
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines[0].type, "session.started");
  assert.equal(lines.at(-1).data.action, "record.exported");
});

dashboardTest(
  "a client is let in only by the button, by the person who compared the code",
  async (test, browser) => {
    const client = {
      address: "203.0.113.9",
      port: 40_000,
      application: "psql\u202elqsp",
      user: "devin",
      tls: null,
    };
    const link = { code: "KX7-42M", target: "orders-prod", client, deadlineAt: Date.now() + 100_000 };
    test.gateway.signIns.pages.set("secret-1", link);
    test.gateway.signIns.pages.set("secret-2", link);
    test.gateway.identity.next = devin;
    const page = await browser.newPage();
    await goTo(page, test, "/connect/secret-1");
    await page.getByRole("heading", { name: "A client wants in as you" }).waitFor();
    assert.equal((await page.locator(".code span[aria-hidden]").allInnerTexts()).join(""), "KX7-42M");
    await page.getByText("203.0.113.9, port 40000").waitFor();
    assert.equal(await page.locator("mark.flag").innerText(), "U+202E");
    assert.equal(test.gateway.signIns.confirmed.length, 0);
    await page.getByRole("button", { name: /let it in/ }).click();
    await page.getByRole("heading", { name: "Your client is signed in" }).waitFor();
    assert.equal(test.gateway.signIns.confirmed[0]?.identity.name, devin.name);
    await goTo(page, test, "/connect/secret-2");
    await page.getByRole("button", { name: "This is not mine" }).click();
    await page.getByRole("heading", { name: "That client was turned away" }).waitFor();
    assert.deepEqual(test.gateway.signIns.rejected, [{ secret: "secret-2", by: devin.name }]);
    await goTo(page, test, "/connect/secret-1");
    await page.getByText("This link was used already, has expired, or was never given out").waitFor();
  },
);

dashboardTest(
  "signing out leads to the sign-in page, and signing in back to where one was",
  async (test, browser) => {
    const page = await pageOf(browser, test, devin);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to Postern" }).waitFor();
    await goTo(page, test, "/sessions?person=x");
    await page.getByRole("link", { name: "Continue with your company account" }).click();
    await page.getByRole("heading", { name: "My sessions" }).waitFor();
    assert.equal(new URL(page.url()).search, "?person=x", "back to where one was");
  },
);
