/**
 * A copy of the data folder that a Postern can start from: the database at one moment, and the keys beside it.
 * What is acknowledged while the copy is made is in the next one.
 */
import { join } from "node:path";
import { PosternError } from "../errors.ts";
import { files } from "./data_folder.ts";

/** Never in a backup: they belong to the process that runs, or are taken over into the database. */
const leftOut: ReadonlySet<string> = new Set([files.lock, files.spool, files.store, "control.sock"]);

const backupFailed = (message: string, hint: string, cause?: unknown) =>
  new PosternError("StoreFailed", message, { hint, ...(cause === undefined ? {} : { cause }) });

/** Copies a folder with everything in it; files keep their mode. Synchronous: nothing changes meanwhile. */
export function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const { name, isDirectory, isFile } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else if (isFile) Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/** Copies what stands beside the database: the signing key, the masks' secret, the node's name. */
function copyFiles(from: string, to: string): void {
  for (const { name, isFile } of Deno.readDirSync(from)) {
    if (isFile && !leftOut.has(name)) Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/**
 * Writes a backup of `folder` into the new folder `to`; `copyDatabase` fills its store, and says whether there
 * is one to fill. Rejects with StoreFailed, and leaves nothing half done.
 */
export async function writeBackup(
  folder: string,
  to: string,
  copyDatabase: (into: string) => Promise<boolean>,
): Promise<{ readonly database: boolean }> {
  const fresh = `${to}.part`;
  try {
    if (await Deno.stat(to).then(() => true, () => false)) {
      throw backupFailed(`${to} is there already`, "Name a folder that does not exist yet");
    }
    await Deno.mkdir(fresh, { mode: 0o700 });
  } catch (error) {
    if (error instanceof PosternError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw backupFailed(
      `the backup cannot be written to ${to}: ${why}`,
      "Name a folder that Postern may make",
    );
  }
  try {
    const database = await copyDatabase(join(fresh, files.store));
    copyFiles(folder, fresh);
    await Deno.rename(fresh, to);
    return { database };
  } catch (error) {
    await Deno.remove(fresh, { recursive: true }).catch(() => {});
    if (error instanceof PosternError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw backupFailed(`the backup was not written: ${why}`, "See that there is room for it", error);
  }
}

/**
 * Puts a backup where a data folder is to be, which must be empty or missing. Rejects with StoreFailed. Open the
 * store afterwards: that checks the copy's chain.
 */
export async function restoreBackup(from: string, folder: string): Promise<void> {
  const has = (name: string) => Deno.stat(join(from, name)).then(() => true, () => false);
  if (!await has(files.privateKey)) {
    throw backupFailed(
      `${from} is no backup of Postern's: it has no ${files.privateKey}`,
      "Name a backup's folder",
    );
  }
  const there = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
  if (there.length > 0) {
    throw backupFailed(
      `the data folder ${folder} is not empty`,
      "Move it away first: a backup is never put over a record",
    );
  }
  try {
    copyFolder(from, folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw backupFailed(
      `the backup could not be put into ${folder}: ${why}`,
      "See that there is room for it",
      error,
    );
  }
}
