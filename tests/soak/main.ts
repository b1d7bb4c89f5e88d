/**
 * `deno task soak [--minutes 30] [--clients 50] [--pace 100]`: a whole gateway in front of PostgreSQL and MariaDB,
 * under clients that do everything for that long. Prints the gateway's memory every half minute; fails where
 * a client saw something wrong, memory grew, or a socket was left behind. `--pace` is the longest pause
 * between a client's statements, in milliseconds.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { devin, startTestGateway, targetYaml, type TestGateway } from "../support/gateway.ts";
import { startMariadb } from "../support/mariadb.ts";
import { liveBytes } from "../support/memory.ts";
import { startPostgresql } from "../support/postgresql.ts";

export interface SoakOptions {
  readonly seconds: number;
  readonly clients: number;
  readonly paceMs: number;
  readonly sampleSeconds: number;
  readonly report: (line: string) => void;
}

export interface SoakResult {
  readonly statements: number;
  readonly connections: number;
  readonly problems: readonly string[];
  /** Bytes in use after a collection, and resident, at each sample. */
  readonly samples: readonly Sample[];
  /** To the gateway and to the targets, once every client had gone. */
  readonly connectionsLeft: number;
}

interface Sample {
  readonly live: number;
  readonly resident: number;
  readonly open: number;
}

const megabyte = 1_048_576;
const table = (auto: string, text: string) =>
  `CREATE TABLE customers (id int PRIMARY KEY, name ${text}, ssn ${text});
   CREATE TABLE notes (id ${auto}, body ${text});`;
const rows = Array.from({ length: 100 }, (_, at) => `(${at + 1}, 'name ${at}', '078-05-${1000 + at}')`);
const filled = `INSERT INTO customers VALUES ${rows.join(", ")};`;
const sections = `masks:
  - columns: ["*.customers.ssn"]
    mask: { kind: partial, keepLast: 4 }
limits: { sessionsPerPerson: 1000 }
rules:
  - name: notes-may-be-written
    what: { kinds: [read, session, transaction] }
    then: allow
  - name: inserts
    what: { kinds: [write], tables: ["*.notes"] }
    then: allow
`;

/** TCP connections of this machine with one of these ports at either end. */
function connectionsOpen(ports: readonly number[]): number {
  const wanted = new Set(ports.map((port) => port.toString(16).toUpperCase().padStart(4, "0")));
  const [listening, timeWait] = ["0A", "06"];
  return Deno.readTextFileSync("/proc/net/tcp").trim().split("\n").slice(1).filter((line) => {
    const [, local = "", remote = "", state = ""] = line.trim().split(/\s+/);
    if (state === listening || state === timeWait) return false;
    return [local, remote].some((end) => wanted.has(end.split(":")[1] ?? ""));
  }).length;
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const postgresql = await startPostgresql({ sql: table("serial PRIMARY KEY", "text") + filled });
  const mariadb = await startMariadb({
    sql: table("INT AUTO_INCREMENT PRIMARY KEY", "VARCHAR(200)") + filled,
  });
  const gateway = await startTestGateway({
    targets: targetYaml("demo", "postgresql", postgresql) +
      targetYaml("shop", "mysql", mariadb).replace("TARGET_PASSWORD", "SHOP_PASSWORD"),
    env: { TARGET_PASSWORD: postgresql.password, SHOP_PASSWORD: mariadb.password },
    sections,
    listen: "  limits: { connectionsPerAddress: 400 }",
  });
  try {
    const ports = [gateway.ports.postgresql!, gateway.ports.mysql!, postgresql.port, mariadb.port];
    const { samples, said } = await underClients(gateway, ports, options);
    for (let tries = 0; tries < 400 && connectionsOpen(ports) > 0; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { statements, connections, problems } = said;
    return { statements, connections, problems, samples, connectionsLeft: connectionsOpen(ports) };
  } finally {
    await gateway.close();
    await mariadb.close();
    await postgresql.close();
  }
}

interface Said {
  readonly statements: number;
  readonly connections: number;
  readonly problems: string[];
}

async function underClients(gateway: TestGateway, ports: readonly number[], options: SoakOptions) {
  const { seconds, clients, paceMs, sampleSeconds, report } = options;
  const script = new URL("./clients.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, ...[seconds, clients, paceMs, ...ports.slice(0, 2)].map(String)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const user = await gateway.signIn(devin);
  const writer = child.stdin.getWriter();
  const samples: Sample[] = [];
  const started = Date.now();
  const sample = (): void => {
    const one = { live: liveBytes(), resident: Deno.memoryUsage().rss, open: connectionsOpen(ports) };
    samples.push(one);
    const [live, resident] = [one.live, one.resident].map((bytes) => Math.round(bytes / megabyte));
    report(
      `${
        Math.round((Date.now() - started) / 1000)
      } s: ${live} MB live, ${resident} MB resident, ${one.open} connections`,
    );
  };
  const timer = setInterval(sample, sampleSeconds * 1_000);
  let said: Said | null = null;
  let rest = "";
  try {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("done ")) said = JSON.parse(line.slice(5));
        const protocol = /^want (\w+)$/.exec(line)?.[1];
        if (protocol === undefined) continue;
        const target = protocol === "mysql" ? "shop" : "demo";
        const { status, text: answer } = await user.post(`/api/targets/${target}/password`, {});
        assert.equal(status, 200, answer);
        const issued = JSON.parse(answer) as { user: string; lines: { line: string }[] };
        const password = /(?:PGPASSWORD|MYSQL_PWD)=(\S+)/.exec(issued.lines[0]!.line)?.[1];
        const credentials = { user: issued.user, password, port: gateway.ports[protocol] };
        await writer.write(new TextEncoder().encode(`${JSON.stringify(credentials)}\n`));
      }
    }
  } finally {
    clearInterval(timer);
  }
  await child.status;
  assert.ok(said !== null, "the clients ended without their last line");
  return { samples, said };
}

/** Of a list's middle; the list is not empty. */
function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
}

/**
 * The last fifth against the second: growth in per cent of what is in use. The first fifth is warming up; of
 * fewer than ten samples nothing can be said, and they count as flat.
 */
export function growth(samples: readonly number[]): number {
  const fifth = Math.floor(samples.length / 5);
  if (fifth < 2) return 0;
  const early = median(samples.slice(fifth, 2 * fifth));
  return Math.round(100 * (median(samples.slice(-fifth)) - early) / early);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "30" },
      clients: { type: "string", default: "50" },
      pace: { type: "string", default: "100" },
    },
  });
  const result = await soak({
    seconds: Number(values.minutes) * 60,
    clients: Number(values.clients),
    paceMs: Number(values.pace),
    sampleSeconds: 30,
    report: console.log,
  });
  const { statements, connections, problems, samples } = result;
  const [live, resident] = [
    growth(samples.map((one) => one.live)),
    growth(samples.map((one) => one.resident)),
  ];
  console.log(`${statements} statements over ${connections} connections`);
  console.log(`growth from the second fifth to the last: ${live} % live, ${resident} % resident`);
  console.log(`connections left: ${result.connectionsLeft}`);
  for (const problem of problems) console.log(problem);
  const good = problems.length === 0 && live <= 10 && result.connectionsLeft === 0;
  console.log(good ? "the soak is clean" : "the soak FAILED");
  Deno.exit(good ? 0 : 1);
}
