/** Free ports on loopback, and waiting for one to be served. */

/** Linux gives the ports from 32768 on to outgoing connections: one of those can be taken at any moment. */
const lowest = 10_000;
const afterHighest = 32_768;
/** Each process takes its ports from a slice of its own, since others run beside it. */
const slice = 128;
const slices = Math.floor((afterHighest - lowest) / slice);

/** Its lock is held as long as the process lives, and given back by the kernel. */
function ownSlice(): { readonly base: number; readonly lock: Deno.FsFile } {
  const folder = `/tmp/postern-tests-${Deno.uid()}/ports`;
  Deno.mkdirSync(folder, { recursive: true });
  for (let tries = 0; tries < slices; tries++) {
    const at = (Deno.pid + tries) % slices;
    const lock = Deno.openSync(`${folder}/${at}`, { write: true, create: true });
    if (lock.tryLockSync(true)) return { base: lowest + at * slice, lock };
    lock.close();
  }
  throw new Error(`${slices} test processes hold all ports; is none of them over?`);
}

const own = ownSlice();
let taken = Math.floor(Math.random() * slice);

/** A port that nobody listens on now, and that neither another test nor an outgoing connection takes before you do. */
export function freePort(): number {
  for (let tries = 0; tries < slice; tries++) {
    const port = own.base + taken++ % slice;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`no port is free between ${own.base} and ${own.base + slice - 1}`);
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
