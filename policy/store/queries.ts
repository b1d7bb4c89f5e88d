/** Reading the store: filters to SQL, rows to what policy/ports.ts promises. */
import { type EventContent, eventOf } from "../audit/chain.ts";
import type { StoredEvent } from "../audit/export.ts";
import type { EventData } from "../audit/event_data.ts";
import type { EventFilter, SessionSummary } from "../ports.ts";
import type { AuditEvent } from "../types.ts";
import { column, type Database, listOf, listValue, type Row } from "./database.ts";
import { foundBySearch } from "./search.ts";

/** How many events one page holds at most, and about how many bytes of them. */
const PAGE_EVENTS = 200;
const PAGE_BYTES = 1024 * 1024;

/** How much of the record one step of a search in texts goes through. */
const SEARCH_STEP = 10_000;

/** What `events()` gives where the filter names no limit. */
export const EVENTS_DEFAULT = 1000;
/** What any list gives at most. */
const LIST_MAX = 1000;

/** The conditions of a filter, numbered after `values`, which they extend. */
function conditions(filter: EventFilter, values: (string | null)[]): string[] {
  const found: string[] = [];
  const add = (sql: (n: number) => string, value: string) => found.push(sql(values.push(value)));
  if (filter.session !== undefined) add((n) => `session = $${n}::text`, column(filter.session) ?? "");
  if (filter.person !== undefined) add((n) => `person = $${n}::text`, column(filter.person) ?? "");
  if (filter.target !== undefined) add((n) => `target = $${n}::text`, column(filter.target) ?? "");
  if (filter.types !== undefined) {
    add((n) => `type = ANY (${listOf(n)})`, listValue(filter.types.map(column)));
  }
  if (filter.from !== undefined) add((n) => `at >= $${n}::int8`, integer(Math.ceil(filter.from)));
  if (filter.to !== undefined) add((n) => `at <= $${n}::int8`, integer(Math.floor(filter.to)));
  for (const member of membersOf(filter)) add((n) => `strpos(content, $${n}::text) > 0`, member);
  if (filter.text !== undefined) {
    // As it stands inside canonical JSON: quotes and line breaks are escaped there.
    const needle = JSON.stringify(filter.text.toWellFormed()).slice(1, -1);
    // Without regard to the case of ASCII letters; any other folding would take many times as long.
    add((n) => `strpos(lower(content COLLATE "C"), lower($${n}::text COLLATE "C")) > 0`, needle);
  }
  const search = foundBySearch(filter, values);
  if (search !== null) found.push(search);
  return found;
}

/**
 * What the canonical JSON of a wanted event holds. Inside a text quotes are escaped, so that what looks like a member
 * is one.
 */
function membersOf({ kind, verdict, table }: EventFilter): string[] {
  const found: string[] = [];
  if (kind !== undefined) found.push(`"kind":${JSON.stringify(kind)}`);
  if (verdict !== undefined) found.push(`"verdict":${JSON.stringify(verdict)}`);
  if (table !== undefined) {
    const dot = table.indexOf(".");
    const name = JSON.stringify(table.slice(dot + 1).toWellFormed());
    found.push(
      `"name":${name},"schema":${dot < 0 ? "" : JSON.stringify(table.slice(0, dot).toWellFormed())}`,
    );
  }
  return found;
}

/**
 * A page of stored events as one row of lists: rows cross from WASM one field at a time, which would take
 * twice as long as finding them. The page is cut where it gets too big, but never to nothing. A line break in
 * a content, which can only have been put there from outside, must not shift the others.
 */
const paged = (matches: string, where: readonly string[]) =>
  `SELECT string_agg(sequence::text, E'\n' ORDER BY sequence), string_agg(previous, E'\n' ORDER BY sequence),
     string_agg(hash, E'\n' ORDER BY sequence),
     string_agg(replace(content, E'\n', ' '), E'\n' ORDER BY sequence),
     string_agg(CASE WHEN matches THEN '1' ELSE '0' END, '' ORDER BY sequence),
     string_agg(coalesce(digest, ''), E'\n' ORDER BY sequence)
   FROM (
     SELECT *, sum(octet_length(content)) OVER (ORDER BY sequence) - octet_length(content) AS before
     FROM (
       SELECT sequence, previous, hash, content, digest, ${matches} AS matches FROM events
       WHERE ${where.join(" AND ")} ORDER BY sequence LIMIT $2::int8
     ) AS page
   ) AS measured WHERE before < ${PAGE_BYTES}`;

function toStored(row: Row | undefined): StoredEvent[] {
  const [sequences, previous, hashes, contents, matches, digests] = row ?? [];
  if (sequences == null) return [];
  const [before, links, texts] = [previous!.split("\n"), hashes!.split("\n"), contents!.split("\n")];
  const removed = digests!.split("\n");
  return sequences.split("\n").map((sequence, i) => ({
    sequence: Number(sequence),
    previous: before[i]!,
    hash: links[i]!,
    content: texts[i]!,
    removed: texts[i] === "" ? removed[i]! : null,
    matches: matches![i] === "1",
  }));
}

/** Matching events, in order, and after which sequence to go on; `next` is null at the end of the record. */
export interface EventsPage {
  readonly events: AuditEvent[];
  readonly next: number | null;
}

/**
 * One page. It may hold fewer than `limit`, or none, with more to come: the database answers one call at a
 * time, and appends wait for it, so that a search without an index goes through the record in steps.
 */
export async function readEvents(
  db: Database,
  filter: EventFilter,
  after: number,
  limit: number,
): Promise<EventsPage> {
  const count = Math.min(limit, PAGE_EVENTS);
  const values: (string | null)[] = [integer(after), integer(count)];
  const where = ["sequence > $1::int8", "content <> ''", ...conditions(filter, values)];
  const indexed = filter.text === undefined && membersOf(filter).length === 0;
  const step = indexed ? null : after + SEARCH_STEP;
  if (step !== null) where.push(`sequence <= $${values.push(integer(step))}::int8`);
  const [row] = await db.query({ text: paged("true", where), values });
  const events = toStored(row).map((one) => eventOf(one.sequence, one.previous, one.hash, one.content));
  if (events.length > 0) return { events, next: events.at(-1)!.sequence };
  if (step === null) return { events, next: null };
  const [last] = await db.query({ text: "SELECT max(sequence)::text FROM events", values: [] });
  return { events, next: Number(last?.[0] ?? 0) > step ? step : null };
}

/** A page of everything in (after, to], with whether the filter wants it. Empty when there is no more. */
export async function readRange(
  db: Database,
  filter: EventFilter,
  after: number,
  to: number,
): Promise<StoredEvent[]> {
  const values: (string | null)[] = [integer(after), String(PAGE_EVENTS), integer(to)];
  const wanted = conditions(filter, values);
  const matches = wanted.map((one) => `coalesce(${one}, false)`).join(" AND ") || "true";
  const where = ["sequence > $1::int8", "sequence <= $3::int8"];
  const [row] = await db.query({ text: paged(`(${matches})`, where), values });
  return toStored(row);
}

/** The first and last sequence that a filter matches but for what stands in contents; null where nothing does. */
export async function readBounds(
  db: Database,
  filter: EventFilter,
): Promise<{ first: number; last: number } | null> {
  const values: (string | null)[] = [integer(filter.after ?? 0)];
  const where = ["sequence > $1::int8", ...conditions(withoutContents(filter), values)].join(" AND ");
  const [row] = await db.query({
    text: `SELECT min(sequence)::text, max(sequence)::text FROM events WHERE ${where}`,
    values,
  });
  return row?.[0] == null ? null : { first: Number(row[0]), last: Number(row[1]) };
}

const withoutContents = ({ session, person, target, types, from, to, after }: EventFilter): EventFilter =>
  Object.fromEntries(
    Object.entries({ session, person, target, types, from, to, after }).filter(([, value]) =>
      value !== undefined
    ),
  );

const SESSION_COLUMNS = "started, ended_at::text, end_reason, statements::text, denied::text, held::text";

function toSession([started, endedAt, endReason, statements, denied, held]: Row): SessionSummary {
  const { at, person, session, target, data } = JSON.parse(started!) as Omit<EventContent, "data"> & {
    data: EventData["session.started"];
  };
  return {
    id: session!,
    person: person ?? "?",
    target: target ?? "?",
    database: data.database,
    client: data.client,
    method: data.identity.method,
    startedAt: at,
    endedAt: endedAt === null ? null : Number(endedAt),
    endReason: endReason ?? null,
    statements: Number(statements),
    denied: Number(denied),
    held: Number(held),
    grant: data.grant === undefined ? null : { id: data.grant.id, breakGlass: data.grant.breakGlass },
  };
}

export interface SessionFilter {
  readonly person?: string;
  readonly target?: string;
  readonly before?: number;
  readonly limit: number;
}

/** Newest first. Those that started in the same millisecond as the last come too, so that `before` skips none. */
export async function readSessions(db: Database, filter: SessionFilter): Promise<SessionSummary[]> {
  const values: (string | null)[] = [limitValue(filter.limit)];
  const where: string[] = ["true"];
  if (filter.person !== undefined) where.push(`person = $${values.push(column(filter.person) ?? "")}::text`);
  if (filter.target !== undefined) where.push(`target = $${values.push(column(filter.target) ?? "")}::text`);
  if (filter.before !== undefined) {
    where.push(`started_at < $${values.push(integer(Math.ceil(filter.before)))}::int8`);
  }
  const rows = await db.query({
    text: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE ${where.join(" AND ")}
           ORDER BY started_at DESC FETCH FIRST ($1::int8) ROWS WITH TIES`,
    values,
  });
  return rows.map(toSession);
}

export async function readSession(db: Database, id: string): Promise<SessionSummary | null> {
  const [row] = await db.query({
    text: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE id = $1::text`,
    values: [column(id) ?? ""],
  });
  return row === undefined ? null : toSession(row);
}

/** Any number as one that int8 holds: a filter comes from outside. */
export const integer = (value: number) =>
  String(Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value || 0)));

export const limitValue = (limit: number) => String(Math.max(0, Math.min(LIST_MAX, Math.trunc(limit) || 0)));
