/** The shape of the catalog as read and as kept in a file. */
import { z } from "zod";

const name = z.string();
const oid = z.number().int().nonnegative();
/** json_agg over nothing is null. */
const list = <T extends z.ZodType>(of: T) => z.array(of).nullable().transform((value) => value ?? []);
const words = z.string().nullable().transform((text) => text === null ? [] : text.split(" "));

const meta = z.object({
  version: z.number().int(),
  searchPath: z.string(),
  user: name,
  schemas: z.array(name),
});

/** attnum, name, type, not null, expression of a generated column, comment where it has tags. */
const column = z.tuple([
  z.number().int(),
  name,
  oid,
  z.number().int(),
  z.string().nullable(),
  z.string().nullable().optional(),
]);

const relation = z.object({
  oid,
  schema: name,
  name,
  kind: z.enum(["r", "p", "v", "m", "f", "S"]),
  columns: list(column),
  definition: z.string().nullable(),
  parents: list(oid),
  /** Column numbers of each unique index, as in `1 3`; 0 stands for an expression. */
  unique: list(z.string()),
  /**
   * Those that may give rows in their order: column numbers as in `1 3` (0 for an expression), how many of them
   * it sorts by, whether no two rows have the same ones, its expressions.
   */
  indexes: z.array(z.tuple([z.string(), z.number().int(), z.number().int(), z.string().nullable()])).nullish()
    .transform((value) => value ?? []),
  /** Conditions of partial indexes. */
  partial: z.array(z.string()).nullish().transform((value) => value ?? []),
  /** Column numbers as in `1 3` (0 for an expression), and the expressions. */
  partitionedBy: z.tuple([z.string(), z.string().nullable()]).nullish().transform((value) => value ?? null),
  /** Referenced relation, own column numbers, its column numbers. */
  references: list(z.tuple([oid, z.array(z.number().int()), z.array(z.number().int())])),
  triggers: list(oid),
  rules: z.boolean(),
  /** Options of a foreign table. */
  remote: z.record(z.string(), z.string()).nullable(),
});

const routine = z.object({
  oid,
  schema: name,
  name,
  /** f function, p procedure, a aggregate, w window. */
  kind: z.enum(["f", "p", "a", "w"]),
  /** i immutable, s stable, v volatile. */
  volatility: z.enum(["i", "s", "v"]),
  language: name,
  set: z.boolean(),
  /** One letter per argument: i in, o out, b both, v variadic, t column of the result; empty: all in. */
  modes: z.string().nullable(),
  arguments: z.array(z.string()).nullable(),
  /** Of those written in SQL their text; of `internal` ones the name of PostgreSQL's own function. */
  body: z.string().nullable(),
  extension: name.nullable(),
});

const type = z.object({ oid, schema: name, name, array: oid, checks: list(z.string().nullable()) });

/** What zod makes of the sections, ready for the index in catalog.ts. */
export const catalogSchema = z.object({
  dialect: z.literal("postgresql"),
  format: z.literal(1),
  readAt: z.number(),
  meta,
  relations: list(relation),
  systemRelations: z.array(z.tuple([name, name, z.string()])),
  functions: list(routine),
  builtins: z.object({
    steady: words,
    volatile: words,
    aggregates: words,
    information: words,
    types: words,
  }),
  types: list(type),
  conversions: z.object({
    /** Schema, name, left and right type (0 for none), function. */
    operators: list(z.tuple([name, name, oid, oid, oid])),
    /** Source and target type, function, context: e explicit, a assignment, i implicit. */
    casts: list(z.tuple([oid, oid, oid, z.enum(["e", "a", "i"])])),
  }),
});

export type CatalogData = z.output<typeof catalogSchema>;
export type RelationData = CatalogData["relations"][number];
export type Routine = CatalogData["functions"][number];
export type TypeData = CatalogData["types"][number];
