/**
 * A network path that can be cut: connections end in the middle of whatever they carry, and new ones find nobody. Or
 * that falls silent: nothing goes through any more, and neither end is told.
 */
import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface CutRelay {
  readonly port: number;
  cut(): void;
  silence(): void;
  /** What was under way when it was cut or silenced is lost. */
  mend(): void;
  close(): void;
}

export async function startCutRelay(to: number): Promise<CutRelay> {
  const open = new Set<Socket>();
  let state: "whole" | "cut" | "silent" = "whole";
  const server = createServer((near) => {
    if (state === "cut") return void near.destroy();
    if (state === "silent") {
      open.add(near);
      near.on("error", () => {});
      return void near.on("close", () => open.delete(near));
    }
    const far = connect({ host: "127.0.0.1", port: to });
    for (const [one, other] of [[near, far], [far, near]] as const) {
      open.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const end = () => {
    for (const socket of open) socket.destroy();
  };
  const cut = () => {
    state = "cut";
    end();
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    silence() {
      state = "silent";
      for (const socket of open) socket.unpipe().pause();
    },
    mend() {
      if (state === "silent") end();
      state = "whole";
    },
    close() {
      cut();
      server.close();
    },
  };
}
