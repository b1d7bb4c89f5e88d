/** Where a value comes from, as far as masks care. */
import type { MaskKind, MaskRule } from "../../types.ts";

/** The masked columns behind a value. A value without any has no flow (null). */
export interface Flow {
  /** `schema.table.column` -> how it is shown. */
  readonly origins: ReadonlyMap<string, MaskKind>;
  /** The value is the column's own, unchanged. */
  readonly plain: boolean;
}

/** What an expression over several values carries. */
export function merged(flows: readonly (Flow | null)[]): Flow | null {
  let origins: Map<string, MaskKind> | null = null;
  for (const flow of flows) {
    if (flow === null) continue;
    origins ??= new Map();
    for (const [column, mask] of flow.origins) origins.set(column, mask);
  }
  return origins === null ? null : { origins, plain: false };
}

/** What a column of a UNION carries: plain only if it is the same column's value from both sides. */
export function united(left: Flow | null, right: Flow | null): Flow | null {
  return left !== null && right !== null && left.plain && right.plain && sameOrigins(left, right)
    ? left
    : merged([left, right]);
}

function sameOrigins(left: Flow, right: Flow): boolean {
  return left.origins.size === right.origins.size &&
    [...left.origins.keys()].every((key) => right.origins.has(key));
}

export function sameFlow(left: Flow | null, right: Flow | null): boolean {
  if (left === null || right === null) return left === right;
  return left.plain === right.plain && sameOrigins(left, right);
}

/** A plain column is shown by its own mask; whatever is made of masked values is not shown at all. */
export function maskOfFlow(flow: Flow | null): MaskRule | null {
  if (flow === null) return null;
  const [first] = flow.origins;
  if (flow.plain && flow.origins.size === 1 && first !== undefined) {
    return { column: first[0], mask: first[1] };
  }
  return { column: "expression", mask: { kind: "null" } };
}
