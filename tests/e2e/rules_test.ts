/** The policy in Chromium: read in words, and asked what it would say, by the real catalog of a real target. */
import assert from "node:assert/strict";
import { counts } from "../support/counts.ts";
import { alex, devin, realTest } from "./real_support.ts";

const sections = `masks: [{ columns: ["*.customers.ssn"], mask: { kind: partial, keepLast: 4 } }]
rules:
  - { name: interns-read-orders, who: { groups: [interns] }, what: { kinds: [read], tables: [public.orders] }, then: allow }
  - { name: reads, who: { groups: [engineers] }, what: { kinds: [read, session, transaction] }, then: allow }
  - { name: never-payments, what: { tables: [public.payments] }, then: deny, message: Payments change elsewhere }
  - { name: writes, what: { kinds: [write] }, then: approve, approvers: { groups: [db-approvers], quorum: 2 }, deadline: 15m }
`;

realTest("what the policy says, and would say, can be read and asked", { sections }, async (test) => {
  const auditor = await test.page(alex, "/rules");
  const judge = async (text: string) => {
    await auditor.getByRole("textbox", { name: /Would this pass/ }).fill(text);
    await auditor.keyboard.press("Control+Enter");
    await auditor.locator(".answer").waitFor();
  };
  const row = (rule: string) => auditor.locator(".trace-row").filter({ hasText: rule }).first();

  await test.step("the rules are read in order and in words", async () => {
    await auditor.locator("ol.rules .rule-sentence").nth(3).waitFor();
    const rules = await auditor.locator("ol.rules .rule-sentence").allInnerTexts();
    assert.equal(rules.length, 4);
    assert.match(rules[0]!, /^Members of interns, everywhere: reads on public\.orders pass$/);
    assert.match(rules[3]!, /wait for 2 members of db-approvers, for 15 min at most/);
  });

  await test.step("an auditor asks for anybody: the deciding rule, and why the others did not fit", async () => {
    await auditor.getByLabel("By").fill("devin@example.test");
    await auditor.getByLabel("In the groups").fill("engineers");
    await judge("UPDATE customers SET status = 'gone' WHERE id = 7");
    await auditor.locator(".answer-head").getByText("Waits for approval").waitFor();
    await row("writes").getByText("Decides").or(row("writes").getByText("Asks")).waitFor();
    await row("interns-read-orders").getByText("it is for members of interns").waitFor();
    await row("reads").getByText(/it is for reads, .* and this is write/).waitFor();
    await row("never-payments").getByText("this touches public.customers").waitFor();
    await test.looks(auditor, "rules");
    await judge("DELETE FROM customers");
    await auditor.getByText("built-in floor: missing-where").first().waitFor();
    await judge("SELECT name, ssn FROM customers WHERE id = 1");
    await auditor.locator(".answer-facts").getByText("public.customers.ssn").waitFor();
    await auditor.locator(".answer-head").getByText("Passes").waitFor();
    await auditor.getByLabel("In the groups").fill("interns");
    await judge("SELECT 1");
    await auditor.getByText(/may not connect to demo: it is for members of engineers/).waitFor();
  });

  await test.step("an engineer asks for themselves, and sees the rules that are for them", async () => {
    const engineer = await test.page(devin, "/rules");
    await engineer.getByRole("heading", { name: "The rules that are for you" }).waitFor();
    await engineer.locator("ol.rules .rule").nth(2).waitFor();
    await counts(engineer.locator("ol.rules .rule"), 3, "without the interns'");
    assert.equal(await engineer.getByLabel("By").count(), 0);
    await engineer.getByRole("textbox", { name: /Would this pass/ }).fill("INSERT INTO payments VALUES (1)");
    await engineer.getByRole("button", { name: "Judge it" }).click();
    await engineer.locator(".answer-head").getByText(/Payments change elsewhere/).waitFor();
    const user = await test.gateway.signIn(devin);
    const other = await user.post("/api/policy/try", { text: "SELECT 1", target: "demo", groups: ["dba"] });
    assert.equal(other.status, 403, other.text);
  });
});
