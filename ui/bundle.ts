/**
 * Bundles the dashboard's app into ui/dist: the script that the first page needs and one for each heavier
 * screen, a style sheet, the icon and the page, with the files' names made from their content, and a manifest
 * that says which is which; each file also as it is sent to browsers, compressed.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { distFolder } from "./api/assets.ts";

/** What the scripts of the first page may weigh on the wire, all together. */
export const GZIPPED_SCRIPT_BYTES_MAX = 60_000;

const appFolder = join(import.meta.dirname!, "app");
const config = join(import.meta.dirname!, "..", "deno.json");

/** In the order in which they apply. */
const styleSheets = [
  "tokens.css",
  "base.css",
  "shell.css",
  "parts.css",
  "statement.css",
  "screens.css",
  "targets.css",
  "access.css",
  "replay.css",
  "live.css",
  "search.css",
  "rules.css",
  "overview.css",
  "console.css",
];

/** Of what the first page loads; `laterBytes` is what the other screens load when they are opened, gzipped. */
export interface BundleReport {
  readonly scriptBytes: number;
  readonly gzippedScriptBytes: number;
  readonly laterBytes: number;
}

/** Bundles where there is no bundle, or one older than its sources and this; in a compiled binary there are none. */
export async function ensureBundle(): Promise<void> {
  const bundled = await changedAt(join(distFolder, "manifest.json"));
  if (bundled === null || await newestSource() > bundled) await bundle();
}

async function newestSource(): Promise<number> {
  if (await changedAt(appFolder) === null) return 0;
  const folders = [appFolder];
  let newest = await changedAt(import.meta.filename!) ?? 0;
  for (const folder of folders) {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) folders.push(path);
      else newest = Math.max(newest, await changedAt(path) ?? 0);
    }
  }
  return newest;
}

async function changedAt(path: string): Promise<number | null> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Builds into a folder of its own, and replaces the old one by it when all is well. */
export async function bundle(): Promise<BundleReport> {
  const folder = `${distFolder}.${crypto.randomUUID().slice(0, 8)}`;
  await Deno.mkdir(folder, { recursive: true });
  try {
    // Not a module, since it must run before anything is painted; so it shares nothing.
    const { "theme_early.js": theme } = await bundleScript("theme_early.ts", folder, []);
    if (theme === undefined) throw new Error("deno bundle gave no theme_early.js");
    const { first, later } = await bundleApp(folder);
    const style = (await Promise.all(
      styleSheets.map((name) => Deno.readTextFile(join(appFolder, "styles", name))),
    )).join("\n");
    const files: Record<string, Uint8Array | string> = {
      "main.js": first["main.js"]!,
      "theme.js": theme,
      "style.css": minified(style),
      "icon.svg": await Deno.readTextFile(join(appFolder, "icon.svg")),
    };
    const shared = Object.keys(first).filter((name) => name !== "main.js");
    const gzipped = weight([theme, ...Object.values(first)]);
    if (gzipped > GZIPPED_SCRIPT_BYTES_MAX) {
      throw new Error(
        `The first page's scripts have ${gzipped} bytes gzipped; ${GZIPPED_SCRIPT_BYTES_MAX} are allowed`,
      );
    }
    await writeHashed(files, { shared, later: Object.keys(later) }, folder);
    await replaceFolder(folder);
    return {
      scriptBytes: [theme, ...Object.values(first)].reduce((sum, { byteLength }) => sum + byteLength, 0),
      gzippedScriptBytes: gzipped,
      laterBytes: weight(Object.values(later)),
    };
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

const weight = (scripts: readonly Uint8Array[]) =>
  scripts.reduce((sum, script) => sum + gzipSync(script, { level: 9 }).byteLength, 0);

type Scripts = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** Left in `folder`, but for the entry, by the names that they import each other by: hashes of their content. */
async function bundleApp(folder: string): Promise<{ first: Scripts; later: Scripts }> {
  const all = await bundleScript("main.tsx", folder, ["--code-splitting"]);
  const firstNames = importedBy("main.js", all);
  const pick = (wanted: boolean): Scripts =>
    Object.fromEntries(Object.entries(all).filter(([name]) => firstNames.has(name) === wanted));
  for (const name of Object.keys(all)) {
    if (name !== "main.js") await Deno.writeFile(join(folder, name), all[name]!);
  }
  return { first: pick(true), later: pick(false) };
}

async function bundleScript(entry: string, folder: string, options: readonly string[]): Promise<Scripts> {
  const output = join(folder, "bundled");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--config",
      config,
      "--platform",
      "browser",
      "--minify",
      ...options,
      "--outdir",
      output,
      join(appFolder, entry),
    ],
    cwd: dirname(config),
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`deno bundle failed on ${entry}:\n${new TextDecoder().decode(stderr)}`);
  const scripts: Record<string, Uint8Array<ArrayBuffer>> = {};
  for await (const { name } of Deno.readDir(output)) scripts[name] = await Deno.readFile(join(output, name));
  await Deno.remove(output, { recursive: true });
  return scripts;
}

/** A script and what it imports before it runs; not what it asks for later, by `import()`. */
function importedBy(entry: string, all: Scripts): ReadonlySet<string> {
  const found = new Set([entry]);
  for (const name of found) {
    const text = new TextDecoder().decode(all[name]);
    for (const [, path] of text.matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g)) found.add(path!);
  }
  return found;
}

async function writeHashed(
  files: Record<string, Uint8Array | string>,
  chunks: { readonly shared: readonly string[]; readonly later: readonly string[] },
  folder: string,
): Promise<void> {
  const manifest: Record<string, string> = {};
  for (const name of [...chunks.shared, ...chunks.later]) manifest[name] = name;
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
    manifest[name] = name.replace(/\.(?=[^.]+$)/, `-${hash}.`);
    await Deno.writeFile(join(folder, manifest[name]), bytes);
  }
  const template = await Deno.readTextFile(join(appFolder, "index.html"));
  const preloads = chunks.shared.map((name) => `<link rel="modulepreload" href="/assets/${name}">`).join("");
  const html = template.replace("<!-- preloads -->", preloads).replace(
    /\{\{asset:([\w.]+)\}\}/g,
    (_, name: string) => {
      const hashed = manifest[name];
      if (hashed === undefined) throw new Error(`index.html names ${name}, which is not bundled`);
      return `/assets/${hashed}`;
    },
  );
  await Deno.writeTextFile(join(folder, "index.html"), html);
  await compress(Object.values(manifest), folder);
  await Deno.writeTextFile(join(folder, "manifest.json"), JSON.stringify(manifest));
}

/** Puts beside each of these files what is sent to browsers in its place. */
async function compress(names: readonly string[], folder: string): Promise<void> {
  for (const name of names) {
    const body = await Deno.readFile(join(folder, name));
    await Deno.writeFile(join(folder, `${name}.gz`), gzipSync(body, { level: 9 }));
    await Deno.writeFile(join(folder, `${name}.br`), brotliCompressSync(body));
  }
}

/** Two processes may bundle at once, such as two tests: the one that comes second leaves the first one's. */
async function replaceFolder(folder: string): Promise<void> {
  await Deno.remove(distFolder, { recursive: true }).catch(() => {});
  try {
    await Deno.rename(folder, distFolder);
  } catch (error) {
    if (await changedAt(join(distFolder, "manifest.json")) === null) throw error;
  }
}

/** Comments and indentation out; strings in our style sheets hold neither. */
function minified(css: string): string {
  return css.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\s*\n\s*/g, "\n").trim();
}

if (import.meta.main) {
  const { scriptBytes, gzippedScriptBytes, laterBytes } = await bundle();
  console.log(
    `ui/dist: ${scriptBytes} bytes of script on the first page, ${gzippedScriptBytes} gzipped; ` +
      `${laterBytes} gzipped later, screen by screen`,
  );
}
