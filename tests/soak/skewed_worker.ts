/** Stands before a Worker of Postern's, whose URL is this one's query, and gives it the clock of the whole process. */
/// <reference lib="deno.worker" />
import { liveBytes } from "../support/memory.ts";
import { skewClock } from "./skewed_clock.ts";

declare const self: DedicatedWorkerGlobalScope;

/** An embedded database lives in memories of WebAssembly, which the runtime counts nowhere. */
const memories: WeakRef<WebAssembly.Memory>[] = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    memories.push(new WeakRef(this));
  }
};

function allBytes(): number {
  const inMemories = memories.map((one) => one.deref()?.buffer.byteLength ?? 0);
  return inMemories.reduce((sum, bytes) => sum + bytes, liveBytes());
}

/** What came before the Worker's own code was there to hear it. */
const early: unknown[] = [];
let there = false;
self.addEventListener("message", (event) => {
  const { skewMs, allBytes: into } = event.data ?? {};
  const clock = skewMs instanceof Int32Array;
  const asked = into instanceof Float64Array;
  if (clock) skewClock(skewMs);
  else if (asked) into[0] = allBytes();
  else if (!there) early.push(event.data);
  if (clock || asked || !there) event.stopImmediatePropagation();
});
await import(decodeURIComponent(new URL(import.meta.url).search.slice(1)));
there = true;
for (const data of early) self.dispatchEvent(new MessageEvent("message", { data }));
