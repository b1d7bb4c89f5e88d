/** The dashboard without a listener, and browsers that keep its cookies. */
import assert from "node:assert/strict";
import { createDashboard, type DashboardDeps } from "../../../ui/api/mod.ts";
import { FakeGateway, type FakePerson } from "./fakes.ts";

export const origin = "https://postern.example.test";

/** A fixed moment, so that nothing depends on when a test runs. */
export const noon = Date.UTC(2026, 0, 15, 12);

export interface Harness {
  readonly gateway: FakeGateway;
  readonly dashboard: ReturnType<typeof createDashboard>;
  readonly logged: string[];
  browser(): TestBrowser;
  signedIn(person: FakePerson): Promise<TestBrowser>;
  close(): Promise<void>;
}

export function startHarness(changes: Partial<DashboardDeps> = {}): Harness {
  const gateway = new FakeGateway(noon);
  const logged: string[] = [];
  const dashboard = createDashboard({
    ...gateway.deps(origin),
    assets: {
      file: () => null,
      page: (told) => `<!DOCTYPE html><title>Postern</title>${told?.problem?.message ?? ""}`,
    },
    log: (_level, message, fields) => logged.push(`${message} ${JSON.stringify(fields ?? {})}`),
    ...changes,
  });
  const browser = () => new TestBrowser(dashboard, changes.url ?? origin);
  return {
    gateway,
    dashboard,
    logged,
    browser,
    async signedIn(person) {
      gateway.identity.next = person;
      const it = browser();
      assert.equal((await it.signIn()).status, 302);
      return it;
    },
    async close() {
      dashboard.streams.close();
      await gateway.close();
    },
  };
}

export class TestBrowser {
  readonly cookies = new Map<string, string>();

  constructor(readonly dashboard: ReturnType<typeof createDashboard>, readonly base: string) {}

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", new URL(this.base).host);
    if (this.cookies.size > 0 && !headers.has("cookie")) {
      headers.set("cookie", [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    }
    const request = new Request(`${this.base}${path}`, { ...init, headers });
    const response = await this.dashboard.app.fetch(request, { address: "192.0.2.7" });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (/max-age=0/i.test(cookie)) this.cookies.delete(name!);
      else this.cookies.set(name!, value!);
    }
    return response;
  }

  /** A request as the app makes it. */
  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return await this.fetch(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: {
        "content-type": "application/json",
        "postern-request": "1",
        origin: this.base,
        "sec-fetch-site": "same-origin",
        ...headers,
      },
    });
  }

  async json<T>(path: string): Promise<T> {
    const response = await this.fetch(path);
    assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
    return await response.json();
  }

  /** Follows the redirects of a sign-in by hand; the answer of the callback. */
  async signIn(next = "/"): Promise<Response> {
    const begun = await this.fetch(`/auth/login?next=${encodeURIComponent(next)}`);
    assert.equal(begun.status, 302);
    const returned = new URL(begun.headers.get("location")!);
    return await this.fetch(returned.pathname + returned.search);
  }
}

export async function errorCode(response: Response): Promise<string> {
  return (await response.json()).error.code;
}
