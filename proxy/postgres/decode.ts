/** What Postern reads of messages. Each function takes a whole frame, type and length included. */
import { Reader } from "../wire/reader.ts";
import { headerBytes } from "./frames.ts";

const body = (frame: Uint8Array, what: string): Reader => new Reader(frame, what, headerBytes);

/** Query: String. Bytes behind the text's end are a violation: the parser would not see them, the target might. */
export function decodeQuery(frame: Uint8Array): string {
  const reader = body(frame, "a Query message");
  const text = reader.cstring();
  reader.end();
  return text;
}

export interface ParseMessage {
  readonly statement: string;
  readonly text: string;
  /** 0 where the client leaves a parameter's type to the target. */
  readonly types: readonly number[];
}

/** Parse: String, String, Int16 count, that many Int32. */
export function decodeParse(frame: Uint8Array): ParseMessage {
  const reader = body(frame, "a Parse message");
  const statement = reader.cstring();
  const text = reader.cstring();
  const types: number[] = [];
  for (let count = reader.u16be(); count > 0; count--) types.push(reader.u32be());
  reader.end();
  return { statement, text, types };
}

export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** None: all text; one: for all; else one for each. */
  readonly formats: readonly number[];
  /** null for SQL NULL. Views over the frame. */
  readonly values: readonly (Uint8Array | null)[];
  readonly resultFormats: readonly number[];
}

/** Bind: String portal, String statement, formats, values (Int32 length, -1 for NULL), result formats. */
export function decodeBind(frame: Uint8Array): BindMessage {
  const reader = body(frame, "a Bind message");
  const portal = reader.cstring();
  const statement = reader.cstring();
  const formats = formatCodes(reader);
  const count = reader.u16be();
  if (formats.length > 1 && formats.length !== count) {
    throw reader.violation(`has ${formats.length} formats for ${count} parameters`);
  }
  const values: (Uint8Array | null)[] = [];
  for (let left = count; left > 0; left--) {
    const length = reader.i32be();
    if (length < -1) throw reader.violation(`holds a value of the impossible length ${length}`);
    values.push(length === -1 ? null : reader.take(length));
  }
  const resultFormats = formatCodes(reader);
  reader.end();
  return { portal, statement, formats, values, resultFormats };
}

function formatCodes(reader: Reader): number[] {
  const codes: number[] = [];
  for (let count = reader.u16be(); count > 0; count--) {
    const code = reader.u16be();
    if (code > 1) throw reader.violation(`asks for the unknown format ${code}`);
    codes.push(code);
  }
  return codes;
}

export interface NamedObject {
  readonly kind: "statement" | "portal";
  readonly name: string;
}

/** Describe and Close: Byte1 `S` or `P`, String name. */
export function decodeNamed(frame: Uint8Array, what: "a Describe message" | "a Close message"): NamedObject {
  const reader = body(frame, what);
  const kind = String.fromCharCode(reader.u8());
  const name = reader.cstring();
  reader.end();
  if (kind === "S") return { kind: "statement", name };
  if (kind === "P") return { kind: "portal", name };
  throw reader.violation(`names neither a statement nor a portal`);
}

/** Execute: String portal, Int32 rows at most (0: all). */
export function decodeExecute(frame: Uint8Array): { portal: string; rowsMax: number } {
  const reader = body(frame, "an Execute message");
  const portal = reader.cstring();
  const rowsMax = reader.i32be();
  reader.end();
  return { portal, rowsMax };
}

export interface Column {
  /** The column in the target's catalog that the value comes from as it is, `oid.number`; null for an expression. */
  readonly origin: string | null;
  /** As the client sees it; only where it was asked for. */
  readonly name?: string;
  readonly type: number;
  /** 0 text, 1 binary; always 0 where a statement is described and not a portal. */
  readonly format: number;
}

/** RowDescription: Int16 count; each String name, Int32 table, Int16 column, Int32 type, Int16 size, Int32 modifier, Int16 format. */
export function decodeRowDescription(frame: Uint8Array, names = false): Column[] {
  const reader = body(frame, "a RowDescription message");
  const columns: Column[] = [];
  for (let count = reader.u16be(); count > 0; count--) {
    const name = names ? reader.cstring() : undefined;
    if (!names) reader.untilNul();
    const table = reader.u32be();
    const number = reader.i16be();
    const type = reader.u32be();
    reader.skip(6);
    const format = reader.u16be();
    columns.push({ origin: table === 0 || number === 0 ? null : `${table}.${number}`, name, type, format });
  }
  reader.end();
  return columns;
}

/** ParameterDescription: Int16 count, that many Int32 type OIDs. */
export function decodeParameterDescription(frame: Uint8Array): number[] {
  const reader = body(frame, "a ParameterDescription message");
  const types: number[] = [];
  for (let count = reader.u16be(); count > 0; count--) types.push(reader.u32be());
  reader.end();
  return types;
}

/** ErrorResponse and NoticeResponse by field letter. Text that is not UTF-8 (a target in start-up) is shown as far as it goes. */
export function decodeFields(frame: Uint8Array): Record<string, string> {
  const reader = body(frame, "an ErrorResponse message");
  const fields: Record<string, string> = {};
  const lenient = new TextDecoder();
  for (let letter = reader.u8(); letter !== 0; letter = reader.u8()) {
    fields[String.fromCharCode(letter)] = lenient.decode(reader.untilNul());
  }
  return fields;
}

export interface Notification {
  /** Of the session that said NOTIFY. */
  readonly pid: number;
  readonly channel: string;
  readonly payload: string;
}

/** Int32 process, channel and payload, each up to NUL. */
export function decodeNotification(frame: Uint8Array): Notification {
  const reader = body(frame, "a NotificationResponse message");
  const lenient = new TextDecoder();
  const pid = reader.u32be();
  const channel = lenient.decode(reader.untilNul());
  const payload = lenient.decode(reader.untilNul());
  reader.end();
  return { pid, channel, payload };
}

export function decodeParameterStatus(frame: Uint8Array): { name: string; value: string } {
  const reader = body(frame, "a ParameterStatus message");
  const name = reader.cstring();
  const value = reader.cstring();
  reader.end();
  return { name, value };
}

/** CommandComplete's tag: `INSERT 0 5`. */
export function decodeTag(frame: Uint8Array): string {
  return body(frame, "a CommandComplete message").cstring();
}

export function decodeStatus(frame: Uint8Array): number {
  const reader = body(frame, "a ReadyForQuery message");
  const status = reader.u8();
  reader.end();
  return status;
}

/** DataRow: Int16 count; each Int32 length (-1 for NULL) and that many bytes. */
export function decodeTextRow(frame: Uint8Array): (string | null)[] {
  const reader = body(frame, "a DataRow message");
  const row: (string | null)[] = [];
  for (let count = reader.u16be(); count > 0; count--) {
    const length = reader.i32be();
    row.push(length === -1 ? null : reader.text(length));
  }
  reader.end();
  return row;
}
