/** Target to client: frame boundaries, what passes unread, and back-pressure. */
import type { Stream } from "../protocol.ts";
import { FrameBuffer } from "../wire/frame_buffer.ts";
import { Outbox } from "../wire/outbox.ts";
import { frameShape } from "./frames.ts";
import type { TargetSide } from "./target_side.ts";

export class TargetPump {
  readonly #frames = new FrameBuffer(frameShape);
  readonly #out = new Outbox();
  /** Messages of Postern's own that wait for the end of one that is passing. */
  #later: Uint8Array[] = [];
  #stalled = false;
  #unreadTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly target: Stream,
    private readonly client: Stream,
    private readonly side: TargetSide,
    private readonly frameBytesMax: number,
    /** Called where the client has taken nothing for so long. */
    private readonly unread: { readonly afterMs: () => number; readonly call: () => void },
  ) {}

  /** The client does not take what it was sent. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /** In the middle of a message: nothing of Postern's own may come between. */
  get midFrame(): boolean {
    return this.#frames.midFrame;
  }

  /** Throws where the target does not keep to the protocol. */
  push(chunk: Uint8Array): void {
    const frames = this.#frames;
    frames.push(chunk);
    for (let bytes = frames.peek(); bytes > 0; bytes = frames.peek()) {
      const type = frames.byte(0);
      const course = this.side.course(type, bytes);
      if (course === "pass") frames.passInRun(bytes, this.#out);
      else if (course === "drop") frames.drop(bytes);
      else if (course === "refuse" || bytes > this.frameBytesMax) this.#refused(type, bytes);
      else {
        const at = frames.place(bytes);
        if (at < 0) break;
        if (course === "mask" && this.side.maskInPlace(frames.bytes, at, bytes)) {
          frames.passInRun(bytes, this.#out);
        } else this.#taken(type, frames.bytes.subarray(at, at + bytes));
      }
    }
    frames.settle();
    if (this.#later.length > 0 && !frames.midFrame) {
      for (const frame of this.#later) this.#out.push(frame);
      this.#later = [];
    }
    this.#flush();
  }

  /** A message of Postern's own to the client, as soon as it does not cut another in two. */
  send(frame: Uint8Array): void {
    if (this.#frames.midFrame) return void this.#later.push(frame);
    this.#out.push(frame);
    this.#flush();
  }

  close(): void {
    clearTimeout(this.#unreadTimer);
  }

  #taken(type: number, frame: Uint8Array): void {
    const shown = this.side.frame(type, frame);
    if (shown === frame) return this.#frames.passInRun(frame.length, this.#out);
    this.#frames.drop(frame.length);
    if (shown !== null) this.#out.push(shown);
  }

  #refused(type: number, bytes: number): void {
    const shown = this.side.refused(type, bytes);
    this.#frames.drop(bytes);
    if (shown !== null) this.#out.push(shown);
  }

  #flush(): void {
    if (this.client.destroyed || this.client.writableEnded) return this.#out.clear();
    if (this.#out.size === 0) return;
    if (this.#out.flush(this.client) || this.#stalled) return;
    this.#stalled = true;
    this.target.pause();
    const { afterMs, call } = this.unread;
    this.#unreadTimer = setTimeout(call, Math.min(afterMs(), 2 ** 31 - 1));
    this.client.once("drain", () => {
      clearTimeout(this.#unreadTimer);
      this.#stalled = false;
      this.target.resume();
    });
  }
}
