/** One end of a connection: bytes in with back-pressure, bytes out with waiting, and one way to interrupt both. */
import { Buffer } from "node:buffer";
import { PosternError } from "../../policy/errors.ts";
import type { Outbox } from "../wire/outbox.ts";
import type { Duplex } from "node:stream";
import { type CompressedOptions, CompressedStream } from "./compression.ts";
import { type Packet, PacketReader } from "./packets.ts";

/** Read ahead while nobody asks: enough to see a disconnect, and no more than this is kept. */
const readAheadBytes = 262_144;

/** Answers that need no waiting, made once. */
const [done, yes, no] = [Promise.resolve(), Promise.resolve(true), Promise.resolve(false)];

export class Channel {
  readonly reader = new PacketReader();
  #stream: Duplex;
  #compressed: CompressedStream | null = null;
  #ended = false;
  #failure: PosternError | null = null;
  /** Whoever waits for more bytes than `before`. */
  #waiting: { readonly before: number; readonly settle: () => void } | null = null;
  #wakeWriter: (() => void) | null = null;
  #paused = false;
  #listeners: (() => void)[] = [];
  /** Called where the other end has taken nothing for so long. */
  unread: { readonly afterMs: number; readonly call: () => void } | null = null;

  /** `name` is `client` or `target`, for messages. */
  constructor(stream: Duplex, readonly name: "client" | "target") {
    this.#stream = stream;
    this.#attach();
  }

  get stream(): Duplex {
    return this.#stream;
  }

  /** The other side has closed, or the connection broke. */
  get ended(): boolean {
    return this.#ended;
  }

  get failure(): PosternError | null {
    return this.#failure;
  }

  /** Calls once, as soon as this end is gone. */
  onEnd(listener: () => void): void {
    if (this.#ended) listener();
    else this.#listeners.push(listener);
  }

  /** Every wait on this channel, now and later, rejects with `error`. The first failure stays. */
  interrupt(error: PosternError): void {
    this.#failure ??= error;
    this.#notify();
    this.#onDrain();
  }

  /**
   * Resolves when bytes beyond the `before` that were looked at have come: true; or no more will: false. Whoever waited
   * for something else since then says how many that were: what came meanwhile may be the last that comes.
   */
  more(before = this.reader.queue.length): Promise<boolean> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.reader.queue.length > before) return yes;
    if (this.#ended) return no;
    if (this.#paused) {
      this.#paused = false;
      this.#stream.resume();
    }
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (this.#failure !== null) reject(this.#failure);
        else resolve(this.reader.queue.length > before);
      };
      this.#waiting = { before, settle };
    });
  }

  /** The next whole payload. Rejects where the channel ends first, or with what PacketReader.next() throws. */
  async packet(bytesMax: number, limitName: string): Promise<Packet> {
    for (;;) {
      const packet = this.packetAtHand(bytesMax, limitName);
      if (packet !== null) return packet;
      if (!await this.more()) throw this.gone();
    }
  }

  /** The same where it is here already; null where it is not. */
  packetAtHand(bytesMax: number, limitName: string): Packet | null {
    const packet = this.reader.next(bytesMax, limitName);
    if (packet !== null) this.#compressed?.answers(packet.raw.length);
    return packet;
  }

  gone(): PosternError {
    return this.name === "client"
      ? new PosternError("ProtocolViolation", "the client closed the connection")
      : new PosternError("TargetUnavailable", "the target closed the connection", {
        hint: "Connect again; if it persists, whoever runs the target can say why",
      });
  }

  /** Resolves once the stream takes more; a stream that has ended takes everything. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#ended || this.#stream.write(bytes) ? done : this.#drained();
  }

  flush(outbox: Outbox): Promise<void> {
    return this.#ended || outbox.flush(this.#stream) ? done : this.#drained();
  }

  /** Lets go of the stream for an upgrade; bytes read too far go back to it. Returns it. */
  detach(): Duplex {
    const stream = this.#stream;
    stream.off("data", this.#onData);
    stream.off("end", this.#onEnd);
    stream.off("close", this.#onEnd);
    stream.off("drain", this.#onDrain);
    stream.pause();
    const left = this.reader.queue.take(this.reader.queue.length);
    if (left !== null && left.length > 0) stream.unshift(Buffer.from(left));
    return stream;
  }

  /** Goes on over the upgraded stream. */
  attach(stream: Duplex): void {
    this.#stream = stream;
    this.#paused = false;
    this.#attach();
  }

  /** Goes on in the compressed protocol. What breaks it interrupts this channel, too. */
  compress(options: Omit<CompressedOptions, "fault">): void {
    const fault = (error: PosternError) => this.interrupt(error);
    this.reader.renumbers = true;
    this.attach(this.#compressed = new CompressedStream(this.detach(), { ...options, fault }));
  }

  /** The next packet starts a command. */
  expectCommand(): void {
    this.reader.expect(0);
    this.#compressed?.rests();
  }

  /** Says `last` if it still can, and closes. */
  close(last?: Uint8Array): void {
    const stream = this.#stream;
    if (this.#ended || last === undefined) {
      stream.destroy();
      return;
    }
    stream.end(last);
    // A client that reads nothing must not keep the connection.
    const timer = setTimeout(() => stream.destroy(), 2_000);
    stream.once("close", () => clearTimeout(timer));
    stream.resume();
  }

  #attach(): void {
    this.#stream.on("data", this.#onData);
    this.#stream.on("end", this.#onEnd);
    this.#stream.on("close", this.#onEnd);
    this.#stream.on("drain", this.#onDrain);
    // The end is noticed by `close`; without a listener an error would end the process.
    this.#stream.on("error", () => {});
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.reader.push(chunk);
    if (this.#waiting === null && this.reader.queue.length > readAheadBytes && !this.#paused) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.#notify();
  };

  readonly #onEnd = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    for (const listener of this.#listeners) listener();
    this.#listeners = [];
    this.#notify();
    this.#onDrain();
  };

  #notify(): void {
    const waiting = this.#waiting;
    const goesOn = this.#failure === null && !this.#ended;
    if (waiting === null || (goesOn && this.reader.queue.length <= waiting.before)) return;
    this.#waiting = null;
    waiting.settle();
  }

  readonly #onDrain = (): void => {
    const drained = this.#wakeWriter;
    this.#wakeWriter = null;
    drained?.();
  };

  async #drained(): Promise<void> {
    if (this.#failure === null && !this.#ended) {
      const { unread } = this;
      const timer = unread === null
        ? undefined
        : setTimeout(unread.call, Math.min(unread.afterMs, 2 ** 31 - 1));
      await new Promise<void>((resolve) => this.#wakeWriter = resolve);
      clearTimeout(timer);
    }
    if (this.#failure !== null) throw this.#failure;
  }
}
