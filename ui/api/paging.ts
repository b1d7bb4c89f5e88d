/** Pages of what the viewer may see, out of pages of what there is. */

export interface Scan<T> {
  /** Newest first, all before the cursor; fewer than `limit` means that there is no more. More where moments tie. */
  readonly fetch: (before: number | undefined, limit: number) => Promise<readonly T[]>;
  readonly visible: (item: T) => boolean | Promise<boolean>;
  readonly cursorOf: (item: T) => number;
  readonly before: number | undefined;
  readonly limit: number;
}

/** How many items one page looks through: the page is short then, and the cursor leads on. */
const SCAN_MAX = 1000;

export async function scan<T>(ask: Scan<T>): Promise<{ found: T[]; next: number | null }> {
  const found: T[] = [];
  let cursor = ask.before;
  for (let scanned = 0; scanned < SCAN_MAX; scanned += ask.limit) {
    const page = await ask.fetch(cursor, ask.limit);
    for (const item of page) {
      const at = ask.cursorOf(item);
      // Those of the same moment belong to the same page: the next one starts before it.
      if (found.length >= ask.limit && at !== cursor) return { found, next: cursor ?? null };
      cursor = at;
      if (await ask.visible(item)) found.push(item);
    }
    if (page.length < ask.limit) return { found, next: null };
    if (found.length >= ask.limit) break;
  }
  return { found, next: cursor ?? null };
}
