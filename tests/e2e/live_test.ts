/** Live sessions in Chromium: what real psql sessions run, wait for and have had so far; following and ending them. */
import assert from "node:assert/strict";
import { counts } from "../support/counts.ts";
import { ada, devin, grace, realTest, root } from "./real_support.ts";

const sections = `masks: [{ columns: ["*.customers.ssn"], mask: { kind: partial, keepLast: 4 } }]
notify: { channels: { nowhere: { kind: webhook, url: "http://127.0.0.1:9/", secret: { env: HOOK_SECRET } } } }`;

realTest("who runs what now is seen, followed and ended", {
  sections,
  inPostgresql: true,
  env: { HOOK_SECRET: "a-secret-of-the-hook-2f" },
}, async (test) => {
  const busy = await test.psql(devin);
  const waiting = await test.psql(devin);
  const idle = await test.psql(grace);
  const admin = await test.page(root, "/live");

  await test.step("a running statement shows its text and its rows so far, without a reload", async () => {
    await admin.getByRole("region", { name: grace.email }).getByText("has run nothing yet").waitFor();
    // Hundreds of rows come at once, then one a second, for longer than the test: what is shown is what has come, not what will.
    await busy.send(
      "SELECT n, repeat('x', 200), pg_sleep(n / 400) FROM generate_series(1, 900) AS n \\g /dev/null",
    );
    const theirs = admin.getByRole("region", { name: devin.email });
    await theirs.getByText(/Running/).waitFor();
    await theirs.getByText(/generate_series\(1, 900\)/).waitFor();
    await theirs.getByText(/[1-9][\d,]* rows so far/).waitFor();
  });

  await test.step("one that waits says so, with the way to its request", async () => {
    await waiting.send("UPDATE customers SET status = 'suspended' WHERE id = 7;");
    await waiting.expect("db-approvers");
    const theirs = admin.getByRole("region", { name: devin.email });
    await theirs.getByText(/Waiting \d+:\d\d/).waitFor();
    await theirs.getByText("waits for an approval").waitFor();
    await admin.getByRole("button", { name: /^Waiting/ }).click();
    await counts(admin.locator(".live-row"), 1);
    await test.looks(admin, "live");
    await theirs.getByRole("link", { name: "open its request" }).click();
    await admin.getByRole("heading", { name: /wants to run UPDATE/ }).waitFor();
    await admin.goBack();
    await admin.getByRole("region", { name: grace.email }).waitFor();
    await test.looks(admin, "live-all");
  });

  await test.step("an approver sees the session that waits for them, an engineer only their own", async () => {
    const approver = await test.page(ada, "/live");
    await approver.getByText(/UPDATE customers/).waitFor();
    await counts(approver.locator(".live-row"), 1, "not the one that asks nobody");
    const engineer = await test.page(grace, "/live");
    await engineer.getByRole("region", { name: grace.email }).waitFor();
    await approver.context().close();
    await engineer.context().close();
  });

  await test.step("following one leads to its record, which goes on live", async () => {
    const theirs = admin.getByRole("region", { name: grace.email });
    await theirs.getByRole("link", { name: /^Follow/ }).click();
    await admin.getByRole("heading", { name: /grace@example.test on demo/ }).waitFor();
    await idle.send("SELECT 'seen as it runs';");
    await admin.getByRole("button", { name: /seen as it runs/ }).getByText("1 row").waitFor();
    await admin.goBack();
  });

  await test.step("all of a person's sessions end at once, with the reason in their clients", async () => {
    const theirs = admin.getByRole("region", { name: devin.email });
    await theirs.getByRole("button", { name: /End all 2/ }).click();
    const dialog = admin.getByRole("dialog", { name: "End 2 sessions" });
    await dialog.getByRole("textbox").fill("Laptop was lost");
    await admin.keyboard.press("Control+Enter");
    await dialog.waitFor({ state: "detached" });
    await waiting.expect(/root@example.test ended this session: Laptop was lost/);
    // In the middle of a row there is no place for an error.
    await busy.expect(/ended this session: Laptop was lost|server closed the connection/);
    await theirs.waitFor({ state: "detached" });
    await counts(admin.getByRole("region", { name: grace.email }), 1, "others go on");
  });

  await test.step("one's own session is ended by oneself", async () => {
    const own = await test.page(grace, "/live");
    await own.getByRole("button", { name: /^End/ }).click();
    await own.getByRole("dialog").getByRole("textbox").fill("Left it open");
    await own.getByRole("dialog").getByRole("button", { name: "End session" }).click();
    await own.getByText("Nobody is connected").waitFor();
    // psql looks for what has come with its next statement.
    await idle.send("SELECT 1;");
    await idle.expect(/grace@example.test ended this session: Left it open/);
  });

  await test.step("what is unusual about a day is named, each with the way to it; and what does not work", async () => {
    const psql = await test.psql(devin);
    // Of a month in which devin came every day, and always six hours before now.
    await test.target.query(
      `INSERT INTO sessions (id, node, person, target, started_at, ended_at, end_reason, started)
       SELECT 'before-' || day, 'gone', '${devin.email}', 'demo', at, at + 60000, 'left', '{}'
       FROM generate_series(1, 12) AS day,
         LATERAL (SELECT (extract(epoch FROM now()) * 1000)::int8 - day * 86400000 - 21600000) AS moment (at)`,
      { database: "record" },
    );
    await psql.send("SELECT n FROM generate_series(1, 12000) AS n \\g /dev/null");
    await psql.expect(/=>/);
    for (let at = 0; at < 5; at++) {
      await psql.send("DROP TABLE payments;");
      await psql.expect(/ERROR/);
    }
    await admin.getByRole("link", { name: "Overview" }).click();
    const unusual = admin.getByRole("region", { name: "Unusual" }).getByRole("listitem");
    const odd = (kind: string, text: RegExp) =>
      unusual.filter({ hasText: kind }).filter({ hasText: text }).first();
    await odd("Many refusals", /devin@example.test was refused 5 statements/).waitFor();
    await odd("Many rows", /devin@example.test had 12,000 rows from demo/).waitFor();
    const hours = /devin@example.test \d\d:00–\d\d:00, usually \d+–\d+: \d+ sessions?, the first on demo/;
    await odd("Unusual hour", hours).waitFor();
    await odd("First time", /grace@example.test connected to demo for the first time/).waitFor();
    assert.equal(await unusual.filter({ hasText: "First time" }).filter({ hasText: devin.email }).count(), 0);
    const health = admin.getByRole("region", { name: "Health" }).getByRole("listitem");
    await health.filter({ hasText: "notifications nowhere" }).getByText("Trouble").waitFor();
    await test.looks(admin, "overview-unusual");
    await odd("Many refusals", /devin/).getByRole("link").click();
    await admin.locator(".hit").getByText("DROP TABLE payments").first().waitFor();
    await counts(admin.locator(".hit"), 5);
  });
});
