/**
 * `deno run -A tests/soak/held.ts [--idle 2000] [--busy 200] [--seconds 60] [--pace 1000]`: that many connections are
 * held at once in front of PostgreSQL by one Postern in a process of its own, signed in by tokens. Prints its memory,
 * the latency of the busy ones' statements, and every error.
 */
import { parseArgs } from "node:util";
import pg from "pg";
import { ensureBundle } from "../../ui/bundle.ts";
import { Daemon } from "../support/daemons.ts";
import { devin, targetYaml } from "../support/gateway.ts";
import { startIssuer } from "../support/issuer.ts";
import { freePort, waitForPort } from "../support/ports.ts";
import { startPostgresql } from "../support/postgresql.ts";

const { values } = parseArgs({
  options: {
    idle: { type: "string", default: "2000" },
    busy: { type: "string", default: "200" },
    seconds: { type: "string", default: "60" },
    pace: { type: "string", default: "1000" },
  },
});
const [idle, busy, seconds, paceMs] = [values.idle, values.busy, values.seconds, values.pace].map(Number) as [
  number,
  number,
  number,
  number,
];
/** Sign-ins at a time while the connections are made. */
const atOnce = 20;

const most = String(idle + busy + 50);
const target = await startPostgresql({
  settings: { max_connections: most, shared_buffers: "64MB" },
  sql:
    "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 1000) i",
});
const issuer = await startIssuer({
  people: [devin],
  clients: [{ id: "postern", secret: "s", redirectUris: ["http://127.0.0.1:1/auth/callback"] }],
});
const [port, dashboard] = [freePort(), freePort()];
const folder = await Deno.makeTempDir({ prefix: "postern-held-" });
await ensureBundle();
await Deno.writeTextFile(
  `${folder}/postern.yaml`,
  `listen: { postgresql: "127.0.0.1:${port}", limits: { connections: ${most}, connectionsPerAddress: ${most} } }
dashboard: { listen: "127.0.0.1:${dashboard}", url: "http://127.0.0.1:${dashboard}" }
data: ./data
identity: { issuer: "${issuer.url}", clientId: postern, clientSecret: { env: CLIENT_SECRET }, groupsClaim: groups }
roles: { approver: [db-approvers] }
limits: { sessionsPerPerson: ${most} }
targets:
${targetYaml("orders", "postgresql", target)}
`,
);
const main = new URL("../../main.ts", import.meta.url).pathname;
const env = { CLIENT_SECRET: "s", TARGET_PASSWORD: target.password };
const command = [Deno.execPath(), "run", "-A", "--no-check", main, "serve", "--config"];
const postern = new Daemon([...command, `${folder}/postern.yaml`], `${folder}/log`, env);

const residentMiB = (): number =>
  Math.round(
    Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${postern.pid}/status`))?.[1]) / 1024,
  );
const say = (what: string) => console.log(`${what}: Postern resident ${residentMiB()} MiB`);
const problems = new Map<string, number>();
const failed = (error: unknown) => {
  const words = String(error).slice(0, 120);
  problems.set(words, (problems.get(words) ?? 0) + 1);
};

async function connected(): Promise<pg.Client | null> {
  const password = issuer.signToken(issuer.claimsOf(devin.email, "postern"));
  const client = new pg.Client({ host: "127.0.0.1", port, user: "token", database: "orders", password });
  client.on("error", failed);
  try {
    await client.connect();
    return client;
  } catch (error) {
    failed(error);
    return null;
  }
}

async function crowd(count: number): Promise<pg.Client[]> {
  const all: pg.Client[] = [];
  let left = count;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left-- > 0) {
      const client = await connected();
      if (client !== null) all.push(client);
    }
  }));
  return all;
}

const latencies: number[] = [];

async function work(client: pg.Client, until: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * paceMs));
  while (Date.now() < until) {
    const began = performance.now();
    await client.query("SELECT name FROM t WHERE id = $1", [1 + Math.floor(Math.random() * 1000)]).then(
      () => latencies.push(performance.now() - began),
      failed,
    );
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * paceMs));
  }
}

try {
  for (const one of [dashboard, port]) await waitForPort(one, 120_000, () => postern.obituary());
  await (await connected())?.end();
  say("before");
  const resting = await crowd(idle);
  say(`${resting.length} idle connections`);
  const working = await crowd(busy);
  say(`${working.length} more, busy from now on`);
  const timer = setInterval(() => say(`${latencies.length} statements`), 10_000);
  const until = Date.now() + seconds * 1000;
  await Promise.all(working.map((client) => work(client, until)));
  clearInterval(timer);
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => `${(sorted[Math.floor(sorted.length * share)] ?? NaN).toFixed(1)} ms`;
  say(`${latencies.length} statements in ${seconds} s; p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}`);
  let alive = 0;
  for (const client of resting) await client.query("SELECT 1").then(() => alive++, failed);
  console.log(`idle connections that still answer: ${alive} of ${resting.length}`);
  await Promise.all([...resting, ...working].map((client) => client.end().catch(failed)));
  say("all closed");
  console.log(`errors: ${problems.size === 0 ? "none" : JSON.stringify([...problems])}`);
} finally {
  await postern.stop("SIGTERM");
  await issuer.close();
  await target.close();
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(problems.size === 0 ? 0 : 1);
