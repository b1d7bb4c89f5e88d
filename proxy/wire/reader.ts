/**
 * Checked reads over one frame. Every read that would leave the frame throws ProtocolViolation, so does text
 * that is not valid in its encoding; there is no other way to read.
 */
import { PosternError } from "../../policy/errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  #at: number;

  /** `what` names the frame in errors: `a Bind message`. */
  constructor(readonly bytes: Uint8Array, private readonly what: string, at = 0) {
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  u8(): number {
    return this.#byte(this.#step(1));
  }

  /** The next byte, without going past it. */
  peek(): number {
    const at = this.#step(1);
    this.#at = at;
    return this.#byte(at);
  }

  u16be(): number {
    const at = this.#step(2);
    return this.#byte(at) << 8 | this.#byte(at + 1);
  }

  i16be(): number {
    return this.u16be() << 16 >> 16;
  }

  u32be(): number {
    return this.i32be() >>> 0;
  }

  i32be(): number {
    const at = this.#step(4);
    return this.#byte(at) << 24 | this.#byte(at + 1) << 16 | this.#byte(at + 2) << 8 | this.#byte(at + 3);
  }

  u16le(): number {
    const at = this.#step(2);
    return this.#byte(at) | this.#byte(at + 1) << 8;
  }

  u24le(): number {
    const at = this.#step(3);
    return this.#byte(at) | this.#byte(at + 1) << 8 | this.#byte(at + 2) << 16;
  }

  u32le(): number {
    return this.i32le() >>> 0;
  }

  i32le(): number {
    const at = this.#step(4);
    return this.#byte(at) | this.#byte(at + 1) << 8 | this.#byte(at + 2) << 16 | this.#byte(at + 3) << 24;
  }

  u64le(): bigint {
    return BigInt(this.u32le()) | BigInt(this.u32le()) << 32n;
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
    const ascii = shortAscii(bytes);
    if (ascii !== null) return ascii;
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.violation("holds text that is not valid UTF-8");
    }
  }

  /** Where `#step` has been. */
  #byte(at: number): number {
    return this.bytes[at] as number;
  }

  #step(count: number): number {
    const at = this.#at;
    if (count < 0 || count > this.bytes.length - at) throw this.violation("ends too early");
    this.#at = at + count;
    return at;
  }
}

/** Most texts are short and ASCII, and a call into the decoder costs more than they do. */
const shortBytes = 200;

function shortAscii(bytes: Uint8Array): string | null {
  if (bytes.length > shortBytes) return null;
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 0x7f) return null;
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
