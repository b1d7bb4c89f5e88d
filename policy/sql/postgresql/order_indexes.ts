/** Indexes that sort by masked columns, and what tells two rows of a table apart; of a view by its columns' origins. */
import type { RangeVar, SelectStmt } from "libpg-query";
import { as, strings } from "./ast.ts";
import type { CatalogIndex, Relation } from "./catalog.ts";
import { Findings } from "./findings.ts";
import { mentions } from "./masks.ts";
import { conditionsOf, joinsOf, visit } from "./order_nodes.ts";
import { parse } from "./parser.ts";
import type { Taint } from "./taint.ts";
import type { Walk } from "./walk.ts";

/** The empty string stands for an expression. */
type Names = readonly string[];

export interface Ordering {
  /** All columns of each index that sorts by a masked one. */
  readonly masked: readonly Names[];
  /** Columns that are never NULL and never masked, and no two rows have the same. */
  readonly unique: readonly Names[];
  /** Columns by which rows are found, joined, grouped or sorted inside a view: these may choose an index, too. */
  readonly conditions: ReadonlySet<string>;
}

const none: Ordering = { masked: [], unique: [], conditions: new Set() };
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
  const behind = [...found.tables.values()].flatMap(({ schema, name }) => {
    const table = walk.catalog.relation(schema, name);
    return table === undefined || table === view ? [] : [{ table, ordering: orderingOf(table, walk) }];
  });
  const parsed = parse(view.definition ?? "");
  const statements = "error" in parsed ? [] : parsed.statements;
  const only = onlyTable(statements, walk);
  const seen = new ViewColumns(view, walk.definitions.origins(view));
  const conditions = new Set(behind.flatMap(({ ordering }) => [...ordering.conditions]));
  for (const name of soughtIn(statements)) conditions.add(name);
  return {
    masked: behind.flatMap(({ table, ordering }) => {
      const hidden = hiddenOf(table, walk);
      return ordering.masked.map((names) => [
        ...names.filter((one) => !hidden.includes(one)),
        ...seen.computed,
        ...names.flatMap((one) => seen.of(table, one)),
      ]);
    }),
    unique: only !== null
      ? orderingOf(only, walk).unique.flatMap((names) => {
        const shown = names.map((one) => seen.of(only, one)[0]);
        return shown.every((one) => one !== undefined) ? [shown] : [];
      })
      : [],
    conditions,
  };
}

/** The names that a view gives to the columns behind it. */
class ViewColumns {
  /** Of those that are made of any columns; all, where their origins are not known. */
  readonly computed: Names;

  constructor(private readonly view: Relation, private readonly origins: readonly (string | null)[]) {
    this.computed = view.columns.filter((_, at) => (origins[at] ?? null) === null).map(({ name }) => name);
  }

  of({ schema, name }: Relation, column: string): Names {
    const origin = `${schema}.${name}.${column}`;
    return this.view.columns.filter((_, at) => this.origins[at] === origin).map(({ name }) => name);
  }
}

/** What is read in the whole definition, where that is one table, and once. */
function onlyTable(definition: unknown, { catalog }: Walk): Relation | null {
  const found: RangeVar[] = [];
  visit(definition, (node) => found.push(...[as(node, "RangeVar") ?? []].flat()));
  const [only, ...others] = found;
  if (only === undefined || others.length > 0) return null;
  return catalog.relation(only.schemaname ?? "", only.relname ?? "") ?? null;
}

/** Names of columns by which the queries in there find, join, group and sort rows. */
function soughtIn(definition: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  visit(definition, (node) => {
    // The arms of a UNION are no nodes of their own.
    const select = node as SelectStmt;
    if (select.targetList === undefined) return;
    const { groupClause, sortClause, distinctClause, targetList } = select;
    const using = joinsOf(select).flatMap(({ usingClause }) => strings(usingClause));
    for (const name of using) names.add(name);
    const listed = distinctClause === undefined ? [] : targetList;
    visit([conditionsOf(select), groupClause, sortClause, listed], (inner) => {
      const name = strings(as(inner, "ColumnRef")?.fields).at(-1);
      if (name !== undefined) names.add(name);
    });
  });
  return names;
}

function ofTable(table: Relation, walk: Walk): Ordering {
  const heirs = heirsOf(table, walk.catalog);
  const masked = [table, ...heirs].flatMap((each) => [
    ...maskedIndexes(each, taintsOf(each, walk)),
    // Rows come one partition after the other.
    ...walk.masks.divisions.of(each) === null ? [] : [each.columns.map(({ name }) => name)],
  ]);
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
  return { masked, unique, conditions: new Set() };
}

function hiddenOf(relation: Relation, walk: Walk): Names {
  const taints = taintsOf(relation, walk);
  return relation.columns.flatMap(({ name }, at) => taints[at] ? [name] : []);
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
