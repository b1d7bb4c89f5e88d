/** The catalog of one database, indexed for look-ups. Immutable, shared by all analysts of it. */
import { tagsIn } from "../dialect.ts";
import type { CatalogData, Routine, TypeData } from "./catalog_schema.ts";

export interface RelationColumn {
  /** attnum; position from 1 for the system's relations. */
  readonly number: number;
  readonly name: string;
  /** Type OID; 0 where it was not read. */
  readonly type: number;
  readonly notNull: boolean;
  /** Expression of a generated column. */
  readonly generated: string | null;
  /** Of its comment: see tagsIn(). */
  readonly tags?: readonly string[];
}

/** An index that may give rows in its order. */
export interface Index {
  /** Column numbers; 0 stands for an expression. */
  readonly columns: readonly number[];
  /** It sorts by so many of them; the others are only kept in it. */
  readonly keys: number;
  readonly unique: boolean;
  readonly expressions: string | null;
}

export interface Relation {
  /** 0 for the system's own. */
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly system: boolean;
  /** v view, m materialized view, r table, p partitioned, f foreign, S sequence. */
  readonly kind: string;
  readonly columns: readonly RelationColumn[];
  readonly definition: string | null;
  readonly parents: readonly number[];
  readonly unique: readonly (readonly number[])[];
  readonly indexes: readonly Index[];
  /** Conditions of partial indexes. */
  readonly partial: readonly string[];
  /** What decides in which partition a row is: column numbers, 0 for an expression. */
  readonly partitionedBy: { readonly columns: readonly number[]; readonly expressions: string | null } | null;
  readonly references: readonly (readonly [number, readonly number[], readonly number[]])[];
  readonly triggers: readonly number[];
  readonly rules: boolean;
  /** Options of a foreign table: `schema_name`, `table_name`, and `column:x` for a column's own `column_name`. */
  readonly remote: Readonly<Record<string, string>> | null;
}

export interface Operator {
  readonly schema: string;
  readonly name: string;
  readonly types: readonly number[];
  readonly routine: number;
}

export interface Cast {
  readonly source: number;
  readonly target: number;
  readonly routine: number;
  readonly context: "e" | "a" | "i";
}

/** OIDs below are the system's own (FirstNormalObjectId). */
export const firstUserOid = 16384;

const sequenceColumns = ["last_value", "log_cnt", "is_called"];

function group<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const found = groups.get(key);
    if (found === undefined) groups.set(key, [item]);
    else found.push(item);
  }
  return groups;
}

function relationsOf(data: CatalogData): Relation[] {
  const own = data.relations.map((relation): Relation => ({
    ...relation,
    system: false,
    columns: relation.kind === "S"
      ? sequenceColumns.map((name, index) => plainColumn(name, index))
      : relation.columns.map(([number, name, type, notNull, generated, comment]) => ({
        number,
        name,
        type,
        notNull: notNull === 1,
        generated,
        ...(comment ? { tags: tagsIn(comment) } : {}),
      })),
    unique: relation.unique.map((key) => key.split(" ").map(Number)),
    indexes: relation.indexes.map(([columns, keys, unique, expressions]) => ({
      columns: columns.split(" ").map(Number),
      keys,
      unique: unique === 1,
      expressions,
    })),
    partitionedBy: relation.partitionedBy === null ? null : {
      columns: relation.partitionedBy[0].split(" ").map(Number),
      expressions: relation.partitionedBy[1],
    },
  }));
  const system = data.systemRelations.map(([schema, name, columns]): Relation => ({
    oid: 0,
    schema,
    name,
    system: true,
    kind: "r",
    columns: columns.split(" ").map(plainColumn),
    definition: null,
    parents: [],
    unique: [],
    indexes: [],
    partial: [],
    partitionedBy: null,
    references: [],
    triggers: [],
    rules: false,
    remote: null,
  }));
  return [...own, ...system];
}

function plainColumn(name: string, index: number): RelationColumn {
  return { number: index + 1, name, type: 0, notNull: false, generated: null };
}

export class CatalogIndex {
  readonly schemas: ReadonlySet<string>;
  readonly relations: readonly Relation[];
  /** pg_catalog names of which no overload is volatile. */
  readonly steady: ReadonlySet<string>;
  /** pg_catalog names of which some overload is volatile. */
  readonly volatile: ReadonlySet<string>;
  readonly aggregates: ReadonlySet<string>;
  /** Functions of information_schema. */
  readonly information: ReadonlySet<string>;
  readonly builtinTypes: ReadonlySet<string>;
  readonly casts: readonly Cast[];
  readonly searchPath: readonly string[];
  private readonly byName: ReadonlyMap<string, readonly Relation[]>;
  private readonly byOid = new Map<number, Relation>();
  private readonly heirs = new Map<number, Relation[]>();
  private readonly routinesByName: ReadonlyMap<string, readonly Routine[]>;
  private readonly routinesByOid = new Map<number, Routine>();
  private readonly operatorsByName: ReadonlyMap<string, readonly Operator[]>;
  private readonly typesByName: ReadonlyMap<string, readonly TypeData[]>;
  private readonly elements = new Map<number, number>();
  private readonly types = new Map<number, TypeData>();

  constructor(readonly data: CatalogData) {
    const { builtins, conversions, meta } = data;
    this.schemas = new Set(meta.schemas);
    this.relations = relationsOf(data);
    this.byName = group(this.relations, (relation) => relation.name);
    for (const relation of this.relations) {
      if (relation.oid !== 0) this.byOid.set(relation.oid, relation);
      for (const parent of relation.parents) {
        this.heirs.set(parent, [...this.heirs.get(parent) ?? [], relation]);
      }
    }
    this.steady = new Set(builtins.steady);
    this.volatile = new Set(builtins.volatile);
    this.aggregates = new Set(builtins.aggregates);
    this.information = new Set(builtins.information);
    this.builtinTypes = new Set(builtins.types);
    this.routinesByName = group(data.functions, (routine) => routine.name);
    for (const routine of data.functions) this.routinesByOid.set(routine.oid, routine);
    this.operatorsByName = group(
      conversions.operators.map(([schema, name, left, right, routine]) => ({
        schema,
        name,
        types: [left, right],
        routine,
      })),
      (operator) => operator.name,
    );
    this.casts = conversions.casts.map(([source, target, routine, context]) => ({
      source,
      target,
      routine,
      context,
    }));
    this.typesByName = group(data.types, (type) => type.name);
    for (const type of data.types) {
      this.types.set(type.oid, type);
      if (type.array !== 0) this.elements.set(type.array, type.oid);
    }
    this.searchPath = parsePath(meta.searchPath, meta.user);
  }

  /** All of that name, in any schema. */
  relationsNamed(name: string): readonly Relation[] {
    return this.byName.get(name) ?? [];
  }

  relation(schema: string, name: string): Relation | undefined {
    return this.relationsNamed(name).find((relation) => relation.schema === schema);
  }

  /** Those that inherit from it, or are partitions of it, one step down. */
  heirsOf(oid: number): readonly Relation[] {
    return this.heirs.get(oid) ?? [];
  }

  relationByOid(oid: number): Relation | undefined {
    return this.byOid.get(oid);
  }

  /** User-defined ones, in any schema. */
  routinesNamed(name: string): readonly Routine[] {
    return this.routinesByName.get(name) ?? [];
  }

  routineByOid(oid: number): Routine | undefined {
    return this.routinesByOid.get(oid);
  }

  /** User-defined ones, in any schema. */
  operatorsNamed(name: string): readonly Operator[] {
    return this.operatorsByName.get(name) ?? [];
  }

  /** User-defined ones, in any schema; tables' row types included. */
  typesNamed(name: string): readonly TypeData[] {
    return this.typesByName.get(name) ?? [];
  }

  /** The table whose rows are of that type, or whose arrays are. */
  relationOfType(oid: number): Relation | undefined {
    const type = this.types.get(this.elementType(oid));
    return type === undefined ? undefined : this.relation(type.schema, type.name);
  }

  /** The type of an array's elements; the type itself where it is no user-defined array. */
  elementType(oid: number): number {
    return this.elements.get(oid) ?? oid;
  }

  /**
   * The relation that an unqualified name means under a search path (the account's own where none is given).
   * Where the path finds none, the first that there is: better to judge by it than to know nothing.
   */
  unqualified(name: string, path: readonly string[] = this.searchPath): Relation | undefined {
    return this.onPath(name, path) ?? this.relationsNamed(name)[0];
  }

  /** pg_catalog comes first unless the path says otherwise. */
  private onPath(name: string, path: readonly string[]): Relation | undefined {
    const named = this.relationsNamed(name);
    const order = path.includes("pg_catalog") ? path : ["pg_catalog", ...path];
    for (const schema of order) {
      const found = named.find((relation) => relation.schema === schema);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A name that would mean another relation under the second path than under the first; null where none would. */
  differing(before: readonly string[], after: readonly string[]): string | null {
    for (const [name, named] of this.byName) {
      if (named.length < 2) continue;
      const then = this.onPath(name, after);
      if (then !== undefined && then !== this.unqualified(name, before)) return name;
    }
    return null;
  }
}

/** The schemas of a search_path setting: comma-separated names, quoted or folded, `$user` replaced. */
export function parsePath(setting: string, user: string): readonly string[] {
  return [...setting.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)].map((match) => {
    const quoted = match[1];
    const name = quoted === undefined ? match[0].toLowerCase() : quoted.replaceAll('""', '"');
    return name === "$user" ? user : name;
  });
}
