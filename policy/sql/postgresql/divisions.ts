/**
 * Masked columns that decide where a row is kept: by them a table is cut into partitions, or they are in the
 * condition of a partial index. How many rows such a part has, and which, tells of the values.
 */
import type { CatalogIndex, Relation } from "./catalog.ts";
import type { Taint } from "./taint.ts";

/** Sizes and counters of single tables and indexes. */
const counters = /^pg_stat(io|_xact)?_(all|user|sys)_(tables|indexes)$/;
const counting = /^pg_stat_get_|^pg_(relation|table|indexes|total_relation)_size$/;

export class Divisions {
  /** There is at least one such table or index. */
  readonly any: boolean;
  /** Tables cut into partitions -> the masked column. */
  private readonly cuts = new Map<Relation, string>();

  constructor(
    private readonly catalog: CatalogIndex,
    taintsOf: (relation: Relation) => readonly (Taint | null)[] | undefined,
    mentions: (expression: string, names: readonly string[]) => boolean,
  ) {
    let partial = false;
    for (const relation of catalog.relations) {
      const masked = relation.columns.filter((_, at) => taintsOf(relation)?.[at]);
      const names = masked.map(({ name }) => name);
      const by = relation.partitionedBy;
      const [first] = masked;
      if (first === undefined) continue;
      partial ||= relation.partial.some((condition) => mentions(condition, names));
      const column = by === null ? undefined : masked.find(({ number }) => by.columns.includes(number)) ??
        (by.expressions !== null && mentions(`ROW(${by.expressions})`, names) ? first : undefined);
      if (column !== undefined) {
        this.cuts.set(relation, `${relation.schema}.${relation.name}.${column.name}`);
      }
    }
    this.any = partial || this.cuts.size > 0;
  }

  /** The masked column by which a table is cut into partitions. */
  of(relation: Relation): string | null {
    return this.cuts.get(relation) ?? null;
  }

  /** The masked column that decides which rows are in this partition. */
  within(relation: Relation): string | null {
    if (this.cuts.size === 0) return null;
    for (const oid of relation.parents) {
      const parent = this.catalog.relationByOid(oid);
      const column = parent === undefined ? null : this.of(parent) ?? this.within(parent);
      if (column !== null) return column;
    }
    return null;
  }

  /** Does a relation of the system's own count what is in such a part? */
  isCountedBy(name: string): boolean {
    return this.any && counters.test(name);
  }

  /** Does a function of the system's own? */
  isCountedByFunction(name: string): boolean {
    return this.any && counting.test(name);
  }
}
