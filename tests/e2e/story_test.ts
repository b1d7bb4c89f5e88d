/** The whole path in a real browser: psql's link, the issuer, consent, inbox, decision, replay; nothing is faked. */
import assert from "node:assert/strict";
import pg from "pg";
import type { Browser, Locator, Page } from "playwright-core";
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

/** A driver's statement with its values, open at the approver's; `ran` is how many rows it changed. */
async function held(
  approver: Page,
  gateway: TestGateway,
): Promise<{ parameters: Locator; ran: Promise<number> }> {
  const client = new pg.Client({ connectionString: await (await gateway.signIn(devin)).url("demo") });
  await client.connect();
  const ran = client.query("UPDATE customers SET status = 'active', email = $1 WHERE id = $2", [
    "z@x.test",
    9,
  ])
    .then(({ rowCount }: { rowCount: number | null }) => rowCount ?? 0).finally(() => client.end());
  await approver.goto(gateway.dashboard);
  await approver.getByRole("link", { name: /devin@example.test wants to run UPDATE/ }).click();
  const parameters = approver.getByRole("group", { name: "Parameters" });
  await parameters.getByText("z@x.test").waitFor();
  return { parameters, ran };
}

async function boxOf(part: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  await part.waitFor();
  const box = await part.boundingBox();
  assert.ok(box !== null);
  return box;
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

      let waiting: Promise<number> | null = null;
      await t.step(
        "all that a decision needs is on one card of a laptop, in the order of deciding",
        async () => {
          const { parameters, ran } = await held(approver, gateway);
          waiting = ran;
          await approver.setViewportSize({ width: 1440, height: 900 });
          await approver.getByText("by the planner's statistics").waitFor();
          await approver.getByRole("region", { name: "Earlier requests" }).waitFor();
          const inOrder = [
            approver.getByRole("heading", {
              name: /wants to run UPDATE on public.customers in demo and waits/,
            }),
            approver.locator(".request-where").getByText("test", { exact: true }),
            approver.getByLabel("Exactly this would run", { exact: true }),
            approver.getByRole("region", { name: "Effect" }),
            approver.getByText("exactly this text and these parameters, once, in this session"),
            approver.locator(".fact").getByText("writes-need-approval", { exact: true }),
            approver.getByText('The rule "writes-need-approval" asks for approval of UPDATE'),
            approver.getByRole("region", { name: "Earlier requests" }).getByText("id = 7"),
            approver.getByRole("region", { name: "Reviews" }).getByText("0 of 1"),
            approver.getByRole("button", { name: "Approve" }),
            approver.getByRole("button", { name: "Deny" }),
          ];
          const boxes = await Promise.all(inOrder.map((part) => boxOf(part)));
          for (const [at, box] of boxes.entries()) {
            assert.ok(box.y >= 0 && box.y + box.height <= 900, `part ${at + 1} of the card is cut: ${box.y}`);
            const before = boxes[at - 1];
            const beside = before !== undefined && box.y < before.y + before.height && box.x > before.x;
            assert.ok(
              before === undefined || box.y >= before.y || beside,
              `part ${at + 1} stands above the one before`,
            );
          }
          const [statement, beside] = await Promise.all([boxOf(inOrder[2]!), boxOf(parameters)]);
          assert.ok(beside.x > statement.x + statement.width - 1, "parameters stand beside the statement");
          const scrolls = await approver.locator(".desk-detail").evaluate((pane: Element) =>
            pane.scrollHeight - pane.clientHeight
          );
          assert.equal(scrolls, 0, "nothing of it scrolls");
          await picture(approver, "card");
        },
      );

      await t.step("on a phone the same card is decided with a thumb", async () => {
        await approver.setViewportSize({ width: 360, height: 740 });
        await approver.goto(gateway.dashboard);
        await picture(approver, "phone-inbox");
        await approver.getByRole("link", { name: /devin@example.test wants to run UPDATE/ }).click();
        const approve = approver.getByRole("button", { name: "Approve" });
        const [left, right] = await Promise.all([
          boxOf(approve),
          boxOf(approver.getByRole("button", { name: "Deny" })),
        ]);
        for (const { x, y, width, height } of [left, right]) {
          assert.ok(height >= 44 && width >= 44, "large enough to touch");
          assert.ok(x >= 0 && x + width <= 360 && y + height <= 740, "in reach without scrolling");
        }
        await picture(approver, "phone-card");
        await approve.click();
        const confirm = approver.getByRole("dialog").getByRole("button", { name: "Approve once" });
        const box = await boxOf(confirm);
        assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.y + box.height <= 740, "so is the confirm");
        await picture(approver, "phone-confirm");
        await confirm.click();
        assert.equal(await waiting, 1);
        await approver.getByText("Approved", { exact: true }).first().waitFor();
        await approver.setViewportSize({ width: 1280, height: 860 });
      });

      await t.step("the replay has every statement, its verdict and its approver", async () => {
        await psql.send("DROP TABLE payments;");
        await psql.expect(/ERROR:/);
        await engineer.goto(`${gateway.dashboard}/sessions`);
        await engineer.getByRole("link", { name: devin.email }).last().click();
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
