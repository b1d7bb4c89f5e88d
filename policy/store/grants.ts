/** Grants in the store: each event carries the whole of one, and the newest counts. */
import { grantData, isAccessEvent } from "../audit/access_events.ts";
import type { Grant } from "../grant.ts";
import { column, type Database, listOf, listValue, type Row, type Statement } from "./database.ts";
import type { Encoded } from "./projection.ts";

const KEEP_GRANTS = `
  INSERT INTO grants (id, person, requested_at, state, body)
  SELECT * FROM unnest(${listOf(1)}, ${listOf(2)}, ${listOf(3, "int8")}, ${listOf(4)}, ${listOf(5)})
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body`;

/** What a batch of events changes; null where it has none about access. */
export function keepGrants(events: readonly Encoded[]): Statement | null {
  // An INSERT takes one row per id: the last of this batch.
  const byId = new Map(
    events.filter(({ type }) => isAccessEvent(type)).map(({ content }) => {
      const { data } = JSON.parse(content) as { data: Grant };
      return [column(data.id), data];
    }),
  );
  if (byId.size === 0) return null;
  const last = [...byId.values()];
  return {
    text: KEEP_GRANTS,
    values: [
      listValue([...byId.keys()]),
      listValue(last.map(({ person }) => column(person) ?? "?")),
      listValue(last.map(({ requestedAt }) => String(Math.trunc(requestedAt)))),
      listValue(last.map(({ state }) => state)),
      listValue(last.map((grant) => JSON.stringify(grant))),
    ],
  };
}

const toGrant = ([body]: Row): Grant => grantData.parse(JSON.parse(body!));

/** `open`: those that are requested or granted, all of them. Otherwise newest first, ties of `before` included. */
export interface GrantFilter {
  readonly open?: boolean;
  readonly before?: number;
  readonly limit: number;
}

export async function readGrant(db: Database, id: string): Promise<Grant | null> {
  const [row] = await db.query({
    text: "SELECT body FROM grants WHERE id = $1::text",
    values: [column(id) ?? ""],
  });
  return row === undefined ? null : toGrant(row);
}

export async function readGrants(db: Database, filter: GrantFilter): Promise<Grant[]> {
  if (filter.open === true) {
    const text = "SELECT body FROM grants WHERE state IN ('requested', 'granted') ORDER BY requested_at";
    return (await db.query({ text, values: [] })).map(toGrant);
  }
  const values = [String(Math.max(0, Math.min(1000, Math.trunc(filter.limit) || 0)))];
  const where = filter.before === undefined
    ? "true"
    : `requested_at < $${values.push(String(Math.ceil(filter.before)))}::int8`;
  const rows = await db.query({
    text: `SELECT body FROM grants WHERE ${where}
           ORDER BY requested_at DESC FETCH FIRST ($1::int8) ROWS WITH TIES`,
    values,
  });
  return rows.map(toGrant);
}
