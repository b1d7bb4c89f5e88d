/** The record in Chromium: found by search, linked to a statement, played, filtered and checked; from real psql. */
import assert from "node:assert/strict";
import pg from "pg";
import { counts } from "../support/counts.ts";
import { ada, alex, devin, realTest, root } from "./real_support.ts";

const target = "    record: { rows: 20 }\n    detectors: audit\n";
const sql = `
  CREATE TABLE tickets (id int PRIMARY KEY, note text);
  INSERT INTO tickets VALUES (1, 'she paid with 4111 1111 1111 1111'), (2, 'and with 5500 0000 0000 0004');`;

realTest("what psql ran is found, linked, played and checked", { target, sql }, async (test) => {
  const psql = await test.psql(devin);
  const approver = await test.gateway.signIn(ada);
  const run = async (text: string, answer: string | RegExp) => {
    await psql.send(text);
    await psql.expect(answer);
  };
  await run("\\d customers", /card_number/);
  await run("SELECT count(*) FROM orders WHERE status = 'shipped';", /\(1 row\)/);
  await run("SELECT name, ssn FROM customers WHERE id = 3;", /\*\*\*-\*\*-\d{4}/);
  await run("SELECT name, ssn FROM customers WHERE id = 4;", /\*\*\*-\*\*-\d{4}/);
  await run("SELECT note FROM tickets;", /\(2 rows\)/);
  await run("SELECT * FROM ordres;", /ERROR/);
  await run("DROP TABLE payments;", /ERROR/);
  await psql.send("UPDATE customers SET status = 'suspended' WHERE id = 7;");
  await psql.expect("db-approvers");
  const { id } = await approver.pending("WHERE id = 7");
  await approver.decide(id, true, "As agreed with support");
  await psql.expect(/UPDATE 1\n/);
  const auditor = await test.page(alex, "/search");

  await test.step("words, verdicts, tables and shapes find statements; a search is kept", async () => {
    const found = auditor.locator(".hit");
    await auditor.getByRole("searchbox").fill("shipped orders");
    await auditor.keyboard.press("Enter");
    await found.getByText("WHERE status = 'shipped'").waitFor();
    await counts(found, 1);
    await auditor.getByRole("searchbox").fill("");
    await auditor.getByLabel("Verdict").selectOption("deny");
    await found.getByText("DROP TABLE payments").waitFor();
    await auditor.getByRole("button", { name: "Keep this search" }).click();
    await auditor.getByRole("dialog").getByRole("textbox").fill("What was refused");
    await auditor.keyboard.press("Enter");
    await auditor.goto(`${test.gateway.dashboard}/search?table=public.customers`);
    await found.getByText("FROM customers WHERE id = 4").waitFor();
    await test.looks(auditor, "search");
    await found.filter({ hasText: "id = 4" }).getByRole("link", { name: "others of this shape" }).click();
    await auditor.getByText("Only statements of one shape").waitFor();
    await found.getByText("WHERE id = 3").waitFor();
    await counts(found, 2);
    await auditor.getByRole("button", { name: "What was refused", exact: true }).click();
    await found.getByText("DROP TABLE payments").waitFor();
    assert.equal(await found.filter({ hasNotText: "Refused" }).count(), 0);
    const link = auditor.getByRole("link", { name: "Export the record by its verdict" });
    const file = await (await test.gateway.signIn(alex)).api((await link.getAttribute("href"))!);
    assert.equal(
      file.text.match(/"type":"statement\.judged"/g)?.length,
      2,
      "the unknown table, and the DROP",
    );
  });

  await test.step("an export is of what was found: by words and by shape", async () => {
    const user = await test.gateway.signIn(alex);
    const exported = async (by: string) => {
      const link = auditor.getByRole("link", { name: `Export the record by its ${by}`, exact: true });
      const { text } = await user.api((await link.getAttribute("href"))!);
      return text.split("\n").filter((line) => line.includes('"type":'));
    };
    await auditor.goto(
      `${test.gateway.dashboard}/search?text=${encodeURIComponent('"FROM ORDERS where" shipped')}`,
    );
    const found = auditor.locator(".hit");
    await found.getByText("WHERE status = 'shipped'").waitFor();
    const [shipped, ...others] = await exported("words");
    assert.match(
      shipped ?? "",
      /"statement.judged".*status = 'shipped'|status = 'shipped'.*"statement.judged"/,
    );
    assert.equal(others.length, 0);
    await auditor.goto(`${test.gateway.dashboard}/search?text=ssn`);
    await found.filter({ hasText: "id = 4" }).getByRole("link", { name: "others of this shape" }).click();
    await auditor.getByText("Only statements of one shape").waitFor();
    await counts(found, 2);
    assert.equal((await exported("shape")).length, 2);
  });

  await test.step("what was found leads to its statement in the replay, open and in the window", async () => {
    await auditor.goto(`${test.gateway.dashboard}/search?text=suspended`);
    await auditor.getByRole("link", { name: /UPDATE customers/ }).click();
    const row = auditor.locator('.step-head[aria-current="step"]');
    await row.getByText("UPDATE customers SET status = 'suspended' WHERE id = 7").waitFor();
    await auditor.locator(".story").getByText("“As agreed with support”").waitFor();
    assert.match(new URL(auditor.url()).hash, /^#\d+$/);
  });

  await test.step("an opened statement shows the rows that psql showed, masks and all", async () => {
    await auditor.locator(".step-head").filter({ hasText: "WHERE id = 3" }).click();
    const grid = auditor.getByRole("region", { name: "Recorded result 1" });
    await grid.getByText("as the client saw it").waitFor();
    assert.match(
      await grid.getByRole("columnheader").allInnerTexts().then((all) => all.join("|")),
      /name\|ssn\s+masked/,
    );
    assert.match(await grid.getByRole("row").nth(1).innerText(), /\*\*\*-\*\*-\d{4}/);
    await test.looks(auditor, "replay-rows");
    await auditor.locator(".step-head").filter({ hasText: "WHERE id = 3" }).click();
  });

  await test.step("it is played at sixteen times its speed, and stepped by key", async () => {
    const head = auditor.locator('.step-head[aria-current="step"]');
    await auditor.getByLabel("Speed").selectOption("16");
    await auditor.getByRole("button", { name: "Play", exact: true }).click();
    await auditor.getByRole("button", { name: "Pause" }).waitFor();
    // From its start to its end, with what only asked the catalogs opened on the way.
    await head.getByText("UPDATE customers SET status").waitFor();
    await auditor.locator(".focus-heading").click();
    await auditor.keyboard.press("b");
    await head.getByText("DROP TABLE payments").waitFor();
    await auditor.getByRole("button", { name: "Play", exact: true }).waitFor();
    await auditor.keyboard.press("n");
    await head.getByText("UPDATE customers SET status").waitFor();
  });

  await test.step("the record is checked on demand, and says what was checked", async () => {
    await auditor.getByRole("button", { name: "Check the record's integrity" }).click();
    await auditor.getByText(/\d+ events of this session checked against the chain/).waitFor();
    assert.match(await auditor.locator(".integrity-words").innerText(), /^Whole .* signed heads? with key/);
    await auditor.getByRole("button", { name: /^Refused/ }).click();
    await counts(auditor.locator(".step-head"), 2, "the unknown table, and the DROP");
    await auditor.getByRole("button", { name: /^All/ }).click();
    await test.looks(auditor, "replay");
  });

  await test.step("the overview counts the day, names what is unusual, and says that the parts work", async () => {
    await auditor.getByRole("link", { name: "Overview" }).click();
    const tile = (name: string) => auditor.locator(".tile").filter({ hasText: name }).first();
    assert.match(await tile("Sessions").innerText(), /1\s+1 person, 1 live now/);
    assert.match(await tile("Held").innerText(), /1\s+median wait/);
    assert.match(await tile("Refused").innerText(), /Refused\s+2/);
    assert.match(await tile("Masked").innerText(), /Masked\s+[2-9]/);
    await auditor.getByRole("img", { name: /statements today by hour/ }).waitFor();
    const unusual = auditor.getByRole("region", { name: "Unusual" });
    assert.match(await unusual.innerText(), /First time\s+devin@example.test connected to demo/);
    const health = auditor.getByRole("region", { name: "Health" });
    assert.match(await health.innerText(), /Works\s+store/);
    const texts = auditor.getByRole("region", { name: "Found in texts" });
    await texts.getByText("public.tickets.note contained 2 card numbers").waitFor();
    assert.match(await texts.innerText(), /Shown\s+public\.tickets\.note/);
    assert.doesNotMatch(await texts.innerText(), /1111/, "a sample is for the admin, who writes the rules");
    assert.equal(await texts.getByRole("button", { name: "Copy a mask for it" }).count(), 0);
    assert.match(await health.innerText(), /Works\s+issuer\s+127\.0\.0\.1/);
    await test.looks(auditor, "overview");
  });

  await test.step("what detectors found is linked from the rules, for who may see it", async () => {
    await auditor.goto(`${test.gateway.dashboard}/rules`);
    await auditor.getByRole("link", { name: "what detectors found" }).click();
    const texts = auditor.getByRole("region", { name: "Found in texts" });
    await texts.getByText("public.tickets.note contained 2 card numbers").waitFor();
    await auditor.waitForFunction(() => scrollY > 0);
    const admin = (await test.page(root, "/overview")).getByRole("region", { name: "Found in texts" });
    await admin.getByText("**** **** **** 1111", { exact: true }).waitFor();
    await admin.getByRole("button", { name: "Copy a mask for it" }).first().waitFor();
    const engineer = await test.page(devin, "/rules");
    await engineer.getByRole("heading", { name: "The rules that are for you" }).waitFor();
    assert.equal(await engineer.getByRole("link", { name: /what detectors found|Overview/ }).count(), 0);
    assert.equal((await (await test.gateway.signIn(devin)).api("/api/detections")).status, 403);
  });

  await test.step("500 columns, emoji and letters from right to left stay in their places", async () => {
    const client = new pg.Client({ connectionString: await (await test.gateway.signIn(devin)).url("demo") });
    await client.connect();
    const columns = Array.from({ length: 500 }, (_, at) => `${at} AS c${at}`).join(", ");
    await client.query(`SELECT ${columns}, 'שלום 😀 مرحبا \u202e gnp' AS "עמודה"`);
    await client.end();
    await auditor.goto(`${test.gateway.dashboard}/sessions`);
    await auditor.getByRole("link", { name: devin.email }).first().click();
    const step = (text: string) => auditor.locator(".step-head").filter({ hasText: text });
    await step("0 AS c0").click();
    const grid = auditor.getByRole("region", { name: "Recorded result 1" });
    await grid.getByRole("columnheader", { name: "c499" }).waitFor({ state: "attached" });
    await grid.getByRole("columnheader", { name: "עמודה" }).scrollIntoViewIfNeeded();
    await grid.getByText("U+202E").waitFor();
    await test.looks(auditor, "replay-odd");
  });
});
