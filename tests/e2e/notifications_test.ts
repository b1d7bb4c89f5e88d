/** The browser's own notifications, in Chromium, with its own Notification API. */
import assert from "node:assert/strict";
import { ada } from "../unit/ui/fakes.ts";
import { dashboardTest, pageOf } from "./dashboard_support.ts";

/** Runs in the page: it looks like one that nobody looks at, and keeps what it notified of. */
const watch = () => {
  Object.defineProperty(document, "hidden", { get: () => true });
  const shown: Notification[] = [];
  const Real = globalThis.Notification;
  class Kept extends Real {
    constructor(title: string, options?: NotificationOptions) {
      super(title, options);
      shown.push(this);
    }
  }
  Object.assign(globalThis, { Notification: Kept, shown });
};

interface Watched {
  readonly shown: Notification[];
}

dashboardTest(
  "a page that nobody looks at notifies of a request, without its values, and a click opens it",
  async (test, browser) => {
    const page = await pageOf(browser, test, ada);
    await page.context().grantPermissions(["notifications"], { origin: test.url });
    await page.addInitScript(watch);
    await page.goto(`${test.url}/history`);
    await page.getByRole("button", { name: /Settings/ }).first().click();
    const dialog = page.getByRole("dialog", { name: "Settings" });
    await dialog.getByRole("switch", { name: /Notify me/ }).check();
    await dialog.getByRole("button", { name: "Close" }).click();
    const { request } = await test.gateway.hold({
      text: "UPDATE customers SET ssn = '900-11-1037' WHERE id = 42",
    });
    await page.waitForFunction(() => (globalThis as unknown as Watched).shown.length === 1);
    const told = await page.evaluate(() => {
      const { title, body, tag } = (globalThis as unknown as Watched).shown[0]!;
      return { title, body, tag };
    });
    assert.equal(told.title, "A statement waits for you");
    assert.match(told.body, /^devin@\S+ wants to run UPDATE on .*customers in /);
    assert.doesNotMatch(told.body, /900-11|SET/);
    assert.equal(told.tag, request.id);
    await page.evaluate(() => (globalThis as unknown as Watched).shown[0]!.dispatchEvent(new Event("click")));
    await page.waitForURL(`${test.url}/requests/${request.id}`);
    await page.getByRole("button", { name: "Approve" }).waitFor();
  },
);
