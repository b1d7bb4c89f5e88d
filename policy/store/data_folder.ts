/** The data folder: private to Postern's user, used by one process at a time; the signing key lives there. */
import { newPrivateKey, signer } from "../audit/heads.ts";
import { PosternError } from "../errors.ts";

export interface DataFolder {
  /** Of the embedded database. */
  readonly store: string;
  /** Of what is acknowledged and not in the database yet. */
  readonly spool: string;
  /** The private key that signs heads, PEM. Its public half is beside it, for whoever verifies. */
  readonly key: string;
  /** Tells this folder's sessions from those of other nodes on a shared database. */
  readonly node: string;
  unlock(): void;
}

/** Names inside the folder. */
export const files = {
  lock: "lock",
  store: "store",
  spool: "spool",
  node: "node-id",
  privateKey: "audit-key.pem",
  publicKey: "audit-key.pub.pem",
} as const;

/** Creates what is missing. Rejects with StoreFailed, naming the folder, and the process that has it. */
export async function openDataFolder(folder: string): Promise<DataFolder> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const held = await lock(folder);
    try {
      for (const name of [files.store, files.spool]) {
        await Deno.mkdir(`${folder}/${name}`, { recursive: true, mode: 0o700 });
      }
      const key = await kept(`${folder}/${files.privateKey}`, newPrivateKey);
      const { publicPem } = signer(key);
      await Deno.writeTextFile(`${folder}/${files.publicKey}`, publicPem);
      const node = (await kept(`${folder}/${files.node}`, () => crypto.randomUUID())).trim();
      const unlock = () => held.close();
      return {
        store: `${folder}/${files.store}`,
        spool: `${folder}/${files.spool}`,
        key,
        node,
        unlock,
      };
    } catch (error) {
      held.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw new PosternError("StoreFailed", `the data folder ${folder} cannot be used: ${reason(error)}`, {
      hint: "give Postern a folder that it may create or that belongs to it",
      cause: error,
    });
  }
}

const reason = (error: unknown) => error instanceof Error ? error.message : String(error);

/** The kernel drops the lock with the process, however that ends: there are no stale locks. */
async function lock(folder: string): Promise<Deno.FsFile> {
  const file = await Deno.open(`${folder}/${files.lock}`, {
    read: true,
    write: true,
    create: true,
    mode: 0o600,
  });
  if (!await taken(file)) {
    const holder = (await new Response(file.readable).text()).trim();
    throw new PosternError(
      "StoreFailed",
      `the data folder ${folder} is in use by another Postern${holder === "" ? "" : ` (process ${holder})`}`,
      { hint: "stop that one, or give this one another data folder" },
    );
  }
  await file.truncate(0);
  await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
  return file;
}

/** Deno before 2.7 has only the lock that waits: waiting a second for it tells the same. */
function taken(file: Deno.FsFile): Promise<boolean> {
  if (typeof file.tryLock === "function") return file.tryLock(true);
  const { promise: tooLong, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), 1000);
  return Promise.race([file.lock(true).then(() => true), tooLong]).finally(() => clearTimeout(timer));
}

/** A small file that is made once; written beside and renamed, so that a crash leaves no half of it. */
async function kept(path: string, make: () => string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const text = make();
  const fresh = `${path}.new`;
  await Deno.remove(fresh).catch(() => {});
  const file = await Deno.open(fresh, { write: true, createNew: true, mode: 0o600 });
  try {
    await file.write(new TextEncoder().encode(text));
    await file.syncData();
  } finally {
    file.close();
  }
  await Deno.rename(fresh, path);
  return text;
}
