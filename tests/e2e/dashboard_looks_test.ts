/** How the dashboard looks and holds: accessibility, themes, phone width, hostile texts, a lost connection. */
import assert from "node:assert/strict";
import { counts } from "../support/counts.ts";
import type { Browser, Page } from "playwright-core";
import { ada, alex, type FakePerson, grace } from "../unit/ui/fakes.ts";
import {
  dashboardTest,
  fillDay,
  findings,
  type Look,
  pageOf,
  startTestDashboard,
  type TestDashboard,
} from "./dashboard_support.ts";

/** Screenshots for people go here where it is set. */
const shots = Deno.env.get("DASHBOARD_SHOTS");

interface Screen {
  readonly name: string;
  readonly person: FakePerson;
  readonly open: (page: Page, test: TestDashboard) => Promise<void>;
}

let ids = { first: "", own: "" };

const screens: readonly Screen[] = [
  { name: "inbox", person: ada, open: (page, { url }) => visit(page, `${url}/`, "Inbox") },
  {
    name: "request",
    person: ada,
    open: (page, { url }) => visit(page, `${url}/requests/${ids.first}`, /wants to run/),
  },
  {
    name: "own",
    person: grace,
    open: (page, { url }) => visit(page, `${url}/requests/${ids.own}`, /You want to run/),
  },
  {
    name: "approve",
    person: ada,
    open: async (page, { url }) => {
      await visit(page, `${url}/requests/${ids.first}`, /wants to run/);
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "deny",
    person: ada,
    open: async (page, { url }) => {
      await visit(page, `${url}/requests/${ids.first}`, /wants to run/);
      await page.getByRole("button", { name: "Deny" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Deny" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
  { name: "history", person: ada, open: (page, { url }) => visit(page, `${url}/history`, "Decided") },
  { name: "sessions", person: alex, open: (page, { url }) => visit(page, `${url}/sessions`, "Sessions") },
  {
    name: "replay",
    person: alex,
    open: async (page, { url }) => {
      await visit(page, `${url}/sessions/session-1`, /on orders-prod/);
      await page.getByRole("button", { name: /catalogs/ }).click();
      await page.getByRole("button", { name: /UPDATE customers SET email/ }).click();
    },
  },
  {
    name: "targets",
    person: grace,
    open: async (page, { url }) => {
      await visit(page, `${url}/connect`, "Connect");
      await page.getByRole("button", { name: "New one-time password for orders-prod" }).click();
      await page.getByRole("group", { name: "One-time password for orders-prod" }).waitFor();
    },
  },
  {
    name: "no-targets",
    person: alex,
    open: (page, { url }) => visit(page, `${url}/connect`, "Connect"),
  },
  { name: "connect", person: ada, open: (page, { url }) => visit(page, `${url}/connect/secret`, /wants in/) },
  {
    name: "gone",
    person: ada,
    open: (page, { url }) => visit(page, `${url}/connect/other`, /leads nowhere/),
  },
  { name: "missing", person: ada, open: (page, { url }) => visit(page, `${url}/nowhere`, /no such page/) },
  {
    name: "settings",
    person: ada,
    open: async (page, { url }) => {
      await visit(page, `${url}/history`, "Decided");
      const settings = page.getByRole("button", { name: "Settings" });
      // A narrow window has them behind "More".
      if (!await settings.first().isVisible()) await page.getByRole("button", { name: "More" }).click();
      await settings.last().click();
      await page.getByRole("dialog", { name: "Settings" }).waitFor();
    },
  },
  {
    name: "keys",
    person: ada,
    open: async (page, { url }) => {
      await visit(page, `${url}/history`, "Decided");
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "refused",
    person: ada,
    open: (page, { url }) => visit(page, `${url}/auth/callback?code=x&state=y`, /could not be signed in/),
  },
  {
    name: "signin",
    person: ada,
    open: async (page, { url }) => {
      await page.context().clearCookies();
      await visit(page, `${url}/`, "Sign in to Postern");
    },
  },
];

async function visit(page: Page, url: string, heading: string | RegExp): Promise<void> {
  await page.goto(url);
  await page.getByRole("heading", { name: heading }).first().waitFor();
}

async function fill(test: TestDashboard): Promise<void> {
  ids = await fillDay(test.gateway);
  const client = { address: "203.0.113.9", port: 40_000, application: "psql", user: "devin", tls: "TLSv1.3" };
  const deadlineAt = Date.now() + 100_000;
  test.gateway.signIns.pages.set("secret", { code: "KX7-42M", target: "orders-prod", client, deadlineAt });
}

const looks: readonly { readonly name: string; readonly look: Look; readonly contrast?: boolean }[] = [
  { name: "light", look: { theme: "light" } },
  { name: "dark", look: { theme: "dark" } },
  { name: "contrast", look: { theme: "dark" }, contrast: true },
  { name: "contrast-light", look: { theme: "light" }, contrast: true },
  { name: "phone", look: { theme: "light", width: 360, height: 740 } },
  { name: "phone-dark", look: { theme: "dark", width: 360, height: 740 } },
];

for (const { name, look, contrast } of looks) {
  dashboardTest(`every screen passes axe and fits its width: ${name}`, async (test, browser) => {
    await fill(test);
    const found: string[] = [];
    for (const person of [ada, grace, alex]) {
      const page = await pageOf(browser, test, person, { ...look, bypassCsp: true });
      if (contrast) {
        await page.evaluate(() =>
          localStorage.setItem("postern.appearance", JSON.stringify({ contrast: true }))
        );
      }
      for (const screen of screens.filter((screen) => screen.person === person)) {
        await screen.open(page, test);
        found.push(...(await findings(page)).map((finding) => `${screen.name}: ${finding}`));
        if (shots) await page.screenshot({ path: `${shots}/${screen.name}-${name}.png` });
      }
      await page.context().close();
    }
    assert.deepEqual(found, []);
  });
}

/**
 * What can be operated and was not reached by Tab, and what was reached without showing it. Of radio buttons one is
 * reached and the others by arrow keys; a modal dialog's page is not to be reached.
 */
async function missedByTab(page: Page): Promise<string[]> {
  const count = await page.evaluate(() => {
    const root = document.querySelector("dialog[open]") ?? document;
    const all = [
      ...root.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']"),
    ];
    const usable = all.filter((one) =>
      one.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }) &&
      !one.matches(":disabled")
    );
    for (const one of usable) (one as HTMLElement).dataset.operable = "missed";
    (document.activeElement as HTMLElement | null)?.blur();
    return usable.length;
  });
  for (let tab = 0; tab < count * 2 + 5; tab++) {
    await page.keyboard.press("Tab");
    const left = await page.evaluate(() => {
      const one = document.activeElement as HTMLElement | null;
      if (one?.dataset.operable !== undefined) {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        const seen = outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
        one.dataset.operable = seen ? "reached" : "unseen";
        const { name, type } = one as HTMLInputElement;
        if (type === "radio") {
          for (const other of document.querySelectorAll<HTMLElement>(`input[name="${name}"]`)) {
            other.dataset.operable = "reached";
          }
        }
      }
      return document.querySelectorAll("[data-operable='missed']").length;
    });
    if (left === 0) break;
  }
  return await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("[data-operable]")].filter((one) =>
      one.dataset.operable !== "reached"
    ).map((one) => `${one.dataset.operable}: ${one.outerHTML.slice(0, 160)}`)
  );
}

dashboardTest(
  "everything that can be operated is reached by Tab, and shows that it is: on every screen",
  async (test, browser) => {
    await fill(test);
    const found: string[] = [];
    for (const person of [ada, grace, alex]) {
      const page = await pageOf(browser, test, person);
      for (const screen of screens.filter((screen) => screen.person === person)) {
        await screen.open(page, test);
        found.push(...(await missedByTab(page)).map((one) => `${screen.name}: ${one}`));
      }
      await page.context().close();
    }
    assert.deepEqual(found, []);
  },
);

dashboardTest(
  "the page keeps its own security policy, and asks nobody else for anything",
  async (test, browser) => {
    await fill(test);
    const problems: string[] = [];
    const page = await watched(browser, test, problems);
    for (
      const screen of screens.filter(({ name }) => !["signin", "refused", "gone", "missing"].includes(name))
    ) {
      test.gateway.identity.next = screen.person;
      await screen.open(page, test).catch((error) =>
        problems.push(`${screen.name}: ${error.message.slice(0, 200)}`)
      );
    }
    assert.deepEqual(problems, []);
  },
);

/** A page whose errors, policy violations and requests elsewhere are collected. */
async function watched(browser: Browser, test: TestDashboard, problems: string[]): Promise<Page> {
  // Grace may open all of these screens but the exports.
  const page = await pageOf(browser, test, grace);
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(test.url) && !request.url().startsWith("data:")) {
      problems.push(request.url());
    }
  });
  return page;
}

dashboardTest(
  "a statement of a megabyte is folded, and approved only once it was opened",
  async (test, browser) => {
    const text = `UPDATE t SET note = '${"0123456789 ".repeat(95_000)}' WHERE id = 1`;
    const hold = await test.gateway.hold({
      text,
      parameters: [{ text: "p".repeat(50_000), type: "text", bytes: 50_000 }],
    });
    const page = await pageOf(browser, test, ada);
    await page.goto(`${test.url}/requests/${hold.request.id}`);
    const approve = page.getByRole("button", { name: "Approve" });
    await page.getByText("Open the statement, parameter 1 before you approve.").waitFor();
    assert.ok(await approve.isDisabled());
    await page.keyboard.press("a");
    assert.equal(await page.getByRole("dialog").count(), 0);
    await page.getByRole("button", { name: /Show all 1,045,0\d\d characters/ }).click();
    assert.ok(await approve.isDisabled(), "the parameter is still folded");
    await page.getByRole("button", { name: "Show all 50,000 characters" }).click();
    const shown = await page.locator("pre.sql").evaluate((element: Element) => element.textContent);
    assert.equal(shown, text, "every character, as it came");
    await approve.click();
    await page.getByRole("button", { name: "Approve once" }).click();
    assert.equal((await hold.outcome).state, "approved");
  },
);

/** A size that every run can afford; by hand it was 100,000. */
const statements = Number(Deno.env.get("DASHBOARD_STATEMENTS") ?? 3000);

/**
 * How long the page's thread worked at a time while it was scrolled, in its own CPU time: what others do on the
 * machine is not in it. For people to read, who set DASHBOARD_SHOTS.
 */
async function watchWork(page: Page): Promise<() => Promise<string>> {
  const devtools = await page.context().newCDPSession(page);
  const works: number[] = [];
  devtools.on("Tracing.dataCollected", ({ value }) => {
    for (const event of value as { name?: string; tdur?: number }[]) {
      if (event.name === "ThreadControllerImpl::RunTask") works.push((event.tdur ?? 0) / 1000);
    }
  });
  await devtools.send("Tracing.start", { categories: "toplevel", transferMode: "ReportEvents" });
  return async () => {
    const complete = new Promise<void>((resolve) =>
      devtools.once("Tracing.tracingComplete", () => resolve())
    );
    await devtools.send("Tracing.end");
    await complete;
    const longest = works.sort((one, other) => other - one).slice(0, 5).map((ms) => `${Math.round(ms)} ms`);
    const over = (ms: number) => works.filter((one) => one > ms).length;
    return `${works.length} pieces of work, ${over(16)} over 16 ms, ${over(50)} over 50 ms; longest ${
      longest.join(", ")
    }`;
  };
}

dashboardTest(
  "a session of thousands of statements stays light, and all of it can be reached",
  async (test, browser) => {
    await test.gateway.session("session-1");
    for (let at = 1; at <= statements; at++) {
      await test.gateway.statement("session-1", `SELECT ${at} AS place`);
    }
    const page = await pageOf(browser, test, alex);
    await page.goto(`${test.url}/sessions/session-1`);
    await page.getByRole("button", { name: "SELECT 1 AS place" }).click();
    const work = shots ? await watchWork(page) : null;
    const lastDrawn = () =>
      page.evaluate(() =>
        [...document.querySelectorAll(".steps:nth-last-of-type(-n+2) .step-text")].at(-1)?.textContent
      );
    for (
      let tries = 0;
      tries < statements && await lastDrawn() !== `SELECT ${statements} AS place`;
      tries++
    ) {
      await page.mouse.wheel(0, 5000);
      await page.waitForTimeout(30);
    }
    await page.getByRole("button", { name: `SELECT ${statements} AS place` }).scrollIntoViewIfNeeded();
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(elements < 9000, `${elements} elements`);
    if (work) console.log(`${statements} statements, ${elements} elements; ${await work()}`);
    await page.evaluate(() => scrollTo(0, 0));
    await page.locator(".story").waitFor();
    await page.getByRole("searchbox").fill("1234 AS");
    await page.getByRole("button", { name: "SELECT 1234 AS place" }).waitFor();
  },
);

dashboardTest(
  "texts that deceive the eye are flagged, and letters of every script are shown",
  async (test, browser) => {
    const text =
      "UPDATE t SET a = 'שלום מרحبا 😀\u202e gnp\u200b' -- \u2066x\u2069\nWHERE b = '<script>alert(1)</script>&amp;'";
    const { request } = await test.gateway.hold({
      text,
      person: "mallory\u202e@example.test",
      parameters: [{ text: "\u0000a\u00a0b", type: "text", bytes: 4 }, { text: null, type: "?", bytes: 0 }],
    });
    const page = await pageOf(browser, test, ada);
    await page.goto(`${test.url}/requests/${request.id}`);
    await page.getByText("4 invisible or deceptive characters").waitFor();
    const flags = await page.locator("pre.sql mark").allInnerTexts();
    assert.deepEqual(flags, ["U+202E", "U+200B", "U+2066", "U+2069"]);
    const shown = await page.locator("pre.sql").evaluate((element: Element) => element.textContent);
    const visible = text.replace("\u202e", "U+202E").replace("\u200b", "U+200B").replace("\u2066", "U+2066")
      .replace("\u2069", "U+2069");
    assert.equal(shown, visible);
    assert.deepEqual(await page.locator(".parameters mark").allInnerTexts(), ["U+0000", "U+00A0"]);
    assert.equal(await page.locator(".value-null").innerText(), "NULL");
    const whole = await page.evaluate(() => document.body.textContent);
    assert.doesNotMatch(whole!, /[\u202e\u2066\u200b]/, "nowhere on the page do they take effect");
  },
);

dashboardTest("a chosen theme holds from the first paint on", async (test, browser) => {
  const page = await pageOf(browser, test, ada);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByText("Dark", { exact: true }).click();
  const dark = await background();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await background(), dark);
  await page.getByRole("heading", { name: "Decided" }).waitFor();
});

dashboardTest("single keys can be switched off", async (test, browser) => {
  const { request } = await test.gateway.hold();
  const page = await pageOf(browser, test, ada);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Single-key shortcuts").uncheck();
  await page.goto(`${test.url}/requests/${request.id}`);
  await page.getByRole("button", { name: "Approve" }).waitFor();
  await page.keyboard.press("a");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await counts(page.getByRole("dialog"), 1);
});

dashboardTest(
  "a lost connection is said, and what was missed is there when it is back",
  async (test, browser) => {
    const page = await pageOf(browser, test, ada);
    await page.goto(`${test.url}/`);
    await page.getByText("Nothing waits at the gate").waitFor();
    await test.dashboard.close();
    await page.getByText("Not connected to Postern").waitFor();
    await test.gateway.hold({ text: "UPDATE while_away SET a = 1 WHERE b = 2" });
    const again = await startTestDashboard(test.gateway, test.dashboard.port);
    try {
      // The new one knows no sessions of the old one: it asks for a sign-in, and that leads back.
      await page.getByRole("link", { name: "Continue with your company account" }).click();
      await page.getByText("while_away").first().waitFor();
      assert.equal(await page.getByText("Not connected to Postern").count(), 0);
    } finally {
      await again.dashboard.close();
    }
  },
);
