/** How far each reader of the record has come. One node at a time reads for a name, and others take over when it is gone. */
import type { Database } from "./database.ts";

export interface CursorClaim {
  readonly name: string;
  /** Where a reader that is new begins; null for the end of the record as it stands. */
  readonly start: number | null;
  readonly node: string;
  readonly forMs: number;
}

/** By the database's clock: those of nodes may differ. */
const NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::int8";

/** Claims it, or claims it longer: the sequence that it has reached; null while another node has it. */
export async function claimCursor(db: Database, claim: CursorClaim): Promise<number | null> {
  const { name, start, node, forMs } = claim;
  await db.query({
    text: `INSERT INTO cursors (name, sequence)
           VALUES ($1::text, coalesce($2::int8, (SELECT coalesce(max(sequence), 0) FROM events)))
           ON CONFLICT DO NOTHING`,
    values: [name, start === null ? null : String(start)],
  });
  const [row] = await db.query({
    text: `UPDATE cursors SET holder = $2::text, held_until = ${NOW} + $3::int8
           WHERE name = $1::text AND (holder IS NULL OR holder = $2::text OR held_until < ${NOW})
           RETURNING sequence::text`,
    values: [name, node, String(forMs)],
  });
  return row === undefined ? null : Number(row[0]);
}

/** Moves it forward; false where another node has it meanwhile. */
export async function advanceCursor(
  db: Database,
  { name, node, sequence }: { readonly name: string; readonly node: string; readonly sequence: number },
): Promise<boolean> {
  const rows = await db.query({
    text: `UPDATE cursors SET sequence = greatest(sequence, $3::int8)
           WHERE name = $1::text AND holder = $2::text RETURNING 1::text`,
    values: [name, node, String(sequence)],
  });
  return rows.length === 1;
}

export async function releaseCursor(
  db: Database,
  { name, node }: { readonly name: string; readonly node: string },
): Promise<null> {
  await db.query({
    text: "UPDATE cursors SET holder = NULL, held_until = 0 WHERE name = $1::text AND holder = $2::text",
    values: [name, node],
  });
  return null;
}
