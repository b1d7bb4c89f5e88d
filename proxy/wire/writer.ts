/** Builds frames in one growing buffer. `finish()` gives what was written and starts anew. */
const utf8 = new TextEncoder();

export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  constructor(private readonly startBytes = 256) {
    this.#bytes = new Uint8Array(startBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get at(): number {
    return this.#at;
  }

  u8(value: number): this {
    const at = this.#step(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16be(value: number): this {
    const at = this.#step(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32be(value: number): this {
    const at = this.#step(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u16le(value: number): this {
    const at = this.#step(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u24le(value: number): this {
    const at = this.#step(3);
    this.#view.setUint16(at, value & 0xffff, true);
    this.#view.setUint8(at + 2, value >>> 16);
    return this;
  }

  u32le(value: number): this {
    const at = this.#step(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64le(value: bigint): this {
    const at = this.#step(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#step(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** UTF-8, without an end mark. Returns this; the bytes written are `at` after minus before. */
  text(text: string): this {
    return this.raw(utf8.encode(text));
  }

  /** UTF-8 and a NUL. A NUL inside would end it early and change the frame's meaning, so it is left out. */
  cstring(text: string): this {
    return this.text(text.includes("\0") ? text.replaceAll("\0", "") : text).u8(0);
  }

  /** Overwrites four bytes written before: a length that is known only at the end. */
  patchU32be(at: number, value: number): this {
    this.#view.setUint32(at, value);
    return this;
  }

  patchU24le(at: number, value: number): this {
    this.#view.setUint16(at, value & 0xffff, true);
    this.#view.setUint8(at + 2, value >>> 16);
    return this;
  }

  patchU8(at: number, value: number): this {
    this.#view.setUint8(at, value);
    return this;
  }

  /** The bytes written so far; the writer starts over with a buffer of its own. */
  finish(): Uint8Array {
    const written = this.#bytes.subarray(0, this.#at);
    this.#bytes = new Uint8Array(this.startBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#at = 0;
    return written;
  }

  /** Room for `count` bytes. It may replace the buffer, so take its result before you touch that. */
  #step(count: number): number {
    const at = this.#at;
    const end = at + count;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#at = end;
    return at;
  }
}
