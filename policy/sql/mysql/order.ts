/**
 * Rows without an ORDER BY come in the order of whichever index the target reads, and an index that holds a
 * masked column sorts by its values: `SELECT id FROM users` walks a UNIQUE KEY on ssn, since that is the smallest
 * index with the id in it. Such a query is fine where ORDER BY leaves no rows of equal rank (ties keep the order
 * in which they were read), or where it makes one row.
 */
import type { TableData } from "./catalog_data.ts";
import { objections } from "./objections.ts";
import { type Ruler, ruler, type Scope, type Source, type Touch } from "./scope.ts";
import type { Expr, Select } from "./syntax.ts";
import type { TableTaint } from "./taints.ts";
import { isSingleRow, picksRows, someItem } from "./tree.ts";
import type { Walk } from "./walk.ts";

/** A table with such an index in FROM, to be judged when the whole statement has been walked. */
export interface Suspect {
  readonly source: Source;
  readonly taint: TableTaint;
  readonly ruler: Ruler;
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
  const indexes = table.indexes.map(({ name, unique, columns }): Index => {
    const lower = columns.map((column) => column.toLowerCase());
    // An expression's place has no name: it may well be over a masked column.
    return {
      name,
      unique,
      columns: lower,
      masked: lower.some((column) => column === "" || masked.has(column)),
    };
  });
  if (taint.divided !== true) return indexes;
  // Rows come one partition after the other, whatever is read of them.
  const columns = table.columns.map(({ name }) => name.toLowerCase());
  return [...indexes, { name: "", unique: false, columns, masked: true }];
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
    return masked && name !== "" && forced.some((one) => name.toLowerCase().startsWith(one.toLowerCase()));
  });
}

/** Where a SELECT stands: in the result itself; where only one row is looked up. */
export interface Standing {
  readonly top: boolean;
  readonly single: boolean;
}

/** What settles the order of a SELECT's own rows, given what settles that of the query around it. */
export function rulerOf(select: Select, around: Ruler, { top, single }: Standing): Ruler {
  if (isSingleRow(select) || (single && !picksRows(select))) return { ...ruler(), never: "seen" };
  const assigns = someItem(select, (expr: Expr) => expr.t === "assign" || (expr.t === "call" && expr.window));
  if (!assigns && !picksRows(select)) return around;
  // What it computes depends on the order in which rows are read, whatever sorts them afterwards.
  const own: Ruler = { ...ruler(top), never: "settled" };
  own.users.add(around);
  return own;
}

/** Notes the tables of a FROM, for `judgeOrder`. */
export function noteSources(walk: Walk, scope: Scope): void {
  if (!walk.taints.any) return;
  for (const source of scope.sources) {
    if (!source.ownRows) continue;
    scope.ruler.sources.add(source);
    if (source.table === null) continue;
    const taint = walk.taints.of(source.table);
    if (isRisky(walk, source.table, taint)) walk.shared.suspects.push({ source, taint, ruler: scope.ruler });
  }
}

/** What the result's own rows show of their order. */
export interface Shown {
  /** Nothing: all rows are alike. */
  readonly nothing: boolean;
  /**
   * The one column that the rows consist of, where its mask leaves nothing of it but NULLs: these come first in
   * an index of its own, whatever the other values are.
   */
  readonly nulls: Touch | null;
}

/** Objects to what was noted, now that it is known which columns the statement needs; once for each. */
export function judgeOrder(walk: Walk, shown: Shown): void {
  for (const { source, taint, ruler } of walk.shared.suspects.splice(0)) {
    const { table, used, sought } = source;
    if (table === null || used.size === 0) continue;
    const followed = mayFollow(table, taint, used, sought);
    if (followed.length === 0) continue;
    const rulers = [...inForce(ruler)];
    if (rulers.every(({ outermost }) => outermost)) {
      const { nothing, nulls } = shown;
      if (
        nothing || (nulls?.source === source && followed.every(({ columns }) => columns[0] === nulls.column))
      ) continue;
    }
    if (rulers.every((rules) => isSettled(walk, rules))) continue;
    walk.object(objections.order(`${table.schema}.${table.name}`));
  }
}

/** The rulers that decide in the end: a part's rows are seen wherever it is used. */
function inForce(first: Ruler): Set<Ruler> {
  const found = new Set<Ruler>(), seen = new Set<Ruler>();
  const visit = (rules: Ruler): void => {
    if (seen.has(rules)) return;
    seen.add(rules);
    if (rules.never !== null || rules.users.size === 0) found.add(rules);
    else rules.users.forEach(visit);
  };
  visit(first);
  return found;
}

/** Do the keys of its ORDER BY tell every two rows apart? */
function isSettled(walk: Walk, rules: Ruler): boolean {
  if (rules.never !== null) return rules.never === "seen";
  const sources = new Set<Source>(), all = new Set<Ruler>();
  let repeated = false;
  const gather = (one: Ruler): void => {
    if (all.has(one)) return;
    all.add(one);
    one.sources.forEach((source) => sources.add(source));
    repeated ||= one.repeated;
    one.parts.forEach(gather);
  };
  gather(rules);
  if (repeated) return false;
  const known = new Map<Source, Set<string>>();
  const know = ({ source, column }: Touch): void => {
    const columns = known.get(source);
    if (columns === undefined) known.set(source, new Set([column]));
    else columns.add(column);
  };
  rules.keys.forEach(know);
  const fixed = new Set<Source>();
  for (let changed = true; changed;) {
    changed = false;
    for (const source of sources) {
      if (fixed.has(source) || !hasKey(walk, source, known.get(source))) continue;
      fixed.add(source);
      changed = true;
    }
    for (const one of all) {
      for (const { target, by } of one.equalities) {
        if (known.get(target.source)?.has(target.column)) continue;
        if (by !== null && !fixed.has(by.source) && !known.get(by.source)?.has(by.column)) continue;
        know(target);
        changed = true;
      }
    }
  }
  return fixed.size === sources.size;
}

/** Are the columns of a key among these? */
function hasKey(walk: Walk, { table }: Source, columns: ReadonlySet<string> | undefined): boolean {
  if (table === null || columns === undefined) return false;
  return indexesOf(table, walk.taints.of(table)).some((index) => {
    return index.unique && !index.masked && index.columns.every((column) => {
      const data = walk.model.columns(table).get(column);
      return columns.has(column) && data?.notNull === true;
    });
  });
}

/** The indexes with masked columns along which the target could read the rows. */
function mayFollow(
  table: TableData,
  taint: TableTaint,
  used: ReadonlySet<string>,
  sought: ReadonlySet<string>,
): Index[] {
  const indexes = indexesOf(table, taint);
  const primary = indexes.find(({ name }) => name === "PRIMARY")?.columns ?? [];
  return indexes.filter(({ name, columns, masked }) => {
    if (!masked) return false;
    if (name === "PRIMARY") return true;
    const [first = ""] = columns;
    const firstIsMasked = table.columns.some((column, at) =>
      column.name.toLowerCase() === first && taint.flows[at]
    );
    if (first !== "" && !firstIsMasked && sought.has(first)) return true;
    return [...used].every((column) => columns.includes(column) || primary.includes(column));
  });
}
