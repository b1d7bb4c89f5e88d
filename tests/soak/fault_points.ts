/**
 * Loaded into Postern before itself (`deno run --preload`), for faults that nobody can make from outside. At a
 * SIGUSR2 the file `fault` beside the config is read: `worker` ends the store's Worker by an error that it does not
 * catch, a number sets the clock by so many milliseconds, that of every Worker, too.
 */
import { dirname } from "node:path";
import { skewClock } from "./skewed_clock.ts";

const skewMs = new Int32Array(new SharedArrayBuffer(4));
const wrapper = new URL("./skewed_worker.ts", import.meta.url);
let store: Worker | null = null;

globalThis.Worker = class extends Worker {
  constructor(given: string | URL, options?: WorkerOptions) {
    super(`${wrapper}?${encodeURIComponent(String(given))}`, options);
    if (/\/store\//.test(String(given))) store = this;
    this.postMessage({ skewMs });
  }
};
skewClock(skewMs);

Deno.addSignalListener("SIGUSR2", () => {
  const fault = Deno.readTextFileSync(`${dirname(Deno.args.at(-1) ?? "")}/fault`);
  if (fault === "worker") store?.postMessage(null);
  else Atomics.store(skewMs, 0, Number(fault));
});
