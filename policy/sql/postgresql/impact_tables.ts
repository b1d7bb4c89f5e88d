/** What PostgreSQL's catalog says of the tables: sizes, triggers, and what goes with them by foreign keys. */
import type { RelationUse } from "../../types.ts";
import { counted, type ImpactInput, type Part, type TableImpact } from "../impact.ts";
import { literal } from "./impact_sql.ts";

/** How far cascades are followed, and how many of them are told. */
const depthMax = 8;
const cascadesMax = 50;

type Ask = (sql: string) => Promise<(string | null)[][]>;

export async function tablesPart(input: ImpactInput, before: readonly string[]): Promise<Part> {
  const { target, database, query, facts } = input;
  const ask: Ask = (sql) => query(target, database, sql, before);
  const uses = usesOf(facts.flatMap(({ tables }) => tables));
  if (uses.length === 0) return {};
  const tables = await sizes(uses, ask);
  const written = uses.filter(({ access }) => access === "write");
  const verbs = facts.map(({ verb }) => verb);
  const verb = ["DELETE", "UPDATE", "INSERT", "MERGE", "TRUNCATE"].find((one) =>
    verbs.some((v) => v.includes(one))
  );
  if (written.length === 0 || verb === undefined) return { tables };
  const cascades = await cascading(written, verb, facts.flatMap(({ columns }) => columns), ask);
  const triggers = await triggersOf(written, verb, ask);
  return { tables, triggers, cascades };
}

/** Each table once; written wins. */
function usesOf(uses: readonly RelationUse[]): RelationUse[] {
  const found = new Map<string, RelationUse>();
  for (const use of uses) {
    const key = `${use.schema}\0${use.name}`;
    if (found.get(key)?.access !== "write") found.set(key, use);
  }
  return [...found.values()];
}

/** The names as rows, to join with. */
const rowsOf = (uses: readonly RelationUse[]) =>
  uses.map(({ schema, name }) => `(${literal(schema)}, ${literal(name)})`).join(", ");

async function sizes(uses: readonly RelationUse[], ask: Ask): Promise<TableImpact[]> {
  const rows = await ask(`
    SELECT n.nspname, c.relname, c.reltuples::int8::text, pg_catalog.pg_total_relation_size(c.oid)::text,
      (SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)::text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname, c.relname) IN (${rowsOf(uses)})`);
  return rows.map(([schema, name, tuples, bytes, indexes]) => ({
    name: `${schema}.${name}`,
    access: uses.find((use) => use.schema === schema && use.name === name)?.access ?? "read",
    rows: Number(tuples) < 0 ? null : Number(tuples),
    bytes: Number(bytes),
    indexes: Number(indexes),
  }));
}

/** Bits of pg_trigger.tgtype. */
const bits: Readonly<Record<string, number>> = { INSERT: 4, DELETE: 8, UPDATE: 16, MERGE: 28, TRUNCATE: 32 };

async function triggersOf(uses: readonly RelationUse[], verb: string, ask: Ask): Promise<string[]> {
  const rows = await ask(`
    SELECT t.tgname, n.nspname || '.' || c.relname, (t.tgtype & 2)::text, (t.tgtype & 64)::text, (t.tgtype & 1)::text,
      pn.nspname || '.' || p.proname
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND (t.tgtype & ${bits[verb] ?? 0}) <> 0
      AND (n.nspname, c.relname) IN (${rowsOf(uses)}) ORDER BY 2, 1`);
  return rows.map(([name, table, early, instead, each, runs]) => {
    const when = instead !== "0" ? "instead of" : early !== "0" ? "before" : "after";
    return `${name} on ${table} runs ${runs}() ${when} each ${each !== "0" ? "row" : "statement"}`;
  });
}

const actions: Readonly<Record<string, string>> = {
  c: "rows go or change with it (CASCADE)",
  n: "its columns become NULL (SET NULL)",
  d: "its columns become their default (SET DEFAULT)",
};

async function cascading(
  uses: readonly RelationUse[],
  verb: string,
  columns: readonly string[],
  ask: Ask,
): Promise<string[]> {
  if (verb === "INSERT") return [];
  // Of an UPDATE only the keys that it may set count; a MERGE may do both.
  const action = verb === "UPDATE" ? "con.confupdtype" : "con.confdeltype";
  const keys = verb === "UPDATE"
    ? `AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = con.confrelid
         AND a.attnum = ANY (con.confkey) AND a.attname IN (${namesOf(columns)}))`
    : "";
  const rows = await ask(`
    WITH RECURSIVE chain(parent, child, action, depth, path) AS (
      SELECT con.confrelid, con.conrelid, ${action}::text, 1, ARRAY[con.confrelid, con.conrelid]
      FROM pg_catalog.pg_constraint con JOIN pg_catalog.pg_class c ON c.oid = con.confrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE con.contype = 'f' AND con.conparentid = 0 AND ${action} IN ('c', 'n', 'd')
        AND (n.nspname, c.relname) IN (${rowsOf(uses)}) ${keys}
      UNION ALL
      SELECT con.confrelid, con.conrelid, ${action}::text, chain.depth + 1, chain.path || con.conrelid
      FROM chain JOIN pg_catalog.pg_constraint con ON con.confrelid = chain.child
      WHERE con.contype = 'f' AND con.conparentid = 0 AND chain.action = 'c' AND ${action} IN ('c', 'n', 'd')
        AND con.conrelid <> ALL (chain.path) AND chain.depth < ${depthMax}
    )
    SELECT chain.parent::regclass::text, chain.child::regclass::text, chain.action, chain.depth::text,
      c.reltuples::int8::text
    FROM chain JOIN pg_catalog.pg_class c ON c.oid = chain.child
    ORDER BY chain.depth, 1, 2 LIMIT ${cascadesMax}`);
  return rows.map(([parent, child, kind, depth, tuples]) => {
    const size = Number(tuples) < 0 ? "of unknown size" : `of about ${counted(Number(tuples))} rows`;
    const level = Number(depth) > 1 ? ` (level ${depth})` : "";
    return `from ${parent} on to ${child}, ${size}: ${actions[kind ?? ""] ?? "rows change"}${level}`;
  });
}

const namesOf = (columns: readonly string[]) =>
  ["", ...columns.map((column) => column.slice(column.lastIndexOf(".") + 1))].map(literal).join(", ");
