/**
 * Compiles Postern into one binary that holds only what runs: without the packages of the tests, and without
 * packages' source maps, types and second builds, and other dialects' grammars, it is less than half as large.
 *
 *   deno task compile                                     dist/postern for this machine
 *   deno task compile --target aarch64-unknown-linux-gnu  for another platform, whose runtime is then downloaded:
 *                                                         x86_64- and aarch64-apple-darwin, x86_64-pc-windows-msvc
 *   deno task compile --with PROGRAM                      another program in the place of `deno compile`
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/**
 * What the binary may do at all: no native libraries, and no program but the databases' own clients, which
 * `postern connect` starts, and the operator's own for secrets (policy/secret_command.ts). Which files and addresses it uses, the config says; the service unit narrows them.
 */
const permissions = [
  ...["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"],
  ...["--allow-run=psql,mysql,mariadb,postern-secret,postern-anchor", "--deny-ffi", "--no-prompt"],
];

/** What was built from what, beside the dashboard's files: no time of day, so that the same tree gives the same facts. */
async function writeBuildFacts(): Promise<void> {
  const git = async (...args: string[]): Promise<string> => {
    const asked = new Deno.Command("git", { args, cwd: root, stderr: "null" }).output();
    const { stdout } = await asked.catch(() => ({ stdout: new Uint8Array() }));
    return new TextDecoder().decode(stdout).trim();
  };
  const { version } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const [commit, committed, changes] = await Promise.all([
    git("rev-parse", "HEAD"),
    git("log", "-1", "--format=%cI"),
    git("status", "--porcelain"),
  ]);
  const facts = { version, commit: commit || "unknown", committed, changed: changes !== "" };
  await Deno.writeTextFile(`${root}ui/dist/build.json`, `${JSON.stringify(facts)}\n`);
}

/** Deno's own account of something, `deno info --json …`. */
async function info<T>(...about: string[]): Promise<T> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...about],
    cwd: root,
  })
    .output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Parts of packages that nothing here imports; the smoke test tells where that is no longer so. */
const unusedParts: Readonly<Record<string, readonly string[]>> = {
  "@opentelemetry/semantic-conventions": ["build/esnext"],
  bintrees: ["dist", "examples", "test"],
  "libphonenumber-js": ["bundle", "es6-modern"],
  "node-sql-parser": ["umd", "index.js"],
  zod: ["src"],
};

/** For people and editors, not for the program: maps, types, texts. Small ones are not worth an argument. */
const notToRun = /\.(map|md|flow)$|\.d\.[cm]?ts$/;
const smallBytes = 16 * 1024;

/** The grammars that policy/sql/ imports, of forty. */
const grammars = new Set(["mysql.js", "mariadb.js"]);

/** What is left out of the packages, in Deno's cache, which is where a compiled binary's packages are taken from. */
async function unusedFiles(): Promise<string[]> {
  const { npmCache } = await info<{ npmCache: string }>();
  const { npmPackages } = await info<{ npmPackages: Record<string, { name: string; version: string }> }>(
    "main.ts",
  );
  const unused: string[] = [];
  for (const registry of readdirSync(npmCache)) {
    for (const { name, version } of Object.values(npmPackages)) {
      const folder = join(npmCache, registry, name, version);
      if (!existsSync(folder)) continue;
      const parts = (unusedParts[name] ?? []).map((part) => join(folder, part));
      unused.push(...parts);
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (!entry.isFile() || parts.some((part) => path === part || path.startsWith(`${part}${sep}`))) {
          continue;
        }
        const grammar = name === "node-sql-parser" && entry.parentPath === join(folder, "build");
        const large = statSync(path).size > smallBytes;
        if (grammar ? !grammars.has(entry.name) : large && notToRun.test(entry.name)) unused.push(path);
      }
    }
  }
  if (unused.length === 0) throw new Error(`no packages are in ${npmCache}: run \`deno install\` first`);
  return unused;
}

async function main(): Promise<number> {
  const more = [...Deno.args];
  const at = more.indexOf("--with");
  await writeBuildFacts();
  const other = at < 0 ? undefined : more.splice(at, 2)[1];
  const { code } = await new Deno.Command(other ?? Deno.execPath(), {
    args: [
      ...(other === undefined ? ["compile"] : []),
      ...permissions,
      // The binary's own log level, too: else it speaks at every start of the programs above that are not there.
      "--quiet",
      ...["--no-check", "--frozen", "--node-modules-dir=none", "--exclude-unused-npm"],
      ...[
        "--include",
        "ui/dist",
        "--include",
        "ui/cli/help",
        "--include",
        "policy/store/worker.ts",
        "--include",
        "policy/sql/worker.ts",
      ],
      ...(await unusedFiles()).flatMap((path) => ["--exclude", path]),
      ...(more.includes("--output") ? [] : ["--output", "dist/postern"]),
      ...more,
      "main.ts",
    ],
    cwd: root,
    // The compiler walks the graph of modules by recursion, deeper than its threads' usual 2 MB of stack.
    env: { RUST_MIN_STACK: String(64 * 1024 * 1024) },
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0 && other === undefined && more.includes("--target")) {
    console.error(
      "\nThe runtime of another platform is downloaded from dl.deno.land: where that cannot be reached, compile " +
        "on a machine of that platform, or put the denort of this Deno's version there into DENORT_BIN",
    );
  }
  return code;
}

Deno.exit(await main());
