/**
 * OK, ERR and EOF in all their forms.
 * (MySQL internals: "OK_Packet", "ERR_Packet", "EOF_Packet", "Session State Information".)
 */
import { Buffer } from "node:buffer";
import { has } from "./capabilities.ts";
import { label, Reader, Writer } from "./codec.ts";
import { Capability, SessionState, Status } from "./constants.ts";

/** Clients keep error texts in 512 bytes, the end included. */
export const errorTextBytesMax = 500;

export interface ErrorReply {
  readonly code: number;
  /** Five characters. */
  readonly state: string;
  readonly message: string;
}

/** What the target says of changed session state; only what Postern follows. */
export interface StateChange {
  readonly variables: ReadonlyMap<string, string>;
  readonly schema: string | null;
}

export interface OkReply {
  /** 0x00, or 0xfe where it ends rows under DEPRECATE_EOF. */
  readonly header: number;
  readonly affectedRows: bigint;
  readonly insertId: bigint;
  readonly status: number;
  readonly warnings: number;
  /** Where the two bytes of `warnings` stand in the payload. */
  readonly warningsAt: number;
  readonly info: Uint8Array;
  readonly change: StateChange | null;
}

export interface EofReply {
  readonly status: number;
  readonly warnings: number;
}

export function encodeError(error: ErrorReply): Uint8Array {
  return new Writer(64 + error.message.length).u8(0xff).u16le(error.code).u8(0x23).text(error.state)
    .raw(clip(Buffer.from(error.message, "utf8"), errorTextBytesMax)).finish();
}

/** Cuts between characters, never inside one. */
function clip(text: Buffer, bytesMax: number): Uint8Array {
  if (text.length <= bytesMax) return text;
  let end = bytesMax - 3;
  while (end > 0 && (text[end]! & 0xc0) === 0x80) end--;
  return Buffer.concat([text.subarray(0, end), Buffer.from("...")]);
}

/** Before PROTOCOL_41 is agreed (in place of a greeting) there is no SQLSTATE. */
export function decodeError(payload: Uint8Array, capabilities: number): ErrorReply {
  const reader = new Reader(payload, "an error packet", 1);
  const code = reader.u16le();
  const marked = reader.left >= 6 && reader.peek() === 0x23 &&
    (has(capabilities, Capability.protocol41) || capabilities === 0);
  const state = marked ? Buffer.from(reader.take(6).subarray(1)).toString("latin1") : "HY000";
  return { code, state, message: label(reader.rest()) };
}

/** `info` is text for people; the session's state changes are never invented, so there are none. */
export function encodeOk(
  ok: {
    header?: number;
    affectedRows?: bigint;
    insertId?: bigint;
    status: number;
    warnings?: number;
    info?: Uint8Array;
  },
  capabilities: number,
): Uint8Array {
  const writer = new Writer(32).u8(ok.header ?? 0).lenenc(ok.affectedRows ?? 0n).lenenc(ok.insertId ?? 0n)
    .u16le(ok.status & ~Status.sessionStateChanged).u16le(ok.warnings ?? 0);
  const info = ok.info ?? new Uint8Array(0);
  if (!has(capabilities, Capability.sessionTrack)) return writer.raw(info).finish();
  return info.length === 0 ? writer.finish() : writer.lenencBytes(info).finish();
}

export function decodeOk(payload: Uint8Array, capabilities: number): OkReply {
  const reader = new Reader(payload, "an OK packet");
  const header = reader.u8();
  const affectedRows = reader.lenencBig();
  const insertId = reader.lenencBig();
  const status = reader.u16le();
  const warningsAt = payload.length - reader.left;
  const warnings = reader.u16le();
  let info: Uint8Array = new Uint8Array(0);
  let change: StateChange | null = null;
  if (!has(capabilities, Capability.sessionTrack)) info = reader.rest();
  else if (reader.left > 0) {
    info = reader.lenencBytes();
    if (has(status, Status.sessionStateChanged) && reader.left > 0) {
      change = decodeChange(reader.lenencBytes());
    }
  }
  return { header, affectedRows, insertId, status, warnings, warningsAt, info, change };
}

function decodeChange(bytes: Uint8Array): StateChange {
  const reader = new Reader(bytes, "a session state");
  const variables = new Map<string, string>();
  let schema: string | null = null;
  while (reader.left > 0) {
    const kind = reader.u8();
    const entry = new Reader(reader.lenencBytes(), "a session state");
    if (kind === SessionState.systemVariables) {
      // MariaDB may put several pairs into one entry.
      while (entry.left > 0) {
        const name = entry.lenencLabel();
        variables.set(name, entry.left > 0 ? entry.lenencLabel() : "");
      }
    } else if (kind === SessionState.schema) schema = entry.lenencLabel();
  }
  return { variables, schema };
}

export function encodeEof(eof: EofReply): Uint8Array {
  return new Writer(5).u8(0xfe).u16le(eof.warnings).u16le(eof.status).finish();
}

export function decodeEof(payload: Uint8Array): EofReply {
  const reader = new Reader(payload, "an EOF packet", 1);
  const warnings = reader.u16le();
  return { warnings, status: reader.u16le() };
}

/** An EOF is below 9 bytes; anything longer that starts with 0xfe is a row, or an OK. */
export function isEof(payload: Uint8Array): boolean {
  return payload[0] === 0xfe && payload.length < 9;
}
