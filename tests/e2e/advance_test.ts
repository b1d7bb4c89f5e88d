/** Approval in advance in Chromium: a file is submitted, approved as one, and run by a real psql, once. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ada, devin, realTest } from "./real_support.ts";

const change = `-- ticket 7
UPDATE customers SET status = 'suspended' WHERE id = 7;
UPDATE customers SET status = 'active' WHERE id = 8;
`;

realTest(
  "a file of statements is asked for in advance, approved, and runs to the letter",
  {},
  async (test) => {
    const page = await test.page(devin, "/");
    const approver = await test.gateway.signIn(ada);
    const status = async (psql: Awaited<ReturnType<typeof test.psql>>, id: number, expected: RegExp) => {
      await psql.send(`SELECT 'now ' || status FROM customers WHERE id = ${id};`);
      await psql.expect(expected);
    };

    await test.step("what could never pass is refused at once, and what was typed stays", async () => {
      await page.getByRole("link", { name: "Ask for approval in advance" }).click();
      const form = page.getByRole("form", { name: "Ask in advance" });
      await form.getByLabel("Statements").fill("DROP TABLE payments;");
      await form.getByLabel("Reason").fill("ticket 7");
      await form.getByRole("button", { name: "Ask for approval" }).click();
      await page.getByText(/Statement 1: .*refuses DROP TABLE/).waitFor();
      assert.equal(await form.getByLabel("Statements").inputValue(), "DROP TABLE payments;");
    });

    let id = "";
    await test.step("a file's text can be read before it is sent; its request opens", async () => {
      const form = page.getByRole("form", { name: "Ask in advance" });
      await form.getByLabel("From a file").setInputFiles({
        name: "change.sql",
        mimeType: "application/sql",
        buffer: Buffer.from(change),
      });
      await page.waitForFunction(() => document.querySelector("textarea")?.value.includes("ticket 7"));
      assert.equal(await form.getByLabel("Statements").inputValue(), change);
      await test.looks(page, "advance");
      await form.getByRole("button", { name: "Ask for approval" }).click();
      await page.getByText("2 statements, each once, within").waitFor();
      id = new URL(page.url()).pathname.split("/").at(-1)!;
    });

    await test.step("approved, each of its statements runs once in psql, and nothing else does", async () => {
      await approver.decide(id, true, "fine");
      await page.getByText("“fine”").first().waitFor();
      const psql = await test.psql(devin);
      for (const statement of change.split("\n").slice(1, 3)) {
        await psql.send(statement);
        await psql.expect(/UPDATE 1/);
      }
      await status(psql, 7, /now suspended/);
      await psql.send("UPDATE customers SET status = 'suspended' WHERE id = 9;");
      await psql.expect("waits for approval");
      const other = await approver.pending("WHERE id = 9");
      await approver.decide(other.id, false, "not asked for");
      await psql.expect("not asked for");
    });
  },
);
