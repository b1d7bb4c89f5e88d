/** What comes to light while the trees of one statement are walked. Sets only: walking a part twice adds nothing. */
import type { Node } from "libpg-query";
import type { RelationUse, UnsafeUse } from "../../types.ts";
import type { Relation } from "./catalog.ts";
import type { Item } from "./scope.ts";

export class Findings {
  readonly tables = new Map<string, RelationUse>();
  readonly columns = new Set<string>();
  readonly functions = new Set<string>();
  readonly masked = new Set<string>();
  readonly unsafe = new Map<string, UnsafeUse>();
  /** Values whose literals and parameters the record hides. */
  readonly hidden = new Set<Node>();
  readonly statements = new Set<string>();
  readonly cursors = new Set<string>();
  /** Of the functions, those that the catalog calls volatile. */
  readonly volatile = new Set<string>();
  /** `schema.operator`. */
  readonly operatorsUsed = new Set<string>();
  /** Operators used by their name alone. */
  readonly operators = new Set<string>();
  readonly settings = new Set<string>();
  readonly locks = new Set<string>();
  /** User-defined types that values in the statement may have. */
  readonly types = new Set<number>();
  readonly castTargets = new Set<number>();
  /** The strongest change within, as in `DELETE`; null where nothing is written. */
  change: string | null = null;
  writes = false;
  missingWhere = false;
  /** SELECT … INTO: the result goes into a new table. */
  into = false;
  /** Errors and notices may tell of masked values, though no masked column is named. */
  murky = false;
  /** Relations outside the system's catalogs were used. */
  ordinary = false;
  /** Called with each column that a name resolved to, while set. */
  onColumn: ((item: Item, column: string) => void) | null = null;

  object(code: string, what: string, hint: string): void {
    this.add({ code, what, hint });
  }

  add(use: UnsafeUse | null): void {
    if (use !== null && !this.unsafe.has(use.code)) this.unsafe.set(use.code, use);
  }

  use(relation: Relation, access: "read" | "write"): void {
    const key = `${relation.schema}.${relation.name}`;
    if (!relation.system) this.ordinary = true;
    if (access === "read" && this.tables.has(key)) return;
    this.tables.set(key, { schema: relation.schema, name: relation.name, access });
  }

  /** `verb` as the record shows it. A later, weaker one does not replace an earlier. */
  write(verb: string): void {
    this.writes = true;
    const rank = (of: string | null) => ["INSERT", "MERGE", "UPDATE", "DELETE"].indexOf(of ?? "");
    if (this.change === null || rank(verb) > rank(this.change)) this.change = verb;
  }

  /** What running another text (a view, a function's body) does. Its own columns stay its own. */
  absorb(other: Findings): void {
    for (const [key, use] of other.tables) {
      if (use.access === "write" || !this.tables.has(key)) this.tables.set(key, use);
    }
    for (const name of other.functions) this.functions.add(name);
    for (const name of other.volatile) this.volatile.add(name);
    for (const name of other.operatorsUsed) this.operatorsUsed.add(name);
    for (const use of other.unsafe.values()) this.add(use);
    for (const type of other.types) this.types.add(type);
    for (const lock of other.locks) this.locks.add(lock);
    for (const setting of other.settings) this.settings.add(setting);
    this.writes ||= other.writes;
    this.missingWhere ||= other.missingWhere;
    this.murky ||= other.murky;
    this.ordinary ||= other.ordinary;
  }

  maskedInPredicate(column: string, where: string): void {
    this.masked.add(column);
    this.object(
      "masked-in-predicate",
      `${described(column)} would decide ${where}, which tells about the hidden value`,
      "Filter, join, sort and group by columns that are not masked; a masked column may only be selected",
    );
  }

  maskedInExpression(column: string, by: string): void {
    this.masked.add(column);
    this.object(
      "masked-in-expression",
      `${described(column)} goes into ${by}, which can fail or act depending on the hidden value`,
      "Select the column itself: it comes out masked",
    );
  }

  maskedWrite(column: string, to: string): void {
    this.masked.add(column);
    this.object(
      "masked-write",
      `${described(column)} would be copied to ${to}, where nothing hides it`,
      "Write values that you know, not those of a masked column",
    );
  }

  untraceable(what: string): void {
    this.object(
      "masked-lineage",
      `${what}, and masked columns are within reach`,
      "Name tables and columns explicitly: schema.table, alias.column, no * over such a source",
    );
  }
}

function described(column: string): string {
  return column === "expression" ? "a value made of a masked column" : `the masked column ${column}`;
}
