/** Column definitions. (MySQL internals: "Protocol::ColumnDefinition41".) */
import { Reader, Writer } from "./codec.ts";

export interface Column {
  readonly schema: string;
  readonly table: string;
  readonly originTable: string;
  readonly name: string;
  readonly originName: string;
  /** Collation id of the values; 63 is binary. */
  readonly collation: number;
  /** Largest width in bytes. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly decimals: number;
  /** `schema.table.column` where the target names one; it may be false, and adds masks only. */
  readonly origin: string | null;
}

/** Definitions that came before, by a hash of their bytes: nearly all of them come again with each statement. */
const known: ({ readonly bytes: Uint8Array; readonly column: Column } | undefined)[] = [];
const knownMask = 1023;
/** Longer ones have a default in them, and are rare. */
const knownBytesMax = 512;

/** Throws ProtocolViolation. The same bytes give the same object, mostly. */
export function decodeColumn(payload: Uint8Array): Column {
  if (payload.length > knownBytesMax) return decode(payload);
  // FNV-1a.
  let hash = 0x811c9dc5;
  for (let at = 0; at < payload.length; at++) hash = Math.imul(hash ^ payload[at]!, 0x01000193);
  const slot = (hash ^ hash >>> 16) & knownMask;
  const found = known[slot];
  if (found !== undefined && same(found.bytes, payload)) return found.column;
  const column = decode(payload);
  known[slot] = { bytes: Uint8Array.from(payload), column };
  return column;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

function decode(payload: Uint8Array): Column {
  const reader = new Reader(payload, "a column definition");
  reader.skip(reader.lenenc());
  const name = () => reader.lenencLabel();
  const schema = name();
  const table = name();
  const originTable = name();
  const label = name();
  const originName = name();
  const fixed = reader.lenenc();
  if (fixed < 10) throw reader.violation("has too short a fixed part");
  const collation = reader.u16le();
  const length = reader.u32le();
  const type = reader.u8();
  const flags = reader.u16le();
  const decimals = reader.u8();
  reader.skip(fixed - 10);
  reader.end();
  const origin = originTable === "" || originName === "" ? null : `${schema}.${originTable}.${originName}`;
  return {
    schema,
    table,
    originTable,
    name: label,
    originName,
    collation,
    length,
    type,
    flags,
    decimals,
    origin,
  };
}

export function encodeColumn(column: Omit<Column, "origin">): Uint8Array {
  return new Writer(128).lenencText("def").lenencText(column.schema).lenencText(column.table)
    .lenencText(column.originTable).lenencText(column.name).lenencText(column.originName)
    .lenenc(12).u16le(column.collation).u32le(column.length).u8(column.type).u16le(column.flags)
    .u8(column.decimals).zeros(2).finish();
}
