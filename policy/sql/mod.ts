/** The dialects. Only policy/sql imports SQL parsers. */
import type { Dialect } from "./dialect.ts";
import { mysqlDialect } from "./mysql/mod.ts";
import { postgresqlDialect } from "./postgresql/mod.ts";

export const dialects: readonly Dialect[] = [postgresqlDialect, mysqlDialect];

/** The dialect of a protocol's id; undefined where there is none. */
export function dialectOf(id: string): Dialect | undefined {
  return dialects.find((dialect) => dialect.id === id);
}
