/** The commonest mask on the commonest values without a string in between: `partial` on ASCII. */

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

/**
 * Writes `length` bytes of `from`, masked, to `to`: what maskText gives for a `partial` mask, which is as
 * long. False where the value is not ASCII, and nothing of what was written counts then. Both ranges must be
 * inside their arrays; `keepFirst` and `keepLast` are whole numbers from 0.
 */
export function maskPartialAscii(
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
