/**
 * The spool's file format: what was acknowledged and may not be in the database yet. A folder of segments,
 * each a run of records, written at the end only:
 *
 *     u32le  bytes of the payload, 1 to 2^28
 *     u32le  CRC-32 of the payload
 *     payload, UTF-8: what the database keeps beside the content, as JSON; a line feed; the content
 *
 * Neither half holds a line feed (JSON escapes it). Zeros may follow the last record. A crash may cut or garble the end
 * of a segment, which was acknowledged to nobody: a record counts only where its length and checksum fit.
 */
import { crc32 } from "node:zlib";
import type { Encoded } from "./projection.ts";

/** A place between two records. */
export interface Position {
  readonly segment: number;
  /** In bytes from the segment's start. */
  readonly offset: number;
}

export const HEADER_BYTES = 8;
export const PAYLOAD_BYTES_MAX = 2 ** 28;

export const segmentName = (segment: number): string => `${String(segment).padStart(10, "0")}.spool`;

/** null for a file that is none of ours. */
export function segmentOf(name: string): number | null {
  const digits = /^(\d{10})\.spool$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

export const isBefore = (one: Position, other: Position): boolean =>
  one.segment < other.segment || (one.segment === other.segment && one.offset < other.offset);

/** Bytes that a record of these texts may take at most. */
export const recordBytesMax = (meta: string, content: string): number =>
  HEADER_BYTES + 3 * (meta.length + 1 + content.length);

const encoder = new TextEncoder();

/** Writes a record at `at`, where recordBytesMax() bytes are free; gives its bytes. */
export function writeRecord(into: Uint8Array, at: number, meta: string, content: string): number {
  const body = at + HEADER_BYTES;
  const end = body + encoder.encodeInto(`${meta}\n${content}`, into.subarray(body)).written;
  const view = new DataView(into.buffer, into.byteOffset + at, HEADER_BYTES);
  view.setUint32(0, end - body, true);
  view.setUint32(4, crc32(into.subarray(body, end)), true);
  return end - at;
}

/** What is found at a place: a payload, the need of so many bytes to tell, or nothing that is a record. */
export type Found =
  | { readonly kind: "record"; readonly payload: Uint8Array; readonly end: number }
  | { readonly kind: "more"; readonly bytes: number }
  | { readonly kind: "torn" };

/** Never throws, whatever the bytes are. */
export function recordAt(bytes: Uint8Array, at: number): Found {
  const left = bytes.length - at;
  if (left < HEADER_BYTES) return { kind: "more", bytes: HEADER_BYTES };
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
  const length = view.getUint32(0, true);
  if (length === 0 || length > PAYLOAD_BYTES_MAX) return { kind: "torn" };
  if (left < HEADER_BYTES + length) return { kind: "more", bytes: HEADER_BYTES + length };
  const end = at + HEADER_BYTES + length;
  const payload = bytes.subarray(at + HEADER_BYTES, end);
  return crc32(payload) === view.getUint32(4, true) ? { kind: "record", payload, end } : { kind: "torn" };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Throws SyntaxError or TypeError for a payload that this format never had. */
export function encodedOf(payload: Uint8Array): Encoded {
  const text = decoder.decode(payload);
  const border = text.indexOf("\n");
  return { ...JSON.parse(text.slice(0, border)), content: text.slice(border + 1) };
}
