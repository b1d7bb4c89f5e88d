/**
 * The record's table in parts, one for each month (UTC): `events_2026_11` holds what was appended since the first event
 * of November 2026. Parts are bounded by sequence, so that a sequence is in one place, and the newest is open at its
 * end. What older schemas recorded is in `events_0`. Contents that go leave their part's files without the others
 * being touched.
 */
import type { Ranges } from "../audit/removal_events.ts";
import type { Database } from "./database.ts";
import { chainLock } from "./migrations.ts";
import { IN_RANGES, rangeValues } from "./removal.ts";

/** The name of the part for events of this time (epoch milliseconds); names sort by time. */
export function partOf(at: number): string {
  const month = new Date(at).toISOString().replace(/^[+-]?(\d{4,})-(\d\d)-.*$/, "$1_$2");
  return `events_${month}`;
}

/**
 * Begins a part after the last event, unless there is this one or a later one already; answers with the newest. The
 * part before it is read through once, for its last event is its bound now: some seconds for millions of events,
 * in which whatever is recorded waits in the spool.
 */
export async function beginPart(db: Database, name: string): Promise<string> {
  await db.script([
    `DO $$
     DECLARE
       newest text; bound text; next int8;
     BEGIN
       PERFORM pg_advisory_xact_lock(${chainLock});
       SELECT relname, pg_get_expr(relpartbound, pg_class.oid) INTO STRICT newest, bound ${PARTS} LIMIT 1;
       IF newest >= '${name}' THEN RETURN; END IF;
       SELECT coalesce(max(sequence), 0) + 1 INTO next FROM events;
       EXECUTE format('ALTER TABLE events DETACH PARTITION %I', newest);
       EXECUTE format('ALTER TABLE events ATTACH PARTITION %I %s', newest,
         replace(bound, 'TO (MAXVALUE)', format('TO (%s)', next)));
       EXECUTE 'CREATE TABLE ${name} PARTITION OF events FOR VALUES FROM (' || next || ') TO (MAXVALUE)';
     END $$`,
  ]);
  return (await partNames(db))[0]!;
}

const PARTS = `FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
  WHERE inhparent = 'events'::regclass ORDER BY relname DESC`;

/** Newest first. */
export async function partNames(db: Database): Promise<string[]> {
  const rows = await db.query({ text: `SELECT relname::text ${PARTS}`, values: [] });
  return rows.map(([name]) => name!);
}

/** What is searched and listed of the record, and loses its copies of what is taken out. */
const LISTS = ["statements", "sessions", "approvals", "grants"];

/** A part is written anew when this share of its files is free, and not only reused. */
const FREE_SHARE = 0.5;
const PAGE_BYTES = 8192;
/** About what a row takes beside its content: columns, header, links. */
const ROW_BYTES = 350;

/** Whose contents were taken out, and whether by an erasure. */
export interface Wiped {
  readonly ranges: Ranges;
  readonly erased: boolean;
}

/**
 * Gives back the room of contents that were taken out of these ranges. After an erasure each part concerned is written
 * anew, so that no byte of it stays in the files. After a retirement, which comes every day, the room is reused first,
 * and a part that takes no more events is written anew once half of its files are free.
 */
export async function reclaim(db: Database, { ranges, erased }: Wiped): Promise<null> {
  const [newest] = await partNames(db);
  const concerned = await db.query({
    text: `SELECT DISTINCT tableoid::regclass::text FROM events WHERE ${IN_RANGES}`,
    values: rangeValues(ranges),
  });
  for (const [part] of concerned) {
    const anew = erased || (part !== newest && await isMostlyFree(db, part!));
    await db.vacuum(part!, anew);
  }
  for (const list of LISTS) await db.vacuum(list, erased);
  return null;
}

async function isMostlyFree(db: Database, part: string): Promise<boolean> {
  const [row] = await db.query({
    text: `SELECT pg_table_size('${part}')::text,
             (SELECT coalesce(sum(pg_column_size(content) + ${ROW_BYTES}), 0) FROM ${part})::text`,
    values: [],
  });
  const [size, used] = (row ?? []).map(Number) as [number, number];
  return size > 16 * PAGE_BYTES && used < size * (1 - FREE_SHARE);
}
