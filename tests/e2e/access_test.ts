/** Access for a time in Chromium: asked for, decided, running out, ended, and break-glass reviewed; all without a reload. */
import assert from "node:assert/strict";
import { ada, devin, FakeGateway, targetOf } from "../unit/ui/fakes.ts";
import type { Target } from "../../policy/types.ts";
import { testNeeding } from "../support/programs.ts";
import { chromiumNeeded, findings, launchChromium, pageOf, startTestDashboard } from "./dashboard_support.ts";

/** Screenshots for people go here where it is set. */
const shots = Deno.env.get("DASHBOARD_SHOTS");

const ledger: Target = {
  ...targetOf("ledger", "production", ["engineers"]),
  access: {
    rules: [{
      name: "ask-first",
      then: "approve",
      durationMaxMs: 4 * 3_600_000,
      scope: { kinds: ["read", "write"], tables: null, unmask: ["public.accounts.iban"] },
      approvers: { groups: ["db-approvers"], quorum: 1 },
      deadlineMs: 600_000,
    }],
    breakGlass: {
      groups: ["engineers"],
      durationMaxMs: 3_600_000,
      scope: { kinds: null, tables: null, unmask: [] },
    },
  },
};

testNeeding(
  [chromiumNeeded],
  "access: asked by link, decided from the inbox, counted down, ended, reviewed",
  async () => {
    const test = await startTestDashboard(new FakeGateway(null, [ledger]));
    const browser = await launchChromium();
    try {
      const mine = await pageOf(browser, test, devin, { bypassCsp: true });
      const inbox = await pageOf(browser, test, ada, { bypassCsp: true });
      await inbox.goto(`${test.url}/`);
      await inbox.getByText("Nothing waits at the gate").waitFor();

      await mine.goto(`${test.url}/access?target=ledger&wait=0123456789abcdef`);
      const form = mine.getByRole("form", { name: "Access to ledger" });
      await form.getByRole("textbox", { name: "Reason" }).fill("ticket 4711");
      await form.getByRole("textbox", { name: /Columns without their masks/ }).fill("public.accounts.iban");
      await form.getByRole("radio", { name: "2 h 0 min" }).check();
      assert.deepEqual(await findings(mine), []);
      await form.getByRole("button", { name: "Ask for access" }).click();
      await mine.getByText("You have asked for it; it waits for a decision.").waitFor();

      const card = inbox.getByRole("link", { name: /devin@example.test asks for access for 2 h 0 min/ });
      await card.waitFor();
      assert.equal(await inbox.title(), "(1) Inbox · Postern");
      await card.click();
      await inbox.getByRole("heading", { name: /asks for access to ledger for 2 h 0 min/ }).waitFor();
      await inbox.getByText("public.accounts.iban without masks").waitFor();
      assert.deepEqual(await findings(inbox), []);
      await inbox.getByRole("button", { name: "Grant" }).click();
      await inbox.getByRole("dialog", { name: "Grant this access" }).getByRole("button", { name: "Grant" })
        .click();
      await mine.getByText("It is open to you now; connect as usual.").waitFor();
      await mine.locator(".countdown-text").getByText(/1 h 59 min left|2 h 0 min left/).waitFor();

      await inbox.getByRole("button", { name: "End it now" }).click();
      const ending = inbox.getByRole("dialog", { name: "End this access" });
      assert.ok(await ending.getByRole("button", { name: "End it now" }).isDisabled(), "it needs a reason");
      await ending.getByRole("textbox").fill("the ticket is closed");
      await ending.getByRole("button", { name: "End it now" }).click();
      await mine.getByRole("link", { name: /Ended early/ }).waitFor();

      await mine.getByRole("button", { name: "Break the glass of ledger" }).click();
      const glass = mine.getByRole("form", { name: "Break-glass to ledger" });
      await glass.getByRole("textbox", { name: "Reason" }).fill("the site is down");
      await glass.getByRole("button", { name: "Break the glass" }).click();
      await mine.getByText("It is open to you now; connect as usual.").waitFor();
      await inbox.goto(`${test.url}/`);
      await inbox.getByRole("heading", { name: /Break-glass to review/ }).waitFor();
      await inbox.locator("a.card", { hasText: "the site is down" }).first().click();
      await inbox.getByRole("button", { name: "Write the review" }).click();
      const review = inbox.getByRole("dialog", { name: "Review this break-glass" });
      await review.getByRole("textbox").fill("restarted a stuck job; right so");
      await review.getByRole("button", { name: "Keep the review" }).click();
      await inbox.getByText("“restarted a stuck job; right so”").waitFor();

      // For later: it says from when, before and after the decision.
      await mine.getByRole("button", { name: "Ask for access to ledger" }).click();
      const later = mine.getByRole("form", { name: "Access to ledger" });
      await later.getByRole("textbox", { name: "Reason" }).fill("the migration tonight");
      const inThreeHours = await mine.evaluate(() => {
        const at = new Date(Date.now() + 3 * 3_600_000);
        return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
      });
      await later.getByLabel(/^From/).fill(inThreeHours);
      assert.deepEqual(await findings(mine), []);
      if (shots !== undefined) await mine.screenshot({ path: `${shots}/ask-later.png`, fullPage: true });
      await later.getByRole("button", { name: "Ask for access" }).click();
      await mine.getByRole("link", { name: /ask for access for 1 h 0 min, from .* Waiting/ }).waitFor();
      await inbox.goto(`${test.url}/`);
      await inbox.locator("a.card", { hasText: "the migration tonight" }).first().click();
      await inbox.getByText("Wanted from").waitFor();
      await inbox.getByRole("button", { name: "Grant" }).click();
      await inbox.getByRole("dialog", { name: "Grant this access" }).getByRole("button", { name: "Grant" })
        .click();
      await mine.getByRole("link", { name: /asked for access for 1 h 0 min, from .* Granted/ }).waitFor();
      // What is open now says so still.
      await mine.getByText("It is open to you now; connect as usual.").waitFor();
      const granted = test.gateway.grants.open().find(({ reason }) => reason === "the migration tonight")!;
      assert.ok(granted.startsAt! > Date.now() + 2.9 * 3_600_000, "not open before");
      if (shots !== undefined) await mine.screenshot({ path: `${shots}/opens-later.png`, fullPage: true });
    } finally {
      await browser.close();
      await test.close();
    }
  },
);
