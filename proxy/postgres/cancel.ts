/** Cancel keys: the target backend's own pid with a secret of Postern's, and the way to the target's real key. */
import { randomBytes } from "node:crypto";
import type { Target } from "../../policy/types.ts";
import { dial } from "../dial.ts";
import { cancelRequest } from "./encode.ts";
import { encrypt } from "./target.ts";

/** Four bytes until protocol 3.2 (BackendKeyData). */
const shortSecretBytes = 4;
const longSecretBytes = 32;

export class CancelKeys {
  readonly #byKey = new Map<string, () => Promise<void>>();

  /** `cancel` settles when the target was told, and never rejects. `minor`: the protocol that was agreed on. */
  register(
    pid: number,
    minor: number,
    cancel: () => Promise<void>,
  ): { secret: Uint8Array; release: () => void } {
    const bytes = minor >= 2 ? longSecretBytes : shortSecretBytes;
    let secret: Uint8Array;
    do secret = randomBytes(bytes); while (this.#byKey.has(keyOf(pid, secret)));
    const key = keyOf(pid, secret);
    this.#byKey.set(key, cancel);
    return { secret, release: () => void this.#byKey.delete(key) };
  }

  /** A wrong key does nothing, and takes no longer than a right one with nothing to cancel. */
  async cancel(pid: number, secret: Uint8Array): Promise<void> {
    await this.#byKey.get(keyOf(pid, secret))?.();
  }
}

function keyOf(pid: number, secret: Uint8Array): string {
  return `${pid}:${Buffer.from(secret).toString("hex")}`;
}

/** Settles when the target has closed the connection: it has sent its signal then. Rejects with TargetUnavailable. */
export async function cancelAtTarget(
  target: Target,
  key: { readonly pid: number; readonly secret: Uint8Array },
  timeoutMs: number,
): Promise<void> {
  const socket = await dial(target, timeoutMs);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  try {
    const stream = await encrypt(socket, target, timeoutMs) ?? socket;
    await new Promise<void>((resolve) => {
      stream.once("close", () => resolve());
      stream.on("error", () => resolve());
      stream.on("end", () => stream.end());
      stream.resume();
      stream.write(cancelRequest(key.pid, key.secret));
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
