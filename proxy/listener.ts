/** Accepts clients of one protocol: connection caps in all and per address, and an end that drains first. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { PosternError } from "../policy/errors.ts";
import { type LimitName, limitReached } from "../policy/limits.ts";
import type { ListenAddress } from "./config.ts";
import type { ConnectionDeps, Protocol } from "./protocol.ts";

/** Connections at one time. */
export interface ConnectionCaps {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

export interface Listener {
  readonly address: AddressInfo;
  /** Connections being served. */
  readonly connections: number;
  /** Stops accepting and waits until nobody is served, or `drainMs` are over. */
  drain(drainMs: number): Promise<void>;
  /** Ends whatever is left. */
  destroy(): void;
}

/** Binds and serves. Rejects with Internal where the address cannot be had; its text says which and why. */
export function listen(
  protocol: Protocol,
  at: ListenAddress,
  caps: ConnectionCaps,
  deps: ConnectionDeps,
): Promise<Listener> {
  const accepting = new Accepting(protocol, caps, deps);
  return new Promise((resolve, reject) => {
    const server = accepting.server;
    server.once("error", (cause: Error & { code?: string }) => {
      const why = cause.code === "EADDRINUSE" ? "it is in use" : cause.code ?? cause.message;
      reject(
        new PosternError("Internal", `Cannot listen on ${at.host}:${at.port} for ${protocol.id}: ${why}`, {
          hint: `Choose another address under listen.${protocol.id}, or stop what uses it`,
          cause,
        }),
      );
    });
    const where = at.fd === undefined ? { host: at.host, port: at.port } : { fd: at.fd };
    server.listen(where, () => {
      server.removeAllListeners("error");
      server.on(
        "error",
        (error) => deps.log("error", "accepting a connection failed", { problem: error.message }),
      );
      resolve(accepting);
    });
  });
}

/** When the kernel starts to ask a silent client whether it is still there. */
const keepAliveMs = 60_000;

class Accepting implements Listener {
  readonly server: Server;
  readonly #clients = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();
  #onIdle: (() => void) | null = null;

  constructor(
    private readonly protocol: Protocol,
    private readonly caps: ConnectionCaps,
    private readonly deps: ConnectionDeps,
  ) {
    this.server = createServer((client) => this.#accept(client));
  }

  get address(): AddressInfo {
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("The listener has no TCP address");
    return address;
  }

  get connections(): number {
    return this.#clients.size;
  }

  async drain(drainMs: number): Promise<void> {
    this.server.close();
    if (this.#clients.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onIdle = null;
  }

  destroy(): void {
    for (const client of this.#clients) client.destroy();
  }

  #accept(client: Socket): void {
    // For the socket's whole life: an error without a listener would end the process.
    client.on("error", () => {});
    // Deno 2.9 does not hand on createServer's options of these names.
    client.setNoDelay(true);
    client.setKeepAlive(true, keepAliveMs);
    const address = client.remoteAddress;
    // Gone before it was accepted.
    if (address === undefined) return void client.destroy();
    const fromThere = this.#byAddress.get(address) ?? 0;
    const { connectionsMax, connectionsPerAddressMax } = this.caps;
    if (this.#clients.size >= connectionsMax) {
      return this.#refuse(client, "listen.limits.connections", connectionsMax);
    }
    if (fromThere >= connectionsPerAddressMax) {
      return this.#refuse(client, "listen.limits.connectionsPerAddress", connectionsPerAddressMax);
    }
    this.#clients.add(client);
    this.#byAddress.set(address, fromThere + 1);
    client.once("close", () => this.#gone(client, address));
    void this.protocol.serve(client, this.deps);
  }

  #refuse(client: Socket, rule: LimitName, limit: number): void {
    this.deps.log("warn", "a connection was refused", { rule, limit, address: client.remoteAddress ?? "" });
    this.protocol.refuse(
      client,
      limitReached(
        rule,
        `Postern has as many connections as it may (${rule}: ${limit})`,
        "Close some connections, or try again later",
      ),
    );
  }

  #gone(client: Socket, address: string): void {
    this.#clients.delete(client);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
    if (this.#clients.size === 0) this.#onIdle?.();
  }
}
