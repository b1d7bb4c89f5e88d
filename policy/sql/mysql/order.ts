/**
 * Rows without an ORDER BY come in the order of whichever index the target reads, and an index that holds a
 * masked column sorts by its values: `SELECT id FROM users` walks a UNIQUE KEY on ssn, since that is the smallest
 * index with the id in it. Such a query is fine with an ORDER BY over a key, or where it makes one row.
 */
import type { TableData } from "./catalog_data.ts";
import { objections } from "./objections.ts";
import type { Output, Ruler, Scope, Source } from "./scope.ts";
import type { Expr, Select } from "./syntax.ts";
import type { TableTaint } from "./taints.ts";
import { conjuncts, isSingleRow } from "./tree.ts";
import type { Walk } from "./walk.ts";

/** A SELECT over a table with such an index, to be judged when the whole statement has been walked. */
export interface Block {
  readonly source: Source;
  readonly taint: TableTaint;
  readonly ruler: Ruler;
  /** WHERE fixes all columns of a key to constants: one row at most. */
  readonly pinned: boolean;
  /** A key is joined to something else: one row for each of the others. */
  readonly joined: boolean;
}

interface Index {
  readonly name: string;
  readonly unique: boolean;
  /** In lower case. */
  readonly columns: readonly string[];
  readonly masked: boolean;
}

function indexesOf(table: TableData, taint: TableTaint): Index[] {
  const masked = new Set<string>();
  table.columns.forEach((column, at) => {
    if (taint.flows[at]) masked.add(column.name.toLowerCase());
  });
  return table.indexes.map(({ name, unique, columns }) => {
    const lower = columns.map((column) => column.toLowerCase());
    // An expression's place has no name: it may well be over a masked column.
    return {
      name,
      unique,
      columns: lower,
      masked: lower.some((column) => column === "" || masked.has(column)),
    };
  });
}

/** Does the table have an index that sorts by a masked column? */
export function isRisky(walk: Walk, table: TableData, taint: TableTaint): boolean {
  return walk.taints.any && taint.tainted && table.kind === "table" &&
    indexesOf(table, taint).some(({ masked }) => masked);
}

/** USE INDEX and FORCE INDEX with such an index. */
export function risksByIndex(
  walk: Walk,
  table: TableData,
  taint: TableTaint,
  forced: readonly string[],
): boolean {
  if (forced.length === 0 || !isRisky(walk, table, taint)) return false;
  return indexesOf(table, taint).some(({ name, masked }) => {
    // A hint may name an index by a prefix of its name.
    return masked && forced.some((one) => name.toLowerCase().startsWith(one.toLowerCase()));
  });
}

/** Notes the tables of a SELECT for `judgeOrder`. */
export function settleOrder(walk: Walk, select: Select, scope: Scope): void {
  if (scope.sources.length === 0 || isSingleRow(select)) return;
  for (const source of risky(scope.sources)) {
    if (source.table === null) continue;
    const taint = walk.taints.of(source.table);
    const equal = equated(select.where, source, scope);
    const keys = indexesOf(source.table, taint).filter(({ unique, masked }) => unique && !masked);
    const held = (columns: ReadonlySet<string>) =>
      keys.some((key) => key.columns.every((one) => columns.has(one)));
    walk.shared.blocks.push({
      source,
      taint,
      ruler: scope.ruler,
      pinned: held(equal.constant),
      joined: held(equal.any),
    });
  }
}

function risky(sources: readonly Source[]): Source[] {
  return sources.filter((source) => source.table !== null && [...source.byName.values()].some(hasTouch));
}

const hasTouch = ({ key }: Output) => key !== null;

/** Columns of a source that WHERE makes equal to a constant, or to anything. */
function equated(where: Expr | null, source: Source, scope: Scope) {
  const constant = new Set<string>(), any = new Set<string>();
  const others = scope.sources.filter((one) => one !== source);
  const own = (expr: Expr): string | null => {
    if (expr.t !== "column") return null;
    const name = (expr.parts.at(-1) ?? "").toLowerCase();
    const table = expr.parts.at(-2);
    if (!source.byName.has(name)) return null;
    if (table !== undefined) return table.toLowerCase() === source.alias.toLowerCase() ? name : null;
    return others.some((one) => one.byName.has(name)) ? null : name;
  };
  for (const condition of conjuncts(where)) {
    if (condition.t !== "op" || condition.op !== "=" || condition.detail !== "") continue;
    const [left, right] = condition.args;
    if (left === undefined || right === undefined) continue;
    for (const [side, other] of [[left, right], [right, left]] as const) {
      const column = own(side);
      if (column === null || own(other) !== null) continue;
      any.add(column);
      if (other.t === "literal" || other.t === "param" || other.t === "variable") constant.add(column);
    }
  }
  return { constant, any };
}

/** Objects to what settleOrder noted, now that it is known which columns the statement needs. */
export function judgeOrder(walk: Walk): void {
  for (const { source, taint, ruler, pinned, joined } of walk.shared.blocks) {
    const { table, used } = source;
    if (table === null || used.size === 0 || pinned || !mayFollow(table, taint, used)) continue;
    const keys = indexesOf(table, taint).filter(({ unique, masked }) => unique && !masked);
    const settled = [...inForce(ruler)].every((rules) => {
      const sorted = new Set(rules.keys.filter((key) => key.source === source).map(({ column }) => column));
      const total = keys.some((key) => key.columns.every((column) => sorted.has(column)));
      return total || (joined && rules.keys.length > 0);
    });
    if (!settled) walk.object(objections.order(`${table.schema}.${table.name}`));
  }
}

/** The rulers that decide in the end: a common table expression's rows are seen wherever it is used. */
function inForce(first: Ruler): Set<Ruler> {
  const found = new Set<Ruler>(), seen = new Set<Ruler>();
  const visit = (rules: Ruler): void => {
    if (seen.has(rules)) return;
    seen.add(rules);
    if (rules.users.size === 0) found.add(rules);
    else rules.users.forEach(visit);
  };
  visit(first);
  return found;
}

/** Could the target read the rows along an index that sorts by a masked column? */
function mayFollow(table: TableData, taint: TableTaint, used: ReadonlySet<string>): boolean {
  const indexes = indexesOf(table, taint);
  const primary = indexes.find(({ name }) => name === "PRIMARY")?.columns ?? [];
  return indexes.some(({ name, columns, masked }) => {
    if (!masked) return false;
    if (name === "PRIMARY") return true;
    const [first = ""] = columns;
    const firstIsMasked = table.columns.some((column, at) =>
      column.name.toLowerCase() === first && taint.flows[at]
    );
    if (first !== "" && !firstIsMasked && used.has(first)) return true;
    return [...used].every((column) => columns.includes(column) || primary.includes(column));
  });
}
