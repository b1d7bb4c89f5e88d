/**
 * Values of the common types, from their wire formats to text: for the record, for approvers, for masks.
 * Source of the binary layouts: each type's `*_recv` function in PostgreSQL.
 */
import type { ParameterView } from "../../policy/types.ts";

/** Names by pg_type OID; array types by their element. These OIDs are the same in every database. */
const typeNames: Readonly<Record<number, string>> = {
  16: "bool",
  17: "bytea",
  18: '"char"',
  19: "name",
  20: "int8",
  21: "int2",
  23: "int4",
  25: "text",
  26: "oid",
  114: "json",
  142: "xml",
  650: "cidr",
  700: "float4",
  701: "float8",
  705: "unknown",
  829: "macaddr",
  869: "inet",
  1042: "bpchar",
  1043: "varchar",
  1082: "date",
  1083: "time",
  1114: "timestamp",
  1184: "timestamptz",
  1186: "interval",
  1266: "timetz",
  1560: "bit",
  1562: "varbit",
  1700: "numeric",
  2950: "uuid",
  3802: "jsonb",
  1000: "bool[]",
  1001: "bytea[]",
  1005: "int2[]",
  1007: "int4[]",
  1009: "text[]",
  1015: "varchar[]",
  1016: "int8[]",
  1021: "float4[]",
  1022: "float8[]",
  1115: "timestamp[]",
  1182: "date[]",
  1185: "timestamptz[]",
  1231: "numeric[]",
  2951: "uuid[]",
};

const utf8 = new TextDecoder();

/** `value` null for SQL NULL; `format` 0 text, 1 binary; `type` 0 where the client left it open. */
export function parameterView(value: Uint8Array | null, format: number, type: number): ParameterView {
  const name = type === 0 ? "?" : typeNames[type] ?? `type ${type}`;
  if (value === null) return { text: null, type: name, bytes: 0 };
  const text = format === 0 ? utf8.decode(value) : binaryText(value, type) ?? hex(value);
  return { text, type: name, bytes: value.length };
}

/** A binary value as PostgreSQL's text would be (dates in ISO); null where the type or the layout is not known. */
export function binaryText(value: Uint8Array, type: number): string | null {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  try {
    return decoders[type]?.(value, view) ?? null;
  } catch (error) {
    // A value shorter than its type: whatever it is, it is shown as the bytes that it has.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

export function hex(value: Uint8Array): string {
  return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}`;
}

type Decoder = (value: Uint8Array, view: DataView) => string | null;

const asText: Decoder = (value) => utf8.decode(value);
const exactly = (bytes: number, decode: (view: DataView) => string): Decoder => (value, view) =>
  value.length === bytes ? decode(view) : null;
const microseconds = (view: DataView) => timestampText(view.getBigInt64(0));
const array: Decoder = (value, view) => arrayText(value, view);

const decoders: Readonly<Record<number, Decoder>> = {
  16: exactly(1, (view) => view.getUint8(0) === 0 ? "f" : "t"),
  17: (value) => hex(value),
  18: asText,
  19: asText,
  20: exactly(8, (view) => view.getBigInt64(0).toString()),
  21: exactly(2, (view) => String(view.getInt16(0))),
  23: exactly(4, (view) => String(view.getInt32(0))),
  25: asText,
  26: exactly(4, (view) => String(view.getUint32(0))),
  114: asText,
  142: asText,
  700: exactly(4, (view) => floatText(shortest(view.getFloat32(0)))),
  701: exactly(8, (view) => floatText(view.getFloat64(0))),
  705: asText,
  1042: asText,
  1043: asText,
  1082: exactly(4, (view) => dateText(view.getInt32(0))),
  1083: exactly(8, (view) => timeText(view.getBigInt64(0))),
  1114: exactly(8, microseconds),
  1184: exactly(8, (view) => withZone(microseconds(view))),
  1700: (_value, view) => numericText(view),
  2950: exactly(16, (view) => uuidText(view)),
  3802: (value) => value[0] === 1 ? utf8.decode(value.subarray(1)) : null,
  1000: array,
  1001: array,
  1005: array,
  1007: array,
  1009: array,
  1015: array,
  1016: array,
  1021: array,
  1022: array,
  1115: array,
  1182: array,
  1185: array,
  1231: array,
  2951: array,
};

function floatText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

/** The shortest decimal that is the same in single precision: 0.1, not 0.10000000149011612. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}

/** Days from 1970-01-01 to PostgreSQL's own zero, 2000-01-01. */
export const epochDays = 10_957;
const dayMicroseconds = 86_400_000_000n;

function dateText(days: number): string {
  if (days === 0x7fffffff) return "infinity";
  if (days === -0x80000000) return "-infinity";
  const date = new Date((days + epochDays) * 86_400_000);
  return Number.isNaN(date.getTime())
    ? `${days} days from 2000-01-01`
    : date.toISOString().replace(/T.*/, "");
}

function timestampText(microseconds: bigint): string {
  if (microseconds === 0x7fffffffffffffffn) return "infinity";
  if (microseconds === -0x8000000000000000n) return "-infinity";
  let days = microseconds / dayMicroseconds;
  let rest = microseconds % dayMicroseconds;
  if (rest < 0n) {
    rest += dayMicroseconds;
    days -= 1n;
  }
  return `${dateText(Number(days))} ${timeText(rest)}`;
}

function withZone(text: string): string {
  return text.endsWith("infinity") ? text : `${text}+00`;
}

function timeText(microseconds: bigint): string {
  const total = microseconds / 1_000_000n;
  const two = (value: bigint) => value.toString().padStart(2, "0");
  const fraction = (microseconds % 1_000_000n).toString().padStart(6, "0").replace(/0+$/, "");
  const whole = `${two(total / 3600n)}:${two((total / 60n) % 60n)}:${two(total % 60n)}`;
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

function uuidText(view: DataView): string {
  const text = hex(new Uint8Array(view.buffer, view.byteOffset, 16)).slice(2);
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join(
    "-",
  );
}

/** Int16 digits, weight, sign, scale; then that many Int16 of four decimal digits each. */
function numericText(view: DataView): string | null {
  const count = view.getUint16(0);
  const weight = view.getInt16(2);
  const sign = view.getUint16(4);
  const scale = view.getUint16(6);
  if (sign === 0xc000) return "NaN";
  if (sign === 0xd000) return "Infinity";
  if (sign === 0xf000) return "-Infinity";
  if (view.byteLength !== 8 + count * 2) return null;
  const group = (index: number) =>
    (index >= 0 && index < count ? view.getUint16(8 + index * 2) : 0).toString().padStart(4, "0");
  let whole = "";
  for (let index = 0; index <= weight; index++) whole += group(index);
  let fraction = "";
  for (let index = weight + 1; fraction.length < scale; index++) fraction += group(index);
  whole = whole.replace(/^0+(?=\d)/, "") || "0";
  fraction = fraction.slice(0, scale);
  return `${sign === 0x4000 ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Int32 dimensions, flags, element type; per dimension Int32 size and lower bound; elements as in Bind. */
function arrayText(value: Uint8Array, view: DataView): string | null {
  const dimensions = view.getInt32(0);
  const element = view.getUint32(8);
  if (dimensions === 0) return "{}";
  if (dimensions < 0 || dimensions > 6) return null;
  const sizes = Array.from({ length: dimensions }, (_, at) => view.getInt32(12 + at * 8));
  let at = 12 + dimensions * 8;
  const one = (): string | null => {
    const length = view.getInt32(at);
    at += 4;
    if (length === -1) return "NULL";
    if (length < 0 || at + length > value.length) return null;
    const text = binaryText(value.subarray(at, at + length), element);
    at += length;
    return text === null || /^[^\s{}",\\]+$/.test(text) ? text : JSON.stringify(text);
  };
  const level = (depth: number): string | null => {
    const parts: string[] = [];
    for (let index = 0; index < (sizes[depth] ?? 0); index++) {
      const part = depth === dimensions - 1 ? one() : level(depth + 1);
      if (part === null) return null;
      parts.push(part);
    }
    return `{${parts.join(",")}}`;
  };
  return level(0);
}
