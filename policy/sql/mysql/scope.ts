/** Which names mean what at one place of a query. */
import type { TableData } from "./catalog_data.ts";
import type { Flow } from "./flow.ts";
import type { SelectItem, StarItem } from "./syntax.ts";

/** A column of a table in FROM, to tell in which order its rows may come. See order.ts. */
export interface Touch {
  readonly source: Source;
  /** In lower case. */
  readonly column: string;
}

/** A column of a result, by its place. */
export interface Output {
  readonly name: string;
  readonly flow: Flow | null;
  /** Stands for columns that are not known, of a system table. */
  readonly open: boolean;
  /** A number of a table: that adding it up cannot fail. */
  readonly numeric: boolean;
  /** The same in every row, whatever rows there are. */
  readonly constant: boolean;
  /** What is read of tables for it, as far as that is certain. */
  readonly touches: readonly Touch[];
  /** The one column that it is, unchanged. */
  readonly key: Touch | null;
}

const none: readonly Touch[] = [];

export function output(name: string, flow: Flow | null, touches = none, key: Touch | null = null): Output {
  return { name, flow, open: false, numeric: false, constant: false, touches, key };
}

/** A table as FROM names it. */
export interface Source {
  /** As compared; empty for a derived table without an alias. */
  readonly alias: string;
  /** As compared; null for derived tables and common table expressions. */
  readonly schema: string | null;
  readonly table: TableData | null;
  /** Its rows are read from the table itself; those of a view are of the tables behind it, walked with it. */
  readonly ownRows: boolean;
  /** In the order of `*`. */
  readonly columns: readonly Output[];
  /** By name in lower case, invisible ones included. */
  readonly byName: ReadonlyMap<string, Output>;
  /** Any column may be there: a system table, or one that is refused anyhow. */
  readonly open: boolean;
  /** Columns that the statement needs, in lower case; kept only where `touches` are. */
  readonly used: Set<string>;
  /** Those among them by which rows are found, joined, grouped or sorted. */
  readonly sought: Set<string>;
}

export interface Scope {
  readonly sources: Source[];
  /** What `*` stands for: the sources' columns, those that a join merges only once. */
  star: readonly Output[];
  readonly outer: Scope | null;
  readonly ctes: CteBinding | null;
  /** The select list, as it is written. */
  list: readonly (SelectItem | StarItem)[];
  /** The same, as far as it has been walked. */
  outputs: Output[];
  /** Bare names may mean what the select list calls so: in GROUP BY, HAVING, ORDER BY. */
  aliases: boolean;
  readonly ruler: Ruler;
}

/** What settles in which order rows are seen: a query's ORDER BY. Queries within it, without LIMIT, share it. */
export interface Ruler {
  /** The columns that its ORDER BY consists of. */
  readonly keys: Touch[];
  /** Tables whose rows make up its rows. */
  readonly sources: Set<Source>;
  readonly equalities: { readonly target: Touch; readonly by: Touch | null }[];
  /** Common table expressions that it uses. */
  readonly parts: Set<Ruler>;
  /** One of them twice: its tables' rows are then in it more than once. */
  repeated: boolean;
  /** For a part or a sub-query: what uses it, and settles it in its stead. */
  readonly users: Set<Ruler>;
  /** `seen`: no order shows. `settled`: nothing can settle it. */
  readonly never: "seen" | "settled" | null;
  /** Of the result's own rows, not of some that are counted or looked up on the way. */
  readonly outermost: boolean;
}

export function ruler(outermost = false): Ruler {
  return {
    outermost,
    keys: [],
    sources: new Set(),
    equalities: [],
    parts: new Set(),
    repeated: false,
    users: new Set(),
    never: null,
  };
}

/** A scope without names of its own. */
export function frame(outer: Scope | null, ctes: CteBinding | null, rules: Ruler): Scope {
  return { sources: [], star: [], outer, ctes, list: [], outputs: [], aliases: false, ruler: rules };
}

/** Common table expressions in view, the innermost first. */
export interface CteBinding {
  readonly name: string;
  readonly columns: readonly Output[];
  readonly ruler: Ruler;
  readonly next: CteBinding | null;
}

export function findCte(bindings: CteBinding | null, name: string): CteBinding | null {
  for (let binding = bindings; binding !== null; binding = binding.next) {
    if (binding.name === name) return binding;
  }
  return null;
}

export function named(columns: readonly Output[]): ReadonlyMap<string, Output> {
  return new Map(columns.map((column) => [column.name.toLowerCase(), column]));
}

export function use(touches: readonly Touch[]): void {
  for (const { source, column } of touches) source.used.add(column);
}

export function seek(touches: readonly Touch[]): void {
  use(touches);
  for (const { source, column } of touches) source.sought.add(column);
}
