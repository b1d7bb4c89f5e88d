/** pgbench runs, with throughput, percentiles and the CPU time of what stands between it and the target. */
import { join } from "node:path";
import { devin, type TestGateway } from "../support/gateway.ts";
import { required } from "../support/programs.ts";
import { cpuSeconds, cpuSecondsOf } from "./cpu.ts";

export interface Load {
  /** Arguments that say what a transaction is: `-S`, `-b tpcb-like`. */
  readonly script: readonly string[];
  readonly mode: string;
  readonly clients: number;
  readonly seconds: number;
  /** A connection for each transaction. */
  readonly connects?: boolean;
}

export interface Figures {
  readonly tps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the middle, per million transactions; null for none. */
  readonly cpuSeconds: number | null;
}

export interface Way {
  readonly name: string;
  readonly connection: string;
  readonly password: string;
  /** Whose CPU time counts: a process, this one, or none. */
  readonly pid: number | "here" | null;
  /** Whoever opens the link that a first connection is shown. */
  readonly gateway?: TestGateway;
}

const cpuOf = ({ pid }: Way): number => pid === null ? 0 : pid === "here" ? cpuSeconds() : cpuSecondsOf(pid);

export async function pgbench(way: Way, load: Load): Promise<Figures> {
  const folder = await Deno.makeTempDir({ prefix: "postern-bench-" });
  try {
    const before = cpuOf(way);
    const { output, errors } = await spawned(way, load, join(folder, "log"));
    const used = cpuOf(way) - before;
    const tps = Number(/tps = ([\d.]+)/.exec(output)?.[1]);
    const done = Number(/actually processed: (\d+)/.exec(output)?.[1]);
    if (!(tps > 0)) throw new Error(`pgbench through ${way.name}: ${errors}${output}`);
    const times = await latencies(folder);
    const at = (share: number) => (times[Math.floor(times.length * share)] ?? NaN) / 1000;
    return {
      tps,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      cpuSeconds: way.pid === null ? null : used / done * 1e6,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function spawned(way: Way, load: Load, log: string): Promise<{ output: string; errors: string }> {
  const { script, mode, clients, seconds, connects = false } = load;
  return attended(way, required("pgbench"), [
    ...["-n", ...script, "-M", mode, "-c", `${clients}`, "-j", `${Math.min(2, clients)}`],
    ...["-T", `${seconds}`, "-l", `--log-prefix=${log}`, ...(connects ? ["-C"] : []), way.connection],
  ]);
}

/** Runs a client to its end, and opens the link that it is shown. */
async function attended(
  way: Way,
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ output: string; errors: string }> {
  const child = new Deno.Command(command, {
    args,
    env: { PGPASSWORD: way.password, ...env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let errors = "";
  const opened = new Set<string>();
  const watching = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      errors += text;
      const { gateway } = way;
      if (gateway === undefined) continue;
      const links = new Set(linksIn(errors)).difference(opened);
      for (const link of links) {
        opened.add(link);
        gateway.signIn(devin).then((user) => user.confirm(link));
      }
    }
  })();
  const output = await new Response(child.stdout).text();
  await watching;
  await child.status;
  return { output, errors };
}

/** Those that came whole: what follows a link is there, too. */
const linksIn = (text: string) => text.match(/http:\/\/127\.0\.0\.1:\d+\/connect\/[\w-]+(?=\s)/g) ?? [];

/** Microseconds of each transaction, in ascending order. */
async function latencies(folder: string): Promise<Float64Array> {
  const all: number[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    for (const line of (await Deno.readTextFile(join(folder, name))).split("\n")) {
      if (line !== "") all.push(Number(line.split(" ")[2]));
    }
  }
  return Float64Array.from(all).sort();
}

/**
 * Runs one SQL text by psql, its answer thrown away; gives the milliseconds from the end of the sign-in, which a
 * statement before it marks.
 */
export async function timed(way: Way, sql: string): Promise<number> {
  const command = `${required("psql")} -X -q -A -t -v ON_ERROR_STOP=1 -c 'SELECT 1' -c '\\! date +%s.%N' ` +
    `-c '\\o /dev/null' -c "$SQL" -c '\\o' -c '\\! date +%s.%N' "$AT"`;
  const { output, errors } = await attended(way, "/bin/sh", ["-c", command], {
    SQL: sql,
    AT: way.connection,
  });
  const times = output.split("\n").filter((line) => /^\d+\.\d+$/.test(line)).map(Number);
  const [from, to] = times;
  if (from === undefined || to === undefined) throw new Error(`psql through ${way.name}: ${errors}${output}`);
  return (to - from) * 1000;
}
