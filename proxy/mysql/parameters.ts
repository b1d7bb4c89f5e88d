/**
 * The parameters of an execution, for the record and the approver.
 * (MySQL internals: "COM_STMT_EXECUTE".)
 */
import { Buffer } from "node:buffer";
import type { ParameterView } from "../../policy/types.ts";
import { type Charset, decodeText } from "./charsets.ts";
import { Reader } from "./codec.ts";
import { Type, typeNames } from "./constants.ts";
import { isDecimalType, isTextType, takeValue, valueText } from "./values.ts";

/** As bound by the client; the high bit of the second byte means unsigned. */
export interface ParameterType {
  readonly type: number;
  readonly unsigned: boolean;
}

/** With query attributes: see attributes.ts. */
export interface NamedType extends ParameterType {
  readonly name: string;
}

/** In COM_STMT_EXECUTE's flags: the number of values comes with them. */
const countGiven = 0x08;
/** Where the flags lie in the payload. */
const cursorAt = 5;
export const attributesMax = 255;
const none = new Uint8Array(0);

/** What of a COM_STMT_EXECUTE belongs to the statement's own parameters. */
export interface ExecuteParts {
  /** Up to the count of iterations, without the flag for attributes. */
  readonly head: Uint8Array;
  readonly nulls: Uint8Array;
  /** null where none were bound anew. */
  readonly types: readonly ParameterType[] | null;
  readonly values: Uint8Array;
}

export interface Execution {
  readonly statement: number;
  /** 0 for no cursor; 1 for a read-only one. */
  readonly cursor: number;
  /** The types that count from now on: new ones, or those of before. */
  readonly types: readonly ParameterType[];
  /** Those of the statement, then the attributes. */
  readonly parameters: readonly ParameterView[];
  readonly parts: ExecuteParts;
}

/** What is known of the statement before. */
export interface Prepared {
  readonly parameterCount: number;
  readonly types: readonly ParameterType[] | null;
  /** Values that came ahead by COM_STMT_SEND_LONG_DATA, by position. */
  readonly longData: ReadonlyMap<number, Uint8Array>;
}

/** Statement id and cursor flags, which decide how to read the rest. */
export function decodeExecuteHead(payload: Uint8Array): { statement: number; cursor: number } {
  const reader = new Reader(payload, "a COM_STMT_EXECUTE", 1);
  return { statement: reader.u32le(), cursor: reader.u8() };
}

/** `attributed`: as agreed with the client; then names come with the types, and perhaps more values than parameters. */
export function decodeExecute(
  payload: Uint8Array,
  prepared: Prepared,
  charset: Charset,
  attributed = false,
): Execution {
  const reader = new Reader(payload, "a COM_STMT_EXECUTE", 1);
  const statement = reader.u32le();
  const cursor = reader.u8();
  if (reader.u32le() !== 1) throw reader.violation("asks for other than one iteration");
  const head = payload.slice(0, reader.at);
  head[cursorAt] = cursor & ~countGiven;
  const count = prepared.parameterCount;
  const total = attributed && (cursor & countGiven) !== 0 ? reader.lenenc() : count;
  if (total < count || total > count + attributesMax) throw reader.violation(`has ${total} values`);
  if (total === 0) {
    return {
      statement,
      cursor,
      types: [],
      parameters: [],
      parts: { head, nulls: none, types: [], values: none },
    };
  }
  const nulls = reader.take((total + 7) >> 3);
  const named = reader.u8() === 1 ? readTypes(reader, total, attributed) : null;
  const types = named?.slice(0, count) ?? prepared.types;
  if (types === null || types.length !== count || (named === null && total > count)) {
    throw reader.violation("binds no types, and none were bound");
  }
  const start = reader.at;
  const parameters: ParameterView[] = [];
  for (let index = 0; index < count; index++) {
    const type = types[index]!;
    const long = prepared.longData.get(index);
    if (long !== undefined) {
      parameters.push({ text: shown(long, charset), type: typeName(type), bytes: long.length });
    } else if (isNull(nulls, index) || type.type === Type.null) {
      parameters.push(viewOf(null, type, charset));
    } else parameters.push(viewOf(takeValue(reader, type.type), type, charset));
  }
  const values = payload.subarray(start, reader.at);
  for (let index = count; index < total; index++) {
    parameters.push(attributeView(reader, named![index]!, isNull(nulls, index), charset));
  }
  reader.end();
  const own = { head, nulls: firstBits(nulls, count), types: named === null ? null : types, values };
  return { statement, cursor, types, parameters, parts: own };
}

/** A bitmap's first `count` bits, in as many bytes as they need. */
function firstBits(bitmap: Uint8Array, count: number): Uint8Array {
  const out = bitmap.slice(0, (count + 7) >> 3);
  if (count % 8 !== 0) out[out.length - 1]! &= (1 << count % 8) - 1;
  return out;
}

export function isNull(nulls: Uint8Array, index: number): boolean {
  return (nulls[index >> 3]! >> (index & 7) & 1) === 1;
}

/** Takes an attribute's value. */
export function attributeView(
  reader: Reader,
  type: NamedType,
  none: boolean,
  charset: Charset,
): ParameterView {
  const value = none || type.type === Type.null ? null : takeValue(reader, type.type);
  const view = viewOf(value, type, charset);
  return { ...view, type: `attribute ${type.name} ${view.type}` };
}

const typeName = ({ type, unsigned }: ParameterType): string =>
  (typeNames.get(type) ?? "?") + (unsigned ? " unsigned" : "");

/** A value as takeValue() gave it; null for NULL. */
export function viewOf(value: Uint8Array | null, type: ParameterType, charset: Charset): ParameterView {
  if (value === null) return { text: null, type: typeName(type), bytes: 0 };
  const text = parameterText(value, type.type, type.unsigned, charset);
  return { text, type: typeName(type), bytes: value.length };
}

export function readNamedTypes(reader: Reader, count: number): NamedType[] {
  return readTypes(reader, count, true);
}

export function readTypes(reader: Reader, count: number, named: boolean): NamedType[] {
  return Array.from({ length: count }, () => {
    const type = reader.u8();
    return { type, unsigned: (reader.u8() & 0x80) !== 0, name: named ? reader.lenencLabel() : "" };
  });
}

function parameterText(value: Uint8Array, type: number, unsigned: boolean, charset: Charset): string {
  if (isTextType(type) || isDecimalType(type)) return shown(value, charset);
  return valueText(value, type, unsigned) ?? shown(value, charset);
}

/** Bytes that are no text are shown as a hexadecimal literal, so that approvers see exactly what would be sent. */
function shown(value: Uint8Array, charset: Charset): string {
  const text = decodeText(value, charset);
  if (text !== null && !text.includes("\0")) return text;
  return `0x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}`;
}
