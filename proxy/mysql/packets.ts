/**
 * Packets on the wire: 3 bytes length, 1 byte sequence number, payload. A payload of 2^24-1 bytes and more
 * goes over several packets; one of exactly that length says that another follows, which may be empty.
 * (MySQL internals: "MySQL Packets".)
 */
import { Buffer } from "node:buffer";
import { PosternError } from "../../policy/errors.ts";
import { isLimitName, limitReached } from "../../policy/limits.ts";

export const headerBytes = 4;
/** The largest payload of one packet; a packet this long is continued. */
export const packetBytesMax = 0xffffff;

/** A whole payload, its packets already put together. */
export interface Packet {
  /** The sequence number of its last packet. */
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** The bytes as they came, headers included. A view where it was one packet. */
  readonly raw: Uint8Array;
}

/** Chunks below this are merged. */
const smallBytes = 16_384;

/** Bytes in, bytes out in any cut; consumed bytes are views of what came in wherever one chunk holds them. */
export class ByteQueue {
  #head: Uint8Array = new Uint8Array(0);
  #at = 0;
  #more: Uint8Array[] = [];
  #moreBytes = 0;

  get length(): number {
    return this.#head.length - this.#at + this.#moreBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    // Views of a Buffer cost several times as much, and each packet takes some.
    if (chunk instanceof Buffer) chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.#at === this.#head.length && this.#more.length === 0) {
      this.#head = chunk;
      this.#at = 0;
      return;
    }
    this.#more.push(chunk);
    this.#moreBytes += chunk.length;
    this.#mergeSmall();
  }

  /** Up to `count` bytes in one view, without consuming them; null where there are fewer. */
  view(count: number): Uint8Array | null {
    if (this.#head.length - this.#at < count) {
      if (this.length < count) return null;
      this.#join();
    }
    return this.#head.subarray(this.#at, this.#at + count);
  }

  /** Whether `count` bytes are there; if so, they lie in one piece, where byte() reads them. */
  has(count: number): boolean {
    if (this.#head.length - this.#at >= count) return true;
    if (this.length < count) return false;
    this.#join();
    return true;
  }

  /** One of the bytes that has() found. */
  byte(offset: number): number {
    return this.#head[this.#at + offset]!;
  }

  /** Puts another in the place of one of the bytes that has() found. */
  setByte(offset: number, value: number): void {
    this.#head[this.#at + offset] = value;
  }

  #join(): void {
    const whole = Buffer.concat([this.#head.subarray(this.#at), ...this.#more]);
    this.#head = new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
    this.#at = 0;
    this.#more = [];
    this.#moreBytes = 0;
  }

  skip(count: number): void {
    if (count > this.#head.length - this.#at && this.view(count) === null) {
      throw new RangeError("more was consumed than there is");
    }
    this.#at += count;
    if (this.#at === this.#head.length && this.#more.length > 0) {
      this.#head = this.#more.shift()!;
      this.#moreBytes -= this.#head.length;
      this.#at = 0;
    }
  }

  /** What lies in one piece next, without consuming it. */
  piece(): Uint8Array {
    return this.#at === 0 ? this.#head : this.#head.subarray(this.#at);
  }

  take(count: number): Uint8Array | null {
    const out = this.view(count);
    if (out !== null) this.skip(count);
    return out;
  }

  /** What lies in one piece next, at most `limit` bytes, consumed. Empty where there is nothing. */
  some(limit: number): Uint8Array {
    const count = Math.min(limit, this.#head.length - this.#at);
    const out = this.#head.subarray(this.#at, this.#at + count);
    this.skip(count);
    return out;
  }

  /** A packet that comes byte by byte costs its size, not a buffer a byte. */
  #mergeSmall(): void {
    const more = this.#more;
    for (;;) {
      const last = more[more.length - 1];
      const before = more[more.length - 2];
      if (last === undefined || before === undefined) return;
      if (last.length >= smallBytes || before.length > last.length) return;
      more.length -= 2;
      const both = new Uint8Array(before.length + last.length);
      both.set(before);
      both.set(last, before.length);
      more.push(both);
    }
  }
}

/** Puts whole payloads together for the phases where each is looked at. */
export class PacketReader {
  readonly queue = new ByteQueue();
  /**
   * Numbers are put right instead of checked. Inside the compressed protocol nobody looks at them but at those of the
   * frames, and some clients count on over their commands.
   */
  renumbers = false;
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #expected = 0;

  push(chunk: Uint8Array): void {
    this.queue.push(chunk);
  }

  /** The next payload is a reply, or starts a new command: what its first sequence number must be. */
  expect(sequence: number): void {
    this.#expected = sequence & 0xff;
  }

  /**
   * The next payload, or null until more bytes are there. Throws LimitExceeded beyond `limit` bytes, before
   * they are kept, and ProtocolViolation where a sequence number is not the one that must follow.
   */
  next(limit: number, limitName: string): Packet | null {
    for (;;) {
      const { queue } = this;
      if (!queue.has(headerBytes)) return null;
      const length = queue.byte(0) | queue.byte(1) << 8 | queue.byte(2) << 16;
      if (this.renumbers) queue.setByte(3, this.#expected);
      const sequence = queue.byte(3);
      if (sequence !== this.#expected) {
        throw new PosternError(
          "ProtocolViolation",
          `packets out of order: number ${sequence} came where ${this.#expected} must come`,
        );
      }
      if (this.#partsBytes + length > limit) {
        const said = `a packet of more than ${limit} bytes (${limitName})`;
        const hint = "Send less at once, or have the limit raised";
        throw isLimitName(limitName)
          ? limitReached(limitName, said, hint)
          : new PosternError("LimitExceeded", said, { hint });
      }
      const raw = this.queue.take(headerBytes + length);
      if (raw === null) return null;
      this.#expected = sequence + 1 & 0xff;
      if (length < packetBytesMax && this.#parts.length === 0) {
        return { sequence, payload: raw.subarray(headerBytes), raw };
      }
      this.#parts.push(raw);
      this.#partsBytes += length;
      if (length === packetBytesMax) continue;
      const packet = {
        sequence,
        payload: Buffer.concat(this.#parts.map((part) => part.subarray(headerBytes))),
        raw: Buffer.concat(this.#parts),
      };
      this.#parts = [];
      this.#partsBytes = 0;
      return packet;
    }
  }
}

/** Packets for one payload, numbered from `sequence`. */
export function encodePacket(sequence: number, payload: Uint8Array): Buffer {
  const whole = Math.floor(payload.length / packetBytesMax) + 1;
  const out = Buffer.allocUnsafe(payload.length + whole * headerBytes);
  let at = 0;
  for (let index = 0; index < whole; index++) {
    const part = payload.subarray(index * packetBytesMax, (index + 1) * packetBytesMax);
    out.writeUIntLE(part.length, at, 3);
    out[at + 3] = sequence + index & 0xff;
    out.set(part, at + headerBytes);
    at += headerBytes + part.length;
  }
  return out;
}

/** How many packets a payload of so many bytes takes. */
export function packetCount(payloadBytes: number): number {
  return Math.floor(payloadBytes / packetBytesMax) + 1;
}
