/**
 * A second parser's view of a statement that names something masked. Ours decides; where the other one reads the
 * statement too and sees a masked relation or column in it that ours does not, one of them is wrong, and the
 * statement is refused. It reads a text made from our tokens, so that it is its grammar that is asked, not its
 * lexer (which knows neither modes nor version comments).
 */
import mariadbParser from "node-sql-parser/build/mariadb.js";
import mysqlParser from "node-sql-parser/build/mysql.js";
import type { Judged } from "./judged.ts";
import { objections } from "./objections.ts";
import type { Token } from "./tokens.ts";
import type { Walk } from "./walk.ts";

interface Parser {
  astify(sql: string): unknown;
}

const parsers: Readonly<Record<"mysql" | "mariadb", Parser>> = {
  mysql: new mysqlParser.Parser() as Parser,
  mariadb: new mariadbParser.Parser() as Parser,
};

/** Its time grows faster than the text. */
const tokensMax = 200;
const nestingMax = 12;

/** Words before a table's name. */
const beforeTables = new Set(["FROM", "JOIN", "STRAIGHT_JOIN", "UPDATE", "INTO"]);

export function secondOpinion(walk: Walk, tokens: readonly Token[], judged: Judged): void {
  const { names } = walk.taints;
  const suspicious = tokens.some(({ kind, value }) => {
    return (kind === "word" || kind === "name") && names.has(value.toLowerCase());
  });
  if (!suspicious || walk.unsafe.size > 0) return;
  if (!/^(?:SELECT|TABLE|VALUES|INSERT|REPLACE|UPDATE|DELETE)\b/.test(judged.verb)) return;
  // Tables of that name that ours found in another schema are not the masked ones.
  const found = new Set(Array.from(walk.relations.values(), ({ name }) => name.toLowerCase()));
  const missed = (name: string) => names.has(name) && !found.has(name);
  if (!walk.tainted && tokensDisagree(tokens, missed)) walk.object(objections.disagreement());
  if (tokens.length > tokensMax || nesting(tokens) > nestingMax) return;
  const tree = parsed(walk, tokens);
  if (tree === null) return;
  const seen = { tables: new Set<string>(), columns: new Set<string>(), ctes: new Set<string>() };
  collect(tree, seen);
  const table = [...seen.tables].some((name) => missed(name) && !seen.ctes.has(name));
  const column = walk.tainted &&
    [...seen.columns].some((name) => isMasked(walk, name) && !walk.looked.has(name));
  if ((table && !walk.tainted) || column) walk.object(objections.disagreement());
}

/** A masked relation's name where a table's stands, and no common table expression of that name. */
function tokensDisagree(tokens: readonly Token[], missed: (name: string) => boolean): boolean {
  const defined = new Set(
    tokens.filter((_, at) =>
      tokens[at + 1]?.keyword === "AS" && tokens[at + 2]?.value === "(" || tokens[at + 1]?.value === "("
    )
      .map(({ value }) => value.toLowerCase()),
  );
  return tokens.some(({ kind, value }, at) => {
    if (kind !== "word" && kind !== "name") return false;
    const name = value.toLowerCase();
    return missed(name) && beforeTables.has(tokens[at - 1]?.keyword ?? "") && !defined.has(name);
  });
}

function nesting(tokens: readonly Token[]): number {
  let depth = 0, deepest = 0;
  for (const { kind, value } of tokens) {
    if (kind !== "op") continue;
    if (value === "(") deepest = Math.max(deepest, ++depth);
    else if (value === ")") depth--;
  }
  return deepest;
}

/** null where it cannot read the statement: it covers less than ours. */
function parsed(walk: Walk, tokens: readonly Token[]): unknown {
  try {
    return parsers[walk.mode.flavour].astify(tokens.map(rendered).join(" "));
  } catch {
    return null;
  }
}

function rendered({ kind, value }: Token): string {
  switch (kind) {
    case "name":
      return `\`${value.replaceAll("`", "``")}\``;
    // What is in literals is none of its business.
    case "string":
      return "'x'";
    case "bits":
      return "0x0";
    case "charset":
      return "";
    case "variable":
      return /^[A-Za-z0-9_]+$/.test(value) ? `@${value}` : "@x";
    default:
      return value;
  }
}

interface Seen {
  readonly tables: Set<string>;
  readonly columns: Set<string>;
  readonly ctes: Set<string>;
}

function collect(node: unknown, seen: Seen): void {
  if (Array.isArray(node)) node.forEach((one) => collect(one, seen));
  if (typeof node !== "object" || node === null || Array.isArray(node)) return;
  const fields = node as Readonly<Record<string, unknown>>;
  if (typeof fields.table === "string" && "db" in fields) seen.tables.add(fields.table.toLowerCase());
  if (fields.type === "column_ref" && typeof fields.column === "string") {
    seen.columns.add(fields.column.toLowerCase());
  }
  if (typeof fields.name === "object" && fields.name !== null && "stmt" in fields) {
    const { value } = fields.name as { readonly value?: unknown };
    if (typeof value === "string") seen.ctes.add(value.toLowerCase());
  }
  for (const value of Object.values(fields)) collect(value, seen);
}

/** Is there a masked column of that name among those that the statement's tables have? */
function isMasked(walk: Walk, name: string): boolean {
  return [...walk.relations.values()].some(({ schema, name: table }) => {
    const data = walk.model.table(schema, table);
    if (data === undefined) return false;
    const at = data.columns.findIndex((column) => column.name.toLowerCase() === name);
    return at >= 0 && walk.taints.of(data).flows[at] !== null;
  });
}
