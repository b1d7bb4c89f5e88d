/** Postern's time, ticking once a second: deadlines do not depend on the browser's clock being right. */
import { signal } from "@preact/signals";

let aheadMs = 0;

export const now = signal(Date.now());

/** Every answer that holds Postern's time sets it. */
export function setTime(posternNow: number): void {
  aheadMs = posternNow - Date.now();
  now.value = posternNow;
}

export function startClock(): void {
  setInterval(() => now.value = Date.now() + aheadMs, 1000);
}
