/** Approval in advance in Chromium: a file is submitted, approved as one, and run by a real psql, once. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { counts } from "../support/counts.ts";
import { ada, alex, devin, realTest } from "./real_support.ts";

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

    await test.step("an approver picks some of the statements, for a shorter time", async () => {
      const asked = await (await test.gateway.signIn(devin)).post("/api/requests", {
        target: "demo",
        text: [11, 12, 13].map((id) => `UPDATE customers SET status = 'suspended' WHERE id = ${id};`).join(
          "\n",
        ),
        reason: "ticket 8",
      });
      const { request } = JSON.parse(asked.text);
      const card = await test.page(ada, `/requests/${request.id}`);
      await card.getByText("fewer of them, or for a shorter time").waitFor();
      await card.getByRole("button", { name: "Approve" }).click();
      const dialog = card.getByRole("dialog", { name: "Approve these statements" });
      const approve = dialog.getByRole("button", { name: /^Approve/ });
      assert.equal(await approve.innerText(), "Approve all 3");
      await dialog.getByRole("button", { name: "None" }).click();
      assert.ok(await approve.isDisabled(), "nothing chosen is no approval");
      await dialog.getByRole("button", { name: "All", exact: true }).click();
      await dialog.getByRole("checkbox", { name: /WHERE id = 12/ }).uncheck();
      await dialog.getByRole("spinbutton").fill("5");
      await dialog.getByLabel("Reason").fill("12 is under audit");
      await test.looks(card, "advance-choice");
      await dialog.getByRole("button", { name: "Approve 2 of 3" }).click();
      await card.getByText("2 of 3 statements, each once, until").waitFor();
      await counts(card.locator(".granted-part").getByText("Left out"), 1);
      await test.looks(card, "advance-granted");
    });

    await test.step("what was left out is refused with who, why and what to do; the others run once", async () => {
      const psql = await test.psql(devin);
      const suspend = async (id: number) =>
        await psql.send(`UPDATE customers SET status = 'suspended' WHERE id = ${id};`);
      await suspend(11);
      await psql.expect(/UPDATE 1/);
      await suspend(12);
      await psql.expect(
        "ada@example.test left this statement out of what was approved in advance: 12 is under audit",
      );
      await psql.expect("Ask in advance again, or send it after");
      await status(psql, 12, /now (?!suspended)/);
      await suspend(13);
      await psql.expect(/UPDATE 1/);
      assert.equal((await approver.json<{ requests: unknown[] }>("/api/requests")).requests.length, 0);
      const { text } = await (await test.gateway.signIn(alex)).api("/api/audit/export");
      assert.match(text, /2 of 3 statements \(number 1, 3\), each once/);
      assert.match(text, /"only":\[0,2\]/);
      assert.match(text, /left out of what was approved in advance/);
    });

    await test.step("the same text asked for again is another request", async () => {
      const user = await test.gateway.signIn(devin);
      const ask = async () => {
        const body = { target: "demo", text: change, reason: "once more" };
        return JSON.parse((await user.post("/api/requests", body)).text).request;
      };
      const again = await ask();
      assert.equal(again.state, "pending");
      assert.notEqual(again.id, id);
      assert.equal((await ask()).id, again.id, "asked for twice while it waits, it is one");
    });
  },
);
