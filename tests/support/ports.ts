/** Free ports on loopback, and waiting for one to be served. */

/** A port that nobody listens on now. Somebody else may take it before you do: listen on 0 where you can. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
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
