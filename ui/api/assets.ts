/** The bundled app, read into memory once: hashed files that browsers keep for good, and the page that names them. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { IssuerChoice } from "../../policy/ports.ts";

export interface Asset {
  readonly type: string;
  /** Strong, with quotes. */
  readonly etag: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly br: Uint8Array<ArrayBuffer>;
}

export interface Assets {
  /** A hashed file by its path, `/assets/main-1a2b3c4d.js`; null where there is none. */
  file(path: string): Asset | null;
  /** The page, with what it shows to somebody who is not signed in yet. */
  page(told?: Told): string;
}

/** Shown as text, whatever it holds. */
export interface Told {
  /** Why a sign-in failed. */
  readonly problem?: { readonly message: string; readonly hint: string };
  /** Several identity providers to choose from, on the way to `next`. */
  readonly choice?: { readonly issuers: readonly IssuerChoice[]; readonly next: string };
}

const types: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Written by ui/bundle.ts: what each file is called, by what it was called. */
const manifestSchema = z.record(z.string(), z.string());

/** Where ui/bundle.ts puts the app. Inside a compiled binary this is a path of its embedded files. */
export const distFolder: string = join(import.meta.dirname!, "..", "dist");

/** Reads the bundle; rejects with a text that says how to make it where it is missing. */
export async function loadAssets(folder: string = distFolder): Promise<Assets> {
  const files = new Map<string, Asset>();
  let html: string;
  try {
    const manifest = manifestSchema.parse(
      JSON.parse(await Deno.readTextFile(join(folder, "manifest.json"))),
    );
    html = await Deno.readTextFile(join(folder, "index.html"));
    for (const name of Object.values(manifest)) {
      files.set(`/assets/${name}`, await assetOf(name, join(folder, name)));
    }
  } catch (error) {
    throw new Error(`The dashboard is not bundled (${folder}): run \`deno task bundle\` first`, {
      cause: error,
    });
  }
  return {
    file: (path) => files.get(path) ?? null,
    page: (told) => html.replace("{{told}}", () => told ? attribute(JSON.stringify(told)) : ""),
  };
}

/** Compressed by ui/bundle.ts: a start that did it would take longer by half a second. */
async function assetOf(name: string, path: string): Promise<Asset> {
  const body = await Deno.readFile(path);
  const digest = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  return {
    type: types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    etag: `"${digest}"`,
    body,
    gzip: await Deno.readFile(`${path}.gz`),
    br: await Deno.readFile(`${path}.br`),
  };
}

function attribute(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
