/**
 * Clients of both protocols that send marked statements to a Postern in a process of its own, and what the targets'
 * own logs and the record have of them afterwards.
 */
import assert from "node:assert/strict";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { openJournal } from "../../policy/store/journal.ts";
import { verifyLines } from "../../policy/audit/verify.ts";
import { ensureBundle } from "../../ui/bundle.ts";
import { Daemon } from "./daemons.ts";
import { ada, DashboardUser, devin, targetYaml } from "./gateway.ts";
import { signInByHttp } from "./http_browser.ts";
import { type Issuer, type IssuerOptions, startIssuer } from "./issuer.ts";
import { type Mariadb, startMariadb } from "./mariadb.ts";
import { freePort, waitForPort } from "./ports.ts";
import { type Postgresql, startPostgresql } from "./postgresql.ts";

export const clientsEach = 4;

export interface Lab {
  readonly orders: Postgresql;
  readonly shop: Mariadb;
  readonly issuer: Issuer;
  readonly issuerOptions: IssuerOptions;
  readonly run: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly ports: { readonly postgresql: number; readonly mysql: number; readonly dashboard: number };
}

/** How a lab differs from the usual one. */
export interface LabOptions {
  /** The port that Postern is given for a target. */
  readonly through?: (port: number) => number | Promise<number>;
  /** YAML: rules, and whole sections. */
  readonly rules?: string;
  readonly sections?: string;
  /** Further arguments of `deno run`. */
  readonly run?: readonly string[];
  /** Further environment of Postern's. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function withLab(
  data: string,
  body: (lab: Lab) => Promise<void>,
  options: LabOptions = {},
): Promise<void> {
  const { through = (port) => port, rules = "", sections = "", run = [], env = {} } = options;
  const ports = { postgresql: freePort(), mysql: freePort(), dashboard: freePort() };
  const sql = "CREATE TABLE marks (mark varchar(60) PRIMARY KEY, filler text)";
  const orders = await startPostgresql({ logStatements: true, sql });
  const shop = await startMariadb({ logStatements: true, sql });
  const issuerOptions: IssuerOptions = {
    people: [devin, ada],
    clients: [{
      id: "postern",
      secret: "test-client-secret",
      redirectUris: [`http://127.0.0.1:${ports.dashboard}/auth/callback`],
    }],
  };
  const issuer = await startIssuer(issuerOptions);
  const folder = await Deno.makeTempDir({ prefix: "postern-proof-" });
  try {
    await ensureBundle();
    await Deno.writeTextFile(
      `${folder}/postern.yaml`,
      `listen: { postgresql: "127.0.0.1:${ports.postgresql}", mysql: "127.0.0.1:${ports.mysql}" }
dashboard: { listen: "127.0.0.1:${ports.dashboard}", url: "http://127.0.0.1:${ports.dashboard}" }
data: ${JSON.stringify(data)}
identity: { issuer: "${issuer.url}", clientId: postern, clientSecret: { env: CLIENT_SECRET }, groupsClaim: groups }
limits: { sessionsPerPerson: 1000, oneTimePasswordsPerPerson: 1000 }
${sections}
rules:
${rules}
  - { name: everything, what: { kinds: [read, write, session, transaction] }, then: allow }
targets:
${targetYaml("orders", "postgresql", { ...orders, port: await through(orders.port) })}
${
        targetYaml("shop", "mysql", { ...shop, port: await through(shop.port) }).replace(
          "TARGET_PASSWORD",
          "SHOP_PASSWORD",
        )
      }
`,
    );
    await body({ orders, shop, issuer, issuerOptions, folder, ports, run, env });
  } finally {
    await Promise.all([orders.close(), shop.close(), issuer.close()]);
    await Deno.remove(folder, { recursive: true });
  }
}

export async function startPostern({ folder, ports, orders, shop, run, env }: Lab): Promise<Daemon> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const daemon = new Daemon(
    [Deno.execPath(), "run", "-A", "--no-check", ...run, main, "serve", "--config", `${folder}/postern.yaml`],
    `${folder}/log`,
    {
      CLIENT_SECRET: "test-client-secret",
      TARGET_PASSWORD: orders.password,
      SHOP_PASSWORD: shop.password,
      ...env,
    },
  );
  for (const port of [ports.postgresql, ports.mysql, ports.dashboard]) {
    await waitForPort(port, 120_000, () => daemon.obituary());
  }
  return daemon;
}

/** What clients did in one life of Postern. */
export interface Load {
  /** Statements that were answered, and that were refused because they could not be recorded. */
  answered: number;
  refused: number;
  /** Resolves when some were answered, rejects where none can be. */
  readonly begun: Promise<void>;
  /** Resolves when every client has lost its connection. */
  readonly over: Promise<void>;
}

type Run = (text: string) => Promise<unknown>;

/** A client that sends one marked statement after another until its connection is gone or `enough` says so. */
async function hammer(
  run: Run,
  name: string,
  load: Load,
  begin: () => void,
  enough: () => boolean,
): Promise<void> {
  for (let i = 0; !enough(); i++) {
    const mark = `mark-${name}-${i}`;
    const text = i % 3 === 0
      ? `INSERT INTO marks (mark) VALUES ('${mark}')`
      : `SELECT count(*), '${mark}' FROM marks WHERE mark = 'x'`;
    try {
      await run(text);
      if (++load.answered >= 5) begin();
    } catch (error) {
      if (/disk of the session store is full/.test(String(error))) load.refused++;
      else return;
    }
  }
}

/** A one-time password for a target, as the dashboard gives it out. */
export async function password(
  user: DashboardUser,
  target: string,
): Promise<{ user: string; password: string }> {
  const page = await user.post(`/api/targets/${target}/password`, {});
  assert.equal(page.status, 200, page.text);
  const { user: name, password } = JSON.parse(page.text);
  return { user: name, password };
}

export async function postgresClient({ ports }: Lab, user: DashboardUser): Promise<Run> {
  const given = await password(user, "orders");
  const client = new pg.Client({ host: "127.0.0.1", port: ports.postgresql, database: "orders", ...given });
  client.on("error", () => {});
  await client.connect();
  let n = 0;
  // Every other one by the extended protocol.
  return (text) =>
    n++ % 2 === 0
      ? client.query(text)
      : client.query(text.replace("= 'x'", "= $1"), text.includes("= 'x'") ? ["x"] : []);
}

export async function mysqlClient({ ports }: Lab, user: DashboardUser): Promise<Run> {
  const given = await password(user, "shop");
  const connection = await createConnection({
    host: "127.0.0.1",
    port: ports.mysql,
    database: "shop",
    ...given,
  });
  connection.on("error", () => {});
  return (text) => connection.query(text);
}

export async function startLoad(lab: Lab, life: number, enough: () => boolean): Promise<Load> {
  const base = `http://127.0.0.1:${lab.ports.dashboard}`;
  // A connection that is kept alive may still be one to the process that was killed.
  const signIn = () => signInByHttp(`${base}/auth/login?next=/`, devin.email);
  const { browser } = await signIn().catch(signIn).catch(signIn);
  const user = new DashboardUser(browser, base);
  const runs: [string, Run][] = [];
  for (let i = 0; i < clientsEach; i++) {
    runs.push([`pg-${life}-${i}`, await postgresClient(lab, user)], [
      `my-${life}-${i}`,
      await mysqlClient(lab, user),
    ]);
  }
  const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
  const load: Load = { answered: 0, refused: 0, begun, over: Promise.resolve() };
  const clients = runs.map(([name, run]) => hammer(run, name, load, resolve, enough));
  const over = Promise.all(clients).then(() => reject(new Error("no client got an answer")));
  begun.catch(() => {});
  return Object.assign(load, { over });
}

export const marksIn = (text: string): Set<string> => new Set(text.match(/mark-(?:pg|my)-\d+-\d+-\d+/g));

/** Everything that reached a target, once nobody talks to it any more. */
export async function loggedMarks({ orders, shop }: Lab): Promise<Set<string>> {
  for (let left = 600;; left--) {
    const rows = await orders.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    const [{ n }] = await shop.query(
      "SELECT count(*) AS n FROM information_schema.processlist WHERE user = 'app'",
      { root: true },
    ) as [{ n: bigint }];
    if (rows[0]?.n === 0 && Number(n) === 0) break;
    if (left === 0) throw new Error("the targets' sessions do not end");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return marksIn(await orders.readLog() + await Deno.readTextFile(shop.generalLog));
}

/** The forwarded statements of the record, whose chain must be whole. `url` where the record is not in the folder. */
export async function recordedMarks(data: string, url?: string): Promise<Set<string>> {
  const journal = await openJournal({ folder: data, ...(url === undefined ? {} : { url }) });
  try {
    const found = new Set<string>();
    for await (const event of journal.export({ types: ["statement.judged"] })) {
      if (event.data.forwarded === true) {
        for (const mark of marksIn(String(event.data.text))) found.add(mark);
      }
    }
    const verified = await verifyLines(withoutBreaks(journal.lines({})));
    assert.equal(verified.ok, true, verified.ok ? "" : `line ${verified.line}: ${verified.problem}`);
    return found;
  } finally {
    await journal.close();
  }
}

async function* withoutBreaks(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) yield line.slice(0, -1);
}

export function compared(ran: ReadonlySet<string>, recorded: ReadonlySet<string>): void {
  const lost = [...ran].filter((mark) => !recorded.has(mark));
  const only = [...recorded].filter((mark) => !ran.has(mark));
  console.log(
    `    ran on the targets: ${ran.size} (PostgreSQL ${
      [...ran].filter((mark) => mark.startsWith("mark-pg")).length
    }), ` +
      `of these not recorded: ${lost.length}; recorded and killed before they ran: ${only.length}`,
  );
  assert.deepEqual(lost.slice(0, 10), [], "statements ran without their event");
}

export async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let left = 2400; !condition(); left--) {
    if (left === 0) throw new Error(`this did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
