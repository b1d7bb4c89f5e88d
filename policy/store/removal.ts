/**
 * Takes contents out of the record and leaves their digests, so that the chain still verifies: what is searched, listed
 * and shown of them goes in the same transaction. What was said about it before is in the record already.
 */
import type { Ranges } from "../audit/removal_events.ts";
import type { Removal } from "../ports_evidence.ts";
import type { ApprovalRequest } from "../types.ts";
import { column, type Database, listOf, listValue, type Row, type Statement } from "./database.ts";

/** How much of the record one look goes through, and how many events one removal takes. */
const STEP = 10_000;

export interface Removable {
  readonly sequences: number[];
  /** Where to look on; null at the end. */
  readonly next: number | null;
}

/** What a removal takes of the next part of the record after `after`. */
export async function findRemovable(db: Database, removal: Removal, after: number): Promise<Removable> {
  const values: (string | null)[] = [String(after), String(after + STEP)];
  const add = (sql: (n: number) => string, value: string) => sql(values.push(value));
  const where: string[] = [];
  if (removal.kind === "retired") {
    where.push(
      add((n) => `target = $${n}::text`, column(removal.target) ?? ""),
      add((n) => `at < $${n}::int8`, String(Math.trunc(removal.before))),
    );
  } else {
    const anyOf: string[] = [];
    if (removal.person !== undefined) {
      anyOf.push(add((n) => `person = $${n}::text`, column(removal.person!) ?? ""));
    }
    for (const text of [removal.person, removal.text]) {
      if (text === undefined) continue;
      anyOf.push(
        add((n) => `strpos(content, $${n}::text) > 0`, JSON.stringify(text.toWellFormed()).slice(1, -1)),
      );
    }
    where.push(`(${anyOf.join(" OR ") || "false"})`);
  }
  const rows = await db.query({
    text: `SELECT events.sequence::text FROM events
           WHERE events.sequence > $1::int8 AND events.sequence <= $2::int8 AND content <> ''
             AND type NOT IN ('record.erased', 'record.retired') AND ${where.join(" AND ")}
           ORDER BY events.sequence`,
    values,
  });
  const [row] = await db.query({
    text: `SELECT (SELECT coalesce(max(sequence), 0) FROM events)::text,
             (SELECT at FROM events WHERE sequence > $1::int8 ORDER BY sequence LIMIT 1)::text`,
    values: [String(after + STEP)],
  });
  const [last, at] = (row ?? []).map(Number) as [number, number];
  // Clocks of several nodes may differ a little; what is missed now is taken the next time.
  const over = last <= after + STEP || (removal.kind === "retired" && at > removal.before);
  return { sequences: rows.map(([sequence]) => Number(sequence)), next: over ? null : after + STEP };
}

/** Of events or statements: in the ranges that rangeValues() gives as $1 and $2. */
export const IN_RANGES = `EXISTS (
  SELECT 1 FROM unnest(${listOf(1, "int8")}, ${listOf(2, "int8")}) AS r (first, last)
  WHERE sequence BETWEEN r.first AND r.last)`;

export const rangeValues = (ranges: Ranges): string[] => [
  listValue(ranges.map(([first]) => String(first))),
  listValue(ranges.map(([, last]) => String(last))),
];

/** Takes out what these places hold, once the record says so. Again does nothing. */
export async function wipe(db: Database, ranges: Ranges): Promise<null> {
  if (ranges.length === 0) return null;
  const values = rangeValues(ranges);
  const rows = await db.query({
    text: `SELECT type, content FROM events
           WHERE type IN ('session.started', 'approval.requested', 'access.requested') AND content <> '' AND ${IN_RANGES}`,
    values,
  });
  const followers = await Promise.all(rows.map((row) => following(db, row)));
  await db.transaction([], () => [
    ...followers.flat(),
    { text: `DELETE FROM statements WHERE ${IN_RANGES}`, values },
    {
      text:
        `UPDATE events SET digest = encode(sha256(convert_to(content, 'UTF8')), 'hex'), content = '', person = NULL
             WHERE content <> '' AND ${IN_RANGES}`,
      values,
    },
  ]);
  return null;
}

const GONE = "(erased)";
const noClient = { address: "", port: 0, application: "", user: "", tls: null };

/** What the lists hold of an event: the row stays, with what names nobody. */
async function following(db: Database, [type, content]: Row): Promise<Statement[]> {
  const event = JSON.parse(content!) as { session: string | null; data: Record<string, unknown> };
  if (type === "access.requested") {
    return [{
      text: "DELETE FROM grants WHERE id = $1::text",
      values: [column(String(event.data.id)) ?? ""],
    }];
  }
  if (type === "session.started") {
    const identity = { ...event.data.identity as object, subject: "", issuer: "", groups: [] };
    const started = { ...event, person: GONE, data: { ...event.data, identity, client: noClient } };
    return [{
      text: "UPDATE sessions SET person = $2::text, started = $3::text WHERE id = $1::text",
      values: [column(event.session) ?? "", GONE, JSON.stringify(started)],
    }];
  }
  const id = column(String(event.data.id)) ?? "";
  const [row] = await db.query({
    text: "SELECT request, change FROM approvals WHERE id = $1::text",
    values: [id],
  });
  if (row === undefined) return [];
  const asked = JSON.parse(row[0]!) as ApprovalRequest;
  const { state, outcome } = row[1] == null ? asked : JSON.parse(row[1]) as ApprovalRequest;
  const request = {
    ...asked,
    ...{ person: GONE, groups: [], client: noClient, text: GONE, parameters: [], reviews: [], digest: "" },
    ...{ state, outcome: outcome === "" ? "" : state },
  };
  return [{
    text: `UPDATE approvals SET request = $2::text, change = NULL, person = NULL, digest = NULL, impact = NULL
           WHERE id = $1::text`,
    values: [id, JSON.stringify(request)],
  }];
}
