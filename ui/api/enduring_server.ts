/**
 * A `Deno.serve` that goes on. Deno's ends at the first connection for which there is no file descriptor: its
 * `finished` rejects, and a rejection that nobody takes ends the process.
 */
import type { Log } from "../../policy/log.ts";

const againMs = 500;

export class EnduringServer<Address extends Deno.Addr> {
  #server: Deno.HttpServer<Address>;
  #over = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `serve` begins to listen, again wherever the one before has ended. Throws what it throws the first time. */
  constructor(private readonly serve: () => Deno.HttpServer<Address>, private readonly log: Log) {
    this.#server = this.#begin();
  }

  /** Another one after each end. */
  get addr(): Address {
    return this.#server.addr;
  }

  /** Lets requests under way finish, and stops listening. */
  async shutdown(): Promise<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    // One that has ended by itself has said so already.
    await this.#server.shutdown().catch(() => {});
  }

  #begin(): Deno.HttpServer<Address> {
    const server = this.serve();
    server.finished.catch((error) => {
      this.log("error", "a server of HTTP has ended, and begins anew", { problem: String(error) });
      void server.shutdown().catch(() => {});
      this.#again();
    });
    return server;
  }

  #again(): void {
    if (this.#over) return;
    try {
      this.#server = this.#begin();
    } catch (error) {
      this.log("error", "a server of HTTP could not begin anew", { problem: String(error) });
      this.#timer = setTimeout(() => this.#again(), againMs);
    }
  }
}
