/** Free ports for the demo: the usual one where it is free, the next free one where it is not, and says so. */
import { createServer } from "node:net";

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** The first free loopback port from `wanted` on, none of `taken`; `note` hears of each that was not free. */
export async function freePort(
  wanted: number,
  what: string,
  taken: ReadonlySet<number>,
  note: (text: string) => void,
): Promise<number> {
  for (let port = wanted; port < Math.min(wanted + 100, 65_536); port++) {
    if (taken.has(port)) continue;
    if (await isFree(port)) {
      if (port !== wanted) note(`Port ${wanted} is taken, so the ${what} uses ${port}.`);
      return port;
    }
  }
  throw new Error(`No free port for the ${what} from ${wanted} on: all of the next hundred are taken.`);
}
