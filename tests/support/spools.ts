/** Spools in folders of their own, and what is in them. */
import type { Encoded } from "../../policy/store/projection.ts";
import type { Position } from "../../policy/store/spool_format.ts";
import { SpoolReader } from "../../policy/store/spool_reader.ts";

export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-spool-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** All records up to there, and how many bytes a crash had cut off. */
export function readAll(folder: string, to: Position): { events: Encoded[]; torn: number } {
  const reader = new SpoolReader(folder);
  const found: Encoded[] = [];
  let torn = 0;
  let from: Position = { segment: 0, offset: 0 };
  for (;;) {
    const batch = reader.read(from, to);
    found.push(...batch.events);
    torn += batch.torn;
    from = batch.next;
    if (from.segment === to.segment && from.offset === to.offset) return { events: found, torn };
  }
}
