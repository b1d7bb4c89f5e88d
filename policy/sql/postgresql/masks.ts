/**
 * Which columns are masked for one set of masks: what config names, and what carries the same values by the
 * catalog: parents and children of inheritance and partitions, columns that reference a masked one, columns
 * generated from it. Views are lineage's business (views.ts).
 */
import type { MaskKind } from "../../types.ts";
import type { MaskLookup } from "../dialect.ts";
import { as, type NodeOf, strings } from "./ast.ts";
import { type CatalogIndex, firstUserOid, type Relation } from "./catalog.ts";
import { Divisions } from "./divisions.ts";
import { parse } from "./parser.ts";
import type { Taint } from "./taint.ts";

/**
 * Columns of the system's relations that nobody sees through Postern: secrets, and other people's statements,
 * which hold what they write into masked columns.
 */
const secrets: Readonly<Record<string, readonly string[]>> = {
  "pg_catalog.pg_authid": ["rolpassword"],
  "pg_catalog.pg_shadow": ["passwd"],
  "pg_catalog.pg_user_mapping": ["umoptions"],
  "pg_catalog.pg_user_mappings": ["umoptions"],
  "pg_catalog.pg_subscription": ["subconninfo"],
  "pg_catalog.pg_stat_wal_receiver": ["conninfo"],
  "information_schema.user_mapping_options": ["option_value"],
  "information_schema._pg_user_mappings": ["umoptions"],
};
const withMasks: Readonly<Record<string, readonly string[]>> = {
  "pg_catalog.pg_stat_activity": ["query"],
};

/** Where some of it may be of a partition or a partial index that masked values decide about. */
const withDivisions: Readonly<Record<string, readonly string[]>> = {
  "pg_catalog.pg_class": ["relpages", "reltuples", "relallvisible", "relallfrozen"],
};

type Taints = (Taint | null)[];

export class MaskMap {
  /** Whether any column of an ordinary relation is masked. */
  readonly any: boolean;
  readonly divisions: Divisions;
  private readonly taints = new Map<Relation, Taints>();
  private reached: ReadonlySet<number> | null = null;

  constructor(private readonly catalog: CatalogIndex, private readonly lookup: MaskLookup) {
    for (const relation of catalog.relations) if (!relation.system) this.direct(relation);
    this.any = this.taints.size > 0;
    if (this.any) this.spread();
    this.divisions = new Divisions(catalog, (relation) => this.taints.get(relation), mentions);
    for (const list of this.any ? [secrets, withMasks] : [secrets]) this.addSystem(list);
    if (this.divisions.any) this.addSystem(withDivisions);
  }

  /** The taints of a relation's columns, in order; undefined where none is masked. Views: only what config names. */
  of(relation: Relation): readonly (Taint | null)[] | undefined {
    return this.taints.get(relation);
  }

  /** Whether a column would be masked if it existed: the catalog may be older than the table. */
  wouldMask(relation: Relation, column: string): boolean {
    return this.lookup(relation.schema, relation.name, column) !== null;
  }

  /** Whether a change of this relation's rows may reach masked columns by foreign keys, and fail there. */
  endangers(relation: Relation): boolean {
    this.reached ??= this.referencing();
    return this.reached.has(relation.oid);
  }

  /** Relations with masked columns, and all that those refer to. */
  private referencing(): ReadonlySet<number> {
    const reached = new Set<number>();
    const pending = [...this.taints.keys()];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next.oid === 0 || reached.has(next.oid)) continue;
      reached.add(next.oid);
      for (const oid of [...next.references.map(([target]) => target), ...next.parents]) {
        const target = this.catalog.relationByOid(oid);
        if (target !== undefined) pending.push(target);
      }
    }
    return reached;
  }

  private direct(relation: Relation): void {
    relation.columns.forEach((column, index) => {
      const mask = this.lookup(relation.schema, relation.name, column.name, column.tags) ??
        this.remote(relation, column.name);
      if (mask === null) return;
      this.put(relation, index, {
        column: `${relation.schema}.${relation.name}.${column.name}`,
        mask,
        plain: true,
        type: column.type,
      });
    });
  }

  /** A foreign table has the masks of the table that it stands for, by that one's names. */
  private remote({ schema, name, remote }: Relation, column: string): MaskKind | null {
    if (remote === null) return null;
    return this.lookup(
      remote["schema_name"] ?? schema,
      remote["table_name"] ?? name,
      remote[`column:${column}`] ?? column,
    );
  }

  private addSystem(list: Readonly<Record<string, readonly string[]>>): void {
    for (const [full, columns] of Object.entries(list)) {
      const [schema = "", name = ""] = full.split(".");
      const relation = this.catalog.relation(schema, name);
      for (const [index, column] of relation?.columns.entries() ?? []) {
        if (!columns.includes(column.name)) continue;
        const mask = { kind: "null" } as const;
        this.put(relation!, index, { column: `${full}.${column.name}`, mask, plain: true, type: 0 });
      }
    }
  }

  /** false where it was masked before. */
  private put(relation: Relation, index: number, taint: Taint): boolean {
    let taints = this.taints.get(relation);
    if (taints === undefined) {
      this.taints.set(relation, taints = new Array<Taint | null>(relation.columns.length).fill(null));
    }
    if (index < 0 || taints[index]) return false;
    taints[index] = taint;
    return true;
  }

  /** Until nothing changes: every turn masks at least one more column. */
  private spread(): void {
    const relations = this.catalog.relations.filter((relation) =>
      relation.parents.length > 0 || relation.references.length > 0 ||
      relation.columns.some((column) => column.generated !== null || column.type >= firstUserOid)
    );
    let changed = true;
    while (changed) {
      changed = false;
      for (const relation of relations) {
        const steps = [
          this.inherit(relation),
          this.refer(relation),
          this.generate(relation),
          this.contain(relation),
        ];
        if (steps.includes(true)) changed = true;
      }
    }
  }

  private inherit(relation: Relation): boolean {
    let changed = false;
    for (const oid of relation.parents) {
      const parent = this.catalog.relationByOid(oid);
      if (parent === undefined) continue;
      parent.columns.forEach((column, above) => {
        const below = relation.columns.findIndex(({ name }) => name === column.name);
        if (below < 0) return;
        if (this.copy(parent, above, relation, below)) changed = true;
        if (this.copy(relation, below, parent, above)) changed = true;
      });
    }
    return changed;
  }

  private refer(relation: Relation): boolean {
    let changed = false;
    for (const [oid, own, theirs] of relation.references) {
      const target = this.catalog.relationByOid(oid);
      if (target === undefined) continue;
      own.forEach((number, at) => {
        const from = target.columns.findIndex((column) => column.number === theirs[at]);
        const to = relation.columns.findIndex((column) => column.number === number);
        if (this.copy(target, from, relation, to)) changed = true;
      });
    }
    return changed;
  }

  private generate(relation: Relation): boolean {
    const taints = this.taints.get(relation);
    if (taints === undefined) return false;
    let changed = false;
    relation.columns.forEach((column, index) => {
      if (column.generated === null || taints[index]) return;
      const masked = relation.columns.filter((_, other) => taints[other]).map(({ name }) => name);
      if (!mentions(column.generated, masked)) return;
      changed = this.put(relation, index, {
        column: `${relation.schema}.${relation.name}.${column.name}`,
        mask: { kind: "null" },
        plain: true,
        type: column.type,
      });
    });
    return changed;
  }

  /** Columns that hold whole rows of a table with masked columns. */
  private contain(relation: Relation): boolean {
    let changed = false;
    relation.columns.forEach((column, index) => {
      const rows = column.type < firstUserOid ? undefined : this.catalog.relationOfType(column.type);
      if (rows === undefined || !this.taints.has(rows)) return;
      const added = this.put(relation, index, {
        column: `${relation.schema}.${relation.name}.${column.name}`,
        mask: { kind: "null" },
        plain: true,
        type: column.type,
      });
      if (added) changed = true;
    });
    return changed;
  }

  private copy(from: Relation, index: number, to: Relation, at: number): boolean {
    const taint = this.taints.get(from)?.[index];
    const column = to.columns[at];
    if (!taint || column === undefined) return false;
    return this.put(to, at, {
      ...taint,
      column: `${to.schema}.${to.name}.${column.name}`,
      type: column.type,
    });
  }
}

/** Whether an expression names one of the columns, or is beyond the parser. */
export function mentions(expression: string, names: readonly string[]): boolean {
  const parsed = parse(`SELECT ${expression}`);
  if ("error" in parsed) return true;
  let found = false;
  JSON.stringify(parsed.statements, (key, value) => {
    if (key === "ColumnRef") {
      const fields = strings((value as NodeOf<"ColumnRef">).fields);
      if (fields.length === 0 || fields.some((field) => names.includes(field))) found = true;
    }
    return value;
  });
  return found || as(parsed.statements[0]?.stmt, "SelectStmt") === undefined;
}
