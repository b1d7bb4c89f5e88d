/** COPY of a table: its columns. */
import type { CopyStmt } from "libpg-query";
import { strings } from "./ast.ts";
import { value } from "./expressions.ts";
import { relationItem } from "./relations.ts";
import { emptyScope, type Scope } from "./scope.ts";
import { isTainted, nothing, type Shape } from "./taint.ts";
import { predicate, type Walk } from "./walk.ts";

/** What COPY of a table (not of a query) reads or writes. */
export function copyItem(copy: CopyStmt, walk: Walk): Shape {
  if (copy.relation === undefined) return nothing;
  const { found } = walk;
  const item = relationItem(copy.relation, walk, emptyScope, copy.is_from ? "write" : "read");
  if (copy.is_from) {
    found.writes = true;
    if (isTainted(item)) found.murky = true;
  }
  const named = strings(copy.attlist);
  // Generated columns are left out unless named; they count here all the same.
  const columns = item.columns.filter(({ name }) =>
    named.length === 0 || name === null || named.includes(name)
  );
  for (const { origin, taint } of columns) {
    if (origin !== null) found.columns.add(origin);
    if (taint !== null) found.masked.add(taint.column);
  }
  if (copy.whereClause !== undefined) {
    // The condition is on incoming rows, which are the client's own.
    const own = { ...item, columns: item.columns.map((column) => ({ ...column, taint: null })) };
    const scope: Scope = { items: [own], parent: null, ctes: null };
    predicate(walk, value(copy.whereClause, walk, scope), "WHERE");
  }
  return { columns, open: item.open };
}
