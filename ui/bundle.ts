/**
 * Bundles the dashboard's app into ui/dist: one script, one style sheet, the icon and the page, with the
 * files' names made from their content, and a manifest that says which is which.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { distFolder } from "./api/assets.ts";

/** What the script may weigh on the wire. */
export const GZIPPED_SCRIPT_BYTES_MAX = 60 * 1024;

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
  "replay.css",
];

export interface BundleReport {
  readonly scriptBytes: number;
  readonly gzippedScriptBytes: number;
}

/** Bundles where there is no bundle, or one older than its sources; in a compiled binary there are none. */
export async function ensureBundle(): Promise<void> {
  const bundled = await changedAt(join(distFolder, "manifest.json"));
  if (bundled === null || await newestSource() > bundled) await bundle();
}

async function newestSource(): Promise<number> {
  if (await changedAt(appFolder) === null) return 0;
  const folders = [appFolder];
  let newest = 0;
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
    const script = await bundleScript("main.tsx", folder);
    const theme = await bundleScript("theme_early.ts", folder);
    const style = (await Promise.all(
      styleSheets.map((name) => Deno.readTextFile(join(appFolder, "styles", name))),
    )).join("\n");
    const files: Record<string, Uint8Array | string> = {
      "main.js": script,
      "theme.js": theme,
      "style.css": minified(style),
      "icon.svg": await Deno.readTextFile(join(appFolder, "icon.svg")),
    };
    const gzipped = gzipSync(script, { level: 9 }).byteLength;
    if (gzipped > GZIPPED_SCRIPT_BYTES_MAX) {
      throw new Error(`The script has ${gzipped} bytes gzipped; ${GZIPPED_SCRIPT_BYTES_MAX} are allowed`);
    }
    await writeHashed(files, folder);
    await replaceFolder(folder);
    return { scriptBytes: script.byteLength, gzippedScriptBytes: gzipped };
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

async function bundleScript(entry: string, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const output = join(folder, "bundled.js");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--config",
      config,
      "--platform",
      "browser",
      "--minify",
      "-o",
      output,
      join(appFolder, entry),
    ],
    cwd: dirname(config),
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`deno bundle failed on ${entry}:\n${new TextDecoder().decode(stderr)}`);
  const script = await Deno.readFile(output);
  await Deno.remove(output);
  return script;
}

async function writeHashed(files: Record<string, Uint8Array | string>, folder: string): Promise<void> {
  const manifest: Record<string, string> = {};
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
    manifest[name] = name.replace(/\.(?=[^.]+$)/, `-${hash}.`);
    await Deno.writeFile(join(folder, manifest[name]), bytes);
  }
  const template = await Deno.readTextFile(join(appFolder, "index.html"));
  const html = template.replace(/\{\{asset:([\w.]+)\}\}/g, (_, name: string) => {
    const hashed = manifest[name];
    if (hashed === undefined) throw new Error(`index.html names ${name}, which is not bundled`);
    return `/assets/${hashed}`;
  });
  await Deno.writeTextFile(join(folder, "index.html"), html);
  await Deno.writeTextFile(join(folder, "manifest.json"), JSON.stringify(manifest));
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
  const { scriptBytes, gzippedScriptBytes } = await bundle();
  console.log(`ui/dist: ${scriptBytes} bytes of script, ${gzippedScriptBytes} gzipped`);
}
