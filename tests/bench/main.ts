/**
 * `deno task bench [--parts select,tpcb,connections,bulk,idle] [--seconds N] [--rounds N] [--clients 1,8,32,128] [--idle 200]
 * [--modes simple,extended,prepared] [--reads durable|batched] [--profile]`: PostgreSQL alone, behind PgBouncer
 * (session pooling), a bare relay of this runtime and Postern in turn, interleaved, in one run. Postern judges and records every statement,
 * durably before it forwards it unless `--reads batched`. Ratios are of the medians; the machine's noise is in the
 * minimum and maximum. CPU seconds are of the middle's whole process; Postern's has the issuer and this program in it.
 */
import { parseArgs } from "node:util";
import { runWell } from "../support/daemons.ts";
import { startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { type Postgresql, startPostgresql } from "../support/postgresql.ts";
import { required } from "../support/programs.ts";
import { bulk, prepareBulk } from "./bulk.ts";
import { threadTimes, usedBetween } from "./cpu.ts";
import { idleMemory } from "./idle.ts";
import { type Peer, startPgbouncer, startRelay } from "./peers.ts";
import { type Figures, type Load, pgbench, type Way } from "./pgbench.ts";
import { profiled } from "./profile.ts";
import { median, residentMiB } from "./stats.ts";

async function prepare(target: Postgresql): Promise<void> {
  const connection = `host=${target.host} port=${target.port} user=${target.user} dbname=${target.database}`;
  await runWell([required("pgbench"), "-i", "-q", "-s", "10", connection], {
    env: { PGPASSWORD: target.password },
  });
}

function print(what: string, { clients }: Load, results: ReadonlyMap<string, Figures[]>): void {
  const of = (name: string) => median((results.get(name) ?? []).map(({ tps }) => tps));
  for (const [name, figures] of results) {
    const all = figures.map(({ tps }) => tps);
    const cpu = figures.map(({ cpuSeconds }) => cpuSeconds).filter((one) => one !== null);
    console.log(
      [
        what.padEnd(18),
        `${clients}`.padStart(3),
        name.padEnd(9),
        `${median(all).toFixed(0)} tps`.padStart(10),
        `[${Math.min(...all).toFixed(0)}..${Math.max(...all).toFixed(0)}]`.padEnd(14),
        `p50 ${median(figures.map(({ p50Ms }) => p50Ms)).toFixed(3)}`,
        `p99 ${median(figures.map(({ p99Ms }) => p99Ms)).toFixed(3)} ms`,
        `${(of(name) / of("direct")).toFixed(2)} of direct`,
        `${(of(name) / of("pgbouncer")).toFixed(2)} of pgbouncer`,
        cpu.length === 0 ? "" : `${median(cpu).toFixed(0)} CPU s/million`,
      ].join("  "),
    );
  }
}

interface Plan {
  readonly clients: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly profile: boolean;
}

async function compared(what: string, load: Load, ways: readonly Way[], plan: Plan): Promise<void> {
  const results = new Map<string, Figures[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < plan.rounds; round++) {
    for (const way of ways) results.get(way.name)?.push(await pgbench(way, load));
  }
  print(what, load, results);
  const postern = ways.at(-1);
  if (!plan.profile || postern === undefined) return;
  const before = threadTimes();
  console.log(await profiled(async () => void await pgbench(postern, load)));
  console.log(usedBetween(before, threadTimes()));
}

const rules = `rules:
  - { name: bench, what: { kinds: [read, write, session, transaction, copy] }, then: allow }
masks:
  - { columns: ["*.big.ssn"], mask: { kind: partial, keepLast: 4 } }
  - { columns: ["*.big.mail"], mask: { kind: hash } }
  - { columns: ["*.big.phone"], mask: { kind: fixed, text: "***" } }
`;

function waysOf(
  target: Postgresql,
  { pgbouncer, relay }: Readonly<Record<"pgbouncer" | "relay", Peer>>,
  gateway: TestGateway,
): Way[] {
  const at = (port: number) => `host=127.0.0.1 port=${port} user=${target.user} dbname=${target.database}`;
  const { password } = target;
  return [
    { name: "direct", connection: at(target.port), password, pid: null },
    { name: "pgbouncer", connection: at(pgbouncer.port), password, pid: pgbouncer.pid },
    { name: "relay", connection: at(relay.port), password, pid: relay.pid },
    {
      name: "postern",
      connection: `host=127.0.0.1 port=${gateway.ports.postgresql} user=devin dbname=demo`,
      password: "",
      pid: "here",
      gateway,
    },
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      parts: { type: "string", default: "select,tpcb,connections,bulk,idle" },
      seconds: { type: "string", default: "4" },
      rounds: { type: "string", default: "3" },
      clients: { type: "string", default: "1,8,32" },
      modes: { type: "string", default: "simple,extended,prepared" },
      reads: { type: "string", default: "durable" },
      idle: { type: "string", default: "200" },
      profile: { type: "boolean", default: false },
    },
  });
  const parts = new Set(values.parts.split(","));
  const clients = values.clients.split(",").map(Number);
  const plan: Plan = {
    clients,
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    profile: values.profile,
  };
  const idle = Number(values.idle);
  const most = idle + 400;
  const target = await startPostgresql({ settings: { max_connections: String(most) } });
  await prepare(target);
  if (parts.has("bulk")) await prepareBulk(target);
  const pgbouncer = await startPgbouncer(target, 300);
  const relay = await startRelay(target);
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", target),
    sections: `limits: { sessionsPerPerson: ${most} }\naudit: { reads: ${values.reads} }\n${rules}`,
    listen: `  limits: { connections: ${most}, connectionsPerAddress: ${most} }`,
    env: { TARGET_PASSWORD: target.password },
  });
  try {
    const ways = waysOf(target, { pgbouncer, relay }, gateway);
    const { seconds } = plan;
    for (const mode of parts.has("select") ? values.modes.split(",") : []) {
      for (const count of clients) {
        await compared(`select ${mode}`, { script: ["-S"], mode, clients: count, seconds }, ways, plan);
      }
    }
    for (const count of parts.has("tpcb") ? clients : []) {
      const load = { script: ["-b", "tpcb-like"], mode: "simple", clients: count, seconds };
      await compared("tpcb-like", load, ways, plan);
    }
    if (parts.has("connections")) {
      const load = { script: ["-S"], mode: "simple", clients: 8, seconds, connects: true };
      await compared("connection each", load, ways, plan);
    }
    if (parts.has("bulk")) await bulk(ways, plan.rounds, plan.profile);
    if (parts.has("idle")) await idleMemory(ways.at(-1), gateway.ports.postgresql ?? 0, idle);
    console.log(`resident memory at the end: ${residentMiB()} MiB (gateway, store, issuer, this program)`);
  } finally {
    await gateway.close();
    await pgbouncer.close();
    await relay.close();
    await target.close();
  }
  Deno.exit(0);
}

await main();
