/** Names in a query: FROM items, levels, CTEs. Follows PostgreSQL's parse_relation.c and parse_expr.c. */
import { type Column, either, isTainted, type Shape, type Taint } from "./taint.ts";
import type { Relation } from "./catalog.ts";

/** One thing that FROM made visible at a level. */
export interface Item extends Shape {
  /** What qualifies its columns; null where nothing can. */
  readonly name: string | null;
  readonly schema: string | null;
  /** Unqualified names find its columns, and `*` takes them in. */
  readonly bare: boolean;
  readonly relation: Relation | null;
}

/** A query of a WITH list. `shape` is asked for when the CTE is used. */
export interface Cte {
  readonly name: string;
  shape(): Shape;
}

export interface CteFrame {
  readonly ctes: ReadonlyMap<string, Cte>;
  readonly parent: CteFrame | null;
}

/** One query level, with those around it. */
export interface Scope {
  readonly items: readonly Item[];
  readonly parent: Scope | null;
  readonly ctes: CteFrame | null;
}

export const emptyScope: Scope = { items: [], parent: null, ctes: null };

export function findCte(frame: CteFrame | null, name: string): Cte | undefined {
  for (let at = frame; at !== null; at = at.parent) {
    const cte = at.ctes.get(name);
    if (cte !== undefined) return cte;
  }
  return undefined;
}

export type Found =
  | { readonly kind: "column"; readonly taint: Taint | null; readonly hits: readonly Hit[] }
  | { readonly kind: "row"; readonly item: Item }
  /** A qualifier that is known, with a name that is none of its columns. */
  | { readonly kind: "member"; readonly item: Item; readonly name: string }
  /** Some item has columns that are not known, none of them tainted. */
  | { readonly kind: "open" }
  | { readonly kind: "none" };

export interface Hit {
  readonly item: Item;
  readonly column: Column;
}

/** `name`: a column of some level, else a whole row. */
export function resolveName(scope: Scope, name: string): Found {
  let open = false;
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    const hits: Hit[] = [];
    for (const item of level.items) {
      if (!item.bare) continue;
      addHits(item, name, hits);
      if (item.open) open = true;
    }
    if (hits.length > 0) return { kind: "column", taint: merged(hits), hits };
  }
  const item = findItem(scope, null, name);
  if (item !== undefined) return { kind: "row", item };
  return { kind: open ? "open" : "none" };
}

/** `qualifier.name`, `schema.qualifier.name`. */
export function resolveMember(scope: Scope, schema: string | null, qualifier: string, name: string): Found {
  const item = findItem(scope, schema, qualifier);
  if (item === undefined) return { kind: "none" };
  const hits: Hit[] = [];
  addHits(item, name, hits);
  if (hits.length > 0) return { kind: "column", taint: merged(hits), hits };
  return item.open ? { kind: "open" } : { kind: "member", item, name };
}

/** The innermost level that knows the qualifier decides; several there are merged, which costs no taint. */
export function findItem(scope: Scope, schema: string | null, name: string): Item | undefined {
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    const named = level.items.filter((item) => item.name === name);
    if (named.length === 0) continue;
    const exact = schema === null ? named : named.filter((item) => item.schema === schema);
    const chosen = exact.length > 0 ? exact : named;
    return chosen.length === 1 ? chosen[0] : { ...chosen[0]!, ...union(chosen) };
  }
  return undefined;
}

function union(items: readonly Item[]): Shape {
  const tainted = items.filter(isTainted);
  const [only] = tainted;
  if (tainted.length === 1 && only !== undefined) return only;
  return { columns: items.flatMap((item) => item.columns), open: items.some((item) => item.open) };
}

/** A tainted column whose name is not certain may be the one that is meant. */
function addHits(item: Item, name: string, hits: Hit[]): void {
  const before = hits.length;
  for (const column of item.columns) if (column.name === name) hits.push({ item, column });
  if (hits.length > before) return;
  for (const column of item.columns) {
    if (column.name === null && column.taint !== null) hits.push({ item, column });
  }
}

function merged(hits: readonly Hit[]): Taint | null {
  return hits.reduce<Taint | null>((taint, { column }) => either(taint, column.taint), null);
}

/** All that is in reach of a name, this level and those around it. */
export function* reach(scope: Scope): Generator<Item> {
  for (let level: Scope | null = scope; level !== null; level = level.parent) yield* level.items;
}

/** What `*` means at this level. */
export function starShape(scope: Scope): Shape {
  const bare = scope.items.filter((item) => item.bare);
  return { columns: bare.flatMap((item) => item.columns), open: bare.some((item) => item.open) };
}

/** The same columns under other names, as in `AS t (a, b)`. Names beyond the list stay. */
export function renamed(shape: Shape, names: readonly string[]): Shape {
  if (names.length === 0) return shape;
  // Where some columns are not known, a name may stand at any place.
  if (shape.open && isTainted(shape)) {
    return { ...shape, columns: shape.columns.map((column) => ({ ...column, name: null })) };
  }
  return {
    ...shape,
    columns: shape.columns.map((column, index) => ({ ...column, name: names[index] ?? column.name })),
  };
}
