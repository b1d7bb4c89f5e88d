/** Counts a day for the overview. Few statements, all by an index or over a bounded number of events. */
import { HOURS_MAX, type OverviewAsked, type OverviewFigures, type Unusual } from "../overview.ts";
import type { Database } from "./database.ts";

const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;

/** Appends wait while the database reads, so that events are opened up to this many only. */
const EVENTS_MAX = 20_000;
const UNUSUAL_MAX = 8;
/** Results larger than this are worth a look. */
const ROWS_MANY = 10_000;
const REFUSALS_MANY = 5;
/** Whoever had fewer sessions in a month has no usual hours yet. */
const SESSIONS_USUAL = 10;

export async function countDay(db: Database, { from, to: wanted }: OverviewAsked): Promise<OverviewFigures> {
  const to = Math.min(wanted, from + HOURS_MAX * HOUR_MS);
  const day = [String(from), String(to)];
  const [hours, people] = await countHours(db, day);
  const first = await firstSequence(db, from);
  return {
    hours,
    people,
    sessions: hours.reduce((sum, { sessions }) => sum + sessions, 0),
    holds: await countHolds(db, day),
    masked: await countMasked(db, first, day),
    unusual: [
      ...await manyRefusals(db, day),
      ...await firstTimes(db, day),
      ...await unusualHours(db, from, to),
      ...await largeResults(db, first, day),
    ],
    behind: await indexBehind(db),
    lookedAt: EVENTS_MAX,
  };
}

async function countHours(
  db: Database,
  day: readonly string[],
): Promise<[OverviewFigures["hours"], number]> {
  const sessions = await db.query({
    text: `SELECT ((started_at - $1::int8) / ${HOUR_MS})::text, count(*)::text, count(DISTINCT person)::text
           FROM sessions WHERE started_at >= $1::int8 AND started_at < $2::int8 GROUP BY 1`,
    values: day,
  });
  const statements = await db.query({
    text: `SELECT ((s.at - $1::int8) / ${HOUR_MS})::text, verdict, count(*)::text FROM statements s
           WHERE s.sequence >= coalesce((SELECT events.sequence FROM events WHERE events.at >= $1::int8
               ORDER BY events.at, events.sequence LIMIT 1), 9223372036854775807)
             AND s.at >= $1::int8 AND s.at < $2::int8 GROUP BY 1, 2`,
    values: day,
  });
  const [people] = await db.query({
    text: `SELECT count(DISTINCT person)::text FROM sessions
           WHERE started_at >= $1::int8 AND started_at < $2::int8`,
    values: day,
  });
  const count = Math.max(0, Math.ceil((Number(day[1]) - Number(day[0])) / HOUR_MS));
  const hours = Array.from({ length: count }, (_, hour) => {
    const of = (verdict: string) =>
      Number(statements.find(([at, which]) => Number(at) === hour && which === verdict)?.[2] ?? 0);
    return {
      hour,
      sessions: Number(sessions.find(([at]) => Number(at) === hour)?.[1] ?? 0),
      allowed: of("allow"),
      held: of("approve"),
      refused: of("deny"),
    };
  });
  return [hours, Number(people?.[0] ?? 0)];
}

async function indexBehind(db: Database): Promise<OverviewFigures["behind"]> {
  const [row] = await db.query({
    text: `SELECT (coalesce((SELECT max(sequence) FROM events), 0) - sequence)::text,
             (SELECT at FROM events WHERE events.sequence <= cursors.sequence
              ORDER BY events.sequence DESC LIMIT 1)::text
           FROM cursors WHERE name = 'search'`,
    values: [],
  });
  const [events, countedTo] = row ?? [];
  return {
    events: Math.max(0, Number(events ?? 0)),
    countedTo: countedTo == null ? null : Number(countedTo),
  };
}

async function countHolds(db: Database, day: readonly string[]): Promise<OverviewFigures["holds"]> {
  const rows = await db.query({
    text: `SELECT state, requested_at::text, change FROM approvals
           WHERE requested_at >= $1::int8 AND requested_at < $2::int8
           ORDER BY requested_at DESC LIMIT 5000`,
    values: day,
  });
  const of = (wanted: string) => rows.filter(([state]) => state === wanted).length;
  const waits = rows.flatMap(([state, asked, change]) => {
    if (state !== "approved" && state !== "denied" || change == null) return [];
    const { reviews = [] } = JSON.parse(change) as { reviews?: { at: number }[] };
    const last = reviews.at(-1);
    return last === undefined ? [] : [last.at - Number(asked)];
  }).sort((a, b) => a - b);
  return {
    asked: rows.length,
    approved: of("approved"),
    denied: of("denied"),
    expired: of("expired"),
    withdrawn: of("withdrawn"),
    medianWaitMs: waits.length === 0 ? null : waits[Math.floor(waits.length / 2)]!,
  };
}

/** Where the part of the record begins that is opened. */
async function firstSequence(db: Database, from: number): Promise<string> {
  const [row] = await db.query({
    text: `SELECT greatest(
             coalesce((SELECT sequence FROM events WHERE at >= $1::int8 ORDER BY at, events.sequence LIMIT 1), 0),
             coalesce((SELECT max(sequence) FROM events), 0) - ${EVENTS_MAX})::text`,
    values: [String(from)],
  });
  return row?.[0] ?? "0";
}

async function countMasked(db: Database, first: string, day: readonly string[]): Promise<number> {
  const [row] = await db.query({
    text: `SELECT count(*)::text FROM events
           WHERE sequence >= $1::int8 AND at >= $2::int8 AND at < $3::int8 AND type = 'statement.judged'
             AND content <> '' AND strpos(content, '"masked":[]') = 0`,
    values: [first, ...day],
  });
  return Number(row?.[0] ?? 0);
}

async function manyRefusals(db: Database, day: readonly string[]): Promise<Unusual[]> {
  const rows = await db.query({
    text: `SELECT person, sum(denied)::text FROM sessions
           WHERE started_at >= $1::int8 AND started_at < $2::int8
           GROUP BY person HAVING sum(denied) >= ${REFUSALS_MANY} ORDER BY sum(denied) DESC LIMIT ${UNUSUAL_MAX}`,
    values: day,
  });
  return rows.map(([person, refusals]) => ({
    kind: "refusals",
    person: person!,
    refusals: Number(refusals),
  }));
}

async function firstTimes(db: Database, day: readonly string[]): Promise<Unusual[]> {
  const rows = await db.query({
    text: `SELECT DISTINCT ON (person, target) person, target, id FROM sessions AS now
           WHERE started_at >= $1::int8 AND started_at < $2::int8 AND NOT EXISTS (
             SELECT FROM sessions AS before
             WHERE before.person = now.person AND before.target = now.target
               AND before.started_at < $1::int8)
           ORDER BY person, target, started_at LIMIT ${UNUSUAL_MAX}`,
    values: day,
  });
  return rows.map(([person, target, session]) => ({
    kind: "first-time",
    person: person!,
    target: target!,
    session: session!,
  }));
}

/** Persons and hours. By hours from `from`, so that they are those of whoever asks; next to a usual one is usual. */
async function unusualHours(db: Database, from: number, to: number): Promise<Unusual[]> {
  const hour = (column: string) =>
    `((((${column} - $1::int8) % 86400000) + 86400000) % 86400000) / ${HOUR_MS}`;
  const apart = "abs(usual.hour - now.hour)";
  const rows = await db.query({
    text: `WITH now AS (
             SELECT person, ${hour("started_at")} AS hour, min(started_at) AS at, count(*) AS sessions,
               (array_agg(id ORDER BY started_at))[1] AS session,
               (array_agg(target ORDER BY started_at))[1] AS target
             FROM sessions WHERE started_at >= $1::int8 AND started_at < $2::int8 GROUP BY 1, 2
           ), usual AS (
             SELECT person, ${hour("started_at")} AS hour, count(*) AS sessions FROM sessions
             WHERE started_at >= $3::int8 AND started_at < $1::int8 AND person IN (SELECT person FROM now)
             GROUP BY 1, 2
           )
           SELECT person, at::text, sessions::text, session, target,
             (SELECT string_agg(hour::text, ',' ORDER BY hour) FROM usual WHERE usual.person = now.person)
           FROM now
           WHERE (SELECT sum(sessions) FROM usual WHERE usual.person = now.person) >= ${SESSIONS_USUAL}
             AND NOT EXISTS (SELECT FROM usual
               WHERE usual.person = now.person AND least(${apart}, 24 - ${apart}) <= 1)
           ORDER BY at LIMIT ${UNUSUAL_MAX}`,
    values: [String(from), String(to), String(from - MONTH_MS)],
  });
  return rows.map(([person, at, sessions, session, target, usual]) => ({
    kind: "hour",
    person: person!,
    at: Number(at),
    sessions: Number(sessions),
    session: session!,
    target: target!,
    usual: (usual ?? "").split(",").map(Number),
  }));
}

async function largeResults(db: Database, first: string, day: readonly string[]): Promise<Unusual[]> {
  const rows = await db.query({
    text: `SELECT person, target, session, rows::text, sequence::text FROM (
             SELECT person, target, session, sequence, at,
               substring(content FROM '"rows":([0-9]{1,15})[,}]')::int8 AS rows
             FROM events WHERE sequence >= $1::int8 AND type = 'statement.finished'
               AND at >= $2::int8 AND at < $3::int8
           ) AS finished WHERE rows >= ${ROWS_MANY} ORDER BY finished.rows DESC LIMIT ${UNUSUAL_MAX}`,
    values: [first, ...day],
  });
  return rows.map(([person, target, session, count, sequence]) => ({
    kind: "rows",
    person: person ?? "?",
    target: target ?? "?",
    session: session ?? "",
    rows: Number(count),
    sequence: Number(sequence),
  }));
}
