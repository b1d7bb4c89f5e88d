/**
 * Loaded into Postern before itself (`deno run --preload`), for faults that nobody can make from outside. At a
 * SIGUSR2 the file `fault` beside the config is read: `worker` ends the store's Worker by an error that it does not
 * catch, a number sets the clock by so many milliseconds.
 */
import { dirname } from "node:path";

const workers: Worker[] = [];
globalThis.Worker = class extends Worker {
  constructor(...given: ConstructorParameters<typeof Worker>) {
    super(...given);
    workers.push(this);
  }
};

const RealDate = Date;
let skewMs = 0;
globalThis.Date = class extends RealDate {
  constructor(...given: [] | [number]) {
    super(...(given.length === 0 ? [RealDate.now() + skewMs] as const : given));
  }
  static override now(): number {
    return RealDate.now() + skewMs;
  }
} as DateConstructor;

Deno.addSignalListener("SIGUSR2", () => {
  const fault = Deno.readTextFileSync(`${dirname(Deno.args.at(-1) ?? "")}/fault`);
  if (fault === "worker") workers.at(-1)?.postMessage(null);
  else skewMs = Number(fault);
});
