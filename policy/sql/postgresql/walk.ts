/** What every part of the walk needs: the surroundings, and the findings of the statement under way. */
import type { CatalogIndex, Relation } from "./catalog.ts";
import type { Findings } from "./findings.ts";
import type { MaskMap } from "./masks.ts";
import { reach, type Scope } from "./scope.ts";
import { isTainted, type Shape, type Value } from "./taint.ts";

/** What views and functions written in SQL come to; remembered per analyst. */
export interface Definitions {
  /** The columns of any relation, with their taints; also tells the findings what reading it does. */
  relation(relation: Relation, found: Findings): Shape;
  /** Of a view's columns, those that are a column of what it reads: `schema.table.column`; null for computed ones. */
  origins(view: Relation): readonly (string | null)[];
  /** What a function written in SQL returns; null for any other. */
  routine(oid: number, found: Findings): Shape | null;
}

export interface World {
  readonly catalog: CatalogIndex;
  readonly masks: MaskMap;
  readonly definitions: Definitions;
}

export interface Walk extends World {
  readonly found: Findings;
  /** The session's search_path. */
  readonly path: readonly string[];
  readonly budget: Budget;
  /** The order of the rows of what is walked does not show, unless it decides which rows there are. */
  readonly unordered?: boolean;
  /** A query around it has conditions, which may come to hold within. */
  readonly sought?: boolean;
}

/** How much more may be looked at. Recursive queries and nested changes are walked several times. */
export interface Budget {
  left: number;
}

export const freshBudget = (): Budget => ({ left: 100_000 });

/** Thrown where a statement takes more than the budget, or more columns than PostgreSQL has. */
export class TooComplex extends Error {
  override readonly name = "TooComplex";
}

export function spend({ budget }: Walk, amount: number): void {
  budget.left -= amount;
  if (budget.left < 0) throw new TooComplex("the statement is too complex to be analysed");
}

/** Whether a masked column is within reach of a name at this place. */
export function nearTaint(scope: Scope): boolean {
  for (const item of reach(scope)) if (isTainted(item)) return true;
  return false;
}

/** Refuses a value in a place where it decides which rows come, how many, or in which order. */
export function predicate(walk: Walk, { taint }: Value, where: string): void {
  if (taint !== null) walk.found.maskedInPredicate(taint.column, where);
}
