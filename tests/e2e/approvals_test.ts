/** Deciding in Chromium: how far an approval goes, what a statement would do, and what is hidden. */
import assert from "node:assert/strict";
import { noImpact } from "../../policy/sql/impact.ts";
import { ada } from "../unit/ui/fakes.ts";
import { dashboardTest, pageOf } from "./dashboard_support.ts";

const limits = { minutesMax: 30, statementsMax: 50 };

dashboardTest(
  "an approver sees the impact, and approves writes on the tables for a while",
  async (test, browser) => {
    const hold = await test.gateway.hold({
      text: "UPDATE customers SET ssn = ‹masked›, stаtus = 'x' WHERE id = 42",
      hidden: [[27, 35]],
      template: { digest: "like", ...limits },
      tableScope: limits,
      quorum: 1,
    });
    const { request } = hold;
    const page = await pageOf(browser, test, ada);
    await page.goto(`${test.url}/requests/${request.id}`);
    await page.getByText("The estimate is under way").waitFor();
    test.gateway.approvals.previewed(request, {
      ...noImpact,
      rows: 1,
      exactRows: 1,
      plan: ["Update customers", "  find about 1 rows of customers by the index customers_pkey"],
      tables: [{ name: "public.customers", access: "write", rows: 120_000, bytes: 73_400_320, indexes: 3 }],
      triggers: ["audit_row on public.customers runs public.log_change() after each row"],
      cascades: ["from customers on to orders, of about 900,000 rows: rows go or change with it (CASCADE)"],
      locks: ["ROW EXCLUSIVE on public.customers: locks the rows it changes; other rows go on"],
      warnings: ["it reads all of orders, and takes about 10,000 rows of it"],
      samples: {
        columns: ["ssn", "status"],
        before: [["***-**-1042", "active"]],
        after: [["‹masked›", "x"]],
      },
      missing: ["sample rows: one of them"],
    });
    const effect = page.getByRole("region", { name: "Effect" });
    await effect.getByText("1 row").first().waitFor();
    for (
      const text of [
        "120,000",
        "audit_row on public.customers",
        "ROW EXCLUSIVE",
        "as it would be",
        "***-**-1042",
        "Not computed",
      ]
    ) assert.ok(await effect.getByText(text).first().isVisible(), text);
    assert.ok(await page.getByText("1 value for masked columns is hidden").isVisible());
    assert.ok(
      await page.getByText("U+0430").last().isVisible(),
      "a Cyrillic letter in a Latin word is marked",
    );
    const shots = Deno.env.get("SHOTS");
    if (shots !== undefined) await page.screenshot({ path: `${shots}/request.png`, fullPage: true });
    await page.getByRole("button", { name: "Approve" }).click();
    const dialog = page.getByRole("dialog", { name: "Approve this statement" });
    await dialog.getByRole("radio", { name: /any further writes of this session on public.customers/ })
      .check();
    await dialog.getByRole("spinbutton", { name: "statements" }).fill("7");
    await dialog.getByRole("spinbutton", { name: "minutes" }).fill("5");
    if (shots !== undefined) await page.screenshot({ path: `${shots}/dialog.png` });
    await dialog.getByRole("button", { name: "Approve up to 7" }).click();
    assert.equal((await hold.outcome).state, "approved");
    await page.getByText("7 statements in this session until").waitFor();
    const decided = test.gateway.journal.all.findLast(({ type }) => type === "approval.decided");
    const { scope, statementsMax } = decided?.data.granted as { scope: string; statementsMax: number };
    assert.deepEqual([scope, statementsMax], ["tables", 7]);
  },
);
