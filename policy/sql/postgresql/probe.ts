/** The second opinion: a role without SELECT on masked columns, and what it is asked to plan. */
import type { ParameterView, SqlState, StatementFacts } from "../../types.ts";
import type { Analyst, ProbeQuestion } from "../dialect.ts";
import type { CatalogIndex } from "./catalog.ts";

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/**
 * EXPLAIN checks rights without running anything. PREPARE takes the text as it is, parameters included, and
 * nothing but a query. null for what cannot be prepared.
 */
export function probeText(
  text: string,
  parameters: readonly ParameterView[],
  facts: StatementFacts,
  state: SqlState,
): ProbeQuestion | null {
  if (facts.verb !== "SELECT") return null;
  const types = parameters.map(({ type }) => /^(?:[a-z0-9]+|"char")(?:\[\])?$/.test(type) ? type : "unknown");
  const list = types.length === 0 ? "" : `(${types.join(", ")})`;
  const values = types.length === 0 ? "" : `(${types.map(() => "NULL").join(", ")})`;
  const path = state["search_path"];
  return {
    before: [
      ...(path === undefined ? [] : [`SELECT set_config('search_path', ${literal(path)}, false)`]),
      // The text may end in a comment.
      `PREPARE postern_probe${list} AS ${text}\n`,
    ],
    text: `EXPLAIN (COSTS OFF) EXECUTE postern_probe${values}`,
  };
}

/** 42501 is insufficient_privilege; the others say that the statement itself is wrong. */
export function probeAnswer(code: string): "refused" | "mistaken" | "unknown" {
  if (code === "42501") return "refused";
  // 22P02 is a literal that is none of its type, whatever the session's settings are.
  return /^(?:22P02|42(?:601|703|P01|883|P02|704|702|725|803|804|P10|P18|P20|809|846))$/.test(code)
    ? "mistaken"
    : "unknown";
}

/** SQL for psql, to be run as an owner of the tables or a superuser; again after new tables. */
export function probeRole(catalog: CatalogIndex, analyst: Analyst, role: string): string {
  const lines = [
    "-- A role that may read everything but masked columns. It is only ever asked for plans (EXPLAIN).",
    "-- Run it again after tables were added. Rights that PUBLIC has on tables must go, or the role has them, too.",
    `DO $$ BEGIN CREATE ROLE ${name(role)} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;`,
    `-- \\password ${name(role)}`,
    `ALTER ROLE ${name(role)} SET default_transaction_read_only = on;`,
    `ALTER ROLE ${name(role)} SET statement_timeout = '10s';`,
  ];
  const relations = catalog.relations.filter(({ system, kind }) => !system && "rpvmf".includes(kind));
  for (const schema of [...new Set(relations.map(({ schema }) => schema))].sort()) {
    lines.push(
      `GRANT USAGE ON SCHEMA ${name(schema)} TO ${name(role)};`,
      `REVOKE ALL ON ALL TABLES IN SCHEMA ${name(schema)} FROM ${name(role)};`,
    );
  }
  for (const { oid, schema, name: table, columns } of relations) {
    const clear = columns.filter(({ number }) => analyst.maskOf(`${oid}.${number}`) === null);
    const on = `ON ${name(schema)}.${name(table)} TO ${name(role)};`;
    if (clear.length === columns.length) lines.push(`GRANT SELECT ${on}`);
    else if (clear.length > 0) {
      lines.push(`GRANT SELECT (${clear.map((column) => name(column.name)).join(", ")}) ${on}`);
    }
  }
  return lines.join("\n");
}
