/** One value of the binary protocol <-> its text. (MySQL internals: "Binary Protocol Value".) */
import { Buffer } from "node:buffer";
import type { Reader, Writer } from "./codec.ts";
import { Type } from "./constants.ts";

/** Bytes of types that always have as many; 0 is for none, -1 for a one byte length before the value. */
const widths: ReadonlyMap<number, number> = new Map([
  [Type.null, 0],
  [Type.tiny, 1],
  [Type.short, 2],
  [Type.year, 2],
  [Type.long, 4],
  [Type.int24, 4],
  [Type.float, 4],
  [Type.longlong, 8],
  [Type.double, 8],
  [Type.date, -1],
  [Type.newdate, -1],
  [Type.time, -1],
  [Type.datetime, -1],
  [Type.timestamp, -1],
]);

/** All others are bytes with a length-encoded length. Anything that is no type of the protocol throws. */
const lengthEncoded: ReadonlySet<number> = new Set([
  Type.decimal,
  Type.varchar,
  Type.bit,
  Type.vector,
  Type.json,
  Type.newdecimal,
  Type.enum,
  Type.set,
  Type.tinyBlob,
  Type.mediumBlob,
  Type.longBlob,
  Type.blob,
  Type.varString,
  Type.string,
  Type.geometry,
]);

export function isTextType(type: number): boolean {
  return lengthEncoded.has(type) && type !== Type.decimal && type !== Type.newdecimal &&
    type !== Type.bit && type !== Type.geometry && type !== Type.json && type !== Type.vector;
}

export const isIntegerType = (type: number) =>
  type === Type.tiny || type === Type.short || type === Type.long || type === Type.int24 ||
  type === Type.longlong || type === Type.year;
export const isDecimalType = (type: number) => type === Type.decimal || type === Type.newdecimal;
export const isFloatType = (type: number) => type === Type.float || type === Type.double;
export const isDateType = (type: number) =>
  type === Type.date || type === Type.datetime || type === Type.timestamp || type === Type.newdate;

/** Bytes of a type's values; -1 for a one byte length before each; null for what is no type of the protocol. */
export function valueWidth(type: number): number | "lenenc" | null {
  return widths.get(type) ?? (lengthEncoded.has(type) ? "lenenc" : null);
}

/** The value's bytes without a length before them; reads past it. */
export function takeValue(reader: Reader, type: number): Uint8Array {
  const width = valueWidth(type);
  if (width === null) throw reader.violation(`has a value of the unknown type ${type}`);
  if (width === "lenenc") return reader.lenencBytes();
  return reader.take(width >= 0 ? width : reader.u8());
}

/** What takeValue() gave, as text; null for a type whose bytes are text or no text, which the caller decodes. */
export function valueText(bytes: Uint8Array, type: number, unsigned: boolean): string | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case Type.tiny:
      return String(unsigned ? buffer.readUInt8() : buffer.readInt8());
    case Type.short:
    case Type.year:
      return String(unsigned ? buffer.readUInt16LE() : buffer.readInt16LE());
    case Type.long:
    case Type.int24:
      return String(unsigned ? buffer.readUInt32LE() : buffer.readInt32LE());
    case Type.longlong:
      return String(unsigned ? buffer.readBigUInt64LE() : buffer.readBigInt64LE());
    case Type.float:
      return String(buffer.readFloatLE());
    case Type.double:
      return String(buffer.readDoubleLE());
    case Type.date:
    case Type.newdate:
    case Type.datetime:
    case Type.timestamp:
      return dateText(buffer, type);
    case Type.time:
      return timeText(buffer);
    default:
      return null;
  }
}

const two = (value: number) => String(value).padStart(2, "0");

function dateText(buffer: Buffer, type: number): string | null {
  const dayOnly = type === Type.date || type === Type.newdate;
  if (buffer.length === 0) return dayOnly ? "0000-00-00" : "0000-00-00 00:00:00";
  if (buffer.length !== 4 && buffer.length !== 7 && buffer.length !== 11) return null;
  const date = `${String(buffer.readUInt16LE()).padStart(4, "0")}-${two(buffer[2]!)}-${two(buffer[3]!)}`;
  if (buffer.length === 4) return dayOnly ? date : `${date} 00:00:00`;
  return `${date} ${clock(buffer, 4)}${fraction(buffer, 7)}`;
}

function timeText(buffer: Buffer): string | null {
  if (buffer.length === 0) return "00:00:00";
  if (buffer.length !== 8 && buffer.length !== 12) return null;
  const hours = buffer.readUInt32LE(1) * 24 + buffer[5]!;
  const text = `${two(hours)}:${two(buffer[6]!)}:${two(buffer[7]!)}${fraction(buffer, 8)}`;
  return buffer[0] === 0 ? text : `-${text}`;
}

const clock = (buffer: Buffer, at: number) =>
  `${two(buffer[at]!)}:${two(buffer[at + 1]!)}:${two(buffer[at + 2]!)}`;

const fraction = (buffer: Buffer, at: number) =>
  buffer.length > at ? `.${String(buffer.readUInt32LE(at)).padStart(6, "0")}` : "";

/**
 * Writes a value of a type that is not text, from text of that type's shape. False, and nothing written, where
 * it does not fit.
 */
export function writeValue(writer: Writer, type: number, unsigned: boolean, text: string): boolean {
  if (isIntegerType(type)) return writeInteger(writer, widths.get(type)!, unsigned, text);
  if (isDecimalType(type)) {
    if (!isDecimalText(text)) return false;
    writer.lenencText(text);
    return true;
  }
  if (isFloatType(type)) {
    if (!isDecimalText(text)) return false;
    const out = Buffer.alloc(widths.get(type)!);
    if (type === Type.float) out.writeFloatLE(Number(text));
    else out.writeDoubleLE(Number(text));
    writer.raw(out);
    return true;
  }
  return isDateType(type) && writeDate(writer, text, type === Type.date || type === Type.newdate);
}

export function isDecimalText(text: string): boolean {
  return /^-?\d{1,65}(\.\d{1,38})?$/.test(text);
}

function writeInteger(writer: Writer, width: number, unsigned: boolean, text: string): boolean {
  if (!/^-?\d{1,20}$/.test(text)) return false;
  const value = BigInt(text);
  const bits = BigInt(width * 8);
  const least = unsigned ? 0n : -(1n << bits - 1n);
  if (value < least || value >= least + (1n << bits)) return false;
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt.asUintN(64, value));
  writer.raw(out.subarray(0, width));
  return true;
}

const datePattern = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,6})?)?$/;

/** Whether text has the shape of a date, or of a date and time. */
export function isDateText(text: string): boolean {
  return datePattern.test(text);
}

function writeDate(writer: Writer, text: string, dayOnly: boolean): boolean {
  const match = datePattern.exec(text);
  if (match === null) return false;
  const [year, month, day, hour = 0, minute = 0, second = 0] = match.slice(1).map((part) =>
    Number(part ?? 0)
  );
  writer.u8(dayOnly ? 4 : 7).u16le(year!).u8(month!).u8(day!);
  if (!dayOnly) writer.u8(hour).u8(minute).u8(second);
  return true;
}
