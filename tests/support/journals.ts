/** Journals to test with: a data folder that is copied instead of created, and events to put in. */
import assert from "node:assert/strict";
import { verifyLines } from "../../policy/audit/verify.ts";
import { openEmbedded } from "../../policy/store/embedded_database.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { migrate, migrations } from "../../policy/store/migrations.ts";
import { dashboardAction } from "../../policy/audit/events.ts";
import type { EvidenceJournal, KeptRecord } from "../../policy/ports.ts";
import type { EventDraft } from "../../policy/types.ts";
import { hash } from "node:crypto";
import { template } from "./daemons.ts";

/**
 * An empty database of the newest schema: kept between runs, since the embedded one takes seconds to create; by what
 * it is made of. Without a key: each Postern on a copy makes its own.
 */
async function makeTemplate(): Promise<string> {
  const parts = ["deno.lock", "policy/store/embedded_database.ts"];
  const texts = parts.map((path) => Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url)));
  // As they are loaded: their file may have changed since this process began.
  texts.push(JSON.stringify(migrations));
  const name = `store-${hash("sha256", texts.join(), "hex").slice(0, 16)}`;
  return await template(name, [], async (work) => {
    const database = await openEmbedded(work);
    await migrate(database);
    await database.upkeep();
    await database.close();
  });
}

export interface TemporaryFolder {
  readonly folder: string;
  remove(): Promise<void>;
}

/** A data folder with an empty store, without events. `parent` where it must be on a certain file system. */
export async function storeFolder(parent?: string): Promise<TemporaryFolder> {
  const root = await Deno.makeTempDir({
    prefix: "postern-store-",
    ...(parent === undefined ? {} : { dir: parent }),
  });
  await createStore(`${root}/data`);
  return { folder: `${root}/data`, remove: () => Deno.remove(root, { recursive: true }) };
}

/** Makes a data folder whose first start takes as long as any other; for tests that are not about the first. */
export async function createStore(data: string): Promise<void> {
  const from = await makeTemplate();
  await Deno.mkdir(data, { mode: 0o700 });
  await copyFolder(from, `${data}/store`);
}

/**
 * The key that masks are made with, the same in each run: with one by chance a made-up value is the real one once in
 * some ten thousand runs, or has what a test looks for in it.
 */
const maskKey = new Uint8Array(hash("sha256", "the key of masks in tests", "buffer"));

/** Before the first start, which would make one. */
export const writeMaskKey = (data: string): Promise<void> =>
  Deno.writeFile(`${data}/mask.key`, maskKey, { mode: 0o600 });

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

/** What a journal has kept verifies with the public keys of the nodes whose data folders are these, in `root`. */
export async function verifies(
  journal: Pick<KeptRecord & EvidenceJournal, "lines">,
  root: string,
  nodes: readonly string[],
): Promise<void> {
  const lines = (await collect(journal.lines({}))).map((line) => line.slice(0, -1));
  const keys = await Promise.all(
    nodes.map((node) => Deno.readTextFile(`${root}/${node}/audit-key.pub.pem`)),
  );
  const verified = await verifyLines(lines, keys.join(""));
  assert.equal(verified.ok, true, verified.ok ? "" : verified.problem);
}
