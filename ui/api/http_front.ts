/**
 * What stands in front of Deno.serve, which waits for ever for a request that never comes to its end: accepts
 * connections, counts them, and passes their bytes on to a server on loopback, as they are. A connection without
 * a request under way is cut when its time is over, whatever trickles in. TLS ends behind it, so that HTTP/2 works.
 */
import { shortOfDescriptors } from "../../policy/descriptors.ts";
import type { PosternError } from "../../policy/errors.ts";
import type { Log } from "../../policy/log.ts";

/** Connections at one time, and milliseconds. */
export interface FrontLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** From accept to the first whole header block, the TLS handshake included. */
  readonly arrivalMs: number;
  /** From the end of an answer to the next whole header block. */
  readonly idleMs: number;
}

/** A limit of the front by its name, or one of the whole process. */
export type Reached = "connections" | "connectionsPerAddress" | PosternError;

export interface FrontDeps {
  /** The port on loopback that new connections are passed on to. */
  readonly inner: () => number;
  readonly limits: FrontLimits;
  /** Told of each connection over a limit, with what was reached; the bytes to say it with, where there are any. */
  readonly refused: (limit: Reached, address: string) => Uint8Array<ArrayBuffer> | null;
  /** Told of each connection that was cut because no request came. */
  readonly late: (address: string) => void;
  readonly log: Log;
}

const bufferBytes = 16 * 1024;
const acceptAgainMs = 100;
const farewellMs = 2_000;

/** One connection. Its time runs while no request of it is under way. */
class Passage {
  #requests = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly address: string,
    private readonly limits: FrontLimits,
    private readonly cut: () => void,
  ) {
    this.#within(limits.arrivalMs);
  }

  began(): void {
    this.#requests++;
    clearTimeout(this.#timer);
  }

  ended(): void {
    if (--this.#requests === 0) this.#within(this.limits.idleMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#requests = Infinity;
  }

  #within(ms: number): void {
    this.#timer = setTimeout(this.cut, ms);
  }
}

export class HttpFront {
  readonly #listener: Deno.TcpListener;
  /** By the port that the connection has towards the server behind: what that server sees of it. */
  readonly #passages = new Map<number, Passage>();
  readonly #byAddress = new Map<string, number>();
  /** With the end of each. */
  readonly #open = new Map<Deno.TcpConn, Promise<void>>();
  #closed = false;

  /** Throws what Deno.listen throws, `Deno.errors.AddrInUse` for a taken port. */
  constructor(at: { readonly hostname: string; readonly port: number }, private readonly deps: FrontDeps) {
    this.#listener = Deno.listen({ hostname: at.hostname, port: at.port });
    void this.#acceptAll();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Whose connection the server behind sees from this port; null for one that did not come through here. */
  passage(port: number): Pick<Passage, "address" | "began" | "ended"> | null {
    return this.#passages.get(port) ?? null;
  }

  /** Accepts nobody from now on; again does nothing. */
  stop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }

  /** Lets the last bytes of what the server behind has ended go out, for a moment, and ends what is left. */
  async finish(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, farewellMs));
    await Promise.race([Promise.all(this.#open.values()), late]);
    clearTimeout(timer);
    for (const conn of this.#open.keys()) closeQuietly(conn);
  }

  async #acceptAll(): Promise<void> {
    while (!this.#closed) {
      try {
        const client = await this.#listener.accept();
        void this.#serve(client);
      } catch (error) {
        if (this.#closed) return;
        // Out of file descriptors, or a client that has gone already: others come.
        this.deps.log("error", "accepting a dashboard connection failed", { problem: String(error) });
        await new Promise((resolve) => setTimeout(resolve, acceptAgainMs));
      }
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const address = client.remoteAddr.hostname;
    const fromThere = this.#byAddress.get(address) ?? 0;
    const { connectionsMax, connectionsPerAddressMax } = this.deps.limits;
    const short = shortOfDescriptors();
    if (short !== null) return await this.#refuse(client, short);
    if (this.#open.size >= connectionsMax) return await this.#refuse(client, "connections");
    if (fromThere >= connectionsPerAddressMax) return await this.#refuse(client, "connectionsPerAddress");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open.set(client, promise);
    this.#byAddress.set(address, fromThere + 1);
    try {
      await this.#relay(client, address);
    } catch {
      // Either end went away, or was cut: there is nobody to tell.
    } finally {
      this.#open.delete(client);
      closeQuietly(client);
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
      resolve();
    }
  }

  async #relay(client: Deno.TcpConn, address: string): Promise<void> {
    using inner = await Deno.connect({ hostname: "127.0.0.1", port: this.deps.inner() });
    const passage = new Passage(address, this.deps.limits, () => {
      this.deps.late(address);
      closeQuietly(client);
    });
    const { port } = inner.localAddr;
    this.#passages.set(port, passage);
    try {
      // The server's end is the connection's; a client may close its own half first and read on.
      await Promise.race([
        pump(inner, client),
        pump(client, inner).then(() => new Promise<void>(() => {})),
      ]);
    } finally {
      passage.close();
      this.#passages.delete(port);
    }
  }

  async #refuse(client: Deno.TcpConn, limit: Reached): Promise<void> {
    const words = this.deps.refused(limit, client.remoteAddr.hostname);
    try {
      if (words !== null) await client.write(words);
    } catch {
      // It is gone already.
    } finally {
      closeQuietly(client);
    }
  }
}

async function pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(bufferBytes);
  for (;;) {
    const read = await from.read(buffer);
    if (read === null) break;
    for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
  }
  await to.closeWrite();
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
