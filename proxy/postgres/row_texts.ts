/** Rows on their way to the client, as text for the record. */
import { Buffer } from "node:buffer";
import type { Column } from "./decode.ts";
import { headerBytes } from "./frames.ts";
import { binaryText, hex } from "./values.ts";

/** The values of a DataRow of these columns; bytes that have no text are in hexadecimal. */
export function rowTexts(frame: Uint8Array, columns: readonly Column[]): (string | null)[] {
  const row = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const values: (string | null)[] = [];
  let at = headerBytes + 2;
  for (let count = row.readUInt16BE(headerBytes); count > 0 && at + 4 <= row.length; count--) {
    const length = row.readInt32BE(at);
    at += 4;
    if (length < 0) {
      values.push(null);
      continue;
    }
    const { type, format } = columns[values.length] ?? { type: 0, format: 1 };
    const value = row.subarray(at, at + length);
    values.push(format === 0 ? value.toString("utf8") : binaryText(value, type) ?? hex(value));
    at += length;
  }
  return values;
}

/** A line that COPY sends, in text or CSV format. */
export function copyText(frame: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = frame;
  return Buffer.from(buffer, byteOffset + headerBytes, byteLength - headerBytes).toString("utf8")
    .replace(/\r?\n$/, "");
}
