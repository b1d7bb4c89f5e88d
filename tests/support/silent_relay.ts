/** A way between two ends that can fall silent: nothing goes through any more, and neither end hears of it. */
import { createConnection, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface SilentRelay {
  readonly port: number;
  /** From now on what comes from either side is taken and lost, as when a cable is cut behind a switch. */
  silence(): void;
  /** What is open now falls silent for good, from both sides; new connections pass. */
  strand(): void;
  /** After `silence()`: new connections pass again; what was open then stays silent. */
  mend(): void;
  /** The bytes that were lost so far. */
  readonly lost: number;
  close(): void;
}

/** To `port` on loopback. */
export async function startSilentRelay(port: number): Promise<SilentRelay> {
  let silent = false;
  let lost = 0;
  const open = new Set<Socket>();
  const stranded = new Set<Socket>();
  const pass = (from: Socket, to: Socket): void => {
    open.add(from);
    if (silent) stranded.add(from);
    from.on("error", () => {});
    from.on("data", (chunk: Uint8Array) => {
      if (stranded.has(from)) lost += chunk.length;
      else to.write(chunk);
    });
    // An end that closes is not told of either.
    from.on("end", () => void (stranded.has(from) || to.end()));
  };
  const strand = () => open.forEach((socket) => stranded.add(socket));
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = createConnection({ host: "127.0.0.1", port, allowHalfOpen: true });
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence: () => {
      silent = true;
      strand();
    },
    strand,
    mend: () => void (silent = false),
    get lost() {
      return lost;
    },
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
