/** The second opinion: an account without SELECT on masked columns, and what it is asked to plan. */
import type { SqlState, StatementFacts } from "../../types.ts";
import type { Analyst, ProbeQuestion } from "../dialect.ts";
import type { CatalogModel } from "./catalog_data.ts";
import { Lexer } from "./lexer.ts";
import { modeOf } from "./mode.ts";

const name = (text: string): string => `\`${text.replaceAll("`", "``")}\``;

/** Parameters become NULL, which plans with any type. null for what is no query. */
export function probeText(text: string, facts: StatementFacts, state: SqlState): ProbeQuestion | null {
  if (facts.verb !== "SELECT") return null;
  const { tokens } = new Lexer(text, 0, modeOf(state)).statement();
  let plain = "";
  for (const { kind, start, end } of tokens) {
    if (kind === "end") break;
    plain += kind === "param" ? "NULL" : text.slice(start, end);
  }
  const mode = (state.sql_mode ?? "").replace(/[^A-Z_0-9,]/gi, "");
  return { before: ["SET NAMES utf8mb4", `SET sql_mode = '${mode}'`], text: `EXPLAIN ${plain}` };
}

/** 1142, 1143 and 1345 deny a table, a column, and to explain a view; the others say that the statement is wrong. */
export function probeAnswer(code: string): "refused" | "mistaken" | "unknown" {
  if (code === "1142" || code === "1143" || code === "1356" || code === "1345") return "refused";
  return /^(?:1052|1054|1064|1146|1109|1305|1111|1140|1055|1222|1241)$/.test(code) ? "mistaken" : "unknown";
}

/** SQL for the mariadb client, to be run as an administrator; again after new tables. */
export function probeRole(model: CatalogModel, analyst: Analyst, role: string): string {
  const account = `'${role.replaceAll("'", "''")}'@'%'`;
  const lines = [
    "-- An account that may read everything but masked columns. It is only ever asked for plans (EXPLAIN).",
    "-- Run it again after tables were added, and give it a password of your own.",
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY 'change me';`,
  ];
  for (const { schema, name: table, kind, columns } of model.data.tables) {
    if (kind !== "table" && kind !== "view") continue;
    const clear = columns.filter((column) => analyst.maskOf(`${schema}.${table}.${column.name}`) === null);
    const on = `ON ${name(schema)}.${name(table)} TO ${account};`;
    if (clear.length > 0) {
      const list = clear.length === columns.length
        ? ""
        : ` (${clear.map((column) => name(column.name)).join(", ")})`;
      lines.push(`GRANT SELECT${list} ${on}`);
    }
    if (kind === "view") lines.push(`GRANT SHOW VIEW ${on}`);
  }
  return lines.join("\n");
}
