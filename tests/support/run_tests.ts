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
   * `threads`: one process runs all files, on all cores. `processes`: each file has a process of its own, as many
   * at a time as there are cores; for files that start servers, watch the process itself, or wait a lot.
   */
  readonly runs: "threads" | "processes";
}

const sets: Readonly<Record<string, TestSet>> = {
  unit: { paths: ["tests/architecture_test.ts", "tests/unit"], runs: "threads" },
  fuzz: { paths: ["tests/fuzz"], runs: "threads" },
  integration: { paths: ["tests/integration"], runs: "processes" },
  e2e: { paths: ["tests/e2e"], runs: "processes" },
};

/** Those that take longest begin first, so that nothing waits for one of them at the end. */
const longest = [
  "tests/e2e/dashboard_looks_test.ts",
  "tests/integration/two_nodes_test.ts",
  "tests/integration/ephemeral_accounts_test.ts",
  "tests/integration/store_nodes_test.ts",
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

/** One `deno test`. What it prints is shown as it comes, or as a whole at its end, so that two do not mix. */
async function runProcess(args: readonly string[], show: "live" | "whole", tally: Tally): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", ...args],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => {
    console.error(`\nThe tests took longer than ${processTimeoutMs / 60_000} minutes and were ended.`);
    child.kill("SIGKILL");
  }, processTimeoutMs);
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
  clearTimeout(timer);
  if (show === "whole") process.stdout.write(output.all);
  count(stripVTControlCharacters(output.out), code, tally);
}

async function runSets(chosen: readonly TestSet[], more: readonly string[], tally: Tally): Promise<void> {
  for (const set of chosen.filter(({ runs }) => runs === "threads")) {
    const files = set.paths.filter(hasTests).flatMap(filesIn);
    if (files.length > 0) await runProcess(["--parallel", ...more, ...files], "live", tally);
  }
  const waiting = chosen.filter(({ runs }) => runs === "processes")
    .flatMap(({ paths }) => paths.filter(hasTests).flatMap(filesIn));
  const queue = [
    ...longest.filter((file) => waiting.includes(file)),
    ...waiting.filter((file) => !longest.includes(file)),
  ];
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      await runProcess([...more, file], "whole", tally);
    }
  }));
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
  await runSets(chosen, more, tally);
  if (tally.reasons.size > 0) console.log("\nSkipped, because something is not on this machine:");
  for (const [reason, tests] of tally.reasons) console.log(`  ${tests} × ${reason}`);
  if (tally.failures.length > 0) console.log("\nFailed:");
  for (const failure of tally.failures) console.log(`  ${failure}`);
  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : "";
  console.log(`\n${tally.passed} passed, ${tally.failed} failed${skipped}`);
  return tally.failed > 0 || tally.passed === 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
