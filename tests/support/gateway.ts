/** A whole Postern for tests: real issuer, real store in a temporary folder, real listeners and dashboard. */
import { type Gateway, startGateway } from "../../main.ts";
import { createLog, type Log } from "../../policy/log.ts";
import { ensureBundle } from "../../ui/bundle.ts";
import { HttpBrowser, type Page, signInByHttp } from "./http_browser.ts";
import { type Issuer, type IssuerClient, type IssuerOptions, type Person, startIssuer } from "./issuer.ts";
import { createStore, writeMaskKey } from "./journals.ts";
import { freePort } from "./ports.ts";

export const devin: Person = { email: "devin@example.test", name: "Devin", groups: ["engineers"] };
export const ada: Person = { email: "ada@example.test", name: "Ada", groups: ["db-approvers"] };
export const alex: Person = { email: "alex@example.test", name: "Alex", groups: ["auditors"] };
/** An engineer who may approve, too: for self-approval. */
export const grace: Person = {
  email: "grace@example.test",
  name: "Grace",
  groups: ["engineers", "db-approvers"],
};
export const eve: Person = { email: "eve@example.test", name: "Eve", groups: ["interns"] };

export interface TestGatewayOptions {
  /** The `targets:` entries of the config, indented by two; see `targetYaml`. */
  readonly targets: string;
  /** Whole top-level sections to add: `rules:`, `masks:`, `limits:`. */
  readonly sections?: string;
  /** Entries of `listen:` beside the protocols, indented by two. */
  readonly listen?: string;
  /** Further entries of `identity:`, indented by two. */
  readonly identity?: string;
  /** Clients of the issuer beside Postern's own. */
  readonly clients?: readonly IssuerClient[];
  readonly env?: Readonly<Record<string, string>>;
  readonly signInTimeout?: string;
  readonly people?: readonly Person[];
  /** The issuer speaks HTTPS with this certificate, and browsers trust that authority. */
  readonly issuerTls?: IssuerOptions["tls"] & { readonly ca: string };
  /** Lifetime of the issuer's ID tokens. */
  readonly idTokenSeconds?: number;
  /** Groups that give the admin's role. */
  readonly admins?: readonly string[];
  /** Kept by whoever gives it; a temporary one otherwise. */
  readonly folder?: string;
  readonly log?: Log;
  /** Called with the config's path before the gateway starts on it. */
  readonly prepare?: (configFile: string) => Promise<void>;
}

export interface TestGateway {
  /** Where clients connect, by the protocol's id. */
  readonly ports: Readonly<Record<string, number>>;
  readonly dashboard: string;
  readonly issuer: Issuer;
  readonly folder: string;
  readonly configFile: string;
  readonly gateway: Gateway;
  /** Rewrites the config file. */
  edit(change: (text: string) => string): Promise<void>;
  /** Stops Postern and starts it again: the same store, ports and issuer. */
  restart(): Promise<void>;
  /** A browser signed in to the dashboard as this person. */
  signIn(person: Person): Promise<DashboardUser>;
  close(): Promise<void>;
}

export interface TargetEntry {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** A `targets:` entry for a database of tests/support. `tls` is YAML. */
export function targetYaml(
  name: string,
  protocol: string,
  { host, port, database, user }: TargetEntry,
  tls = "{ mode: disable }",
): string {
  return `  ${name}:
    protocol: ${protocol}
    host: ${host}
    port: ${port}
    database: ${database}
    environment: test
    groups: [engineers]
    tls: ${tls}
    account: { user: ${user}, password: { env: TARGET_PASSWORD } }
`;
}

/** Somebody at the dashboard, through its HTTP API, as the app uses it. */
export class DashboardUser {
  constructor(readonly browser: HttpBrowser, readonly base: string) {}

  async api(path: string): Promise<Page> {
    return await this.browser.get(`${this.base}${path}`, { headers: { "sec-fetch-site": "same-origin" } });
  }

  async json<T = Record<string, unknown>>(path: string): Promise<T> {
    const page = await this.api(path);
    if (page.status !== 200) throw new Error(`${path}: ${page.status} ${page.text}`);
    return JSON.parse(page.text);
  }

  /** A user and a password that are good for one connection to this target. */
  async oneTimePassword(target: string): Promise<{ user: string; password: string }> {
    const page = await this.post(`/api/targets/${target}/password`, {});
    if (page.status !== 200) throw new Error(`no password for ${target}: ${page.status} ${page.text}`);
    const { user, lines } = JSON.parse(page.text) as { user: string; lines: { line: string }[] };
    const shown = lines.map(({ line }) => line).join("\n");
    const password = /(?:PGPASSWORD|MYSQL_PWD)='?([^\s']+)/.exec(shown)?.[1];
    if (password === undefined) throw new Error(`no password in ${shown}`);
    return { user, password };
  }

  async post(path: string, body: unknown): Promise<Page> {
    return await this.browser.request(`${this.base}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", origin: this.base, "postern-request": "1" },
    });
  }

  /** Lets in the client that printed this link. */
  async confirm(link: string): Promise<Page> {
    return await this.post(`/api${new URL(link).pathname}`, { decision: "confirm" });
  }

  /** A URL for drivers, with a one-time password: good for one connection. */
  async url(target: string): Promise<string> {
    const page = await this.post(`/api/targets/${target}/password`, {});
    const { lines } = JSON.parse(page.text) as { lines?: { label: string; line: string }[] };
    const line = lines?.find(({ label }) => label.startsWith("URL"))?.line;
    if (line === undefined) throw new Error(`no password for ${target}: ${page.text}`);
    return line;
  }

  /** The pending request whose text contains this; waits for it. */
  async pending(text: string): Promise<{ id: string } & Record<string, unknown>> {
    for (let tries = 0; tries < 1200; tries++) {
      const { requests } = await this.json<
        { requests: ({ id: string; preview: string } & Record<string, unknown>)[] }
      >(
        "/api/requests",
      );
      const found = requests.find((request) =>
        JSON.stringify(request).includes(JSON.stringify(text).slice(1, -1))
      );
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no request with ${text} became pending`);
  }

  /** A one-time password for a target, and the name to use it with. */
  async password(target: string): Promise<{ user: string; password: string }> {
    const page = await this.post(`/api/targets/${target}/password`, {});
    if (page.status !== 200) throw new Error(`${target}: ${page.status} ${page.text}`);
    const { user, password } = JSON.parse(page.text) as { user: string; password: string };
    return { user, password };
  }

  async decide(id: string, approve: boolean, reason = ""): Promise<Page> {
    return await this.post(`/api/requests/${id}/decision`, { approve, reason });
  }
}

async function folderWithStore(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "postern-test-" });
  await createStore(`${folder}/store`);
  await writeMaskKey(`${folder}/store`);
  return folder;
}

export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = options.folder ?? await folderWithStore();
  const port = { postgresql: freePort(), mysql: freePort(), dashboard: freePort() };
  const dashboard = `http://127.0.0.1:${port.dashboard}`;
  const [issuer] = await Promise.all([
    startIssuer({
      ...(options.issuerTls === undefined ? {} : { tls: options.issuerTls }),
      ...(options.idTokenSeconds === undefined ? {} : { idTokenSeconds: options.idTokenSeconds }),
      people: options.people ?? [devin, ada, alex, grace, eve],
      clients: [{
        id: "postern",
        secret: "test-client-secret",
        redirectUris: [`${dashboard}/auth/callback`],
        backchannelLogoutUri: `${dashboard}/auth/backchannel-logout`,
      }, ...options.clients ?? []],
    }),
    ensureBundle(),
  ]);
  const text = configText(options, { port, dashboard, folder, issuer });
  const configFile = `${folder}/postern.yaml`;
  await Deno.writeTextFile(configFile, text);
  const env: Record<string, string> = { CLIENT_SECRET: "test-client-secret", ...options.env };
  await options.prepare?.(configFile);
  const reread = () => ({
    text: Deno.readTextFileSync(configFile),
    file: configFile,
    env: (name: string) => env[name],
  });
  const start = () =>
    startGateway({
      ...reread(),
      reread,
      log: options.log ?? createLog({ level: "error", format: "text" }),
    });
  let gateway = await start().catch(async (error) => {
    await issuer.close();
    throw error;
  });
  return {
    ports: { postgresql: port.postgresql, mysql: port.mysql },
    dashboard,
    issuer,
    folder,
    configFile,
    get gateway() {
      return gateway;
    },
    async restart() {
      await gateway.close();
      gateway = await start();
    },
    async edit(change) {
      await Deno.writeTextFile(configFile, change(await Deno.readTextFile(configFile)));
    },
    async signIn(person) {
      const { browser } = await signInByHttp(`${dashboard}/auth/login?next=/`, person.email, {
        browser: new HttpBrowser(options.issuerTls?.ca),
      });
      return new DashboardUser(browser, dashboard);
    },
    async close() {
      await gateway.close();
      await issuer.close();
      if (options.folder === undefined) await Deno.remove(folder, { recursive: true });
    },
  };
}

interface Places {
  readonly port: { readonly postgresql: number; readonly mysql: number; readonly dashboard: number };
  readonly dashboard: string;
  readonly folder: string;
  readonly issuer: Issuer;
}

/** Tests ask again and again until something has come, all from one address. */
export const dashboardLimits = "{ requestsPerMinute: 1000000 }";

function configText(options: TestGatewayOptions, { port, dashboard, folder, issuer }: Places): string {
  return `listen:
  postgresql: 127.0.0.1:${port.postgresql}
  mysql: 127.0.0.1:${port.mysql}
${options.listen ?? ""}
dashboard: { listen: "127.0.0.1:${port.dashboard}", url: "${dashboard}", limits: ${dashboardLimits} }
data: ${JSON.stringify(`${folder}/store`)}
identity:
  issuer: ${issuer.url}
  clientId: postern
  clientSecret: { env: CLIENT_SECRET }
  groupsClaim: groups
  signInTimeout: ${options.signInTimeout ?? "1m"}
${options.identity ?? ""}
roles: { approver: [db-approvers], auditor: [auditors], admin: [${(options.admins ?? []).join(", ")}] }
targets:
${options.targets}
${options.sections ?? ""}
`;
}
