/** The way out to the target: messages leave in order, each when it is ready, together where they can. */
import type { Stream } from "../protocol.ts";
import { Outbox } from "../wire/outbox.ts";
import type { Conversation } from "./conversation.ts";

export class Sender {
  readonly #out = new Outbox();
  #scheduled = false;
  #stalled = false;
  #closed = false;

  /** `resumed` is called when the target takes more again. */
  constructor(
    private readonly target: Stream,
    private readonly c: Conversation,
    private readonly resumed: () => void,
  ) {}

  /** The target does not take what it was sent. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /** What passes unread goes here, after everything that was released. */
  get out(): Outbox {
    return this.#out;
  }

  /** Sends what is ready, up to the first that is not. */
  release(): void {
    const { c } = this;
    for (let item = c.outgoing.first(); item?.ready === true; item = c.outgoing.first()) {
      c.outgoing.shift();
      if (item.frame === null) continue;
      // A target that waits for COPY data reads over it.
      if (item.reply?.kind === "sync" && c.copyIn) continue;
      if (item.reply !== null) c.replies.push(item.reply);
      this.#out.push(item.frame);
    }
    this.schedule();
  }

  /** One write for all that became ready in this turn. */
  schedule(): void {
    if (this.#scheduled || this.#out.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#closed || this.target.destroyed || this.#out.size === 0) return;
    if (this.#out.flush(this.target) || this.#stalled) return;
    this.#stalled = true;
    this.target.once("drain", () => {
      this.#stalled = false;
      this.resumed();
    });
  }

  /** After `frame` nothing is sent any more. */
  finish(frame: Uint8Array): void {
    this.#out.push(frame);
    this.flush();
    this.close();
    this.target.end();
  }

  close(): void {
    this.#closed = true;
  }
}
