/** Which columns of a result are masked, and masked values that their types can hold. */
import { maskText } from "../../policy/masking.ts";
import type { MaskKind, MaskRule, ResultMasks } from "../../policy/types.ts";
import { Writer } from "../wire/writer.ts";
import type { Watch, Watcher } from "../../policy/watch.ts";
import type { Column } from "./decode.ts";
import { binaryText, epochDays } from "./values.ts";
import { isWatched, watchedValue } from "./watched.ts";

/** One column that is masked. */
export interface ColumnMask {
  /** A watch where no rule names the column, and detectors read it. */
  readonly mask: MaskKind | Watch;
  readonly type: number;
  readonly format: number;
}

/** By position; null for a column that passes as it is. */
export type RowMasks = readonly (ColumnMask | null)[];

const untraced: MaskRule = { column: "expression", mask: { kind: "null" } };

/**
 * The judgement's masks, and those that the columns' origins in the catalog add. null where nothing is
 * masked; "refuse" where the judgement was about another result than the target gives.
 */
export function masksOf(
  plan: ResultMasks | undefined,
  columns: readonly Column[],
  maskOf: (origin: string) => MaskRule | null,
  watcher: Watcher | null = null,
): RowMasks | null | "refuse" {
  if (plan === undefined) return "refuse";
  if (plan.kind === "columns" && plan.masks.length !== columns.length) return "refuse";
  let masks: (ColumnMask | null)[] | null = null;
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at];
    if (column === undefined) continue;
    const planned = plan.kind === "columns" ? plan.masks[at] ?? null : null;
    const without = plan.kind === "untraced" ? untraced : null;
    const rule = planned ?? (column.origin === null ? without : maskOf(column.origin));
    const mask = rule?.mask ??
      (watcher !== null && isWatched(column.type) ? watcher.watch(column.origin, column.name ?? "") : null);
    if (mask === null) continue;
    masks ??= new Array<ColumnMask | null>(columns.length).fill(null);
    masks[at] = { mask, type: column.type, format: column.format };
  }
  return masks;
}

/** Whether what the client gets may differ from the value. */
export const hides = (mask: ColumnMask["mask"] | undefined): boolean =>
  mask !== undefined && (mask.kind !== "watch" || mask.masks);

/** The columns as a portal gives them: a statement's description says text for all, Bind says what was asked for. */
export function withFormats(columns: readonly Column[], formats: readonly number[]): readonly Column[] {
  if (formats.length === 0) return columns;
  const only = formats.length === 1 ? formats[0] ?? 0 : null;
  if (only === 0) return columns;
  return columns.map((column, at) => ({ ...column, format: only ?? formats[at] ?? 0 }));
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A value that its type can hold, or null. */
export function maskValue(value: Uint8Array, column: ColumnMask, key: Uint8Array): Uint8Array | null {
  const { mask, type, format } = column;
  if (mask.kind === "watch") return watchedValue(value, type, format, mask);
  const shape = shapes[type];
  if (shape === undefined || mask.kind === "null") return null;
  const text = format === 0 ? decoder.decode(value) : binaryText(value, type);
  if (text === null) return null;
  const masked = maskText(mask, text, key);
  if (masked === null || !shape.fits.test(masked)) return null;
  if (shape.toBinary === null) return encoder.encode(masked);
  const binary = shape.toBinary(masked);
  return format === 1 || binary === null ? binary : encoder.encode(masked);
}

interface Shape {
  /** What counts as a value of the type, in text. */
  readonly fits: RegExp;
  /** null where the binary format is the text itself. */
  readonly toBinary: ((text: string) => Uint8Array | null) | null;
}

const anyText: Shape = { fits: /^[^\0]*$/, toBinary: null };
const numberText = /^-?\d{1,300}(\.\d{1,300})?$/;
const dateText = /^\d{4}-\d{2}-\d{2}$/;
const timestampText = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}/;

/** Types whose masked values can be valid ones. Any other type becomes NULL. */
const shapes: Readonly<Record<number, Shape>> = {
  19: anyText,
  25: anyText,
  705: anyText,
  1042: anyText,
  1043: anyText,
  20: { fits: /^-?\d{1,19}$/, toBinary: (text) => integer(text, 8) },
  21: { fits: /^-?\d{1,5}$/, toBinary: (text) => integer(text, 2) },
  23: { fits: /^-?\d{1,10}$/, toBinary: (text) => integer(text, 4) },
  700: { fits: numberText, toBinary: (text) => float(text, 4) },
  701: { fits: numberText, toBinary: (text) => float(text, 8) },
  1082: { fits: dateText, toBinary: date },
  1114: { fits: timestampText, toBinary: timestamp },
  1184: { fits: timestampText, toBinary: timestamp },
  1700: { fits: numberText, toBinary: numeric },
};

/** Whether a value of the type is its text, in either format. */
export function isText(type: number): boolean {
  return shapes[type] === anyText;
}

function integer(text: string, bytes: 2 | 4 | 8): Uint8Array | null {
  const value = BigInt(text);
  if (BigInt.asIntN(bytes * 8, value) !== value) return null;
  const view = new DataView(new ArrayBuffer(bytes));
  if (bytes === 2) view.setInt16(0, Number(value));
  else if (bytes === 4) view.setInt32(0, Number(value));
  else view.setBigInt64(0, value);
  return new Uint8Array(view.buffer);
}

function float(text: string, bytes: 4 | 8): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  if (bytes === 4) view.setFloat32(0, Number(text));
  else view.setFloat64(0, Number(text));
  return new Uint8Array(view.buffer);
}

function date(text: string): Uint8Array | null {
  const days = Date.parse(`${text}T00:00:00Z`) / 86_400_000 - epochDays;
  return Number.isInteger(days) ? integer(String(days), 4) : null;
}

function timestamp(text: string): Uint8Array | null {
  const milliseconds = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`) - epochDays * 86_400_000;
  return Number.isInteger(milliseconds) ? integer(String(BigInt(milliseconds) * 1000n), 8) : null;
}

/**
 * The layout that values.ts reads: groups of four decimal digits around the point, as the server sends them
 * (numeric_send), without groups of zeros at either end.
 */
function numeric(text: string): Uint8Array {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const left = whole.padStart(Math.ceil(whole.length / 4) * 4, "0");
  const right = fraction.padEnd(Math.ceil(fraction.length / 4) * 4, "0");
  const groups = ((left + right).match(/.{4}/g) ?? []).map(Number);
  const first = groups.findIndex((group) => group !== 0);
  const kept = first < 0 ? [] : groups.slice(first, groups.findLastIndex((group) => group !== 0) + 1);
  const zero = kept.length === 0;
  const body = new Writer();
  body.u16be(kept.length).u16be(zero ? 0 : left.length / 4 - 1 - first);
  body.u16be(sign === "-" && !zero ? 0x4000 : 0).u16be(fraction.length);
  for (const group of kept) body.u16be(group);
  return body.finish();
}
