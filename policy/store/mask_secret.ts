/** The secret of an installation that hashing masks are keyed with: a file in the data folder. */
import { join } from "node:path";
import { PosternError } from "../errors.ts";

/** 32 bytes, made at the first start. Rejects with Internal where the file holds something else. */
export async function maskSecret(folder: string): Promise<Uint8Array> {
  const path = join(folder, "mask.key");
  const fresh = crypto.getRandomValues(new Uint8Array(32));
  try {
    await Deno.writeFile(path, fresh, { createNew: true, mode: 0o600 });
    return fresh;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const kept = await Deno.readFile(path);
  if (kept.length !== 32) {
    throw new PosternError("Internal", `${path} should hold 32 bytes and holds ${kept.length}`, {
      hint: "Restore it from a backup, or remove it: hashed masks then look different from before",
    });
  }
  return kept;
}
