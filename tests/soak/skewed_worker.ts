/** Stands before a Worker of Postern's, whose URL is this one's query, and gives it the clock of the whole process. */
/// <reference lib="deno.worker" />
import { skewClock } from "./skewed_clock.ts";

declare const self: DedicatedWorkerGlobalScope;

/** What came before the Worker's own code was there to hear it. */
const early: unknown[] = [];
let there = false;
self.addEventListener("message", (event) => {
  const { skewMs } = event.data ?? {};
  const clock = skewMs instanceof Int32Array;
  if (clock) skewClock(skewMs);
  else if (!there) early.push(event.data);
  if (clock || !there) event.stopImmediatePropagation();
});
await import(decodeURIComponent(new URL(import.meta.url).search.slice(1)));
there = true;
for (const data of early) self.dispatchEvent(new MessageEvent("message", { data }));
