/** Statements from the dashboard, on a real target: the same verdicts, masks, holds and record as psql's. */
import assert from "node:assert/strict";
import { ada, alex, devin, realTest } from "./real_support.ts";

realTest("a statement is run, held, masked, cancelled and recorded from the browser", {
  console: true,
}, async (test) => {
  const page = await test.page(devin, "/console");
  const run = async (text: string) => {
    await page.getByRole("textbox", { name: "Statement" }).fill(text);
    await page.keyboard.press("Control+Enter");
  };

  await test.step("a masked read comes back in a grid, many rows by pages", async () => {
    await run("SELECT id, name, ssn, NULL AS nothing FROM customers ORDER BY id");
    await page.getByText("SELECT 40").waitFor();
    const cells = await page.locator(".result-table tbody tr").first().locator("td").allInnerTexts();
    assert.match(cells[2]!, /^\*\*\*-\*\*-\d{4}$/);
    assert.equal(cells[3], "NULL");
    await test.looks(page, "console");
    await run("SELECT n, repeat('é😀', 500) FROM generate_series(1, 2500) AS n");
    await page.getByText("the first 1,000 of 2,500 rows").waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("Page 2 of 10").waitFor();
    await page.getByRole("button", { name: "… 1,500 characters" }).first().click();
  });

  await test.step("five hundred columns and a megabyte do not break it", async () => {
    const columns = Array.from({ length: 500 }, (_, at) => `${at} AS c${at}`).join(", ");
    await run(`SELECT ${columns}, repeat('x', 1000000) AS wide`);
    await page.getByText("501 columns").waitFor();
    await page.getByRole("columnheader", { name: "c499" }).waitFor({ state: "attached" });
    await test.looks(page, "console-wide");
  });

  await test.step("a refusal and an error are told as psql tells them", async () => {
    await run("DROP TABLE payments");
    await page.getByRole("alert").getByText(/no-schema-changes.*42501/).waitFor();
    await run("SELECT 1 / 0");
    await page.getByRole("alert").getByText("22012").waitFor();
  });

  await test.step("a hold waits with the link to its request; approved, it runs", async () => {
    const approver = await test.gateway.signIn(ada);
    await run("UPDATE customers SET status = 'suspended' WHERE id = 7");
    await page.getByRole("link", { name: "Open its request" }).waitFor();
    await test.looks(page, "console-held");
    const { id } = await approver.pending("WHERE id = 7");
    await approver.decide(id, true);
    await page.getByText("UPDATE 1", { exact: true }).waitFor();
    await run("UPDATE customers SET status = 'suspended' WHERE id = 8");
    await approver.pending("WHERE id = 8");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("You cancelled it").waitFor();
  });

  await test.step("the record has it as any other session's, and the cancelled one as withdrawn", async () => {
    const auditor = await test.page(alex, "/history");
    await auditor.getByText("Withdrawn").waitFor();
    await auditor.goto(`${test.gateway.dashboard}/search?text=suspended`);
    await auditor.getByText("WHERE id = 7").first().waitFor();
    await auditor.goto(`${test.gateway.dashboard}/sessions`);
    await auditor.getByText("Postern console").first().waitFor();
    const other = await test.page(alex, "/console");
    await other.getByText("No target is open here").waitFor();
  });
});
