/** Keeps the target's session while its client waits for a person: a target closes what is silent for too long. */
import type { Channel } from "./channel.ts";
import { Command } from "./constants.ts";
import { encodePacket } from "./packets.ts";

const ping = encodePacket(0, Uint8Array.of(Command.ping));
const answerBytesMax = 65_536;

export class KeepAlive {
  readonly #timer: ReturnType<typeof setInterval>;
  #underWay: Promise<void> | null = null;

  /** `failed` is called once where the target does not answer as it must. */
  constructor(private readonly target: Channel, everyMs: number, failed: (error: unknown) => void) {
    this.#timer = setInterval(() => {
      this.#underWay ??= this.#ping().catch((error) => {
        clearInterval(this.#timer);
        failed(error);
      }).finally(() => this.#underWay = null);
    }, everyMs);
  }

  /** Resolves once the target's answers are in, so that the next one belongs to the next request. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#underWay !== null) await this.#underWay;
  }

  async #ping(): Promise<void> {
    await this.target.write(ping);
    this.target.reader.expect(1);
    await this.target.packet(answerBytesMax, "an answer to COM_PING");
  }
}
