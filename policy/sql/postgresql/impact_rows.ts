/** By rule: how many rows the WHERE matches, and some of them before and after, masked. */
import type { Node } from "libpg-query";
import { as } from "./ast.ts";
import { type ImpactInput, maskedRows, NotOffered, type Part, sampleRows } from "../impact.ts";
import { prepared, topWords } from "./impact_sql.ts";

/** A change of one table, in the parts of its own text. */
interface Change {
  /** As after FROM: the table's name, with its alias. */
  readonly from: string;
  readonly where: string;
  /** Column and expression, as written; empty for DELETE. */
  readonly set: readonly (readonly [column: string, value: string])[];
}

const notPlain = () => new NotOffered("only for a change of one table with a WHERE");

/** Throws NotOffered for anything but `UPDATE t SET … WHERE …` and `DELETE FROM t WHERE …`. */
export function changeOf(text: string, node: Node): Change {
  const update = as(node, "UpdateStmt");
  const remove = as(node, "DeleteStmt");
  const plain = update !== undefined
    ? (update.fromClause ?? []).length === 0 && update.withClause === undefined
    : remove !== undefined && (remove.usingClause ?? []).length === 0 && remove.withClause === undefined;
  if (!plain) throw notPlain();
  const words = topWords(text);
  const at = (keyword: string) => words.find((word) => word.keyword === keyword);
  const [begin, where] = [at(update === undefined ? "FROM" : "UPDATE"), at("WHERE")];
  const set = update === undefined ? where : at("SET");
  if (begin === undefined || where === undefined || set === undefined || set.start > where.start) {
    throw notPlain();
  }
  const end = words.find(({ keyword, start }) =>
    start > where.start && (keyword === "RETURNING" || keyword === ";")
  );
  return {
    from: text.slice(begin.end, set.start),
    where: text.slice(where.end, end?.start ?? text.length),
    set: update === undefined ? [] : assignments(text, set.end, where.start),
  };
}

/** `a = 1, b = f(2, 3)`; a list of columns in brackets is not taken apart. */
function assignments(text: string, start: number, end: number): [string, string][] {
  const part = text.slice(start, end);
  const words = topWords(part);
  const commas = words.filter(({ keyword }) => keyword === ",").map((word) => word.start);
  const cuts = [-1, ...commas, part.length];
  return cuts.slice(1).map((to, at) => {
    const one = part.slice(cuts[at]! + 1, to);
    const equals = topWords(one).find(({ keyword }) => keyword === "=");
    const column = equals === undefined ? "" : one.slice(0, equals.start).trim();
    if (equals === undefined || !/^("[^"]+"|[A-Za-z_]\w*)$/.test(column)) throw notPlain();
    return [column, one.slice(equals.end).trim()];
  });
}

/** Runs a SELECT of Postern's own, written from the statement's parts, with its parameters. Judged before. */
async function select(input: ImpactInput, before: readonly string[], sql: string) {
  const { target, database, query, parameters } = input;
  // Refuses what is no plain read, and so whatever a wrong cut might have made of the text.
  maskedRows(input, sql, []);
  const { prepare, run } = prepared(sql, parameters);
  return await query(target, database, run, [...before, prepare]);
}

export async function countPart(input: ImpactInput, before: readonly string[], node: Node): Promise<Part> {
  const { from, where } = changeOf(input.text, node);
  const [row] = await select(input, before, `SELECT count(*) FROM ${from} WHERE ${where}`);
  return { exactRows: Number(row?.[0] ?? 0) };
}

export async function samplesPart(input: ImpactInput, before: readonly string[], node: Node): Promise<Part> {
  const { from, where, set } = changeOf(input.text, node);
  const columns = set.map(([column]) => column);
  // Old and new side by side, so that they belong to one row.
  const fresh = set.map(([, value]) => /^default$/i.test(value) ? "NULL" : `(${value})`);
  const shown = columns.length === 0 ? "*" : [...columns, ...fresh].join(", ");
  const sql = `SELECT ${shown} FROM ${from} WHERE ${where} LIMIT ${Math.trunc(input.wants.samples)}`;
  const rows = maskedRows(input, sql, await select(input, before, sql));
  return { samples: sampleRows(input, columns.map((column) => column.replaceAll('"', "")), rows) };
}
