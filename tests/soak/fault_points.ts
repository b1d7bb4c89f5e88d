/**
 * Loaded into Postern before itself (`deno run --preload`), for faults that nobody can make from outside. At a
 * SIGUSR2 the file `fault` beside the config is read: `worker` ends the store's Worker by an error that it does not
 * catch, a number sets the clock by so many milliseconds, that of every Worker, too. `memory` is no fault: what is in
 * use after a collection, by thread, is written to the file `memory` beside it.
 */
import { dirname } from "node:path";
import { liveBytes } from "../support/memory.ts";
import { skewClock } from "./skewed_clock.ts";

const skewMs = new Int32Array(new SharedArrayBuffer(4));
const wrapper = new URL("./skewed_worker.ts", import.meta.url);
/** By name; of those that have one name the last one runs. */
const workers = new Map<string, Worker>();

globalThis.Worker = class extends Worker {
  constructor(given: string | URL, options?: WorkerOptions) {
    super(`${wrapper}?${encodeURIComponent(String(given))}`, options);
    workers.set(/\/(\w+)\/worker\.ts$/.exec(String(given))?.[1] ?? String(given), this);
    this.postMessage({ skewMs });
  }
};
skewClock(skewMs);

/** Of a Worker that is not there any more: 0. */
async function liveIn(worker: Worker): Promise<number> {
  const bytes = new Float64Array(new SharedArrayBuffer(8));
  worker.postMessage({ allBytes: bytes });
  for (let tries = 0; bytes[0] === 0 && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return bytes[0] ?? 0;
}

async function writeMemory(folder: string): Promise<void> {
  const found: [string, number][] = [["main", liveBytes()]];
  for (const [name, worker] of workers) found.push([name, await liveIn(worker)]);
  await Deno.writeTextFile(`${folder}/memory.new`, JSON.stringify(Object.fromEntries(found)));
  await Deno.rename(`${folder}/memory.new`, `${folder}/memory`);
}

Deno.addSignalListener("SIGUSR2", () => {
  const folder = dirname(Deno.args.at(-1) ?? "");
  const fault = Deno.readTextFileSync(`${folder}/fault`);
  if (fault === "worker") workers.get("store")?.postMessage(null);
  else if (fault === "memory") void writeMemory(folder);
  else Atomics.store(skewMs, 0, Number(fault));
});
