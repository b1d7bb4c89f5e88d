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

export interface Execution {
  readonly statement: number;
  /** 0 for no cursor; 1 for a read-only one. */
  readonly cursor: number;
  /** The types that count from now on: new ones, or those of before. */
  readonly types: readonly ParameterType[];
  readonly parameters: readonly ParameterView[];
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

export function decodeExecute(payload: Uint8Array, prepared: Prepared, charset: Charset): Execution {
  const reader = new Reader(payload, "a COM_STMT_EXECUTE", 1);
  const statement = reader.u32le();
  const cursor = reader.u8();
  if (reader.u32le() !== 1) throw reader.violation("asks for other than one iteration");
  const count = prepared.parameterCount;
  if (count === 0) return { statement, cursor, types: [], parameters: [] };
  const nulls = reader.take((count + 7) >> 3);
  const types = reader.u8() === 1 ? readTypes(reader, count) : prepared.types;
  if (types === null || types.length !== count) throw reader.violation("binds no types, and none were bound");
  const parameters: ParameterView[] = [];
  for (let index = 0; index < count; index++) {
    const { type, unsigned } = types[index]!;
    const name = (typeNames.get(type) ?? "?") + (unsigned ? " unsigned" : "");
    const long = prepared.longData.get(index);
    if (long !== undefined) {
      parameters.push({ text: shown(long, charset), type: name, bytes: long.length });
    } else if ((nulls[index >> 3]! >> (index & 7) & 1) === 1 || type === Type.null) {
      parameters.push({ text: null, type: name, bytes: 0 });
    } else {
      const value = takeValue(reader, type);
      parameters.push({
        text: parameterText(value, type, unsigned, charset),
        type: name,
        bytes: value.length,
      });
    }
  }
  reader.end();
  return { statement, cursor, types, parameters };
}

function readTypes(reader: Reader, count: number): ParameterType[] {
  return Array.from({ length: count }, () => {
    const type = reader.u8();
    return { type, unsigned: (reader.u8() & 0x80) !== 0 };
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
