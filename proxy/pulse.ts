/**
 * Whether a listener still accepts. Deno's stops for good at the first connection for which there is no file
 * descriptor, says nothing, and still counts as listening: clients wait in the kernel's queue for ever. So it is
 * knocked at from inside.
 */
import { type AddressInfo, createConnection, type Socket } from "node:net";

/** Between knocks, and how long one waits to be heard. Milliseconds. */
const everyMs = 5_000;
const heardWithinMs = 2_000;
/** One may be missed where this process had no time. */
const missedMax = 2;

export class Pulse {
  /** The knock under way: the port that it comes from, once that is known. */
  #knock: { readonly port: Promise<number | undefined>; readonly heard: () => void } | null = null;
  #missed = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  /** `silent` is called where nobody was heard `missedMax` times in a row. */
  constructor(private readonly address: () => AddressInfo, private readonly silent: () => void) {
    this.#timer = setInterval(() => void this.#check(), everyMs);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Takes a connection that was accepted; gives it on where it is no knock. */
  accepted(client: Socket, admit: (client: Socket) => void): void {
    this.#missed = 0;
    const knock = this.#knock;
    if (knock === null) return admit(client);
    void knock.port.then((port) => {
      if (port === undefined || client.remotePort !== port) return admit(client);
      knock.heard();
      client.destroy();
    });
  }

  async #check(): Promise<void> {
    if (this.#knock !== null) return;
    const { promise: heard, resolve } = Promise.withResolvers<boolean>();
    const { promise: port, resolve: came } = Promise.withResolvers<number | undefined>();
    this.#knock = { port, heard: () => resolve(true) };
    const { address: host, port: at } = this.address();
    const here = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
    const socket = createConnection({ host: here, port: at });
    let timer: ReturnType<typeof setTimeout> | undefined;
    socket.once("connect", () => {
      came(socket.localPort);
      timer = setTimeout(() => resolve(false), heardWithinMs);
    });
    // Nothing can be told where there is no descriptor for the knock, either.
    socket.on("error", (error: Error & { code?: string }) => {
      came(undefined);
      resolve(error.code !== "ECONNREFUSED");
    });
    const answered = await heard;
    clearTimeout(timer);
    socket.destroy();
    this.#knock = null;
    this.#missed = answered ? 0 : this.#missed + 1;
    if (this.#missed < missedMax) return;
    this.#missed = 0;
    this.silent();
  }
}
