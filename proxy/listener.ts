/** Accepts clients of one protocol: connection caps in all and per address, and an end that drains first. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { descriptorsLeft, descriptorsNeeded, shortOfDescriptors } from "../policy/descriptors.ts";
import { PosternError } from "../policy/errors.ts";
import { type LimitName, limitReached } from "../policy/limits.ts";
import type { ListenAddress } from "./config.ts";
import type { ConnectionDeps, Protocol } from "./protocol.ts";
import { Pulse } from "./pulse.ts";

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
export async function listen(
  protocol: Protocol,
  at: ListenAddress,
  caps: ConnectionCaps,
  deps: ConnectionDeps,
  /** Told where it accepts nobody any more, and cannot be opened anew. */
  deaf: () => void = () => {},
): Promise<Listener> {
  const accepting = new Accepting(protocol, at, caps, deps, deaf);
  await accepting.open();
  return accepting;
}

/** When the kernel starts to ask a silent client whether it is still there. */
const keepAliveMs = 60_000;

class Accepting implements Listener {
  #server: Server;
  #bound: AddressInfo | null = null;
  readonly #pulse: Pulse;
  readonly #clients = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();
  #onIdle: (() => void) | null = null;

  constructor(
    private readonly protocol: Protocol,
    private readonly at: ListenAddress,
    private readonly caps: ConnectionCaps,
    private readonly deps: ConnectionDeps,
    private readonly deaf: () => void,
  ) {
    this.#server = this.#create();
    this.#pulse = new Pulse(() => this.address, () => this.#revive());
  }

  /** Resolves once it listens; once only. */
  open(): Promise<void> {
    const { at, protocol } = this;
    const where = at.fd === undefined ? { host: at.host, port: at.port } : { fd: at.fd };
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.once("error", (cause: Error & { code?: string }) => {
        this.#pulse.close();
        const why = cause.code === "EADDRINUSE" ? "it is in use" : cause.code ?? cause.message;
        reject(
          new PosternError("Internal", `Cannot listen on ${at.host}:${at.port} for ${protocol.id}: ${why}`, {
            hint: `Choose another address under listen.${protocol.id}, or stop what uses it`,
            cause,
          }),
        );
      });
      server.listen(where, () => {
        server.removeAllListeners("error");
        this.#watch(server);
        this.#bound = server.address() as AddressInfo;
        resolve();
      });
    });
  }

  #create(): Server {
    return createServer((client) => {
      // For the socket's whole life: an error without a listener would end the process.
      client.on("error", () => {});
      this.#pulse.accepted(client, (admitted) => this.#accept(admitted));
    });
  }

  #watch(server: Server): void {
    server.on(
      "error",
      (error) => this.deps.log("error", "accepting a connection failed", { problem: error.message }),
    );
  }

  /** It accepts nobody any more: another takes its place, and sessions go on. */
  #revive(): void {
    const { protocol: { id }, deps, at } = this;
    if (at.fd !== undefined) {
      const problem = "a socket that was handed over cannot be opened anew";
      deps.log("error", "the listener accepts nobody any more", { protocol: id, problem });
      return this.deaf();
    }
    const { address, port } = this.address;
    deps.log("error", "the listener accepted nobody any more, and is opened anew", { protocol: id });
    const old = this.#server;
    const next = this.#create();
    this.#watch(next);
    old.close(() => {});
    next.listen({ host: address, port }, () => this.#server = next);
  }

  get address(): AddressInfo {
    const address = this.#bound;
    if (address === null) throw new Error("The listener has no TCP address");
    return address;
  }

  get connections(): number {
    return this.#clients.size;
  }

  async drain(drainMs: number): Promise<void> {
    this.#pulse.close();
    this.#server.close();
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
    // Deno 2.9 does not hand on createServer's options of these names.
    client.setNoDelay(true);
    client.setKeepAlive(true, keepAliveMs);
    const address = client.remoteAddress;
    // Gone before it was accepted.
    if (address === undefined) return void client.destroy();
    const fromThere = this.#byAddress.get(address) ?? 0;
    const { connectionsMax, connectionsPerAddressMax } = this.caps;
    const short = shortOfDescriptors();
    if (short !== null) return this.#turnAway(client, short);
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
    const reached = limitReached(
      rule,
      `Postern has as many connections as it may (${rule}: ${limit})`,
      "Close some connections, or try again later",
    );
    this.#turnAway(client, reached);
  }

  #turnAway(client: Socket, reached: PosternError): void {
    const { rule = "", message: problem } = reached;
    this.deps.log("warn", "a connection was refused", {
      rule,
      problem,
      address: client.remoteAddress ?? "",
    });
    // Words keep the connection open for a moment; where that may take the last descriptors, there are none.
    if (rule === "limits.descriptors" && !descriptorsLeft(descriptorsNeeded)) return void client.destroy();
    this.protocol.refuse(client, reached);
  }

  #gone(client: Socket, address: string): void {
    this.#clients.delete(client);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
    if (this.#clients.size === 0) this.#onIdle?.();
  }
}
