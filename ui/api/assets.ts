/** The bundled app, read into memory once: hashed files that browsers keep for good, and the page that names them. */
import { createHash } from "node:crypto";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
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
  let manifest: Record<string, string>;
  let html: string;
  try {
    manifest = manifestSchema.parse(JSON.parse(await Deno.readTextFile(join(folder, "manifest.json"))));
    html = await Deno.readTextFile(join(folder, "index.html"));
  } catch (error) {
    throw new Error(`The dashboard is not bundled (${folder}): run \`deno task bundle\` first`, {
      cause: error,
    });
  }
  const files = new Map<string, Asset>();
  for (const name of Object.values(manifest)) {
    files.set(`/assets/${name}`, assetOf(name, await Deno.readFile(join(folder, name))));
  }
  return {
    file: (path) => files.get(path) ?? null,
    page: (told) => html.replace("{{told}}", () => told ? attribute(JSON.stringify(told)) : ""),
  };
}

function assetOf(name: string, body: Uint8Array<ArrayBuffer>): Asset {
  const digest = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  return {
    type: types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    etag: `"${digest}"`,
    body,
    gzip: new Uint8Array(gzipSync(body, { level: 9 })),
    br: new Uint8Array(brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } })),
  };
}

function attribute(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
