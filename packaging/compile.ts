/**
 * Compiles Postern into one binary that holds only what it needs at run time: `deno compile` alone would put
 * every package of deno.json into it, those of the tests too (264 MB instead of 120, and a slower start).
 *
 *   deno task compile                                     dist/postern for this machine
 *   deno task compile --target aarch64-unknown-linux-gnu  further arguments go to `deno compile`
 *   deno task compile --with PROGRAM                      another program in the place of `deno compile`
 */
const root = new URL("../", import.meta.url).pathname;
const configFile = `${root}dist/compile.json`;
const lockFile = `${root}dist/compile.lock`;

interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly dependencies?: readonly Dependency[] }[];
}

interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout } = await new Deno.Command(command, { args: [...args], cwd: root, stderr: "inherit" })
    .output();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
  return new TextDecoder().decode(stdout);
}

/** What runs: the packages by bare name, and the workers, which no import leads to. */
async function needs(
  entry: string,
  seen = new Set<string>(),
): Promise<{ names: Set<string>; workers: Set<string> }> {
  seen.add(entry);
  const graph: Graph = JSON.parse(await output(Deno.execPath(), ["info", "--json", entry]));
  const names = new Set<string>();
  const workers = new Set<string>();
  for (const module of graph.modules.filter(({ specifier }) => specifier.startsWith("file://"))) {
    for (const { specifier, code } of module.dependencies ?? []) {
      if (code?.specifier?.startsWith("npm:")) names.add(specifier);
    }
    const source = await Deno.readTextFile(new URL(module.specifier));
    for (const [, path = ""] of source.matchAll(/new Worker\(\s*new URL\("([^"]+)"/g)) {
      workers.add(new URL(path, module.specifier).pathname.replace(root, ""));
    }
  }
  for (const worker of [...workers].filter((path) => !seen.has(path))) {
    const more = await needs(worker, seen);
    more.names.forEach((name) => names.add(name));
    more.workers.forEach((path) => workers.add(path));
  }
  return { names, workers };
}

/** deno.json without the packages that nothing at run time imports; the lock's checksums still hold. */
async function writeConfig(names: ReadonlySet<string>): Promise<void> {
  const { imports, compilerOptions } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const isNeeded = (pin: string) => [...names].some((name) => name === pin || name.startsWith(`${pin}/`));
  const kept = Object.entries(imports).filter(([pin]) => isNeeded(pin));
  await Deno.mkdir(`${root}dist`, { recursive: true });
  await Deno.writeTextFile(
    configFile,
    JSON.stringify({ imports: Object.fromEntries(kept), compilerOptions, nodeModulesDir: "none" }, null, 2),
  );
  await Deno.copyFile(`${root}deno.lock`, lockFile);
}

async function main(): Promise<number> {
  const more = [...Deno.args];
  const take = (name: string): string | undefined => {
    const at = more.indexOf(name);
    return at < 0 ? undefined : more.splice(at, 2)[1];
  };
  const other = take("--with");
  const binary = take("--output") ?? "dist/postern";
  const { names, workers } = await needs("main.ts");
  await writeConfig(names);
  const { code } = await new Deno.Command(other ?? Deno.execPath(), {
    args: [
      ...(other === undefined ? ["compile"] : []),
      ...["--allow-all", "--no-check", "--config", configFile, "--lock", lockFile, "--output", binary],
      ...["ui/dist", ...workers].flatMap((path) => ["--include", path]),
      ...more,
      "main.ts",
    ],
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return code;
}

Deno.exit(await main());
