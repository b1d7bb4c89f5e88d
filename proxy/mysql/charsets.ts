/** Bytes in a character set of the protocol -> text, and back. Only where nothing can be misread. */
import { Buffer } from "node:buffer";

/** What Postern reads. Others have bytes below 0x80 inside a character, or are not here for want of need. */
export type Charset = "utf8" | "latin1" | "ascii" | "binary";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// What the target calls latin1 is Windows' code page 1252; WHATWG's fills its gaps, so that it is total.
const latin1 = new TextDecoder("windows-1252");

const latin1Bytes: ReadonlyMap<number, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => [latin1.decode(Uint8Array.of(byte)).codePointAt(0)!, byte]),
);

const byName: ReadonlyMap<string, Charset> = new Map([
  ["utf8", "utf8"],
  ["utf8mb3", "utf8"],
  ["utf8mb4", "utf8"],
  ["latin1", "latin1"],
  ["ascii", "ascii"],
  ["binary", "binary"],
]);

/** By the name in `character_set_client`; null for one that Postern does not read. */
export function charsetNamed(name: string): Charset | null {
  return byName.get(name.toLowerCase()) ?? null;
}

/** Ranges of collation ids, both ends included. MariaDB's NO PAD collations are 1024 above, its UCA 14 ones from 2048. */
const collations: readonly (readonly [number, number, Charset])[] = [
  [5, 5, "latin1"],
  [8, 8, "latin1"],
  [11, 11, "ascii"],
  [15, 15, "latin1"],
  [31, 31, "latin1"],
  [33, 33, "utf8"],
  [45, 46, "utf8"],
  [47, 49, "latin1"],
  [63, 63, "binary"],
  [65, 65, "ascii"],
  [76, 76, "utf8"],
  [83, 83, "utf8"],
  [94, 94, "latin1"],
  [192, 215, "utf8"],
  [223, 247, "utf8"],
  [255, 323, "utf8"],
  [576, 577, "utf8"],
  [608, 610, "utf8"],
  [1032, 1032, "latin1"],
  [1035, 1035, "ascii"],
  [1057, 1057, "utf8"],
  [1069, 1070, "utf8"],
  [1071, 1071, "latin1"],
  [1107, 1107, "utf8"],
  [1216, 1216, "utf8"],
  [1238, 1238, "utf8"],
  [1248, 1248, "utf8"],
  [1270, 1270, "utf8"],
  [2048, 2559, "utf8"],
];

/** By the id in a column definition; null for one that Postern does not read. */
export function charsetOf(collation: number): Charset | null {
  for (const [from, to, charset] of collations) {
    if (collation >= from && collation <= to) return charset;
  }
  return null;
}

/** null where the bytes are not valid in it. `binary` counts as UTF-8: what the target takes names for. */
export function decodeText(bytes: Uint8Array, charset: Charset): string | null {
  if (charset === "latin1") return latin1.decode(bytes);
  if (charset === "ascii" && !isAscii(bytes)) return null;
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** null where a character is not in it. */
export function encodeText(text: string, charset: Charset): Uint8Array | null {
  if (charset === "utf8" || charset === "binary") return Buffer.from(text, "utf8");
  const out: number[] = [];
  for (const char of text) {
    const byte = latin1Bytes.get(char.codePointAt(0)!);
    if (byte === undefined || (charset === "ascii" && byte > 0x7f)) return null;
    out.push(byte);
  }
  return Uint8Array.from(out);
}

export function isAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 0x7f) return false;
  return true;
}
