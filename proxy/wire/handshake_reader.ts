/** Frames one at a time, awaited: for the phases before relaying, where speed is no matter. */
import { limitReached } from "../../policy/limits.ts";
import type { Stream } from "../protocol.ts";
import { FrameBuffer, type FrameShape } from "./frame_buffer.ts";

export class HandshakeReader {
  #frames: FrameBuffer;
  #ended = false;
  #failure: unknown = null;
  #wake: (() => void) | null = null;
  #onEnd: (() => void) | null = null;

  /** Reads from `stream` until released; no frame may be longer than `frameBytesMax`. */
  constructor(readonly stream: Stream, private readonly shape: FrameShape, readonly frameBytesMax: number) {
    this.#frames = new FrameBuffer(shape);
    stream.on("data", this.#data);
    stream.on("end", this.#end);
    stream.on("close", this.#end);
    stream.on("error", this.#end);
    // A stream that ended before this reader came tells nobody again.
    if (stream.destroyed || stream.readableEnded) this.#ended = true;
    stream.resume();
  }

  get buffered(): number {
    return this.#frames.size;
  }

  /** Whether the other end has closed or gone. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Called once when the other end closes, now or later. */
  onEnd(listener: () => void): void {
    if (this.#ended) listener();
    else this.#onEnd = listener;
  }

  /** The first byte of what comes next, without taking it; null where the other end closed. */
  async firstByte(): Promise<number | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const bytes = this.#frames.take(this.#frames.size);
      if (bytes !== null && bytes.length > 0) {
        this.#frames.push(bytes);
        return bytes[0] ?? null;
      }
      if (this.#ended) return null;
      await this.#more();
    }
  }

  /**
   * The next whole frame; null where the other end closed instead, even in the middle of one. `bytesMax` for one
   * that may be longer than usual, by 65,536 at most.
   */
  async next(bytesMax = this.frameBytesMax): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const bytes = this.#frames.peek();
      if (bytes > bytesMax) {
        throw limitReached(
          "listen.limits.startupMessage",
          `A message of ${bytes} bytes came where ${bytesMax} is the limit (listen.limits.startupMessage)`,
          "Send less before the sign-in, or have the limit raised",
        );
      }
      if (bytes > 0) {
        const frame = this.#frames.take(bytes);
        if (frame !== null) {
          if (this.stream.isPaused()) this.stream.resume();
          return frame;
        }
      }
      if (this.#ended) return null;
      await this.#more();
    }
  }

  /** From here on frames have another shape: start-up is over. */
  reshape(shape: FrameShape): void {
    const left = this.#frames.take(this.#frames.size);
    this.#frames = new FrameBuffer(shape);
    if (left !== null) this.#frames.push(left);
  }

  /** Whoever waits, now or later, gets `error`: a deadline, a shutdown. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** Stops reading, leaves the stream paused, and gives back what was read too far. */
  release(): Uint8Array {
    this.stream.pause();
    this.stream.removeListener("data", this.#data);
    this.stream.removeListener("end", this.#end);
    this.stream.removeListener("close", this.#end);
    this.stream.removeListener("error", this.#end);
    this.#onEnd = null;
    return this.#frames.take(this.#frames.size) ?? new Uint8Array(0);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #data = (chunk: Uint8Array): void => {
    this.#frames.push(chunk);
    // Whoever sends more than a frame may hold, before it is asked, waits at its own end.
    if (this.#frames.size > this.frameBytesMax + 65_536) this.stream.pause();
    this.#wake?.();
  };

  #end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake?.();
    this.#onEnd?.();
  };
}
