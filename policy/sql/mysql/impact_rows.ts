/** By rule: how many rows the WHERE matches, and some of them before and after, masked. */
import { type ImpactInput, maskedRows, NotOffered, type Part, sampleRows } from "../impact.ts";
import { flavourOf } from "./mode.ts";
import { isTrivia, type Token } from "./tokens.ts";

/** The text with its parameters in place: as hexadecimal literals, which mean the same in every sql_mode. */
export function bound({ parameters }: ImpactInput, text: string, tokens: readonly Token[]): string {
  let number = 0;
  return tokens.map((token) => {
    if (token.kind !== "param") return text.slice(token.start, token.end);
    const value = parameters[number++]?.text ?? null;
    if (value === null) return "NULL";
    if (/^-?\d{1,18}(\.\d{1,18})?$/.test(value)) return value;
    const hex = Array.from(new TextEncoder().encode(value), (byte) => byte.toString(16).padStart(2, "0"));
    return `_utf8mb4 x'${hex.join("")}'`;
  }).join("");
}

/** Settings of the preview's own connection. MariaDB limits statements by seconds, MySQL reads by milliseconds. */
export function before({ state }: Pick<ImpactInput, "state">): string[] {
  const mode = state.sql_mode ?? "";
  const limit = state.flavour === "mariadb"
    ? "SET SESSION max_statement_time = 2"
    : "SET SESSION max_execution_time = 2000";
  return [
    limit,
    "SET SESSION lock_wait_timeout = 1",
    "SET SESSION TRANSACTION READ ONLY",
    ...(/^[A-Z0-9_,]*$/.test(mode) ? [`SET SESSION sql_mode = '${mode}'`] : []),
  ];
}

/** What asks for a plan as a table. MySQL 9 gives a tree unless told; MariaDB knows no other word for it. */
export function explain({ state }: Pick<ImpactInput, "state">): string {
  const flavour = state.flavour ?? flavourOf(state.version ?? "");
  return flavour === "mysql" ? "EXPLAIN FORMAT=TRADITIONAL" : "EXPLAIN";
}

/** A change of one table, in the parts of its own text. */
interface Change {
  readonly table: string;
  /** From WHERE on. */
  readonly rest: readonly Token[];
  /** Empty for DELETE. */
  readonly set: readonly { readonly column: string; readonly value: readonly Token[] }[];
}

const notPlain = () => new NotOffered("only for a change of one table with a WHERE");

/** Throws NotOffered for anything but `UPDATE t SET … WHERE …` and `DELETE FROM t WHERE …`. */
function changeOf(text: string, tokens: readonly Token[]): Change {
  const real = tokens.filter((token) => !isTrivia(token));
  const at = (keyword: string) => real.findIndex((token) => token.keyword === keyword);
  const [verb, where] = [real[0]?.keyword, at("WHERE")];
  const start = verb === "UPDATE" ? 0 : verb === "DELETE" ? at("FROM") : -1;
  const end = verb === "UPDATE" ? at("SET") : where;
  const plain = start >= 0 && end === start + 2 && where > 0 && at("SELECT") < 0 && at("RETURNING") < 0;
  const [table, first, set] = [real[start + 1], real[where], real[end]];
  if (!plain || table === undefined || first === undefined || set === undefined) throw notPlain();
  const between = tokens.filter((token) => token.start >= set.end && token.start < first.start);
  return {
    table: text.slice(table.start, table.end),
    rest: tokens.filter((token) => token.start >= first.start),
    set: verb === "UPDATE" ? assignments(between) : [],
  };
}

/** `a = 1, b = f(2, 3)`. */
function assignments(tokens: readonly Token[]): Change["set"] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.value === "(") depth++;
    else if (token.value === ")") depth--;
    if (token.value === "," && depth === 0) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts.map((part) => {
    const [column, equals] = part.filter((token) => !isTrivia(token));
    if (column === undefined || equals?.value !== "=") throw notPlain();
    return { column: column.value, value: part.filter((token) => token.start >= equals.end) };
  });
}

/** Throws NotOffered where what an assignment gives depends on one before it. */
function checkApart(set: Change["set"]): void {
  // The target assigns from left to right, and later expressions see what earlier ones made.
  for (const [at, { value }] of set.entries()) {
    const before = new Set(set.slice(0, at).map(({ column }) => column.toLowerCase()));
    if (value.some((token) => before.has(token.value.toLowerCase()))) {
      throw new NotOffered("its assignments build on each other");
    }
  }
}

/** Runs a SELECT of Postern's own. Refuses what is no plain read, whatever a wrong cut might have made of the text. */
async function select(input: ImpactInput, sql: string): Promise<readonly (readonly (string | null)[])[]> {
  const { target, database, query } = input;
  const judged = input.analyse(sql);
  if ("refused" in judged || judged.length !== 1 || judged[0]?.facts.kind !== "read") {
    throw new NotOffered("a query for it would not be a plain read");
  }
  return await query(target, database, sql, before(input));
}

export async function countPart(input: ImpactInput, tokens: readonly Token[]): Promise<Part> {
  const { text, parameters } = input;
  const { table, rest } = changeOf(text, tokens);
  const first = rest[0]!.start;
  const skipped = tokens.filter((token) => token.kind === "param" && token.start < first).length;
  const values = { ...input, parameters: parameters.slice(skipped) };
  const sql = `SELECT count(*) FROM (SELECT 1 FROM ${table} ${bound(values, text, rest)}) AS counted`;
  const [row] = await select(input, sql);
  return { exactRows: Number(row?.[0] ?? 0) };
}

export async function samplesPart(input: ImpactInput, tokens: readonly Token[]): Promise<Part> {
  const { text, wants } = input;
  const { table, rest, set } = changeOf(text, tokens);
  checkApart(set);
  const quoted = (name: string) => `\`${name.replaceAll("\`", "\`\`")}\``;
  const parts: string[] = [];
  // Parameters are numbered through: those of SET come before those of WHERE, as in the statement.
  let used = 0;
  const take = (part: readonly Token[]): string => {
    const skipped = used;
    used += part.filter(({ kind }) => kind === "param").length;
    return bound({ ...input, parameters: input.parameters.slice(skipped) }, text, part);
  };
  for (const { column } of set) parts.push(quoted(column));
  for (const [at, { value }] of set.entries()) {
    const written = take(value).trim();
    parts.push(`${/^default$/i.test(written) ? "NULL" : `(${written})`} AS new_${at}`);
  }
  const shown = parts.length === 0 ? "*" : parts.join(", ");
  const picked = `SELECT ${shown} FROM ${table} ${take(rest)}`;
  const sql = `SELECT * FROM (${picked}) AS picked LIMIT ${Math.trunc(wants.samples)}`;
  const rows = maskedRows(input, sql, await select(input, sql));
  return { samples: sampleRows(input, set.map(({ column }) => column), rows) };
}
