/** Several real Posterns, each a process of its own, on one PostgreSQL that keeps their record. */
import { ensureBundle } from "../../ui/bundle.ts";
import { Daemon, signal } from "./daemons.ts";
import { dashboardLimits, DashboardUser } from "./gateway.ts";
import { signInByHttp } from "./http_browser.ts";
import { type Issuer, type Person, startIssuer } from "./issuer.ts";
import { writeMaskKey } from "./journals.ts";
import { freePort, waitForPort } from "./ports.ts";
import type { Postgresql } from "./postgresql.ts";
import { type PsqlSession, startPsql } from "./psql.ts";

export interface Node {
  readonly ports: { readonly postgresql: number; readonly mysql: number };
  readonly dashboard: string;
  readonly data: string;
  readonly config: string;
  /** What it has written to its log. */
  log(): Promise<string>;
  signIn(person: Person): Promise<DashboardUser>;
  /** psql on a target by a one-time password, at its prompt. */
  psql(user: DashboardUser, target: string): Promise<PsqlSession>;
  signal(name: Deno.Signal): void;
  /** SIGKILL, and until the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and until the process is gone. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface Nodes {
  readonly issuer: Issuer;
  readonly store: Postgresql;
  readonly nodes: readonly Node[];
  close(): Promise<void>;
}

export interface NodesOptions {
  readonly store: Postgresql;
  /** The `targets:` entries of every node's config, indented by two. */
  readonly targets: string;
  readonly sections?: string;
  readonly people: readonly Person[];
  readonly env: Readonly<Record<string, string>>;
  readonly nodeTimeout: string;
  readonly count?: number;
  /** Words before the command, by node: what moves its clock. */
  readonly before?: readonly (readonly string[])[];
}

export const storeUrl = (
  { user, password, host, port, database }: Omit<Postgresql, "database"> & { readonly database: string },
): string => `postgres://${user}:${password}@${host}:${port}/${database}`;

export async function startNodes(options: NodesOptions): Promise<Nodes> {
  await ensureBundle();
  const root = await Deno.makeTempDir({ prefix: "postern-nodes-" });
  const places = Array.from({ length: options.count ?? 2 }, (_, i) => ({
    folder: `${root}/${"abc"[i]}`,
    ports: { postgresql: freePort(), mysql: freePort() },
    dashboard: freePort(),
  }));
  const issuer = await startIssuer({
    people: options.people,
    clients: [{
      id: "postern",
      secret: "test-client-secret",
      redirectUris: places.map(({ dashboard }) => `http://127.0.0.1:${dashboard}/auth/callback`),
      backchannelLogoutUri: `http://127.0.0.1:${places.at(-1)!.dashboard}/auth/backchannel-logout`,
    }],
  });
  const started: (Node & { end(): Promise<void> })[] = [];
  const close = async () => {
    await Promise.all(started.map((node) => node.end()));
    await issuer.close();
    await Deno.remove(root, { recursive: true });
  };
  try {
    for (const [i, place] of places.entries()) {
      await Deno.mkdir(`${place.folder}/data`, { recursive: true });
      await writeMaskKey(`${place.folder}/data`);
      await Deno.writeTextFile(`${place.folder}/postern.yaml`, configText(place, issuer, options));
      const node = nodeAt(
        place,
        { ...options.env, STORE_URL: storeUrl(options.store) },
        options.before?.[i] ?? [],
      );
      started.push(node);
      await node.start();
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { issuer, store: options.store, nodes: started, close };
}

interface Place {
  readonly folder: string;
  readonly ports: { readonly postgresql: number; readonly mysql: number };
  readonly dashboard: number;
}

function nodeAt(
  { folder, ports, dashboard: port }: Place,
  env: Record<string, string>,
  before: readonly string[],
) {
  const dashboard = `http://127.0.0.1:${port}`;
  const config = `${folder}/postern.yaml`;
  const log = `${folder}/log`;
  let daemon: Daemon | null = null;
  const end = async (name: Deno.Signal) => {
    if (daemon === null) return;
    signal(daemon.pid, "SIGCONT");
    await daemon.stop(name);
    daemon = null;
  };
  return {
    ports,
    dashboard,
    config,
    data: `${folder}/data`,
    log: () => Deno.readTextFile(log),
    async signIn(person: Person) {
      // A connection that is kept alive may still be one to a process that was killed.
      const once = () => signInByHttp(`${dashboard}/auth/login?next=/`, person.email);
      const { browser } = await once().catch(once).catch(once);
      return new DashboardUser(browser, dashboard);
    },
    async psql(user: DashboardUser, target: string) {
      const url = new URL(await user.url(target));
      const connection =
        `host=127.0.0.1 port=${ports.postgresql} dbname=${target} user=${url.username} sslmode=disable`;
      const psql = startPsql({ connection, env: { PGPASSWORD: url.password } });
      await psql.expect(/=[>#] /);
      return psql;
    },
    signal: (name: Deno.Signal) => signal(daemon!.pid, name),
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    end: () => end("SIGKILL"),
    async start() {
      const main = new URL("../../main.ts", import.meta.url).pathname;
      const command = [
        ...before,
        Deno.execPath(),
        "run",
        "-A",
        "--no-check",
        main,
        "serve",
        "--config",
        config,
      ];
      const begun = daemon = new Daemon(command, log, { CLIENT_SECRET: "test-client-secret", ...env });
      for (const at of [ports.postgresql, port]) await waitForPort(at, 120_000, () => begun.obituary());
    },
  };
}

function configText({ folder, ports, dashboard }: Place, issuer: Issuer, options: NodesOptions): string {
  return `listen: { postgresql: "127.0.0.1:${ports.postgresql}", mysql: "127.0.0.1:${ports.mysql}" }
dashboard: { listen: "127.0.0.1:${dashboard}", url: "http://127.0.0.1:${dashboard}", limits: ${dashboardLimits} }
data: ${JSON.stringify(`${folder}/data`)}
store: { url: { env: STORE_URL }, nodeTimeout: ${options.nodeTimeout} }
identity: { issuer: "${issuer.url}", clientId: postern, clientSecret: { env: CLIENT_SECRET }, groupsClaim: groups }
roles: { approver: [db-approvers], auditor: [auditors], admin: [] }
limits: { sessionsPerPerson: 100 }
targets:
${options.targets}
${options.sections ?? ""}
`;
}
