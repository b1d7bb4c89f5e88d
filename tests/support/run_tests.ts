/**
 * Runs the test sets that deno.json's tasks name: `unit`, `integration`, `e2e`, `fuzz`, or `all` of them;
 * further arguments go to `deno test` (`deno task test:unit --filter wire`). Says at the end what was
 * skipped and why; the last line is `N passed, N failed` (with `, N skipped` where some were).
 */
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";

interface TestSet {
  readonly paths: readonly string[];
  /** Its tests share nothing but the processor. */
  readonly parallel: boolean;
}

const sets: Readonly<Record<string, TestSet>> = {
  unit: { paths: ["tests/architecture_test.ts", "tests/unit"], parallel: true },
  fuzz: { paths: ["tests/fuzz"], parallel: true },
  integration: { paths: ["tests/integration"], parallel: false },
  e2e: { paths: ["tests/e2e"], parallel: false },
};

const setTimeoutMs = 45 * 60_000;

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** `[reason, how many]` */
  readonly reasons: Map<string, number>;
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
  const summary = [...output.matchAll(/^(?:ok|FAILED) \| (.*)$/gm)].at(-1)?.[1];
  const number = (what: string) => Number(summary?.match(new RegExp(`(\\d+) ${what}`))?.[1] ?? 0);
  tally.passed += number("passed");
  tally.skipped += number("ignored");
  // A run that dies without a summary, or fails in another way than by its tests, must not look green.
  tally.failed += Math.max(number("failed"), exitCode === 0 ? 0 : 1);
}

async function runSet(set: TestSet, more: readonly string[], tally: Tally): Promise<void> {
  const files = set.paths.filter(hasTests).flatMap(filesIn);
  if (files.length === 0) return;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", ...(set.parallel ? ["--parallel"] : []), ...more, ...files],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const timer = setTimeout(() => {
    console.error(`\nThe set took longer than ${setTimeoutMs / 60_000} minutes and was ended.`);
    child.kill("SIGKILL");
  }, setTimeoutMs);
  let output = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    process.stdout.write(chunk);
    output += chunk;
  }
  const { code } = await child.status;
  clearTimeout(timer);
  count(stripVTControlCharacters(output), code, tally);
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
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, reasons: new Map() };
  for (const set of chosen) await runSet(set, more, tally);
  if (tally.reasons.size > 0) console.log("\nSkipped, because something is not on this machine:");
  for (const [reason, tests] of tally.reasons) console.log(`  ${tests} × ${reason}`);
  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : "";
  console.log(`\n${tally.passed} passed, ${tally.failed} failed${skipped}`);
  return tally.failed > 0 || tally.passed === 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
