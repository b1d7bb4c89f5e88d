/** The commonest masks on the commonest values without a string in between: on ASCII. */
import { keyedHash } from "../../policy/masking.ts";
import type { MaskKind } from "../../policy/types.ts";

/** What maskText gives for ASCII texts, as ASCII bytes. */
export interface ByteMask {
  /** What is written is as long as the value, and may be written over it; a second time changes nothing. */
  readonly sameLength: boolean;
  /** How many bytes a value of `length` bytes becomes. */
  size(length: number): number;
  /**
   * Writes the masked `from[at..at + length)` to `to[toAt..)`, which must have that size. False where the value is
   * not ASCII, and nothing of what was written counts then. Both ranges must be inside their arrays.
   */
  write(from: Uint8Array, at: number, length: number, to: Uint8Array, toAt: number): boolean;
}

/** null where the mask, or what it gives, is not for bytes. */
export function byteMask(mask: MaskKind, key: Uint8Array): ByteMask | null {
  switch (mask.kind) {
    case "partial":
      return partialMask(mask.keepFirst, mask.keepLast);
    case "fixed":
      return fixedMask(mask.text);
    case "hash":
      return hashMask(key);
    default:
      return null;
  }
}

function partialMask(keepFirst: number, keepLast: number): ByteMask | null {
  if (!isCount(keepFirst) || !isCount(keepLast)) return null;
  return {
    sameLength: true,
    size: (length) => length,
    write: (from, at, length, to, toAt) => writePartial(from, at, length, to, toAt, keepFirst, keepLast),
  };
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0;

function fixedMask(text: string): ByteMask | null {
  // deno-lint-ignore no-control-regex -- everything else that is ASCII
  if (!/^[\x01-\x7f]*$/.test(text)) return null;
  const shown = new TextEncoder().encode(text);
  return {
    sameLength: false,
    size: () => shown.length,
    write: (_from, _at, _length, to, toAt) => {
      to.set(shown, toAt);
      return true;
    },
  };
}

const hexDigits = new TextEncoder().encode("0123456789abcdef");

function hashMask(key: Uint8Array): ByteMask {
  const { digest, shownBytes } = keyedHash(key);
  return {
    sameLength: false,
    size: () => shownBytes * 2,
    write: (from, at, length, to, toAt) => {
      // A text in ASCII is its own bytes; what another would be hashed as depends on its encoding.
      for (let offset = 0; offset < length; offset++) if ((from[at + offset] as number) > 0x7f) return false;
      const hash = digest(from.subarray(at, at + length));
      for (let index = 0; index < shownBytes; index++) {
        const byte = hash[index] as number;
        to[toAt + index * 2] = hexDigits[byte >>> 4] as number;
        to[toAt + index * 2 + 1] = hexDigits[byte & 15] as number;
      }
      return true;
    },
  };
}

const space = 0x20;
const dash = 0x2d;
const dot = 0x2e;
const slash = 0x2f;
const open = 0x28;
const close = 0x29;
const star = 0x2a;

/** The same characters as policy keeps: they group a value rather than say something. */
function isFormat(byte: number): boolean {
  return byte === dash || byte === space || byte === dot || byte === slash || byte === open || byte === close;
}

function writePartial(
  from: Uint8Array,
  at: number,
  length: number,
  to: Uint8Array,
  toAt: number,
  keepFirst: number,
  keepLast: number,
): boolean {
  let significant = 0;
  for (let offset = 0; offset < length; offset++) {
    const byte = from[at + offset] as number;
    if (byte > 0x7f) return false;
    if (!isFormat(byte)) significant++;
  }
  if (significant === 0) {
    to.fill(star, toAt, toAt + length);
    return true;
  }
  const keeps = keepFirst + keepLast < significant;
  const lastFrom = significant - keepLast;
  let seen = 0;
  for (let offset = 0; offset < length; offset++) {
    const byte = from[at + offset] as number;
    if (isFormat(byte)) {
      to[toAt + offset] = byte;
      continue;
    }
    seen++;
    to[toAt + offset] = keeps && (seen <= keepFirst || seen > lastFrom) ? byte : star;
  }
  return true;
}
