/** A way between two ends that can fall silent: nothing goes through any more, and neither end hears of it. */
import { createConnection, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface SilentRelay {
  readonly port: number;
  /** From now on what comes from either side is taken and lost, as when a cable is cut behind a switch. */
  silence(): void;
  close(): void;
}

/** To `port` on loopback. */
export async function startSilentRelay(port: number): Promise<SilentRelay> {
  let silent = false;
  const open = new Set<Socket>();
  const pass = (from: Socket, to: Socket): void => {
    open.add(from);
    from.on("error", () => {});
    from.on("data", (chunk: Uint8Array) => void (silent || to.write(chunk)));
    // An end that closes is not told of either.
    from.on("end", () => void (silent || to.end()));
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = createConnection({ host: "127.0.0.1", port, allowHalfOpen: true });
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence: () => void (silent = true),
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
