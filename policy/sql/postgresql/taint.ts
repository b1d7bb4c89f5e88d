/** What is known of a value's origin. Absence of taint means: no masked column had a part in it. */
import type { MaskKind, MaskRule } from "../../types.ts";

export interface Taint {
  /** `schema.table.column`, or `expression`. */
  readonly column: string;
  readonly mask: MaskKind;
  /** Exactly the column's value, so that the column's own mask fits it. */
  readonly plain: boolean;
  /** Type OID of the column's value; 0 where it is not known. */
  readonly type: number;
}

/** Something made of masked values. Shown as NULL, which every type has. */
export const derived: Taint = { column: "expression", mask: { kind: "null" }, plain: false, type: 0 };

/** text, varchar, char(n), name */
const textTypes: ReadonlySet<number> = new Set([25, 1043, 1042, 19]);
/** A text made of masked values. */
export const derivedText: Taint = { ...derived, type: 25 };

export function isText(taint: Taint): boolean {
  return textTypes.has(taint.type);
}

/** bool, int8, int2, int4, json, float4, float8, date, time, timestamp, timestamptz, numeric, uuid, jsonb */
const otherScalars: ReadonlySet<number> = new Set([
  16,
  20,
  21,
  23,
  114,
  700,
  701,
  1082,
  1083,
  1114,
  1184,
  1700,
  2950,
  3802,
]);

/** Certainly no array: those must fit together in length, or building an array of them fails. */
export function isScalar(taint: Taint): boolean {
  return isText(taint) || otherScalars.has(taint.type);
}

/** For values of which one or the other comes out: arms of a UNION, turns of a recursion, ambiguous names. */
export function either(a: Taint | null, b: Taint | null): Taint | null {
  if (a === null || a === b) return b;
  if (b === null || (a.plain && b.plain && a.column === b.column)) return a;
  return isText(a) && isText(b) ? derivedText : derived;
}

export function maskRuleOf(taint: Taint | null): MaskRule | null {
  return taint === null ? null : { column: taint.column, mask: taint.mask };
}

/** One column that a query, a FROM item or a relation gives. */
export interface Column {
  /** null where the name that PostgreSQL would choose is not certain. */
  readonly name: string | null;
  readonly taint: Taint | null;
  /** `schema.table.column` where it is a relation's own; null for anything computed. */
  readonly origin: string | null;
}

/** What a query gives. */
export interface Shape {
  readonly columns: readonly Column[];
  /** There are more columns, all untainted, at places that are not known. */
  readonly open: boolean;
}

export const nothing: Shape = { columns: [], open: false };

/** A value as seen by what is built on it. */
export interface Value {
  readonly taint: Taint | null;
  /** Computing it may raise an error that depends on the data. */
  readonly fails: boolean;
  /** The columns where it is a whole row. */
  readonly row?: Shape;
}

export const pure: Value = { taint: null, fails: false };
export const risky: Value = { taint: null, fails: true };

export function isTainted(shape: Shape): boolean {
  return shape.columns.some((column) => column.taint !== null);
}
