/**
 * Rows with masked columns, written anew: only what is masked changes, all else is copied.
 * (MySQL internals: "Text Resultset Row", "Binary Protocol Resultset Row".)
 */
import type { MaskKind, MaskRule } from "../../policy/types.ts";
import { charsetOf, decodeText, encodeText } from "./charsets.ts";
import { Reader, type Writer } from "./codec.ts";
import type { Column } from "./columns.ts";
import {
  isDateText,
  isDateType,
  isDecimalText,
  isDecimalType,
  isFloatType,
  isIntegerType,
  isTextType,
  takeValue,
  valueText,
  writeValue,
} from "./values.ts";

/** A value's text under a mask; null for SQL NULL. */
export type Masker = (mask: MaskKind, text: string) => string | null;

/** What the rows of one result need. `masks` has as many entries as there are columns. */
export interface RowPlan {
  readonly columns: readonly Column[];
  readonly masks: readonly (MaskRule | null)[];
  /** Position after the last masked column: what follows need not be read. */
  readonly end: number;
  readonly masker: Masker;
}

export function rowPlan(
  columns: readonly Column[],
  masks: readonly (MaskRule | null)[],
  masker: Masker,
): RowPlan | null {
  const end = masks.findLastIndex((mask) => mask !== null) + 1;
  return end === 0 ? null : { columns, masks, end, masker };
}

const nullMark = 0xfb;
const unsignedFlag = 0x20;

/** Appends the row to `writer`. Throws ProtocolViolation on a row that its columns do not describe. */
export function maskTextRow(row: Uint8Array, plan: RowPlan, writer: Writer): void {
  const reader = new Reader(row, "a row");
  let copied = 0;
  for (let index = 0; index < plan.end; index++) {
    const start = reader.at;
    const isNull = reader.peek() === nullMark;
    if (isNull) reader.skip(1);
    const value = isNull ? null : reader.lenencBytes();
    const rule = plan.masks[index];
    if (!rule) continue;
    writer.raw(row.subarray(copied, start));
    copied = reader.at;
    const masked = value === null ? null : maskedText(value, plan.columns[index]!, rule.mask, plan.masker);
    if (masked === null) writer.u8(nullMark);
    else writer.lenencBytes(masked);
  }
  writer.raw(row.subarray(copied));
}

/** As maskTextRow(), for rows of a prepared statement. */
export function maskBinaryRow(row: Uint8Array, plan: RowPlan, writer: Writer): void {
  const reader = new Reader(row, "a row");
  reader.skip(1);
  // Bit 0 of the bitmap belongs to column -2.
  const bitmap = Uint8Array.from(reader.take((plan.columns.length + 7 + 2) >> 3));
  const bitmapAt = writer.u8(0).at;
  writer.raw(bitmap);
  let copied = reader.at;
  for (let index = 0; index < plan.end; index++) {
    const bit = index + 2;
    if ((bitmap[bit >> 3]! >> (bit & 7) & 1) === 1) continue;
    const column = plan.columns[index]!;
    const start = reader.at;
    const value = takeValue(reader, column.type);
    const rule = plan.masks[index];
    if (!rule) continue;
    writer.raw(row.subarray(copied, start));
    copied = reader.at;
    if (!writeMasked(writer, value, column, rule.mask, plan.masker)) {
      bitmap[bit >> 3]! |= 1 << (bit & 7);
      writer.patchU8(bitmapAt + (bit >> 3), bitmap[bit >> 3]!);
    }
  }
  writer.raw(row.subarray(copied));
}

function writeMasked(
  writer: Writer,
  value: Uint8Array,
  column: Column,
  mask: MaskKind,
  masker: Masker,
): boolean {
  if (isTextType(column.type)) {
    const masked = maskedText(value, column, mask, masker);
    if (masked !== null) writer.lenencBytes(masked);
    return masked !== null;
  }
  const unsigned = (column.flags & unsignedFlag) !== 0;
  const text = isDecimalType(column.type)
    ? decodeText(value, "ascii")
    : valueText(value, column.type, unsigned);
  const masked = text === null ? null : masker(mask, text);
  return masked !== null && writeValue(writer, column.type, unsigned, masked);
}

/** The masked bytes as the text protocol has them; null where nothing of the type's shape comes out. */
function maskedText(
  value: Uint8Array,
  column: Column,
  mask: MaskKind,
  masker: Masker,
): Uint8Array | null {
  const { type } = column;
  const ofText = isTextType(type);
  // Numbers and dates are sent as ASCII, whatever their collation says.
  const charset = ofText ? charsetOf(column.collation) : "ascii";
  if (charset === null) return null;
  const text = decodeText(value, charset);
  if (text === null) return null;
  const masked = masker(mask, text);
  if (masked === null || !(ofText || fitsType(masked, type))) return null;
  const bytes = encodeText(masked, charset);
  return bytes === null || !ofText ? bytes : cut(bytes, column, charset === "utf8" || charset === "binary");
}

function fitsType(text: string, type: number): boolean {
  if (isIntegerType(type)) return /^-?\d{1,20}$/.test(text);
  if (isDecimalType(type) || isFloatType(type)) return isDecimalText(text);
  return isDateType(type) && isDateText(text);
}

/** Clients make room for the column's declared width and no more. */
function cut(bytes: Uint8Array, column: Column, multibyte: boolean): Uint8Array {
  if (column.length === 0 || bytes.length <= column.length) return bytes;
  let end = column.length;
  while (multibyte && end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
