/** Reads a target's catalog from information_schema, in a few queries. */
import { z } from "zod";
import type { TargetQuery } from "../../ports.ts";
import type { Target } from "../../types.ts";
import type { CatalogData, ColumnData, IndexData, RoutineData, TableData } from "./catalog_data.ts";
import { tagsIn } from "../dialect.ts";
import { flavourOf } from "./mode.ts";

const own = "('mysql', 'performance_schema', 'sys')";
const ownAndCatalog = "('mysql', 'performance_schema', 'sys', 'information_schema')";

const queries = {
  settings: "SELECT @@version, @@lower_case_table_names",
  tables: `SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_TYPE FROM information_schema.TABLES t
    WHERE t.TABLE_SCHEMA NOT IN ${own}`,
  columns: `SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.IS_NULLABLE, c.EXTRA, c.DATA_TYPE,
    c.GENERATION_EXPRESSION, c.COLUMN_DEFAULT, c.COLUMN_COMMENT FROM information_schema.COLUMNS c
    WHERE c.TABLE_SCHEMA NOT IN ${own} ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION`,
  indexes: `SELECT s.TABLE_SCHEMA, s.TABLE_NAME, s.INDEX_NAME, s.NON_UNIQUE, s.COLUMN_NAME
    FROM information_schema.STATISTICS s WHERE s.TABLE_SCHEMA NOT IN ${ownAndCatalog}
    ORDER BY s.TABLE_SCHEMA, s.TABLE_NAME, s.INDEX_NAME, s.SEQ_IN_INDEX`,
  partitions: `SELECT DISTINCT p.TABLE_SCHEMA, p.TABLE_NAME, p.PARTITION_EXPRESSION, p.SUBPARTITION_EXPRESSION
    FROM information_schema.PARTITIONS p WHERE p.PARTITION_NAME IS NOT NULL
    AND p.TABLE_SCHEMA NOT IN ${ownAndCatalog}`,
  views: `SELECT v.TABLE_SCHEMA, v.TABLE_NAME, v.VIEW_DEFINITION FROM information_schema.VIEWS v
    WHERE v.TABLE_SCHEMA NOT IN ${ownAndCatalog}`,
  routines: `SELECT r.ROUTINE_SCHEMA, r.ROUTINE_NAME, r.ROUTINE_TYPE, r.ROUTINE_DEFINITION, r.SQL_MODE
    FROM information_schema.ROUTINES r WHERE r.ROUTINE_SCHEMA NOT IN ${own}`,
};

type Row = readonly (string | null)[];

const text = (row: Row, at: number): string => row[at] ?? "";
const keyOf = (row: Row): string => `${text(row, 0)}\n${text(row, 1)}`;

function grouped(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

/** Rejects with what `query` rejects with. */
export async function readCatalogData(
  target: Target,
  database: string,
  query: TargetQuery,
): Promise<CatalogData> {
  const readAt = Date.now();
  const ask = (sql: string) => query(target, database, sql);
  const [settings] = await ask(queries.settings);
  if (settings === undefined) throw new Error("the target did not tell its version");
  const version = text(settings, 0);
  const tables = await ask(queries.tables);
  const columns = grouped(await ask(queries.columns));
  const indexes = grouped(await ask(queries.indexes));
  const partitions = grouped(await ask(queries.partitions));
  const views = grouped(await ask(queries.views));
  const routines = await ask(queries.routines);
  return {
    format: 1,
    readAt,
    version,
    schema: database,
    lowerCaseTableNames: Number(text(settings, 1)),
    tables: tables.map((row): TableData => ({
      schema: text(row, 0),
      name: text(row, 1),
      kind: kindOf(text(row, 2)),
      columns: (columns.get(keyOf(row)) ?? []).map((column) => columnOf(column, version)),
      indexes: indexesOf(indexes.get(keyOf(row)) ?? []),
      ...partitionsOf(partitions.get(keyOf(row)) ?? []),
      definition: text(views.get(keyOf(row))?.[0] ?? [], 2),
    })),
    routines: routines.map((row): RoutineData => ({
      schema: text(row, 0),
      name: text(row, 1),
      kind: text(row, 2) === "FUNCTION" ? "function" : "procedure",
      body: row[3] === "" ? null : row[3] ?? null,
      sqlMode: text(row, 4),
    })),
  };
}

function kindOf(type: string): TableData["kind"] {
  if (type === "VIEW") return "view";
  if (type === "SYSTEM VIEW") return "system";
  return type === "SEQUENCE" ? "sequence" : "table";
}

const numericTypes = new Set([
  "tinyint",
  "smallint",
  "mediumint",
  "int",
  "bigint",
  "decimal",
  "float",
  "double",
]);

function columnOf(row: Row, version: string): ColumnData {
  const extra = text(row, 4).toUpperCase();
  const generated = text(row, 6);
  const tags = tagsIn(text(row, 8));
  // MariaDB shows every default as an expression, MySQL says so in EXTRA.
  const isExpression = extra.includes("DEFAULT_GENERATED") || flavourOf(version) === "mariadb";
  return {
    name: text(row, 2),
    notNull: text(row, 3) === "NO",
    invisible: extra.includes("INVISIBLE"),
    numeric: numericTypes.has(text(row, 5).toLowerCase()),
    expression: generated !== "" ? generated : isExpression ? plainDefault(text(row, 7)) : "",
    ...(tags.length === 0 ? {} : { tags }),
  };
}

/** Literals are no expressions. */
function plainDefault(value: string): string {
  return /^(?:NULL|-?[\d.]+|'(?:[^'\\]|'')*'|current_timestamp\(\d?\)|nextval\(.*\))?$/i.test(value)
    ? ""
    : value;
}

function indexesOf(rows: readonly Row[]): IndexData[] {
  const indexes = new Map<string, { unique: boolean; columns: string[] }>();
  for (const row of rows) {
    const name = text(row, 2);
    let index = indexes.get(name);
    if (index === undefined) indexes.set(name, index = { unique: row[3] === "0", columns: [] });
    index.columns.push(text(row, 4));
  }
  return Array.from(indexes, ([name, { unique, columns }]) => ({ name, unique, columns }));
}

/** Empty ones are those of KEY (): the primary key. */
function partitionsOf(rows: readonly Row[]): Pick<TableData, "partitionedBy"> {
  const expressions = rows.flatMap((row) => [text(row, 2), ...(row[3] ? [row[3]] : [])]);
  return rows.length === 0 ? {} : { partitionedBy: [...new Set(expressions)] };
}

const tableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["table", "view", "sequence", "system"]),
  columns: z.array(z.strictObject({
    name: z.string(),
    notNull: z.boolean(),
    invisible: z.boolean(),
    numeric: z.boolean(),
    expression: z.string(),
    tags: z.array(z.string()).optional(),
  })),
  indexes: z.array(z.strictObject({ name: z.string(), unique: z.boolean(), columns: z.array(z.string()) })),
  partitionedBy: z.array(z.string()).optional(),
  definition: z.string(),
});

const catalogSchema = z.strictObject({
  format: z.literal(1),
  readAt: z.number(),
  version: z.string(),
  schema: z.string(),
  lowerCaseTableNames: z.number(),
  tables: z.array(tableSchema),
  routines: z.array(z.strictObject({
    schema: z.string(),
    name: z.string(),
    kind: z.enum(["function", "procedure"]),
    body: z.string().nullable(),
    sqlMode: z.string(),
  })),
});

/** Throws ZodError or SyntaxError for a file that is none. */
export function parseCatalogData(json: string): CatalogData {
  return catalogSchema.parse(JSON.parse(json));
}
