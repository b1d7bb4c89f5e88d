/** One walk over a statement's tree: what it has found so far, and the catalog it asks. */
import type { RelationUse, UnsafeUse } from "../../types.ts";
import { type CatalogModel, isSystemSchema, type TableData } from "./catalog_data.ts";
import type { Mode } from "./mode.ts";
import { objections } from "./objections.ts";
import type { Flow } from "./flow.ts";
import type { Suspect } from "./order.ts";
import { Refusal } from "./refusal.ts";
import type { Expr } from "./syntax.ts";
import type { TableTaint, Taints } from "./taints.ts";

/** Queries and tables that may be walked for one statement, those behind views included. */
const stepsMax = 5000;

/** What a statement's walk shares with those over the views that it uses. */
export interface Shared {
  readonly suspects: Suspect[];
  steps: number;
}

export class Walk {
  readonly relations = new Map<string, RelationUse>();
  readonly columns = new Set<string>();
  readonly functions = new Set<string>();
  readonly masked = new Set<string>();
  readonly settings = new Set<string>();
  readonly unsafe = new Map<string, UnsafeUse>();
  /** A relation with masked columns is involved, whether or not they are named. */
  tainted = false;
  locks: "" | "UPDATE" | "SHARE" = "";
  /** Names of columns, in lower case, that were looked up: what a second parser may find as well. */
  readonly looked = new Set<string>();
  /** Items of select lists that keys of windows were found to mean. */
  readonly followed = new Set<Expr>();
  /** Values whose literals and parameters the record hides. */
  readonly hidden = new Set<Expr>();
  /** The rows of an INSERT that the record hides a part of: where they begin, and which of their values. */
  hiddenRows: { readonly at: number; readonly columns: ReadonlySet<number> } | null = null;
  /** Values may reach a column under other names: by derived tables or common table expressions. */
  detour = false;
  readonly #unknownColumns = new Set<string>();

  constructor(
    readonly model: CatalogModel,
    readonly taints: Taints,
    readonly mode: Mode,
    readonly shared: Shared = { suspects: [], steps: 0 },
  ) {}

  /** Throws Refusal where there are too many. */
  step(): void {
    if (++this.shared.steps <= stepsMax) return;
    throw new Refusal(
      "too-complex",
      `The statement has more than ${stepsMax} queries and tables, those behind views included`,
      "Take it apart",
    );
  }

  object(use: UnsafeUse): void {
    if (!this.unsafe.has(use.code)) this.unsafe.set(use.code, use);
  }

  relation(schema: string, name: string, access: "read" | "write"): void {
    const key = `${schema}\n${name}`;
    if (this.relations.get(key)?.access !== "write") this.relations.set(key, { schema, name, access });
  }

  /** A relation that a statement names, with what is masked in it; null where it is not in the catalog. */
  use(
    schema: string,
    name: string,
    access: "read" | "write",
  ): { table: TableData; taint: TableTaint } | null {
    const table = this.model.table(schema, name);
    if (table === undefined) {
      this.relation(isSystemSchema(schema) ? schema.toLowerCase() : schema, name, access);
      return null;
    }
    this.relation(table.schema, table.name, access);
    const taint = this.taints.of(table);
    if (taint.tainted) this.tainted = true;
    for (const name of taint.functions) this.functions.add(name);
    for (const use of taint.objections) this.object(use);
    return { table, taint };
  }

  flow(flow: Flow | null): void {
    if (flow !== null) { for (const column of flow.origins.keys()) this.masked.add(column); }
  }

  unknownColumn(name: string): void {
    this.#unknownColumns.add(name);
  }

  /** Unknown columns are the target's to refuse, unless they might be masked ones that were added since. */
  finish(): void {
    const [first] = this.#unknownColumns;
    if (first !== undefined && this.tainted) this.object(objections.unknownColumn(first));
  }
}
