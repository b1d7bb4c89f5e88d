/**
 * Runs the test sets that deno.json's tasks name: `unit`, `integration`, `e2e`, `fuzz`, or `all` of them;
 * further arguments go to `deno test` (`deno task test:unit --filter wire`). Says at the end what was
 * skipped and why, and what failed; the last line is `N passed, N failed` (with `, N skipped` where some were).
 */
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";

interface TestSet {
  readonly paths: readonly string[];
  /**
   * `threads`: one process runs all files, on all cores. `processes`: each file has a process of its own; for files
   * that start servers, watch the process itself, or wait a lot, so that there is one more at a time than cores.
   */
  readonly runs: "threads" | "processes";
}

const sets: Readonly<Record<string, TestSet>> = {
  unit: { paths: ["tests/architecture_test.ts", "tests/unit"], runs: "threads" },
  fuzz: { paths: ["tests/fuzz"], runs: "threads" },
  integration: { paths: ["tests/integration"], runs: "processes" },
  e2e: { paths: ["tests/e2e"], runs: "processes" },
};

/** Those that take longest begin first, so that nothing waits for one of them at the end: see what a run tells. */
const longest = [
  "tests/e2e/dashboard_looks_test.ts",
  "tests/integration/two_nodes_test.ts",
  "tests/integration/attacks_test.ts",
  "tests/integration/cli_sessions_test.ts",
  "tests/e2e/record_test.ts",
  "tests/integration/ephemeral_accounts_test.ts",
  "tests/e2e/dashboard_endures_test.ts",
  "tests/e2e/console_test.ts",
  "tests/integration/store_removal_test.ts",
  "tests/integration/store_half_open_test.ts",
  "tests/integration/chaos_test.ts",
  "tests/integration/postgres_session_test.ts",
  "tests/integration/postgres_faults_test.ts",
  "tests/integration/store_contract_test.ts",
  "tests/integration/store_nodes_test.ts",
  "tests/integration/access_test.ts",
  "tests/integration/durable_proof_test.ts",
];

const processTimeoutMs = 45 * 60_000;

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** `[reason, how many]` */
  readonly reasons: Map<string, number>;
  /** The names of tests that failed, with their files. */
  readonly failures: string[];
}

/** What one process took; CPU with its children's, null where it is not known. */
interface Spent {
  readonly what: string;
  readonly wallS: number;
  readonly cpuS: number | null;
}

const linux = Deno.build.os === "linux";

const root = new URL("../../", import.meta.url).pathname;

const testFile = /_(test|fuzz)\.tsx?$/;

function hasTests(path: string): boolean {
  if (!existsSync(root + path)) return false;
  if (testFile.test(path)) return true;
  return readdirSync(root + path, { recursive: true, encoding: "utf8" }).some((file) => testFile.test(file));
}

const filesIn = (path: string): string[] =>
  testFile.test(path) ? [path] : readdirSync(root + path, { recursive: true, encoding: "utf8" })
    .filter((file) => testFile.test(file)).map((file) => `${path}/${file}`).sort();

/** Adds what one output of `deno test` says: its summary line, and why tests were ignored. */
export function count(output: string, exitCode: number, tally: Tally): void {
  for (const [, reason = ""] of output.matchAll(/^.*?\[skipped: (.*)\] \.\.\. ignored/gm)) {
    tally.reasons.set(reason, (tally.reasons.get(reason) ?? 0) + 1);
  }
  tally.failures.push(...output.split(/^ FAILURES $/m)[1]?.match(/^.+ => .+$/gm) ?? []);
  const summary = [...output.matchAll(/^(?:ok|FAILED) \| (.*)$/gm)].at(-1)?.[1];
  const number = (what: string) => Number(summary?.match(new RegExp(`(\\d+) ${what}`))?.[1] ?? 0);
  tally.passed += number("passed");
  tally.skipped += number("ignored");
  // A run that dies without a summary, or fails in another way than by its tests, must not look green.
  tally.failed += Math.max(number("failed"), exitCode === 0 ? 0 : 1);
}

/** The shell's own count of what its children took: user and system, as in `0m1.25s 0m0.30s`. */
export function cpuSecondsOf(output: string): number | null {
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  const times = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/.exec(last)?.slice(1).map(Number);
  return times === undefined ? null : times[0]! * 60 + times[1]! + times[2]! * 60 + times[3]!;
}

/**
 * Each process compiles the databases and parsers that are WebAssembly for itself, and would go on to compile most of
 * them a second time, for speed that pays off after minutes: a tenth to a third of all the CPU of a test file.
 */
const quickToStart = { DENO_V8_FLAGS: "--liftoff-only" };

/** Its `$0` is the file to write to. */
const counted = '"$@"; code=$?; times >"$0"; exit $code';

/**
 * One `deno test`. What it prints is shown as it comes, or as a whole at its end, so that two do not mix. Gives the
 * CPU seconds that it and what it started took, null where this is not Linux.
 */
async function runProcess(
  args: readonly string[],
  show: "live" | "whole",
  tally: Tally,
): Promise<number | null> {
  const times = await Deno.makeTempFile({ prefix: "postern-times-" });
  const test = [Deno.execPath(), "test", "-A", "--no-check", ...args];
  const limited = ["timeout", "--foreground", "--signal=KILL", String(processTimeoutMs / 1000), ...test];
  const [program = "", ...words] = linux ? ["/bin/sh", "-c", counted, times, ...limited] : test;
  const child = new Deno.Command(program, {
    args: words,
    cwd: root,
    env: quickToStart,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = { out: "", all: "" };
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>, isOut: boolean) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      if (show === "live") process.stdout.write(chunk);
      output.all += chunk;
      if (isOut) output.out += chunk;
    }
  };
  await Promise.all([read(child.stdout, true), read(child.stderr, false)]);
  const { code } = await child.status;
  if (show === "whole") process.stdout.write(output.all);
  if (code === 137) {
    console.error(`\nKilled; tests may take ${processTimeoutMs / 60_000} minutes: ${args.at(-1)}`);
  }
  count(stripVTControlCharacters(output.out), code, tally);
  const said = await Deno.readTextFile(times);
  await Deno.remove(times);
  return cpuSecondsOf(said);
}

async function runSets(
  chosen: readonly TestSet[],
  more: readonly string[],
  tally: Tally,
): Promise<Spent[]> {
  const spent: Spent[] = [];
  const run = async (what: string, args: readonly string[], show: "live" | "whole") => {
    const start = performance.now();
    const cpuS = await runProcess(args, show, tally);
    spent.push({ what, wallS: (performance.now() - start) / 1000, cpuS });
  };
  const threads = chosen.filter(({ runs }) => runs === "threads").flatMap(({ paths }) =>
    paths.filter(hasTests)
  );
  // Together, so that no core waits for the end of one set before the next begins.
  if (threads.length > 0) {
    await run(threads.join(", "), ["--parallel", ...more, ...threads.flatMap(filesIn)], "live");
  }
  const waiting = chosen.filter(({ runs }) => runs === "processes")
    .flatMap(({ paths }) => paths.filter(hasTests).flatMap(filesIn));
  const queue = [
    ...longest.filter((file) => waiting.includes(file)),
    ...waiting.filter((file) => !longest.includes(file)),
  ];
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency + 1 }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      await run(file, [...more, file], "whole");
    }
  }));
  return spent;
}

/** Where the time went: what is worth making faster, and what must begin first. */
function tell(spent: readonly Spent[]): void {
  if (spent.length < 2) return;
  const cpuS = spent.reduce((sum, one) => sum + (one.cpuS ?? 0), 0);
  console.log(
    `\nSlowest of ${spent.length} (seconds by the clock, and of CPU; ${cpuS.toFixed(0)} of CPU in all):`,
  );
  for (const one of spent.toSorted((a, b) => b.wallS - a.wallS).slice(0, 25)) {
    console.log(
      `  ${one.wallS.toFixed(1).padStart(6)} ${(one.cpuS?.toFixed(1) ?? "?").padStart(6)}  ${one.what}`,
    );
  }
}

async function bundleDashboard(): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "bundle"],
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error("the dashboard cannot be bundled");
}

async function main(args: readonly string[]): Promise<number> {
  const [name = "all", ...more] = args;
  const chosen = name === "all" ? Object.values(sets) : sets[name] ? [sets[name]] : null;
  if (chosen === null) {
    console.error(`There is no test set "${name}"; there are ${Object.keys(sets).join(", ")} and all.`);
    return 2;
  }
  await bundleDashboard();
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, reasons: new Map(), failures: [] };
  tell(await runSets(chosen, more, tally));
  if (tally.reasons.size > 0) console.log("\nSkipped, because something is not on this machine:");
  for (const [reason, tests] of tally.reasons) console.log(`  ${tests} × ${reason}`);
  if (tally.failures.length > 0) console.log("\nFailed:");
  for (const failure of tally.failures) console.log(`  ${failure}`);
  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : "";
  console.log(`\n${tally.passed} passed, ${tally.failed} failed${skipped}`);
  return tally.failed > 0 || tally.passed === 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
