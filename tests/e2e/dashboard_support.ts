/** The dashboard with policy's ports in memory, its app in Chromium, and a day at the gate to show. */
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { ensureBundle } from "../../ui/bundle.ts";
import { loadAssets, type RunningDashboard, startDashboard } from "../../ui/api/mod.ts";
import { freePort } from "../support/ports.ts";
import { program, testNeeding } from "../support/programs.ts";
import { ada, FakeGateway, type FakePerson, grace } from "../unit/ui/fakes.ts";

const chromiumPath: string | null = program("chromium") ?? program("chromium-browser");

export interface TestDashboard {
  readonly gateway: FakeGateway;
  readonly dashboard: RunningDashboard;
  readonly url: string;
  close(): Promise<void>;
}

export async function startTestDashboard(
  gateway = new FakeGateway(),
  port = freePort(),
): Promise<TestDashboard> {
  await ensureBundle();
  const url = `http://127.0.0.1:${port}`;
  const dashboard = startDashboard({
    ...gateway.deps(url),
    assets: await loadAssets(),
  }, { hostname: "127.0.0.1", port });
  return {
    gateway,
    dashboard,
    url,
    async close() {
      await gateway.close();
      await dashboard.close();
    },
  };
}

export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: chromiumPath!,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export const chromiumNeeded = {
  missing: () => chromiumPath === null ? "chromium is not installed" : null,
};

/** One for all tests of a file: each has pages of profiles of its own, and a start takes seconds. */
let shared: Browser | null = null;
let willClose = false;

/** A test with a dashboard of its own, and a browser in which no other test has a page. */
export function dashboardTest(
  name: string,
  body: (test: TestDashboard, browser: Browser) => Promise<void>,
): void {
  if (!willClose) Deno.test.afterAll(async () => await shared?.close());
  willClose = true;
  testNeeding([chromiumNeeded], name, async () => {
    const test = await startTestDashboard();
    if (!shared?.isConnected()) shared = await launchChromium();
    const browser = shared;
    try {
      await body(test, browser);
    } finally {
      await Promise.all(browser.contexts().map((context) => context.close()));
      await test.close();
    }
  });
}

export interface Look {
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** axe-core builds elements from text, which the page's own policy forbids. */
  readonly bypassCsp?: boolean;
}

/** A page of this person's own browser profile, signed in. */
export async function pageOf(
  browser: Browser,
  test: TestDashboard,
  person: FakePerson,
  look: Look = {},
): Promise<Page> {
  const context = await browser.newContext({
    colorScheme: look.theme ?? "light",
    viewport: { width: look.width ?? 1440, height: look.height ?? 900 },
    bypassCSP: look.bypassCsp ?? false,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  });
  // A machine that tests share may be slow; nothing here is about speed.
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  test.gateway.identity.next = person;
  await page.goto(`${test.url}/auth/login?next=/history`);
  await page.getByRole("heading", { name: "Decided" }).waitFor();
  return page;
}

const axeSource = await Deno.readTextFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"));

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** What axe objects to, and whether something sticks out of the window. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const result = await page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(tags)} })`,
  ) as AxeResult;
  const tooWide = await page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth
  );
  return [
    ...result.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`)),
    ...(tooWide > 0 ? [`${tooWide} px wider than the window`] : []),
  ];
}

/** Sessions and requests of every kind. */
export async function fillDay(gateway: FakeGateway): Promise<{ first: string; own: string }> {
  await gateway.session("session-0", grace, "reports");
  for (const text of ["SELECT relname FROM pg_class", "SELECT typname FROM pg_type"]) {
    const id = await gateway.statement("session-0", text, { catalogOnly: true });
    await gateway.finished("session-0", id);
  }
  await gateway.endSession("session-0", grace, "reports");
  await gateway.session("session-1");
  await story(gateway);
  const first = await gateway.hold({
    text: `UPDATE customers AS c
   SET tier = 'gold', -- agreed in the review
       credit_limit = credit_limit + $1,
       note = 'moved from "silver"'
  FROM orders o
 WHERE o.customer_id = c.id AND o.total > $2
   AND c.country IN ('DE', 'AT') AND o.placed_at >= now() - interval '90 days';`,
    parameters: [{ text: "2500", type: "integer", bytes: 4 }, {
      text: "10000.00",
      type: "numeric",
      bytes: 8,
    }],
    tables: [
      { schema: "public", name: "customers", access: "write" },
      { schema: "public", name: "orders", access: "read" },
    ],
    deadlineAt: gateway.clock() + 4 * 60_000 + 33_000,
    requestedAt: gateway.clock() - 10 * 60_000,
    inTransaction: true,
  });
  await gateway.hold({
    target: "billing-staging",
    environment: "staging",
    text: "DELETE FROM payments WHERE state = 'abandoned' AND created_at < '2024-01-01'",
    verbs: ["DELETE"],
    tables: [{ schema: "public", name: "payments", access: "write" }],
    quorum: 2,
    deadlineAt: gateway.clock() + 3_700_000,
  });
  const own = await gateway.hold({
    text: "INSERT INTO refunds (order_id, amount) VALUES (118, 42.50)",
    verbs: ["INSERT"],
    tables: [{ schema: "public", name: "refunds", access: "write" }],
    parameters: [],
  }, grace);
  return { first: first.request.id, own: own.request.id };
}

/** What one session went through: reads, a mask, a refusal, an error, an approval, a denial. */
async function story(gateway: FakeGateway): Promise<void> {
  const session = "session-1";
  const run = async (
    text: string,
    parts: Record<string, unknown>,
    outcome: Parameters<FakeGateway["finished"]>[2],
  ) => await gateway.finished(session, await gateway.statement(session, text, parts), outcome);
  for (const name of ["pg_namespace", "pg_class", "pg_attribute"]) {
    await run(`SELECT * FROM pg_catalog.${name}`, { catalogOnly: true }, { rows: 12 });
  }
  await run("SELECT id, name, ssn FROM customers LIMIT 20", { masked: ["public.customers.ssn"] }, {
    rows: 20,
  });
  await gateway.statement(session, "DROP TABLE customers", {
    verdict: "deny",
    forwarded: false,
    rule: "no-ddl",
    reason: "Schema changes go through migrations",
    kind: "ddl",
    verbs: ["DROP TABLE"],
  });
  await run("SELECT * FROM ordres", {}, {
    rows: null,
    tag: "",
    error: { code: "42P01", message: "The target refused the statement" },
  });
  const text = "UPDATE customers SET email = $1 WHERE id = $2";
  const parameters = [{ text: "new@example.test", type: "text", bytes: 16 }, {
    text: "42",
    type: "integer",
    bytes: 4,
  }];
  const held = await gateway.hold({ text, parameters });
  await gateway.approvals.decide(held.request.id, { ...gatewayIdentity(ada, gateway) }, {
    approve: true,
    reason: "As agreed with support",
  });
  await run(text, {
    verdict: "approve",
    parameters,
    approval: held.request.id,
    waitedMs: 12_400,
    rule: "writes-need-approval",
    reason: "It changes data of a production target",
    kind: "write",
    verbs: ["UPDATE"],
    tables: [{ schema: "public", name: "customers", access: "write" }],
  }, { rows: 1, tag: "UPDATE 1" });
  const refused = await gateway.hold({ text: "DELETE FROM orders WHERE id = 7", verbs: ["DELETE"] });
  await gateway.approvals.decide(refused.request.id, gatewayIdentity(ada, gateway), {
    approve: false,
    reason: "Order 7 is under audit; cancel it instead",
  });
}

function gatewayIdentity(person: FakePerson, gateway: FakeGateway) {
  const now = gateway.clock();
  return {
    subject: person.name,
    issuer: "https://issuer.example.test",
    name: person.name,
    groups: person.groups,
    signedInAt: now,
    expiresAt: now + 3_600_000,
    method: "browser",
  };
}
