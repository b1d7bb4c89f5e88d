/** Writes whose outcome depends on whether a masked value is there already, without an error to stop at. */
import { objections } from "./objections.ts";
import type { Source } from "./scope.ts";
import type { Walk } from "./walk.ts";

/**
 * `names`: the columns that are given values; null for all. With a unique key over a masked column among them,
 * the count of changed rows answers guesses about it. A view's keys are those of tables that are not looked at.
 */
export function objectToConflicts(
  walk: Walk,
  source: Source | undefined,
  names: readonly string[] | null,
): void {
  if (source === undefined || source.columns.every(({ flow }) => flow === null)) return;
  const given = names === null ? null : new Set(names.map((name) => name.toLowerCase()));
  const isMasked = (column: string) => (source.byName.get(column.toLowerCase())?.flow ?? null) !== null;
  const isGiven = (column: string) => given === null || given.has(column.toLowerCase());
  const table = source.table?.kind === "table" ? source.table : null;
  const risky = table === null
    ? source.columns.some(({ name }) => isMasked(name) && isGiven(name))
    : table.indexes.some(({ unique, columns }) =>
      // An expression's place has no name: it may well be over a masked column.
      unique && columns.some((column) => column === "" || isMasked(column)) &&
      columns.some((column) => column === "" || isGiven(column))
    );
  if (risky) walk.object(objections.predicate("which rows are in conflict"));
}
