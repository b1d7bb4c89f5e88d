/**
 * The fields that only this protocol has, on top of proxy/wire: a length-encoded integer is one byte below
 * 0xfb, or 0xfc + 2, 0xfd + 3, 0xfe + 8 bytes; 0xfb stands for NULL where a row allows it. Integers are
 * little-endian. (MySQL internals: "Protocol Basics", "Data Types".)
 */
import { Buffer } from "node:buffer";
import { Reader as WireReader } from "../wire/reader.ts";
import { Writer as WireWriter } from "../wire/writer.ts";

export class Reader extends WireReader {
  /** A length or count. Values above 2^53 cannot be true and throw, as NULL and 0xff do. */
  lenenc(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16le();
    if (first === 0xfd) return this.u24le();
    if (first !== 0xfe) throw this.violation("has no length where one must be");
    const low = this.u32le();
    const high = this.u32le();
    if (high > 0x1fffff) throw this.violation("has a length beyond 2^53");
    return high * 0x1_0000_0000 + low;
  }

  /** A count that may use all 64 bits: affected rows, insert ids. */
  lenencBig(): bigint {
    if (this.left > 0 && this.peek() === 0xfe) {
      this.skip(1);
      return this.u64le();
    }
    return BigInt(this.lenenc());
  }

  lenencBytes(): Uint8Array {
    return this.take(this.lenenc());
  }

  /** Text of the target's or for people only: what is not UTF-8 in it is shown as such. */
  lenencLabel(): string {
    return label(this.lenencBytes());
  }

  /** Up to a NUL, as latin1: names of plugins and versions, which are ASCII. */
  asciiUntilNul(): string {
    return Buffer.from(this.untilNul()).toString("latin1");
  }
}

export function label(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

export class Writer extends WireWriter {
  zeros(count: number): this {
    return this.raw(new Uint8Array(count));
  }

  lenenc(value: number | bigint): this {
    if (value < 0xfb) return this.u8(Number(value));
    if (value <= 0xffff) return this.u8(0xfc).u16le(Number(value));
    if (value <= 0xffffff) return this.u8(0xfd).u24le(Number(value));
    return this.u8(0xfe).u64le(BigInt(value));
  }

  lenencBytes(value: Uint8Array): this {
    return this.lenenc(value.length).raw(value);
  }

  lenencText(value: string): this {
    return this.lenencBytes(Buffer.from(value, "utf8"));
  }
}
