/**
 * Compiles Postern into one binary that holds only what runs: without the packages of the tests, and without
 * the source maps and other dialects' grammars of the SQL parser, it is less than half as large.
 *
 *   deno task compile                                     dist/postern for this machine
 *   deno task compile --target aarch64-unknown-linux-gnu  further arguments go to `deno compile`
 *   deno task compile --with PROGRAM                      another program in the place of `deno compile`
 */
import { readdirSync } from "node:fs";

const root = new URL("../", import.meta.url).pathname;

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

/** The package's folder in Deno's cache, which is where a compiled binary's packages are taken from. */
async function cachedPackage(name: string): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const version = String(imports[name]).split("@").at(-1);
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  for (const registry of readdirSync(npmCache)) {
    const folder = `${npmCache}/${registry}/${name}/${version}`;
    if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  }
  throw new Error(`${name} ${version} is not in ${npmCache}: run \`deno install\` first`);
}

/** Everything in it that policy/sql/ does not import. */
async function unusedGrammars(): Promise<string[]> {
  const folder = await cachedPackage("node-sql-parser");
  const used = new Set(["mysql.js", "mariadb.js"]);
  const grammars = readdirSync(`${folder}/build`).filter((file) => !used.has(file));
  return ["umd", "index.js", "index.js.map", ...grammars.map((file) => `build/${file}`)].map((path) =>
    `${folder}/${path}`
  );
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
      ...(await unusedGrammars()).flatMap((path) => ["--exclude", path]),
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
  return code;
}

Deno.exit(await main());
