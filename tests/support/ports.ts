/** Free ports on loopback, and waiting for one to be served. */

/** Linux gives the ports from 32768 on to outgoing connections: one of those can be taken at any moment. */
const lowest = 10_000;
const afterHighest = 32_768;
/** Each process takes its ports from a slice of its own, since others run beside it. */
const slice = 128;
const slices = Math.floor((afterHighest - lowest) / slice);
const base = lowest + (Deno.pid % slices) * slice;
let taken = Math.floor(Math.random() * slice);

/** A port that nobody listens on now, and that neither another test nor an outgoing connection takes before you do. */
export function freePort(): number {
  for (let tries = 0; tries < slice; tries++) {
    const port = base + taken++ % slice;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`no port is free between ${base} and ${base + slice - 1}`);
}

/** Resolves once something accepts connections there. `giveUp` ends the wait early with its reason. */
export async function waitForPort(
  port: number,
  timeoutMs: number,
  giveUp: () => string | null = () => null,
): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (Date.now() < until) {
    const reason = giveUp();
    if (reason !== null) throw new Error(reason);
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw new Error(`nothing listens on port ${port} after ${timeoutMs} ms`);
}
