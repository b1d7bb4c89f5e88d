/** The Worker that understands long texts, so that other clients need not wait for it. */
/// <reference lib="deno.worker" />
import { setPriority } from "node:os";
import { compileMasks } from "../masking.ts";
import type { Analyst, Catalog } from "./dialect.ts";
import type { WorkerAnswer, WorkerBegins, WorkerQuestion } from "./large_texts.ts";
import { dialectOf } from "./mod.ts";

declare const self: DedicatedWorkerGlobalScope;

/** The short statements of other clients go first. (On Linux a priority is the thread's own.) */
const NICENESS = 10;
if (Deno.build.os === "linux") setPriority(0, NICENESS);

/** The newest catalog of each database that was asked about. */
const catalogs = new Map<string, { readonly id: number; readonly catalog: Catalog }>();
const catalogsMax = 20;

async function analystFor({ dialect: id, catalog, masks }: WorkerQuestion): Promise<Analyst | null> {
  const dialect = dialectOf(id);
  if (dialect === undefined) return null;
  await dialect.ready();
  if (catalog.json !== null) {
    if (catalogs.size >= catalogsMax) catalogs.clear();
    catalogs.set(catalog.place, { id: catalog.id, catalog: dialect.catalogFromJson(catalog.json) });
  }
  const known = catalogs.get(catalog.place);
  if (known?.id !== catalog.id) return null;
  const { key, lookup } = compileMasks(masks.settings)([], "", masks.unmask);
  return known.catalog.analyst(key, lookup);
}

self.onmessage = async ({ data }: MessageEvent<WorkerQuestion>) => {
  const { id, text, state, template: wanted } = data;
  const analyst = await analystFor(data);
  self.postMessage({ id, begins: true } satisfies WorkerBegins);
  const answer = analyst?.analyse(text, state) ?? null;
  const template = wanted ? analyst?.template(text, state) ?? null : null;
  self.postMessage({ id, begins: false, answer, template } satisfies WorkerAnswer);
};
