/**
 * `deno task bench [--seconds N] [--rounds N] [--clients 1,8,32] [--modes simple,prepared] [--reads durable|batched]`: pgbench select-only
 * against the target, PgBouncer (session pooling) and Postern in turn, interleaved, in one run. Postern judges,
 * and records every statement, durably before it forwards it unless `--reads batched`. Ratios are of the medians; the machine's noise is in
 * the minimum and maximum.
 */
import { parseArgs } from "node:util";
import { devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { runWell } from "../support/daemons.ts";
import { type Postgresql, startPostgresql } from "../support/postgresql.ts";
import { required } from "../support/programs.ts";
import { threadTimes, usedBetween } from "./cpu.ts";
import { startPgbouncer } from "./peers.ts";
import { profiled } from "./profile.ts";

interface Load {
  readonly mode: string;
  readonly clients: number;
  readonly seconds: number;
}

interface Figures {
  readonly tps: number;
  readonly latencyMs: number;
}

/** Runs pgbench; `onText` sees its standard error as it comes, for the sign-in link. */
async function pgbench(
  connection: string,
  password: string,
  load: Load,
  onText: (text: string) => void = () => {},
): Promise<Figures> {
  const { mode, clients, seconds } = load;
  const child = new Deno.Command(required("pgbench"), {
    args: [
      "-n",
      "-S",
      "-M",
      mode,
      "-c",
      `${clients}`,
      "-j",
      `${Math.min(2, clients)}`,
      "-T",
      `${seconds}`,
      connection,
    ],
    env: { PGPASSWORD: password },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let errors = "";
  const watching = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      errors += text;
      onText(errors);
    }
  })();
  const output = await new Response(child.stdout).text();
  await watching;
  const { code } = await child.status;
  const tps = Number(/tps = ([\d.]+)/.exec(output)?.[1]);
  const latencyMs = Number(/latency average = ([\d.]+)/.exec(output)?.[1]);
  if (code !== 0 || !Number.isFinite(tps)) throw new Error(`pgbench ended with ${code}: ${errors}${output}`);
  return { tps, latencyMs };
}

/** pgbench through Postern: the bench is the person who opens the link. */
function throughPostern(gateway: TestGateway, load: Load): Promise<Figures> {
  let confirmed = false;
  const connection = `host=127.0.0.1 port=${gateway.ports.postgresql} user=devin dbname=demo`;
  return pgbench(connection, "", load, (text) => {
    const link = /http:\/\/127\.0\.0\.1:\d+\/connect\/\S+/.exec(text)?.[0];
    if (confirmed || link === undefined) return;
    confirmed = true;
    gateway.signIn(devin).then((user) => user.confirm(link));
  });
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

async function prepare(target: Postgresql): Promise<void> {
  const connection = `host=${target.host} port=${target.port} user=${target.user} dbname=${target.database}`;
  await runWell([required("pgbench"), "-i", "-q", "-s", "10", connection], {
    env: { PGPASSWORD: target.password },
  });
}

function print(load: Load, results: ReadonlyMap<string, Figures[]>): void {
  const tpsOf = (name: string) => median((results.get(name) ?? []).map(({ tps }) => tps));
  for (const [name, figures] of results) {
    const all = figures.map(({ tps }) => tps);
    const latency = median(figures.map(({ latencyMs }) => latencyMs));
    console.log(
      [
        load.mode.padEnd(9),
        `${load.clients}`.padStart(3),
        name.padEnd(10),
        `${median(all).toFixed(0)} tps`.padStart(11),
        `[${Math.min(...all).toFixed(0)}..${Math.max(...all).toFixed(0)}]`.padEnd(16),
        `${latency.toFixed(3)} ms`.padStart(10),
        `${(tpsOf(name) / tpsOf("direct")).toFixed(2)} of direct`,
        `${(tpsOf(name) / tpsOf("pgbouncer")).toFixed(2)} of pgbouncer`,
      ].join("  "),
    );
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "4" },
      rounds: { type: "string", default: "3" },
      clients: { type: "string", default: "1,8,32" },
      modes: { type: "string", default: "simple,extended,prepared" },
      reads: { type: "string", default: "durable" },
      profile: { type: "boolean", default: false },
    },
  });
  const target = await startPostgresql({ settings: { max_connections: "400" } });
  await prepare(target);
  const pgbouncer = await startPgbouncer(target, 128);
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", target),
    sections: `limits: { sessionsPerPerson: 200 }\naudit: { reads: ${values.reads} }`,
    listen: "  limits: { connectionsPerAddress: 400 }",
    env: { TARGET_PASSWORD: target.password },
  });
  const at = (port: number) => `host=127.0.0.1 port=${port} user=${target.user} dbname=${target.database}`;
  const peers: Readonly<Record<string, (load: Load) => Promise<Figures>>> = {
    direct: (load) => pgbench(at(target.port), target.password, load),
    pgbouncer: (load) => pgbench(at(pgbouncer.port), target.password, load),
    postern: (load) => throughPostern(gateway, load),
  };
  try {
    for (const mode of values.modes.split(",")) {
      for (const clients of values.clients.split(",").map(Number)) {
        const load = { mode, clients, seconds: Number(values.seconds) };
        const results = new Map<string, Figures[]>(Object.keys(peers).map((name) => [name, []]));
        for (let round = 0; round < Number(values.rounds); round++) {
          for (const [name, run] of Object.entries(peers)) results.get(name)?.push(await run(load));
        }
        print(load, results);
        if (values.profile) {
          const before = threadTimes();
          console.log(await profiled(async () => void await throughPostern(gateway, load)));
          console.log(usedBetween(before, threadTimes()));
        }
      }
    }
    const { rss } = Deno.memoryUsage();
    console.log(
      `resident memory at the end: ${
        (rss / 2 ** 20).toFixed(0)
      } MiB (gateway, store, issuer and this program)`,
    );
  } finally {
    await gateway.close();
    await pgbouncer.close();
    await target.close();
  }
  Deno.exit(0);
}

await main();
