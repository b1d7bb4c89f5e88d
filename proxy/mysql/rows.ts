/**
 * Rows with masked columns, written anew: only what is masked changes, all else is copied. They are read in
 * place, by offsets, since a result may have millions of them.
 * (MySQL internals: "Text Resultset Row", "Binary Protocol Resultset Row".)
 */
import { PosternError } from "../../policy/errors.ts";
import type { MaskKind, MaskRule } from "../../policy/types.ts";
import type { Watch, Watcher } from "../../policy/watch.ts";
import type { ByteMask } from "../wire/mask_bytes.ts";
import { isJson, mayBeSensitive, watchedText as seenText } from "../wire/watched_text.ts";
import { charsetOf, decodeText, encodeText } from "./charsets.ts";
import { Writer } from "./codec.ts";
import type { Column } from "./columns.ts";
import { Type } from "./constants.ts";
import type { RowSink } from "./row_sink.ts";
import {
  isDateText,
  isDateType,
  isDecimalText,
  isDecimalType,
  isFloatType,
  isIntegerType,
  isTextType,
  valueText,
  valueWidth,
  writeValue,
} from "./values.ts";

/** What masks give under a session's key. */
export interface Masker {
  /** A value's masked text; null for SQL NULL. */
  readonly text: (mask: MaskKind, text: string) => string | null;
  /** The same for ASCII without a string in between, where the mask has it. */
  readonly bytes: (mask: MaskKind) => ByteMask | null;
}

/** One masked column, and how its values are masked. */
interface MaskedColumn {
  readonly column: Column;
  /** A watch where no rule names the column, and detectors read it. */
  readonly mask: MaskKind | Watch;
  /** Of a text in a character set that has ASCII in single bytes. */
  readonly bytes: ByteMask | null;
}

/** What the rows of one result need. */
export interface RowPlan {
  readonly columns: readonly Column[];
  /** By position. */
  readonly masked: readonly (MaskedColumn | null)[];
  readonly masker: Masker;
  /** Nothing is hidden, values are only looked at: a row too large for that may pass. */
  readonly optional: boolean;
  /** Masks keep lengths: rows of text can be written over where they lie. */
  readonly inPlace: boolean;
}

/** null where no column is masked. `masks` has as many entries as there are columns. */
export function rowPlan(
  columns: readonly Column[],
  masks: readonly (MaskRule | null)[],
  masker: Masker,
  watcher: Watcher | null = null,
): RowPlan | null {
  if (watcher === null && masks.every((mask) => mask === null)) return null;
  const masked = columns.map((column, index) => {
    const mask = masks[index]?.mask ?? watchOf(column, watcher);
    return mask === undefined ? null : { column, mask, bytes: bytesOf(column, mask, masker) };
  });
  if (masked.every((one) => one === null)) return null;
  const optional = masked.every((one) => one === null || mayPass(one.mask));
  const inPlace = masked.every((one) => one === null || one.bytes?.sameLength === true);
  return { columns, masked, masker, optional, inPlace };
}

function watchOf(column: Column, watcher: Watcher | null): Watch | undefined {
  const { origin, name, type } = column;
  if (watcher === null || !(isTextType(type) || type === Type.json)) return undefined;
  const watch = watcher.watch(origin, name);
  // As SHOW WARNINGS names it, which repeats the target's own texts.
  return origin === null && name === "Message" ? { ...watch, see: watch.seeCut, cut: true } : watch;
}

/** Whether what the client gets may differ from the value. */
export const hides = (masked: MaskedColumn | null | undefined): boolean =>
  masked !== null && masked !== undefined && !mayPass(masked.mask);

const mayPass = (mask: MaskKind | Watch): boolean => mask.kind === "watch" && !mask.masks;

function bytesOf(column: Column, mask: MaskKind | Watch, masker: Masker): ByteMask | null {
  if (mask.kind === "watch" || !isTextType(column.type) || charsetOf(column.collation) === null) return null;
  return masker.bytes(mask);
}

const nullMark = 0xfb;
const unsignedFlag = 0x20;

const malformed = () =>
  new PosternError(
    "TargetUnavailable",
    "the target broke the protocol: a row that its columns do not describe",
  );

/** Where a length-encoded value's bytes start and end; set by `locate`, which runs for every value of a result. */
let valueStart = 0;
let valueEnd = 0;

/** The value whose length is at `at`; throws where it leaves the row. */
function locate(row: Uint8Array, at: number, end: number): void {
  if (at >= end) throw malformed();
  const first = row[at] as number;
  let width = 0;
  let length = first;
  if (first >= nullMark) {
    width = first === 0xfc ? 2 : first === 0xfd ? 3 : first === 0xfe ? 8 : -1;
    if (width < 0 || at + 1 + width > end) throw malformed();
    length = 0;
    for (let index = width; index > 0; index--) length = length * 256 + (row[at + index] as number);
  }
  valueStart = at + 1 + width;
  valueEnd = valueStart + length;
  if (valueEnd > end) throw malformed();
}

/**
 * Appends `row[start..end)` to `sink`. Throws on a row that its columns do not describe to its last byte: what
 * was taken for another column's value might be the masked one.
 */
export function maskTextRow(row: Uint8Array, start: number, end: number, plan: RowPlan, sink: RowSink): void {
  let at = start;
  let copied = start;
  for (const masked of plan.masked) {
    if (row[at] === nullMark && at < end) {
      at++;
      continue;
    }
    locate(row, at, end);
    if (masked !== null) {
      sink.copy(row, copied, at);
      copied = valueEnd;
      at = valueEnd;
      if (!writeText(row, valueStart, valueEnd, masked, plan.masker, sink)) sink.u8(nullMark);
    } else at = valueEnd;
  }
  if (at !== end) throw malformed();
  sink.copy(row, copied, end);
}

/**
 * As maskTextRow(), for a plan that is `inPlace`: writes over what is masked in `row[start..end)`. False where a value
 * is not for that; maskTextRow() still is then, since masks of this kind give the same a second time.
 */
export function maskTextRowInPlace(row: Uint8Array, start: number, end: number, plan: RowPlan): boolean {
  let at = start;
  for (const masked of plan.masked) {
    if (row[at] === nullMark && at < end) {
      at++;
      continue;
    }
    locate(row, at, end);
    at = valueEnd;
    if (masked === null) continue;
    const length = valueEnd - valueStart;
    if (masked.bytes?.write(row, valueStart, length, row, valueStart) !== true) return false;
  }
  if (at !== end) throw malformed();
  return true;
}

/** As maskTextRow(), for rows of a prepared statement. */
export function maskBinaryRow(
  row: Uint8Array,
  start: number,
  end: number,
  plan: RowPlan,
  sink: RowSink,
): void {
  // Bit 0 of the bitmap belongs to column -2.
  const bitmapAt = start + 1;
  let at = bitmapAt + ((plan.columns.length + 7 + 2) >> 3);
  if (at > end) throw malformed();
  const writtenAt = sink.at + 1;
  let copied = start;
  for (let index = 0; index < plan.masked.length; index++) {
    const bit = index + 2;
    if ((row[bitmapAt + (bit >> 3)]! >> (bit & 7) & 1) === 1) continue;
    const { type } = plan.columns[index]!;
    const width = valueWidth(type);
    if (width === null) throw malformed();
    if (width === "lenenc") locate(row, at, end);
    else {
      valueStart = width >= 0 ? at : at + 1;
      valueEnd = valueStart + (width >= 0 ? width : row[at] ?? 0);
      if (valueEnd > end) throw malformed();
    }
    const masked = plan.masked[index];
    if (masked) {
      sink.copy(row, copied, at);
      copied = valueEnd;
    }
    at = valueEnd;
    if (masked && !writeBinary(row, valueStart, valueEnd, masked, plan.masker, sink)) {
      sink.bytes[writtenAt + (bit >> 3)]! |= 1 << (bit & 7);
    }
  }
  if (at !== end) throw malformed();
  sink.copy(row, copied, end);
}

function writeBinary(
  row: Uint8Array,
  start: number,
  end: number,
  masked: MaskedColumn,
  masker: Masker,
  sink: RowSink,
): boolean {
  const { column, mask } = masked;
  const { type } = column;
  if (isTextType(type) || mask.kind === "watch") return writeText(row, start, end, masked, masker, sink);
  const unsigned = (column.flags & unsignedFlag) !== 0;
  const value = row.subarray(start, end);
  const text = isDecimalType(type) ? decodeText(value, "ascii") : valueText(value, type, unsigned);
  const shown = text === null ? null : masker.text(mask, text);
  const writer = new Writer();
  if (shown === null || !writeValue(writer, type, unsigned, shown)) return false;
  const bytes = writer.finish();
  sink.copy(bytes, 0, bytes.length);
  return true;
}

/** False, and nothing written, where nothing of the type's shape comes out: the value is NULL then. */
function writeText(
  row: Uint8Array,
  start: number,
  end: number,
  { column, mask, bytes }: MaskedColumn,
  masker: Masker,
  sink: RowSink,
): boolean {
  const size = bytes?.size(end - start) ?? 0;
  // One that is wider than its column is cut below.
  if (bytes !== null && (size === end - start || size <= column.length)) {
    const before = sink.at;
    sink.lenenc(size);
    sink.reserve(size);
    if (bytes.write(row, start, end - start, sink.bytes, sink.at)) {
      sink.at += size;
      return true;
    }
    sink.at = before;
  }
  const shown = maskedText(row.subarray(start, end), column, mask, masker);
  if (shown === null) return false;
  sink.value(shown);
  return true;
}

function maskedText(
  value: Uint8Array,
  column: Column,
  mask: MaskKind | Watch,
  masker: Masker,
): Uint8Array | null {
  if (mask.kind === "watch") return watchedText(value, column, mask);
  const { type } = column;
  const ofText = isTextType(type);
  // Numbers and dates are sent as ASCII, whatever their collation says.
  const charset = ofText ? charsetOf(column.collation) : "ascii";
  if (charset === null) return null;
  const text = decodeText(value, charset);
  if (text === null) return null;
  const masked = masker.text(mask, text);
  if (masked === null || !(ofText || fitsType(masked, type))) return null;
  const bytes = encodeText(masked, charset);
  return bytes === null || !ofText ? bytes : cut(bytes, column, charset === "utf8" || charset === "binary");
}

function watchedText(value: Uint8Array, { type }: Column, watch: Watch): Uint8Array | null {
  const shown = watch.cut === true || mayBeSensitive(value) ? seenText(value, watch) : null;
  if (shown === null) return value;
  return type === Type.json && !isJson(shown) ? null : shown;
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
