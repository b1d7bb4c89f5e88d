/** Rows written anew, many in one buffer: a result of a million rows must not make a million of them. */

const startBytes = 65_536;
const empty = new Uint8Array(0);

export class RowSink {
  /** What is written lies below `at`. Replaced when it grows: read it anew after reserve(). */
  bytes = empty;
  at = 0;

  /** Makes room for so many bytes behind `at`. */
  reserve(count: number): void {
    const end = this.at + count;
    if (end <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(startBytes, end, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /** `from[start..end)`, which must lie inside of it. */
  copy(from: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (count <= 0) return;
    this.reserve(count);
    // A call into the engine costs more than a few bytes by hand.
    if (count < 32) {
      const { bytes, at } = this;
      for (let offset = 0; offset < count; offset++) bytes[at + offset] = from[start + offset] as number;
    } else this.bytes.set(from.subarray(start, end), this.at);
    this.at += count;
  }

  /** A length-encoded integer below 2^32. */
  lenenc(value: number): void {
    this.reserve(9);
    const { bytes } = this;
    if (value < 0xfb) {
      bytes[this.at++] = value;
      return;
    }
    const width = value <= 0xffff ? 2 : value <= 0xffffff ? 3 : 8;
    bytes[this.at++] = width === 2 ? 0xfc : width === 3 ? 0xfd : 0xfe;
    for (let shift = 0; shift < width; shift++) {
      bytes[this.at++] = shift < 4 ? value >>> (8 * shift) & 0xff : 0;
    }
  }

  value(bytes: Uint8Array): void {
    this.lenenc(bytes.length);
    this.copy(bytes, 0, bytes.length);
  }

  /** The header of a packet whose length is not known yet. */
  header(sequence: number): void {
    this.reserve(4);
    this.at += 3;
    this.bytes[this.at++] = sequence;
  }

  /** The length of the packet whose header was written at `start`. */
  patch(start: number, length: number): void {
    this.bytes[start] = length & 0xff;
    this.bytes[start + 1] = length >>> 8 & 0xff;
    this.bytes[start + 2] = length >>> 16;
  }

  /** What was written so far; the next rows get a buffer of their own. */
  finish(): Uint8Array {
    const written = this.bytes.subarray(0, this.at);
    // The rest of a large buffer goes on being used: what was handed out is never written to again.
    this.bytes = this.bytes.length - this.at > startBytes / 2 ? this.bytes.subarray(this.at) : empty;
    this.at = 0;
    return written;
  }
}
