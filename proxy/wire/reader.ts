/**
 * Checked reads over one frame. Every read that would leave the frame throws ProtocolViolation, so does text
 * that is not valid in its encoding; there is no other way to read.
 */
import { PosternError } from "../../policy/errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  #at: number;
  readonly #view: DataView;

  /** `what` names the frame in errors: `a Bind message`. */
  constructor(readonly bytes: Uint8Array, private readonly what: string, at = 0) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1));
  }

  /** The next byte, without going past it. */
  peek(): number {
    const at = this.#step(1);
    this.#at = at;
    return this.#view.getUint8(at);
  }

  u16be(): number {
    return this.#view.getUint16(this.#step(2));
  }

  i16be(): number {
    return this.#view.getInt16(this.#step(2));
  }

  u32be(): number {
    return this.#view.getUint32(this.#step(4));
  }

  i32be(): number {
    return this.#view.getInt32(this.#step(4));
  }

  u16le(): number {
    return this.#view.getUint16(this.#step(2), true);
  }

  u24le(): number {
    const at = this.#step(3);
    return this.#view.getUint16(at, true) | (this.#view.getUint8(at + 2) << 16);
  }

  u32le(): number {
    return this.#view.getUint32(this.#step(4), true);
  }

  i32le(): number {
    return this.#view.getInt32(this.#step(4), true);
  }

  u64le(): bigint {
    return this.#view.getBigUint64(this.#step(8), true);
  }

  /** A view, not a copy. */
  take(count: number): Uint8Array {
    const at = this.#step(count);
    return this.bytes.subarray(at, at + count);
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }

  skip(count: number): void {
    this.#step(count);
  }

  /** Bytes up to the next NUL, which is read too. */
  untilNul(): Uint8Array {
    const end = this.bytes.indexOf(0, this.#at);
    if (end < 0) throw this.violation("holds a text without its end");
    const text = this.bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** Text up to the next NUL, as UTF-8. */
  cstring(): string {
    return this.#text(this.untilNul());
  }

  /** Text of `count` bytes, as UTF-8. */
  text(count: number): string {
    return this.#text(this.take(count));
  }

  /** Throws where something is left: a frame is read to its end or not at all. */
  end(): void {
    if (this.left > 0) throw this.violation(`goes on for ${this.left} bytes after its end`);
  }

  violation(problem: string): PosternError {
    return new PosternError("ProtocolViolation", `The client or target sent ${this.what} that ${problem}`);
  }

  #text(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.violation("holds text that is not valid UTF-8");
    }
  }

  #step(count: number): number {
    const at = this.#at;
    if (count < 0 || count > this.bytes.length - at) throw this.violation("ends too early");
    this.#at = at + count;
    return at;
  }
}
