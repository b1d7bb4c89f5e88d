/** Indexes that sort by masked columns, and what tells two rows of a table apart. By name: a view mostly keeps these. */
import type { CatalogIndex, Relation } from "./catalog.ts";
import { Findings } from "./findings.ts";
import { mentions } from "./masks.ts";
import type { Taint } from "./taint.ts";
import type { Walk } from "./walk.ts";

/** The empty string stands for an expression. */
type Names = readonly string[];

export interface Ordering {
  /** All columns of each index that sorts by a masked one. */
  readonly masked: readonly Names[];
  /** Columns that are never NULL and never masked, and no two rows have the same. */
  readonly unique: readonly Names[];
  /** Conditions inside a view may choose an index, too. */
  readonly conditions: string;
}

const none: Ordering = { masked: [], unique: [], conditions: "" };
const known = new WeakMap<object, Map<Relation, Ordering>>();

/** Of a table with those that inherit from it, or of a view's tables. */
export function orderingOf(relation: Relation, walk: Walk): Ordering {
  if (!walk.masks.any || relation.system) return none;
  let orderings = known.get(walk.masks);
  if (orderings === undefined) known.set(walk.masks, orderings = new Map());
  let ordering = orderings.get(relation);
  if (ordering === undefined) {
    orderings.set(relation, none);
    ordering = relation.kind === "v" ? ofView(relation, walk) : ofTable(relation, walk);
    orderings.set(relation, ordering);
  }
  return ordering;
}

function ofView(view: Relation, walk: Walk): Ordering {
  const found = new Findings();
  walk.definitions.relation(view, found);
  const tables = [...found.tables.values()].flatMap(({ schema, name }) => {
    const table = walk.catalog.relation(schema, name);
    return table === undefined || table === view || table.kind === "v" ? [] : [orderingOf(table, walk)];
  });
  return {
    masked: tables.flatMap(({ masked }) => masked),
    // Of several tables none tells a view's rows apart.
    unique: tables.length === 1 ? tables.flatMap(({ unique }) => unique) : [],
    conditions: /\bWHERE\b/.test(view.definition ?? "") ? view.definition ?? "" : "",
  };
}

function ofTable(table: Relation, walk: Walk): Ordering {
  const heirs = heirsOf(table, walk.catalog);
  const masked = [table, ...heirs].flatMap((each) => maskedIndexes(each, taintsOf(each, walk)));
  const taints = taintsOf(table, walk);
  // An heir's rows are unique among themselves only, but where partitions share the key.
  const counted = heirs.length > 0 && table.kind !== "p" ? [] : table.indexes;
  const unique = counted.flatMap((index): Names[] => {
    const columns = index.columns.slice(0, index.keys).map((number) =>
      table.columns.findIndex((column) => column.number === number)
    );
    const certain = index.unique && columns.every((at) => table.columns[at]?.notNull === true && !taints[at]);
    return certain ? [columns.map((at) => table.columns[at]!.name)] : [];
  });
  return { masked, unique, conditions: "" };
}

function taintsOf(relation: Relation, walk: Walk): readonly (Taint | null)[] {
  return walk.definitions.relation(relation, new Findings()).columns.map(({ taint }) => taint);
}

function maskedIndexes(relation: Relation, taints: readonly (Taint | null)[]): Names[] {
  const hidden = relation.columns.flatMap(({ name }, at) => taints[at] ? [name] : []);
  if (hidden.length === 0) return [];
  return relation.indexes.flatMap(({ columns, keys, expressions }): Names[] => {
    const sortsByExpression = expressions !== null && mentions(`ROW(${expressions})`, hidden);
    // No condition may be on an expression of a masked column; with several it is not told which one that is.
    const single = columns.filter((number) => number === 0).length === 1;
    const nameless = sortsByExpression && single ? [] : [""];
    const names = columns.flatMap((number) =>
      number === 0 ? nameless : relation.columns.find((one) => one.number === number)?.name ?? ""
    );
    return sortsByExpression || names.slice(0, keys).some((name) => hidden.includes(name)) ? [names] : [];
  });
}

function heirsOf(table: Relation, catalog: CatalogIndex): Relation[] {
  const heirs = new Set<Relation>();
  const add = (oid: number): void => {
    for (const one of catalog.heirsOf(oid)) {
      if (heirs.has(one)) continue;
      heirs.add(one);
      add(one.oid);
    }
  };
  add(table.oid);
  return [...heirs];
}
