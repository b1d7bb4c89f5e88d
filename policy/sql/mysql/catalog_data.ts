/** What is known of a target's schemas, as plain data: read in a few queries, or from a file. */
import { flavourOf, type Mode, versionNumber } from "./mode.ts";

export interface ColumnData {
  readonly name: string;
  readonly notNull: boolean;
  /** Not part of `*`. */
  readonly invisible: boolean;
  /** Numbers add up without errors or warnings that tell of them. */
  readonly numeric: boolean;
  /** Of a generated column, or of a default that is more than a literal; empty for none. */
  readonly expression: string;
  /** Of its comment: see tagsIn(). */
  readonly tags?: readonly string[];
}

export interface IndexData {
  readonly name: string;
  readonly unique: boolean;
  /** In order; empty for an expression's place. */
  readonly columns: readonly string[];
}

export interface TableData {
  readonly schema: string;
  readonly name: string;
  readonly kind: "table" | "view" | "sequence" | "system";
  readonly columns: readonly ColumnData[];
  readonly indexes: readonly IndexData[];
  /** What decides in which partition, and which part of it, a row is; absent where there are none. */
  readonly partitionedBy?: readonly string[];
  /** Of a view; empty where it may not be read. */
  readonly definition: string;
}

export interface RoutineData {
  readonly schema: string;
  readonly name: string;
  readonly kind: "function" | "procedure";
  /** null where it may not be read. */
  readonly body: string | null;
  readonly sqlMode: string;
}

export interface CatalogData {
  readonly format: 1;
  readonly readAt: number;
  readonly version: string;
  /** The schema that connections begin in. */
  readonly schema: string;
  /** lower_case_table_names: 0 tells names by case, 1 and 2 do not. */
  readonly lowerCaseTableNames: number;
  readonly tables: readonly TableData[];
  readonly routines: readonly RoutineData[];
}

/** Schemas that the target itself keeps. */
const systemSchemas = new Set(["information_schema", "performance_schema", "mysql", "sys"]);

export function isSystemSchema(schema: string): boolean {
  return systemSchemas.has(schema.toLowerCase());
}

/** The data with ways to find things in it. Names are found as the target finds them. */
export class CatalogModel {
  readonly mode: Mode;
  readonly #tables = new Map<string, TableData>();
  readonly #routines = new Map<string, RoutineData>();
  /** Names alone, in lower case: a bare call may mean a routine of any schema. */
  readonly routineNames = new Set<string>();
  readonly #columns = new Map<TableData, ReadonlyMap<string, ColumnData>>();

  constructor(readonly data: CatalogData) {
    this.mode = {
      flavour: flavourOf(data.version),
      version: versionNumber(data.version),
      ansiQuotes: false,
      noBackslashEscapes: false,
      pipesAsConcat: false,
      highNotPrecedence: false,
      utf8: true,
      schema: data.schema,
      key: "",
    };
    for (const table of data.tables) this.#tables.set(this.key(table.schema, table.name), table);
    for (const routine of data.routines) {
      this.#routines.set(`${routine.kind}\n${this.key(routine.schema, routine.name.toLowerCase())}`, routine);
      this.routineNames.add(routine.name.toLowerCase());
    }
  }

  /** A table's, schema's or alias's name as names are compared. */
  fold(name: string): string {
    return this.data.lowerCaseTableNames === 0 ? name : name.toLowerCase();
  }

  key(schema: string, name: string): string {
    return isSystemSchema(schema)
      ? `${schema.toLowerCase()}.${name.toLowerCase()}`
      : `${this.fold(schema)}.${this.fold(name)}`;
  }

  table(schema: string, name: string): TableData | undefined {
    return this.#tables.get(this.key(schema, name));
  }

  routine(kind: "function" | "procedure", schema: string, name: string): RoutineData | undefined {
    return this.#routines.get(`${kind}\n${this.key(schema, name.toLowerCase())}`);
  }

  /** A table's columns by their names in lower case. */
  columns(table: TableData): ReadonlyMap<string, ColumnData> {
    let columns = this.#columns.get(table);
    if (columns === undefined) {
      columns = new Map(table.columns.map((column) => [column.name.toLowerCase(), column]));
      this.#columns.set(table, columns);
    }
    return columns;
  }

  /** Names of the primary key's columns, in lower case; empty where there is none. */
  primaryKey(table: TableData): readonly string[] {
    const primary = table.indexes.find(({ name }) => name === "PRIMARY");
    return primary?.columns.map((column) => column.toLowerCase()) ?? [];
  }
}
