/** Names in expressions: columns, whole rows, and functions written like columns (`u.f` is `f(u)`). */
import { endsInStar, type NodeOf, strings } from "./ast.ts";
import { call, isKnownFunction } from "./functions.ts";
import { findItem, type Found, type Item, reach, resolveMember, resolveName, type Scope } from "./scope.ts";
import { type Column, derived, isTainted, pure, risky, type Shape, type Value } from "./taint.ts";
import { nearTaint, type Walk } from "./walk.ts";

export const systemColumns: ReadonlySet<string> = new Set([
  "ctid",
  "xmin",
  "xmax",
  "cmin",
  "cmax",
  "tableoid",
  "oid",
]);

export function columnRef(node: NodeOf<"ColumnRef">, walk: Walk, scope: Scope): Value {
  const names = strings(node.fields);
  if (endsInStar(node.fields)) {
    // `(u.*)` where a value is wanted is the whole row.
    const item = findItem(scope, names.at(-2) ?? null, names.at(-1) ?? "");
    return item === undefined ? unresolved(names, walk, scope) : wholeRow(item, walk);
  }
  if (names.length === 1) return settle(resolveName(scope, names[0]!), names, walk, scope);
  const [name = "", qualifier = "", schema = null] = [...names].reverse();
  return settle(resolveMember(scope, schema, qualifier, name), names, walk, scope);
}

function settle(found: Found, names: readonly string[], walk: Walk, scope: Scope): Value {
  switch (found.kind) {
    case "column":
      for (const { item, column } of found.hits) noteColumn(item, column, walk);
      return found.taint === null ? pure : { taint: found.taint, fails: false };
    case "row":
      return wholeRow(found.item, walk);
    case "open":
      return pure;
    case "member":
      return member(found.item, found.name, walk);
    case "none":
      return unresolved(names, walk, scope);
  }
}

export function noteColumn(item: Item, column: Column, walk: Walk): void {
  const { found } = walk;
  found.onColumn?.(item, column.name ?? "");
  if (column.origin !== null) found.columns.add(column.origin);
  if (column.taint !== null) found.masked.add(column.taint.column);
}

/** A name that is no column: a system column, or a function of the row. */
function member(item: Item, name: string, walk: Walk): Value {
  if (systemColumns.has(name)) {
    walk.found.onColumn?.(item, name);
    place(item, name, walk);
    return pure;
  }
  if (isKnownFunction(null, name, walk)) {
    return call([name], [{ ...wholeRow(item, walk), constant: undefined }], walk);
  }
  return missing(item.relation === null ? [] : [item], name, walk) ??
    (isTainted(item) ? lost(name, walk) : risky);
}

/** The place of a row tells of the masked value that decided about it. */
function place({ relation }: Item, name: string, { masks, found }: Walk): void {
  const column = relation === null ? null : masks.divisions.of(relation);
  if (column !== null && (name === "tableoid" || name === "ctid")) found.maskedInPredicate(column, name);
}

export function wholeRow(item: Item, walk: Walk): Value {
  for (const column of item.columns) noteColumn(item, column, walk);
  return { taint: isTainted(item) ? derived : null, fails: false, row: item };
}

/** `(u).name` */
export function rowMember(base: Value, name: string, walk: Walk): Value {
  const row: Shape = base.row ?? { columns: [], open: true };
  const hits = row.columns.filter((column) => column.name === name);
  const [only] = hits;
  if (only !== undefined && hits.length === 1) return { taint: only.taint, fails: base.fails };
  if (isKnownFunction(null, name, walk)) return call([name], [{ ...base, constant: undefined }], walk);
  return base.taint === null ? risky : { taint: derived, fails: base.fails };
}

/** No such column, as far as the catalog tells. The target will say so, unless the catalog has grown old. */
function unresolved(names: readonly string[], walk: Walk, scope: Scope): Value {
  const name = names.at(-1) ?? "";
  if (names.length === 1 && systemColumns.has(name)) {
    for (const item of reach(scope)) place(item, name, walk);
    return pure;
  }
  const items = [...reach(scope)].filter((item) => item.relation !== null);
  return missing(items, name, walk) ?? (nearTaint(scope) ? lost(names.join("."), walk) : risky);
}

/** A column that would be masked if the table had it by now. */
function missing(items: readonly Item[], name: string, walk: Walk): Value | null {
  const masked = items.some(({ relation }) => relation !== null && walk.masks.wouldMask(relation, name));
  return masked ? lost(name, walk) : null;
}

function lost(name: string, walk: Walk): Value {
  walk.found.untraceable(`the name ${JSON.stringify(name)} is no column that Postern knows of`);
  return { taint: derived, fails: false };
}
