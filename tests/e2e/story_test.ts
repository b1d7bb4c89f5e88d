/** The whole path in a real browser: psql's link, the issuer, consent, inbox, decision, replay; nothing is faked. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { sampleData } from "../demo/sample_data.ts";
import { ada, devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import type { Person } from "../support/issuer.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { type PsqlSession, startPsql } from "../support/psql.ts";
import { chromiumNeeded, launchChromium } from "./dashboard_support.ts";

/** Where screenshots go for whoever wants to look at them; nowhere by default. */
const pictures = Deno.env.get("POSTERN_SCREENSHOTS");

async function picture(page: Page, name: string): Promise<void> {
  if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png` });
}

/** Opens an address in a profile of its own and signs in at the issuer as this person. */
async function openAs(browser: Browser, address: string, person: Person): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
  await page.goto(address);
  const signIn = page.getByRole("link", { name: "Continue with your company account" });
  const choice = page.getByRole("button", { name: person.email });
  await signIn.or(choice).first().waitFor();
  if (await signIn.isVisible()) await signIn.click();
  await choice.click();
  return page;
}

async function connect(browser: Browser, gateway: TestGateway): Promise<{ psql: PsqlSession; page: Page }> {
  const psql = startPsql({
    connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=devin dbname=demo`,
  });
  const [link] = await psql.expect(/http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/);
  const [, code] = await psql.expect(/code ([A-Z0-9-]+)/);
  const page = await openAs(browser, link, devin);
  await page.getByRole("heading", { name: "A client wants in as you" }).waitFor();
  assert.ok(await page.getByText(code ?? "").first().isVisible(), "the page shows psql's code");
  await picture(page, "consent");
  await page.getByRole("button", { name: /let it in/ }).click();
  await page.getByRole("heading", { name: "Your client is signed in" }).waitFor();
  await psql.expect(/demo=>/);
  return { psql, page };
}

testNeeding(
  ["psql", "script", postgresqlHere, chromiumNeeded],
  "from psql's link to the replay, in a browser",
  async (t) => {
    const target = await startPostgresql({ sql: sampleData });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target),
      sections: `masks: [{ columns: ["*.customers.ssn"], mask: { kind: partial, keepLast: 4 } }]`,
      env: { TARGET_PASSWORD: target.password },
    });
    const browser = await launchChromium();
    try {
      const { psql, page: engineer } = await connect(browser, gateway);
      const approver = await openAs(browser, gateway.dashboard, ada);
      await approver.getByRole("heading", { name: "Inbox" }).waitFor();

      await t.step("a held UPDATE shows up without a reload; approving runs it", async () => {
        await psql.send("UPDATE customers SET status = 'suspended' WHERE id = 7;");
        await psql.expect("db-approvers");
        const card = approver.getByRole("link", { name: /devin@example.test wants to run UPDATE/ });
        await card.waitFor();
        await picture(approver, "inbox");
        await card.click();
        await approver.getByText("UPDATE customers SET status = 'suspended' WHERE id = 7").first().waitFor();
        await picture(approver, "request");
        await approver.getByRole("button", { name: "Approve" }).click();
        await approver.getByRole("button", { name: "Approve once" }).click();
        await psql.expect(/UPDATE 1\n/);
      });

      await t.step("a refusal with its reason reaches psql", async () => {
        await approver.goto(gateway.dashboard);
        await psql.send("UPDATE customers SET status = 'x' WHERE id = 8;");
        await approver.getByRole("link", { name: /devin@example.test wants to run UPDATE/ }).click();
        await approver.getByRole("button", { name: "Deny" }).click();
        const dialog = approver.getByRole("dialog");
        await dialog.getByRole("textbox").fill("That customer is mine");
        await dialog.getByRole("button", { name: "Deny" }).click();
        await psql.expect(/ERROR:[\s\S]*That customer is mine/);
      });

      await t.step("the replay has every statement, its verdict and its approver", async () => {
        await psql.send("DROP TABLE payments;");
        await psql.expect(/ERROR:/);
        await engineer.goto(`${gateway.dashboard}/sessions`);
        await engineer.getByRole("link", { name: devin.email }).first().click();
        await engineer.getByRole("button", { name: /UPDATE customers SET status = 'suspended'/ }).click();
        await engineer.getByText(ada.email).first().waitFor();
        await engineer.getByText("DROP TABLE payments").first().waitFor();
        await picture(engineer, "replay");
      });
      await psql.close();
    } finally {
      await browser.close();
      await gateway.close();
      await target.close();
    }
  },
);
