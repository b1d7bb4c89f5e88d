/** Counting what a page shows: a list may be drawn a moment after its heading. */
import assert from "node:assert/strict";

/** Waits until so many match, as long as a busy machine may take; fails with how many there are. */
export async function counts(
  locator: { count(): Promise<number> },
  wanted: number,
  what?: string,
): Promise<void> {
  let found = await locator.count();
  for (let tries = 0; found !== wanted && tries < 2400; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    found = await locator.count();
  }
  assert.equal(found, wanted, what);
}
