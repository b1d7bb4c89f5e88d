/** Several identity providers: the page that asks which, in Chromium, with two real issuers behind it. */
import assert from "node:assert/strict";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { startIssuer } from "../support/issuer.ts";
import { freePort } from "../support/ports.ts";
import { testNeeding } from "../support/programs.ts";
import { chromiumNeeded, launchChromium } from "./dashboard_support.ts";
import { looks } from "./real_support.ts";

testNeeding(
  [chromiumNeeded],
  "whoever has a choice of identity providers is asked which, and goes on there",
  async (t) => {
    const eva = { email: "eva@partner.test", name: "Eva", groups: ["engineers"] };
    const partner = await startIssuer({
      people: [eva],
      clients: [{ id: "postern-at-partner", redirectUris: [`http://127.0.0.1:${freePort()}/auth/callback`] }],
    });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", {
        host: "127.0.0.1",
        port: 1,
        database: "demo",
        user: "app",
      }),
      env: { TARGET_PASSWORD: "none" },
      identity: `  others: [{ name: partner, issuer: "${partner.url}", clientId: postern-at-partner }]`,
    });
    const browser = await launchChromium();
    try {
      // axe-core builds elements from text, which the page's own policy forbids.
      const context = await browser.newContext({ bypassCSP: true, viewport: { width: 1280, height: 800 } });
      const page = await context.newPage();
      const choices = page.getByRole("listitem").getByRole("link");
      await t.step(
        "both are named, the company's own first, and the page looks like the others",
        async () => {
          await page.goto(`${gateway.dashboard}/auth/login?next=/connect`);
          await page.getByRole("heading", { name: "Where is your account?" }).waitFor();
          const names = await choices.allInnerTexts();
          assert.deepEqual(names.map((name) => name.replace(/\s+/g, " ")), [
            `Your company ${new URL(gateway.issuer.url).host}`,
            `partner ${new URL(partner.url).host}`,
          ]);
          await looks(page, "issuers");
        },
      );
      await t.step("the partner's leads to the partner", async () => {
        const href = await choices.nth(1).getAttribute("href");
        const answer = await fetch(new URL(href!, gateway.dashboard), { redirect: "manual" });
        await answer.body?.cancel();
        const there = new URL(answer.headers.get("location")!);
        assert.equal(there.origin, partner.url);
        assert.equal(there.searchParams.get("client_id"), "postern-at-partner");
      });
      await t.step("the company's own, by the keyboard alone, to where the person wanted to go", async () => {
        await choices.first().focus();
        await page.keyboard.press("Enter");
        await page.getByRole("button", { name: devin.email }).click();
        await page.getByRole("heading", { name: "Connect" }).waitFor();
        assert.equal(new URL(page.url()).pathname, "/connect");
      });
    } finally {
      await browser.close();
      await gateway.close();
      await partner.close();
    }
  },
);
