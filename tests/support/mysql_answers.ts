/** Packets as a target sends them, for tests that play one. */
import { Buffer } from "node:buffer";
import { has } from "../../proxy/mysql/capabilities.ts";
import { Writer } from "../../proxy/mysql/codec.ts";
import { encodeColumn } from "../../proxy/mysql/columns.ts";
import { Capability, Type } from "../../proxy/mysql/constants.ts";
import { encodePacket } from "../../proxy/mysql/packets.ts";
import { encodeEof, encodeError } from "../../proxy/mysql/replies.ts";

/** On the wire, numbered from `first`. */
export function packets(first: number, ...payloads: Uint8Array[]): Buffer {
  let next = first;
  const out: Buffer[] = [];
  for (const payload of payloads) {
    const encoded = encodePacket(next, payload);
    next += Math.floor(payload.length / 0xffffff) + 1;
    out.push(encoded);
  }
  return Buffer.concat(out);
}

export function definition(name: string, type: number, length = 1000): Uint8Array {
  return encodeColumn({
    schema: "app",
    table: "t",
    originTable: "t",
    name,
    originName: name,
    collation: type === Type.varString || type === Type.string ? 45 : 63,
    length,
    type,
    flags: 0,
    decimals: 0,
  });
}

export function textRow(...values: (string | null)[]): Uint8Array {
  const writer = new Writer();
  for (const value of values) {
    if (value === null) writer.u8(0xfb);
    else writer.lenencText(value);
  }
  return writer.finish();
}

/** Values as their bytes, texts by their length and bytes; null is NULL. */
export function binaryRow(values: readonly (Uint8Array | string | null)[]): Uint8Array {
  const bitmap = new Uint8Array((values.length + 9) >> 3);
  const writer = new Writer();
  values.forEach((value, index) => {
    if (value === null) bitmap[(index + 2) >> 3]! |= 1 << ((index + 2) & 7);
    else if (typeof value === "string") writer.lenencText(value);
    else writer.raw(value);
  });
  return new Writer().u8(0).raw(bitmap).raw(writer.finish()).finish();
}

export function ok(
  given: { status: number; header?: number; affected?: number; info?: string; change?: Uint8Array },
): Uint8Array {
  const writer = new Writer().u8(given.header ?? 0).lenenc(given.affected ?? 0).lenenc(0).u16le(given.status)
    .u16le(0);
  if (given.info !== undefined || given.change !== undefined) writer.lenencText(given.info ?? "");
  if (given.change !== undefined) writer.lenencBytes(given.change);
  return writer.finish();
}

export const eof = (status: number) => encodeEof({ status, warnings: 0 });
export const error = (code: number, state: string, message: string) => encodeError({ code, state, message });

/** A whole result set. */
export function answerOf(
  columns: readonly Uint8Array[],
  rows: readonly Uint8Array[],
  capabilities: number,
  status: number,
): Uint8Array[] {
  const modern = has(capabilities, Capability.deprecateEof);
  const end = modern ? ok({ status, header: 0xfe }) : eof(status);
  return [Buffer.from([columns.length]), ...columns, ...(modern ? [] : [eof(2)]), ...rows, end];
}
