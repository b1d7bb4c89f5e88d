/** Tables and views by name: CTEs first, then the catalog, whatever the search_path may come to mean. */
import type { RangeVar } from "libpg-query";
import { strings } from "./ast.ts";
import { firstUserOid, type Relation } from "./catalog.ts";
import { Findings } from "./findings.ts";
import { findCte, type Item, renamed, type Scope } from "./scope.ts";
import { type Column, either, type Shape } from "./taint.ts";
import type { Walk } from "./walk.ts";

/** The statistics show values of columns; which ones depends on rows. */
const statistics: ReadonlySet<string> = new Set([
  "pg_statistic",
  "pg_stats",
  "pg_statistic_ext_data",
  "pg_stats_ext",
  "pg_stats_ext_exprs",
]);

export function relationItem(node: RangeVar, walk: Walk, scope: Scope, access: "read" | "write"): Item {
  const name = node.relname ?? "";
  const alias = node.alias?.aliasname ?? name;
  const cte = node.schemaname === undefined && access === "read" ? findCte(scope.ctes, name) : undefined;
  if (cte !== undefined) {
    const shape = renamed(cte.shape(), strings(node.alias?.colnames));
    return {
      name: alias,
      schema: null,
      bare: true,
      relation: null,
      columns: shape.columns,
      open: shape.open,
    };
  }
  const relation = findRelation(node, walk);
  if (relation === null) {
    return { name: alias, schema: null, bare: true, relation: null, columns: [], open: true };
  }
  walk.found.use(relation, access);
  const deciding = walk.masks.divisions.within(relation);
  if (deciding !== null) walk.found.maskedInPredicate(deciding, "which partition a row is in");
  const shape = renamed(relationShape(relation, node, walk), strings(node.alias?.colnames));
  const schema = node.alias === undefined ? relation.schema : null;
  return { name: alias, schema, bare: true, relation, columns: shape.columns, open: shape.open };
}

/** null, with an objection, where the catalog has none. */
export function findRelation(node: RangeVar, walk: Walk): Relation | null {
  const { relname: name = "", schemaname: schema } = node;
  const { catalog, found } = walk;
  const relation = schema === undefined
    ? catalog.unqualified(name, walk.path)
    : catalog.relation(schema, name);
  if (relation !== undefined) {
    if (relation.system && walk.masks.any) judgeStatistics(relation, walk);
    return relation;
  }
  const full = schema === undefined ? name : `${schema}.${name}`;
  found.ordinary = true;
  found.object(
    "unknown-relation",
    `it uses ${JSON.stringify(full)}, which is not in the target's catalog as Postern read it`,
    "Check the name; a new table is known within a minute; temporary tables are not followed",
  );
  return null;
}

function judgeStatistics({ schema, name }: Relation, { found, masks }: Walk): void {
  if (statistics.has(name)) {
    found.object(
      "statistics",
      `it reads ${schema}.${name}, which holds samples of masked columns`,
      "Use EXPLAIN for row estimates, or pg_class.reltuples for a table's size",
    );
  } else if (masks.divisions.isCountedBy(name)) {
    found.object(
      "statistics",
      `it reads ${schema}.${name}, which counts the rows of partitions or indexes that masked values decide about`,
      "Count the rows of the whole table",
    );
  }
}

function relationShape(relation: Relation, node: RangeVar, walk: Walk): Shape {
  noteTypes(relation, walk);
  const shape = walk.definitions.relation(relation, walk.found);
  if (node.schemaname !== undefined) return shape;
  const others = walk.catalog.relationsNamed(relation.name).filter((other) => other !== relation);
  return others.reduce<Shape>((sum, other) => alsoAs(sum, other, walk), shape);
}

function noteTypes(relation: Relation, { catalog, found }: Walk): void {
  for (const { type } of relation.columns) {
    if (type >= firstUserOid) found.types.add(catalog.elementType(type));
  }
}

/**
 * A search_path that Postern did not see could make the name mean another relation: its taints count as well, by
 * name and by place, and so do its objections.
 */
function alsoAs(shape: Shape, other: Relation, walk: Walk): Shape {
  const found = new Findings();
  const alternative = walk.definitions.relation(other, found);
  for (const use of found.unsafe.values()) walk.found.add(use);
  if (found.writes) walk.found.writes = true;
  if (
    !alternative.columns.some(({ taint }) => taint !== null) && shape.columns.every(({ taint }) => !taint)
  ) {
    return shape;
  }
  noteTypes(other, walk);
  const columns = shape.columns.map((column, index): Column => {
    const byName = alternative.columns.find(({ name }) => name === column.name)?.taint ?? null;
    const byPlace = alternative.columns[index]?.taint ?? null;
    return { ...column, taint: either(column.taint, either(byName, byPlace)) };
  });
  // Columns that only the other one has.
  const extra = alternative.columns.filter(({ name, taint }) =>
    taint !== null && !shape.columns.some((column) => column.name === name)
  );
  return { columns: [...columns, ...extra], open: shape.open || extra.length > 0 };
}
