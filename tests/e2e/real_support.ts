/** Chromium over a whole Postern: a real PostgreSQL, the real issuer, real psql; nothing is faked. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { sampleData } from "../demo/sample_data.ts";
import { startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import type { Person } from "../support/issuer.ts";
import { type Mariadb, mariadbHere, startMariadb } from "../support/mariadb.ts";
import { storeUrl } from "../support/nodes.ts";
import { type Postgresql, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { type PsqlSession, startPsql } from "../support/psql.ts";
import { chromiumNeeded, findings, launchChromium, type Look } from "./dashboard_support.ts";

/** Screenshots for people go here where it is set. */
const shots = Deno.env.get("DASHBOARD_SHOTS");

export const root: Person = { email: "root@example.test", name: "Root", groups: ["db-admins"] };
export const devin: Person = { email: "devin@example.test", name: "Devin", groups: ["engineers"] };
export const ada: Person = { email: "ada@example.test", name: "Ada", groups: ["db-approvers"] };
export const alex: Person = { email: "alex@example.test", name: "Alex", groups: ["auditors"] };
export const grace: Person = {
  email: "grace@example.test",
  name: "Grace",
  groups: ["engineers", "db-approvers"],
};

export interface RealTest {
  readonly gateway: TestGateway;
  readonly browser: Browser;
  /** The target `demo` itself. */
  readonly target: Postgresql;
  /** The MariaDB, where one was asked for. */
  readonly shop: Mariadb | null;
  /** A signed-in page in a browser profile of its own. */
  page(person: Person, path: string, look?: Look): Promise<Page>;
  /** A psql session of this person, signed in with a one-time password. */
  psql(person: Person, target?: string): Promise<PsqlSession>;
  /** Nothing that axe objects to, nothing wider than the window; and pictures in every theme and at phone width. */
  looks(page: Page, name: string): Promise<void>;
  step(name: string, body: () => Promise<void>): Promise<void>;
}

export interface RealOptions {
  /** Whole top-level sections of the config. */
  readonly sections?: string;
  /** YAML that the target's entry gets besides, indented by four. */
  readonly target?: string;
  readonly sql?: string;
  /** Statements may be run on `demo` from the dashboard. */
  readonly console?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** The record is kept in a PostgreSQL database. */
  readonly inPostgresql?: boolean;
  /** Also a MariaDB as the target `shop`, with this SQL run in it. */
  readonly shop?: string;
}

const masks = `masks: [{ columns: ["*.customers.ssn"], mask: { kind: partial, keepLast: 4 } }]`;

/** One Postern with the target `demo` for all steps of one test. */
export function realTest(
  name: string,
  options: RealOptions,
  body: (test: RealTest) => Promise<void>,
): void {
  const needs = ["psql", "script", postgresqlHere, chromiumNeeded];
  testNeeding(options.shop === undefined ? needs : [...needs, mariadbHere], name, async (t) => {
    const target = await startPostgresql({
      sql: sampleData + (options.sql ?? ""),
      ...(options.inPostgresql === true ? { superuserSql: "CREATE DATABASE record OWNER app" } : {}),
    });
    const record = storeUrl({ ...target, database: "record" });
    const shop = options.shop === undefined ? null : await startMariadb({ sql: options.shop });
    const open = options.console === true ? "    console: true\n" : "";
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", target) +
        open + (options.target ?? "") + (shop === null ? "" : shopYaml(shop) + open),
      sections: (options.sections ?? masks) +
        (options.inPostgresql === true ? "\nstore: { url: { env: RECORD_URL } }" : ""),
      env: {
        ...options.env,
        RECORD_URL: record,
        TARGET_PASSWORD: target.password,
        SHOP_PASSWORD: shop?.password ?? "",
      },
      people: [devin, ada, alex, grace, root],
      admins: ["db-admins"],
    });
    const browser = await launchChromium();
    const sessions: PsqlSession[] = [];
    try {
      await body({
        gateway,
        browser,
        target,
        shop,
        page: (person, path, look = {}) => openAs(browser, gateway, person, path, look),
        psql: async (person, at = "demo") => {
          const session = await connectPsql(gateway, person, at);
          sessions.push(session);
          return session;
        },
        looks,
        step: async (step, run) => void assert.ok(await t.step(step, run), step),
      });
    } finally {
      await Promise.all(sessions.map((session) => session.close()));
      await browser.close();
      await gateway.close();
      await shop?.close();
      await target.close();
    }
  });
}

const shopYaml = (shop: Mariadb) =>
  targetYaml("shop", "mysql", shop).replace("TARGET_PASSWORD", "SHOP_PASSWORD");

async function openAs(
  browser: Browser,
  gateway: TestGateway,
  person: Person,
  path: string,
  look: Look,
): Promise<Page> {
  const context = await browser.newContext({
    colorScheme: look.theme ?? "light",
    viewport: { width: look.width ?? 1440, height: look.height ?? 900 },
    // axe-core builds elements from text, which the page's own policy forbids.
    bypassCSP: look.bypassCsp ?? true,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  });
  // A machine that tests share may be slow; nothing here is about speed.
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  await page.goto(`${gateway.dashboard}/auth/login?next=${encodeURIComponent(path)}`);
  await page.getByRole("button", { name: person.email }).click();
  await page.locator("h1").first().waitFor();
  return page;
}

async function connectPsql(gateway: TestGateway, person: Person, target: string): Promise<PsqlSession> {
  const { user, password } = await (await gateway.signIn(person)).oneTimePassword(target);
  const session = startPsql({
    connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=${target}`,
    env: { PGPASSWORD: password },
  });
  await session.expect(/=>/, 60_000);
  return session;
}

export async function looks(page: Page, name: string): Promise<void> {
  const size = page.viewportSize()!;
  const found: string[] = [];
  for (
    const [look, theme, width, height] of [
      ["light", "light", size.width, size.height],
      ["dark", "dark", size.width, size.height],
      ["phone", "light", 360, 740],
      ["phone-dark", "dark", 360, 740],
      ["contrast", "light", size.width, size.height],
      ["contrast-dark", "dark", size.width, size.height],
    ] as const
  ) {
    const contrast = look.startsWith("contrast") ? "more" : "no-preference";
    await page.emulateMedia({ colorScheme: theme, contrast });
    await page.setViewportSize({ width, height });
    found.push(...(await findings(page)).map((finding) => `${name}, ${look}: ${finding}`));
    if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}-${look}.png` });
  }
  await page.emulateMedia({ colorScheme: "light", contrast: "no-preference" });
  await page.setViewportSize(size);
  assert.deepEqual(found, []);
}
