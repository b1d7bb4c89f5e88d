/** Journals to test with: a data folder that is copied instead of created, and events to put in. */
import { openJournal } from "../../policy/store/journal.ts";
import { dashboardAction } from "../../policy/audit/events.ts";
import type { EvidenceJournal, KeptRecord } from "../../policy/ports.ts";
import type { EventDraft } from "../../policy/types.ts";
import { hash } from "node:crypto";
import { template } from "./daemons.ts";

/** Kept between runs, since the embedded database takes seconds to create; by what it is made of. */
async function makeTemplate(): Promise<string> {
  const parts = ["deno.lock", "policy/store/migrations.ts", "policy/store/embedded_database.ts"];
  const texts = parts.map((path) => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url)));
  const name = `store-${hash("sha256", texts.join(), "hex").slice(0, 16)}`;
  const folder = await template(name, [], async (work) => {
    await (await openJournal({ folder: `${work}/data` })).close();
    // Each copy is a Postern of its own.
    await Deno.remove(`${work}/data/node-id`);
  });
  return `${folder}/data`;
}

export interface TemporaryFolder {
  readonly folder: string;
  remove(): Promise<void>;
}

/** A data folder with an empty store, without events. `parent` where it must be on a certain file system. */
export async function storeFolder(parent?: string): Promise<TemporaryFolder> {
  const from = await makeTemplate();
  const root = await Deno.makeTempDir({
    prefix: "postern-store-",
    ...(parent === undefined ? {} : { dir: parent }),
  });
  await copyFolder(from, `${root}/data`);
  return { folder: `${root}/data`, remove: () => Deno.remove(root, { recursive: true }) };
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o700 });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Opens a journal on a fresh folder, and closes and removes both afterwards. */
export async function withJournal(
  body: (journal: EvidenceJournal & KeptRecord, folder: string) => Promise<void>,
  options: Omit<Parameters<typeof openJournal>[0], "folder"> = {},
): Promise<void> {
  const { folder, remove } = await storeFolder();
  try {
    const journal = await openJournal({ ...options, folder });
    try {
      await body(journal, folder);
    } finally {
      await journal.close();
    }
  } finally {
    await remove();
  }
}

/** A small event that any test may append. */
export const smallEvent = (subject: string, detail = ""): EventDraft =>
  dashboardAction("mia@example.com", { action: "test", subject, detail, address: "127.0.0.1" });

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
