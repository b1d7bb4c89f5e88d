/** Searching the statements of the record, by the index that search_index.ts keeps. */
import { eventData } from "../audit/event_data.ts";
import { templateId, templateOf, wantedOf } from "../audit/template.ts";
import type { EventFilter, StatementHit, StatementSearch, StatementsFound } from "../ports.ts";
import type { AuditEvent } from "../types.ts";
import { column, type Database, listOf, listValue, type Row } from "./database.ts";
import { tableWord } from "./search_index.ts";

/** What one page holds at most: statements, and about how many bytes of their events. */
const PAGE_MAX = 200;
const PAGE_BYTES = 4_000_000;

/**
 * How many statements one page looks into for a passage: words are found by an index, their order is not. The page
 * is short then, and its cursor leads on.
 */
const PASSAGE_CANDIDATES = 10_000;

/** Characters of a statement in a hit; the replay has the whole. */
const PREVIEW_CHARS = 1000;

/** How far clocks of several nodes may be apart: the order of events is not exactly that of their times. */
const SKEW_MS = 300_000;

const quoted = (word: string): string => `'${word.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

/** The words and tables that a search wants, as a tsquery; empty where it wants none. */
function tsquery({ text, table }: Partial<StatementSearch>): string {
  const { words, beginnings } = wantedOf(text ?? "");
  return [
    ...words.map(quoted),
    ...beginnings.map((word) => `${quoted(word)}:*`),
    ...(table === undefined ? [] : [quoted(column(tableWord(table)) ?? "")]),
  ].join(" & ");
}

/** What a filter of the record wants of the index, for an event of the query around it; null where it wants nothing. */
export function foundBySearch(
  { words, template, rule }: EventFilter,
  values: (string | null)[],
): string | null {
  if (words === undefined && template === undefined && rule === undefined) return null;
  const wanted = {
    ...(words === undefined ? {} : { text: words }),
    ...(template === undefined ? {} : { template }),
    ...(rule === undefined ? {} : { rule }),
  };
  const inIndex = conditions(wanted, values).join(" AND ");
  const passages = holdsPassages(wantedOf(words ?? "").passages, values);
  return [
    `EXISTS (SELECT FROM statements s WHERE s.sequence = events.sequence AND ${inIndex})`,
    ...passages,
  ].join(" AND ");
}

/** As it stands inside canonical JSON: quotes and line breaks are escaped there. */
const holdsPassages = (passages: readonly string[], values: (string | null)[]): string[] =>
  passages.map((passage) => {
    const n = values.push(JSON.stringify(passage.toWellFormed()).slice(1, -1));
    return `strpos(lower(content COLLATE "C"), lower($${n}::text COLLATE "C")) > 0`;
  });

function conditions(search: Partial<StatementSearch>, values: (string | null)[]): string[] {
  const found: string[] = ["true"];
  const add = (sql: (n: number) => string, value: string) => found.push(sql(values.push(value)));
  for (const name of ["person", "target", "session", "verdict", "kind", "rule"] as const) {
    const value = search[name];
    if (value !== undefined) add((n) => `s.${name} = $${n}::text`, column(value) ?? "");
  }
  if (search.template !== undefined) {
    const id = /^[0-9a-f]{16}$/.test(search.template)
      ? search.template
      : templateId(templateOf(search.template));
    add((n) => `s.template = $${n}::text`, id);
  }
  const query = tsquery(search);
  if (query !== "") add((n) => `s.words @@ $${n}::tsquery`, query);
  if (search.before !== undefined) add((n) => `s.sequence < $${n}::int8`, integer(search.before));
  return found;
}

/** Times as places in the record, which the index is ordered by; and exactly, too. */
async function timeConditions(
  db: Database,
  { from, to }: StatementSearch,
  values: (string | null)[],
): Promise<string[]> {
  const found: string[] = [];
  const bound = async (sql: string, at: number) =>
    (await db.query({ text: sql, values: [integer(at)] }))[0]?.[0];
  if (from !== undefined) {
    const first = await bound(
      "SELECT sequence::text FROM events WHERE at >= $1::int8 ORDER BY at, events.sequence LIMIT 1",
      from - SKEW_MS,
    );
    if (first == null) return ["false"];
    found.push(`s.sequence >= $${values.push(first)}::int8`, `s.at >= $${values.push(integer(from))}::int8`);
  }
  if (to !== undefined) {
    const last = await bound(
      "SELECT sequence::text FROM events WHERE at <= $1::int8 ORDER BY at DESC, events.sequence DESC LIMIT 1",
      to + SKEW_MS,
    );
    if (last == null) return ["false"];
    found.push(`s.sequence <= $${values.push(last)}::int8`, `s.at <= $${values.push(integer(to))}::int8`);
  }
  return found;
}

/** Statements that the index gives, newest first. */
async function candidates(db: Database, search: StatementSearch, limit: number): Promise<string[]> {
  const values: (string | null)[] = [String(limit)];
  const where = [...conditions(search, values), ...await timeConditions(db, search, values)];
  const rows = await withBitmaps(db, () =>
    db.query({
      text: `SELECT s.sequence::text FROM statements s WHERE ${where.join(" AND ")}
             ORDER BY s.sequence DESC LIMIT $1::int8`,
      values,
    }));
  return rows.map(([sequence]) => sequence!);
}

/** Those of the candidates that hold every passage: this looks into the events themselves. */
async function holding(
  db: Database,
  sequences: readonly string[],
  passages: readonly string[],
  limit: number,
): Promise<string[]> {
  const values = [listValue(sequences), String(limit)];
  const where = holdsPassages(passages, values);
  const rows = await db.query({
    text: `SELECT events.sequence::text FROM events
           WHERE events.sequence = ANY (${listOf(1, "int8")}) AND ${where.join(" AND ")}
           ORDER BY events.sequence DESC LIMIT $2::int8`,
    values,
  });
  return rows.map(([sequence]) => sequence!);
}

/** Newest first. */
export async function searchStatements(db: Database, search: StatementSearch): Promise<StatementsFound> {
  const limit = Math.max(1, Math.min(PAGE_MAX, Math.trunc(search.limit) || 1));
  const { passages } = wantedOf(search.text ?? "");
  const found = await candidates(db, search, passages.length === 0 ? limit : PASSAGE_CANDIDATES);
  const wanted = passages.length === 0 ? found : await holding(db, found, passages, limit);
  const rows = await db.query({
    text:
      `SELECT measured.sequence::text, s.template, content, (SELECT text FROM templates WHERE id = s.template)
           FROM (
             SELECT sequence, content,
               sum(octet_length(content)) OVER (ORDER BY sequence DESC) - octet_length(content) AS before
             FROM events WHERE sequence = ANY (${listOf(1, "int8")})
           ) AS measured JOIN statements s ON s.sequence = measured.sequence
           WHERE before < ${PAGE_BYTES} ORDER BY measured.sequence DESC`,
    values: [listValue(wanted)],
  });
  const [reach] = await db.query({
    text: `SELECT (SELECT sequence FROM cursors WHERE name = 'search')::text,
             (SELECT coalesce(max(sequence), 0) FROM events)::text`,
    values: [],
  });
  const [indexedTo = 0, recordedTo = 0] = (reach ?? []).map(Number);
  // Cut by its bytes, or full: go on after its last. Not full: after the last that was looked at.
  const last = rows.length < wanted.length || wanted.length === limit ? rows.at(-1)?.[0] : found.at(-1);
  return { hits: rows.flatMap(toHit), next: last == null ? null : Number(last), indexedTo, recordedTo };
}

/**
 * The embedded database's plans avoid bitmaps, which pages of events are better off without; the index of words
 * can be used by nothing else. Its calls come one at a time, so the setting reaches no other.
 */
async function withBitmaps<T>(db: Database, search: () => Promise<T>): Promise<T> {
  if (!db.exclusive) return await search();
  await db.query({ text: "SET enable_bitmapscan = on", values: [] });
  try {
    return await search();
  } finally {
    await db.query({ text: "SET enable_bitmapscan = off", values: [] });
  }
}

function toHit([sequence, template, content, templateText]: Row): StatementHit[] {
  const event = JSON.parse(content!) as AuditEvent;
  const { data } = eventData["statement.judged"].safeParse(event.data);
  if (data === undefined) return [];
  const { text, statement, verdict, forwarded, rule, reason, kind, verbs, tables, masked } = data;
  return [{
    sequence: Number(sequence),
    at: event.at,
    person: event.person ?? "",
    session: event.session ?? "",
    target: event.target ?? "",
    statement,
    text: cut(text),
    textLength: text.length,
    template: template!,
    templateText: templateText ?? "",
    verdict,
    forwarded,
    rule,
    reason,
    kind,
    verbs,
    tables,
    masked,
  }];
}

/** Cut without splitting a surrogate pair. */
const cut = (text: string): string =>
  text.length <= PREVIEW_CHARS ? text : text.slice(0, PREVIEW_CHARS).replace(/[\ud800-\udbff]$/, "");

const integer = (value: number) =>
  String(Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value) || 0)));
