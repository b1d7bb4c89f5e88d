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
}

export function decodeColumn(payload: Uint8Array): Column {
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
  return { schema, table, originTable, name: label, originName, collation, length, type, flags, decimals };
}

export function encodeColumn(column: Column): Uint8Array {
  return new Writer(128).lenencText("def").lenencText(column.schema).lenencText(column.table)
    .lenencText(column.originTable).lenencText(column.name).lenencText(column.originName)
    .lenenc(12).u16le(column.collation).u32le(column.length).u8(column.type).u16le(column.flags)
    .u8(column.decimals).zeros(2).finish();
}
