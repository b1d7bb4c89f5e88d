/** Values as detectors show them, in any protocol. */
import { Buffer } from "node:buffer";
import type { Watch } from "../../policy/watch.ts";

const zero = 0x30;
const nine = 0x39;
const at = 0x40;
/** A phone number has as many digits, and everything else that is looked for has more, or an @. */
const digitsMin = 7;

/** Whether bytes could hold what detectors look for, found without a string in between. */
export function mayBeSensitive(bytes: Uint8Array): boolean {
  let digits = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    if (byte === at) return true;
    if (byte >= zero && byte <= nine && ++digits === digitsMin) return true;
  }
  return false;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const star = 0x2a;

/** null where nothing changes. Bytes that are no text are read one by one: digits are digits in them, too. */
export function watchedText(bytes: Uint8Array, watch: Watch): Uint8Array | null {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    const plain = Buffer.from(bytes).toString("latin1").replace(/[^\x20-\x7e]/g, "\n");
    const shown = watch.see(plain);
    return shown === plain ? null : bytes.map((byte, at) => shown[at] === plain[at] ? byte : star);
  }
  const shown = watch.see(text);
  return shown === text ? null : encoder.encode(shown);
}

export function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(utf8.decode(bytes));
    return true;
  } catch {
    return false;
  }
}
