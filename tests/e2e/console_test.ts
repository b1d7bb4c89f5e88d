/** Statements from the dashboard, on a real target: the same verdicts, masks, holds and record as psql's. */
import assert from "node:assert/strict";
import { ada, alex, devin, realTest } from "./real_support.ts";

realTest("a statement is run, held, masked, cancelled and recorded from the browser", {
  console: true,
  shop: `CREATE TABLE customers(id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(20), status VARCHAR(20));
    INSERT INTO customers VALUES (1, 'Zoë 😀', '900-11-1037', 'active'), (2, 'Bob', '900-22-2042', 'active')`,
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

  await test.step("a MariaDB behind it: the same grid, masks, refusals, holds and cancel", async () => {
    const approver = await test.gateway.signIn(ada);
    await page.getByLabel("Target").selectOption("shop");
    await run("SELECT id, name, ssn, NULL AS nothing FROM customers ORDER BY id; SELECT 2 AS two");
    await page.getByRole("region", { name: "Result 2" }).getByText("1 row", { exact: true }).waitFor();
    const first = page.getByRole("region", { name: "Result 1" }).locator("tbody tr").first();
    assert.deepEqual(await first.locator("td").allInnerTexts(), ["1", "Zoë 😀", "***-**-1037", "NULL"]);
    await run("DROP TABLE customers");
    await page.getByRole("alert").getByText(/no-schema-changes.*1142, 42000/).waitFor();
    await run("UPDATE customers SET status = 'gone' WHERE id = 2");
    await page.getByRole("link", { name: "Open its request" }).waitFor();
    await test.looks(page, "console-mariadb-held");
    await approver.decide((await approver.pending("'gone' WHERE id = 2")).id, true);
    await page.getByText(/^OK, 1 row affected/).waitFor();
    await run("UPDATE customers SET status = 'lost' WHERE id = 1");
    await approver.pending("'lost' WHERE id = 1");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("You cancelled it").waitFor();
    const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) " +
      "SELECT COUNT(*) FROM n a, n b, n c, n d, n e";
    const runs = async () =>
      (await test.shop!.query("SHOW FULL PROCESSLIST", { root: true }) as { Info: string | null }[])
        .some(({ Info }) => Info?.startsWith("WITH RECURSIVE n") === true);
    await run(endless);
    await until(runs);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("You cancelled it").waitFor();
    await until(async () => !await runs());
  });

  await test.step("the record has it as any other session's, and the cancelled one as withdrawn", async () => {
    const auditor = await test.page(alex, "/history");
    await auditor.getByText("Withdrawn").nth(1).waitFor();
    await auditor.goto(`${test.gateway.dashboard}/search?text=suspended`);
    await auditor.getByText("WHERE id = 7").first().waitFor();
    await auditor.goto(`${test.gateway.dashboard}/sessions`);
    await auditor.getByText("Postern console").first().waitFor();
    const other = await test.page(alex, "/console");
    await other.getByText("No target is open here").waitFor();
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((resolve) => setTimeout(resolve, 100));
}
