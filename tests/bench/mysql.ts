/**
 * `deno run -A tests/bench/mysql.ts [--seconds N] [--rounds N] [--clients 1,8,32] [--tests point_select,read_write] [--prepared auto,disable] [--reads durable|batched] [--bulk] [--profile]`:
 * sysbench against the target, HAProxy in TCP mode, a bare relay of this runtime and Postern in turn, interleaved, in one run. Postern judges and records
 * every statement; `--profile` tells what its threads and functions took of it. `--bulk` adds a result of a million rows, with and without a mask, through the stock client.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "../support/daemons.ts";
import { devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { type Mariadb, startMariadb } from "../support/mariadb.ts";
import { freePort } from "../support/ports.ts";
import { required } from "../support/programs.ts";
import { threadTimes, usedBetween } from "./cpu.ts";
import { type Peer, started, startRelay } from "./peers.ts";
import { profiled } from "./profile.ts";

interface Load {
  readonly test: string;
  readonly prepared: string;
  readonly clients: number;
  readonly seconds: number;
}

interface Way {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

async function startHaproxy(target: Mariadb): Promise<Peer> {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "postern-bench-" });
  const config = join(folder, "haproxy.cfg");
  await Deno.writeTextFile(
    config,
    `global
  maxconn 400
defaults
  mode tcp
  timeout connect 5s
  timeout client 5m
  timeout server 5m
listen target
  bind 127.0.0.1:${port}
  server target ${target.host}:${target.port}
`,
  );
  return await started(folder, [required("haproxy"), "-f", config], port);
}

/** Queries a second; what sysbench said where it failed. */
async function sysbench(way: Way, load: Load, command: "prepare" | "run"): Promise<number | string> {
  const { stdout, stderr } = await run([
    required("sysbench"),
    `oltp_${load.test}`,
    "--db-driver=mysql",
    "--mysql-host=127.0.0.1",
    `--mysql-port=${way.port}`,
    `--mysql-user=${way.user}`,
    `--mysql-password=${way.password}`,
    `--mysql-db=${way.database}`,
    "--mysql-ssl=off",
    "--tables=1",
    "--table-size=10000",
    `--threads=${load.clients}`,
    `--time=${load.seconds}`,
    `--db-ps-mode=${load.prepared}`,
    command,
  ], { timeoutMs: (load.seconds + 60) * 1000 });
  const found = /queries:\s+\d+\s+\(([\d.]+) per sec/.exec(stdout)?.[1];
  return found === undefined ? stdout + stderr : Number(found);
}

const linkIn = (text: string) => /http:\/\/127\.0\.0\.1:\d+\/connect\/[\w-]+/.exec(text)?.[0];

/** The bench is the person who opens the link that the first connection is refused with; the rest share it. */
async function throughPostern(gateway: TestGateway, way: Way, load: Load): Promise<number | string> {
  const first = await sysbench(way, { ...load, clients: 1, seconds: 1 }, "run");
  const link = typeof first === "string" ? linkIn(first) : undefined;
  if (link !== undefined) await (await gateway.signIn(devin)).confirm(link);
  return await sysbench(way, load, "run");
}

async function select(way: Way, sql: string): Promise<{ ms: number; stderr: string }> {
  const started = performance.now();
  const client = `${required("mariadb")} -h127.0.0.1 -P${way.port} -u${way.user} -D${way.database} --quick`;
  const { stderr } = await run(["/bin/sh", "-c", `${client} -e "${sql}" >/dev/null`], {
    env: { MYSQL_PWD: way.password },
    timeoutMs: 300_000,
  });
  return { ms: performance.now() - started, stderr };
}

async function bulk(
  gateway: TestGateway,
  ways: Readonly<Record<string, Way>>,
  rounds: number,
): Promise<void> {
  const statements = {
    "no mask": "SELECT id, name, note FROM big",
    "one mask": "SELECT id, ssn, note FROM big",
  };
  for (const [what, sql] of Object.entries(statements)) {
    for (const [name, way] of Object.entries(ways)) {
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        let result = await select(way, sql);
        const link = linkIn(result.stderr);
        if (link !== undefined) {
          await (await gateway.signIn(devin)).confirm(link);
          result = await select(way, sql);
        }
        if (result.stderr !== "") throw new Error(result.stderr);
        times.push(result.ms);
      }
      const shown = `${(median(times) / 1000).toFixed(2)} s for 1,000,000 rows`;
      console.log(["bulk", what, name.padEnd(8), shown].join("  "));
    }
  }
}

function print(load: Load, results: ReadonlyMap<string, number[]>): void {
  for (const [name, all] of results) {
    const of = (peer: string) => (median(all) / median(results.get(peer) ?? [])).toFixed(2);
    console.log(
      [
        `${load.test} ${load.prepared === "auto" ? "prepared" : "text"}`.padEnd(22),
        `${load.clients}`.padStart(3),
        name.padEnd(8),
        `${median(all).toFixed(0)} q/s`.padStart(11),
        `[${Math.min(...all).toFixed(0)}..${Math.max(...all).toFixed(0)}]`.padEnd(16),
        `${of("direct")} of direct`,
        `${of("haproxy")} of haproxy`,
      ].join("  "),
    );
  }
}

/** Once more through Postern, with what each thread took, and where the main one was. */
async function profile(gateway: TestGateway, postern: Way, load: Load): Promise<void> {
  const before = threadTimes();
  const perSecond = await throughPostern(gateway, postern, load);
  console.log(`${perSecond} q/s for ${load.seconds} s:`, usedBetween(before, threadTimes()));
  console.log(await profiled(async () => void await throughPostern(gateway, postern, load)));
}

const sections = (reads: string) =>
  `limits: { sessionsPerPerson: 400 }
audit: { reads: ${reads} }
rules:
  - { name: bench, what: { kinds: [read, write, session, transaction] }, then: allow }
masks:
  - { columns: ["*.big.ssn"], mask: { kind: partial, keepLast: 4 } }
`;

const bigTable = `CREATE TABLE big(id INT PRIMARY KEY, name VARCHAR(40), ssn VARCHAR(20), note VARCHAR(100));
INSERT INTO big SELECT seq, CONCAT('name', seq), CONCAT('900-11-', LPAD(seq MOD 10000, 4, '0')), REPEAT('n', 60)
  FROM seq_1_to_1000000`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "4" },
      rounds: { type: "string", default: "3" },
      clients: { type: "string", default: "1,8,32" },
      tests: { type: "string", default: "point_select,read_write" },
      prepared: { type: "string", default: "disable,auto" },
      reads: { type: "string", default: "durable" },
      bulk: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
    },
  });
  const target = await startMariadb({
    settings: { "max-connections": "400" },
    ...(values.bulk ? { sql: bigTable } : {}),
  });
  const haproxy = await startHaproxy(target);
  const relay = await startRelay(target);
  const direct: Way = { port: target.port, user: target.user, password: target.password, database: "app" };
  await sysbench(direct, { test: "point_select", prepared: "auto", clients: 1, seconds: 1 }, "prepare");
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "mysql", target),
    sections: sections(values.reads),
    listen: "  limits: { connectionsPerAddress: 400 }",
    env: { TARGET_PASSWORD: target.password },
  });
  const postern: Way = { port: gateway.ports.mysql ?? 0, user: "devin", password: "", database: "demo" };
  const ways = {
    direct,
    haproxy: { ...direct, port: haproxy.port },
    relay: { ...direct, port: relay.port },
    postern,
  };
  try {
    for (const test of values.tests.split(",").filter((one) => one !== "")) {
      for (const prepared of values.prepared.split(",")) {
        for (const clients of values.clients.split(",").map(Number)) {
          const load = { test, prepared, clients, seconds: Number(values.seconds) };
          const results = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
          for (let round = 0; round < Number(values.rounds); round++) {
            for (const [name, way] of Object.entries(ways)) {
              const measured = way === postern
                ? await throughPostern(gateway, way, load)
                : await sysbench(way, load, "run");
              if (typeof measured === "string") throw new Error(measured);
              results.get(name)?.push(measured);
            }
          }
          print(load, results);
          if (values.profile) await profile(gateway, postern, load);
        }
      }
    }
    if (values.bulk) await bulk(gateway, ways, Number(values.rounds));
    const { rss } = Deno.memoryUsage();
    console.log(
      `resident memory at the end: ${
        (rss / 2 ** 20).toFixed(0)
      } MiB (gateway, store, issuer and this program)`,
    );
  } finally {
    await gateway.close();
    await haproxy.close();
    await relay.close();
    await target.close();
  }
  Deno.exit(0);
}

await main();
