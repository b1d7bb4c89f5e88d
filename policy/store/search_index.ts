/**
 * The search index: a row for each judged statement, made after its event by whoever has time, never on the way
 * of an append. It can always be made anew from the events, and proves nothing.
 */
import { eventData } from "../audit/event_data.ts";
import { templateId, templateOf, wordsOf } from "../audit/template.ts";
import type { AuditEvent } from "../types.ts";
import { column, type Database, listOf, listValue, type Row, type Statement } from "./database.ts";

/** How a statement's tables stand among its words: no word has a colon. */
export const tableWord = (name: string): string => `t:${name.toLowerCase()}`;

/** Parts the words of one row; no name that reaches a column has it. */
const SEPARATOR = "\x02";

/** Characters of a template that are kept to be shown. */
const TEMPLATE_CHARS_MAX = 2000;

/** How far the index reaches; held until the batch is in, so that two nodes do not index the same. */
const CURSOR: Statement = {
  text: "SELECT sequence::text FROM cursors WHERE name = 'search' FOR UPDATE",
  values: [],
};

const NEXT = `
  SELECT sequence::text, CASE WHEN type = 'statement.judged' AND content <> '' THEN content END FROM (
    SELECT sequence, type, content, sum(octet_length(content)) OVER (ORDER BY sequence) AS bytes
    FROM (
      SELECT sequence, type, content FROM events
      WHERE sequence > (SELECT sequence FROM cursors WHERE name = 'search')
      ORDER BY sequence LIMIT $1::int8
    ) AS page
  ) AS measured WHERE bytes < 8000000 OR sequence = (SELECT sequence + 1 FROM cursors WHERE name = 'search')
  ORDER BY measured.sequence`;

const INSERT = `
  INSERT INTO statements (sequence, at, person, session, target, verdict, kind, rule, template, words)
  SELECT d.sequence, d.at, d.person, d.session, d.target, d.verdict, d.kind, d.rule, d.template,
    coalesce(array_to_tsvector(string_to_array(d.words, E'\\x02')), ''::tsvector)
  FROM unnest(${listOf(1, "int8")}, ${listOf(2, "int8")}, ${listOf(3)}, ${listOf(4)}, ${listOf(5)},
    ${listOf(6)}, ${listOf(7)}, ${listOf(8)}, ${listOf(9)}, ${listOf(10)})
    AS d (sequence, at, person, session, target, verdict, kind, rule, template, words)
  ON CONFLICT DO NOTHING`;

const TEMPLATES = `
  INSERT INTO templates (id, text, first_at, statements)
  SELECT d.id, d.text, d.at, d.count
  FROM unnest(${listOf(1)}, ${listOf(2)}, ${listOf(3, "int8")}, ${
  listOf(4, "int8")
}) AS d (id, text, at, count)
  ON CONFLICT (id) DO UPDATE SET statements = templates.statements + excluded.statements`;

const ADVANCE = "UPDATE cursors SET sequence = $1::int8 WHERE name = 'search'";

interface Indexed {
  readonly event: AuditEvent;
  readonly verdict: string;
  readonly kind: string;
  readonly rule: string;
  readonly template: string;
  readonly templateText: string;
  readonly words: string;
}

/** One event's row; null for one that is not of its type's shape: it is in the record, and not found by search. */
function indexed(sequence: string, content: string): Indexed | null {
  const event = { ...JSON.parse(content), sequence: Number(sequence) } as AuditEvent;
  const { data } = eventData["statement.judged"].safeParse(event.data);
  if (data === undefined) return null;
  const values = data.parameters.map(({ text }) => text ?? "").join(" ");
  const tables = data.tables.flatMap(({ schema, name }) =>
    [tableWord(name), tableWord(`${schema}.${name}`)].map((word) => column(word) ?? "")
  );
  const words = new Set(
    [...wordsOf(data.text), ...wordsOf(values, 50), ...tables].filter((word) => word !== ""),
  );
  const template = templateOf(data.text);
  return {
    event,
    verdict: data.verdict,
    kind: data.kind,
    rule: data.rule,
    template: templateId(template),
    // A list of one empty text is an empty list to the database.
    templateText: template.replace(/\p{Cc}/gu, "\ufffd").slice(0, TEMPLATE_CHARS_MAX) || " ",
    words: [...words].join(SEPARATOR),
  };
}

function statementsOf(rows: readonly Row[]): Statement[] {
  const found = rows.flatMap(([sequence, content]) => {
    const one = content == null ? null : indexed(sequence!, content);
    return one === null ? [] : [one];
  });
  const last = rows.at(-1);
  if (last === undefined) return [];
  const advance: Statement = { text: ADVANCE, values: [last[0]!] };
  if (found.length === 0) return [advance];
  const templates = new Map<string, { text: string; at: number; count: number }>();
  for (const { template, templateText, event } of found) {
    const known = templates.get(template);
    if (known === undefined) templates.set(template, { text: templateText, at: event.at, count: 1 });
    else known.count++;
  }
  const kept = [...templates.values()];
  return [
    {
      text: INSERT,
      values: [
        listValue(found.map(({ event }) => String(event.sequence))),
        listValue(found.map(({ event }) => String(event.at))),
        listValue(found.map(({ event }) => column(event.person))),
        listValue(found.map(({ event }) => column(event.session))),
        listValue(found.map(({ event }) => column(event.target))),
        listValue(found.map((one) => one.verdict)),
        listValue(found.map((one) => one.kind)),
        listValue(found.map((one) => column(one.rule))),
        listValue(found.map((one) => one.template)),
        listValue(found.map((one) => one.words)),
      ],
    },
    {
      text: TEMPLATES,
      values: [
        listValue([...templates.keys()]),
        listValue(kept.map((one) => one.text)),
        listValue(kept.map((one) => String(one.at))),
        listValue(kept.map((one) => String(one.count))),
      ],
    },
    advance,
  ];
}

/** Indexes the next events, at most `limit`; how many it went through, 0 when there are no more. */
export async function indexNext(db: Database, limit: number): Promise<number> {
  let done = 0;
  await db.transaction([CURSOR, { text: NEXT, values: [String(limit)] }], (rows) => {
    done = rows.length;
    return statementsOf(rows);
  });
  return done;
}
