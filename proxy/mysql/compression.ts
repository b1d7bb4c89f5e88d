/**
 * The compressed protocol, from the OK of a sign-in on: frames of 3 bytes length, 1 byte sequence
 * number, 3 bytes length before compression (0: not compressed), then the bytes of packets in any cut.
 * (MySQL internals: "Compression"; zlib and zstd alike.)
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { asPosternError, PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import type { Compression } from "./capabilities.ts";
import { type Codec, codecs } from "./compression_codecs.ts";
import { ByteQueue, headerBytes as packetHeaderBytes } from "./packets.ts";

const headerBytes = 7;
/** As the stock clients and servers: what is smaller goes as it is. */
const compressedBytesMin = 50;
/** Bytes that one frame takes on its way out. */
const frameBytesMax = 1 << 20;
/** Beyond a statement of the largest size, for what is sent right behind it. */
const slackBytes = 65_536;
export interface CompressedOptions {
  readonly compression: Compression;
  /** Largest statement of a client: no frame may hold more than that, by much. null towards a target. */
  readonly statementBytesMax: number | null;
  /** Called once, with why nothing more can be read. */
  readonly fault: (error: PosternError) => void;
}

/** Packets as they are on the one side, frames on the other. */
export class CompressedStream extends Duplex {
  readonly #queue = new ByteQueue();
  readonly #codec: Codec;
  /** Where the frames end that came, counted in bytes of packets, and their numbers. */
  readonly #frames: { readonly end: number; readonly sequence: number }[] = [];
  #came = 0;
  #answered = 0;
  /** The number that follows the last frame's that came: a client's next may have it, if it is not 0. */
  #expected = 0;
  /** Of the next frame to be sent: a client's commands are answered from the number after their own. */
  #sequence = 1;
  /** Where the numbers start anew, counted in bytes of packets to the client: some may still wait to be compressed. */
  readonly #starts: { readonly at: number; readonly sequence: number }[] = [];
  #framed = 0;
  #written = 0;
  #wanted = false;
  #inflating = false;
  #ended = false;
  #failed = false;

  constructor(private readonly inner: Duplex, private readonly options: CompressedOptions) {
    super({ allowHalfOpen: true });
    this.#codec = codecs[options.compression];
    inner.on("data", (chunk: Uint8Array) => {
      this.#queue.push(chunk);
      this.#pump();
    });
    inner.on("end", () => {
      this.#ended = true;
      this.#pump();
    });
    inner.on("close", () => this.destroy());
    // The end is noticed by `close`.
    inner.on("error", () => {});
    this.on("error", () => {});
  }

  get #towardsTarget(): boolean {
    return this.options.statementBytesMax === null;
  }

  /** A client's command of so many bytes is to be answered now. */
  answers(bytes: number): void {
    this.#answered += bytes;
    for (;;) {
      const first = this.#frames[0];
      if (first === undefined) return;
      this.#startFrom(first.sequence + 1 & 0xff);
      if (first.end > this.#answered) return;
      this.#frames.shift();
      if (first.end === this.#answered) return;
    }
  }

  /** Nothing is to be answered: what is sent now, a client takes for the answer to what it sends next. */
  rests(): void {
    if (!this.#towardsTarget) this.#startFrom(1);
  }

  #startFrom(sequence: number): void {
    const at = this.#written + this.writableLength;
    if (this.#starts.at(-1)?.at === at) this.#starts.pop();
    this.#starts.push({ at, sequence });
  }

  override _read(): void {
    this.#wanted = true;
    this.#pump();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    // Each write to a target starts with a packet: of a command, or of an answer in the middle of the target's own.
    if (this.#towardsTarget) this.#sequence = chunk[packetHeaderBytes - 1] === 0 ? 0 : this.#expected;
    this.#send(chunk, (error) => {
      this.#written += chunk.length;
      done(error);
    });
  }

  #send(chunk: Uint8Array, done: (error?: Error | null) => void): void {
    const part = chunk.subarray(0, frameBytesMax);
    const rest = chunk.subarray(part.length);
    const written = (error: Error | null, compressed: Uint8Array | null) => {
      if (error !== null) return done(error);
      const next = rest.length === 0 ? done : () => this.#send(rest, done);
      if (this.inner.destroyed) return done();
      if (this.inner.write(this.#frame(part, compressed))) next();
      else this.inner.once("drain", next);
    };
    if (part.length < compressedBytesMin) return written(null, null);
    this.#codec.compress(
      part,
      (error, result) => written(error, result.length < part.length ? result : null),
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.inner.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.inner.destroy();
    done(error);
  }

  #frame(bytes: Uint8Array, compressed: Uint8Array | null): Buffer {
    const body = compressed ?? bytes;
    while (this.#starts[0] !== undefined && this.#starts[0].at <= this.#framed) {
      this.#sequence = this.#starts.shift()!.sequence;
    }
    this.#framed += bytes.length;
    const frame = Buffer.allocUnsafe(headerBytes + body.length);
    frame.writeUIntLE(body.length, 0, 3);
    frame[3] = this.#sequence;
    frame.writeUIntLE(compressed === null ? 0 : bytes.length, 4, 3);
    frame.set(body, headerBytes);
    this.#sequence = this.#sequence + 1 & 0xff;
    return frame;
  }

  /** Takes frames apart as long as somebody wants what is in them. */
  #pump(): void {
    try {
      while (this.#wanted && !this.#inflating && !this.#failed) if (!this.#next()) break;
    } catch (error) {
      this.#fail(asPosternError(error));
    }
    const full = this.#queue.length > slackBytes && (!this.#wanted || this.#inflating || this.#failed);
    if (full) this.inner.pause();
    else if (this.inner.isPaused()) this.inner.resume();
  }

  /** False where more must come. */
  #next(): boolean {
    const header = this.#queue.view(headerBytes);
    const length = header === null ? 0 : header[0]! | header[1]! << 8 | header[2]! << 16;
    const whole = header === null ? 0 : header[4]! | header[5]! << 8 | header[6]! << 16;
    if (header !== null) this.#check(header[3]!, length, whole);
    const frame = header === null ? null : this.#queue.take(headerBytes + length);
    if (frame === null) {
      if (this.#ended) {
        this.#wanted = false;
        this.push(null);
      }
      return false;
    }
    const sequence = frame[3]!;
    this.#expected = sequence + 1 & 0xff;
    const body = frame.subarray(headerBytes);
    if (whole === 0) {
      this.#give(body, sequence);
      return true;
    }
    this.#inflating = true;
    this.#codec.inflate(body, whole, (error, bytes) => {
      this.#inflating = false;
      if (this.destroyed) return;
      if (error !== null || bytes.length !== whole) this.#fail(garbled());
      else this.#give(bytes, sequence);
      this.#pump();
    });
    return true;
  }

  #check(sequence: number, length: number, whole: number): void {
    const { statementBytesMax } = this.options;
    // Nobody looks at the numbers of a target's frames, and none can be larger than a packet.
    if (statementBytesMax === null) return;
    if (sequence !== 0 && sequence !== this.#expected) {
      throw new PosternError(
        "ProtocolViolation",
        `packets out of order: a compressed one has number ${sequence} where ${this.#expected} must come`,
      );
    }
    if (Math.max(length, whole) <= statementBytesMax + slackBytes) return;
    throw limitReached(
      "listen.limits.statement",
      `a compressed packet of more than ${statementBytesMax} bytes (listen.limits.statement)`,
      "Send less at once, or have the limit raised",
    );
  }

  #give(bytes: Uint8Array, sequence: number): void {
    if (bytes.length === 0) return;
    this.#came += bytes.length;
    if (!this.#towardsTarget) this.#frames.push({ end: this.#came, sequence });
    this.#wanted = this.push(bytes);
  }

  #fail(error: PosternError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.options.fault(error);
  }
}

function garbled(): PosternError {
  return new PosternError("ProtocolViolation", "a compressed packet does not hold what its header says", {
    hint: "Connect without compression; if it helps, tell whoever made the client",
  });
}
