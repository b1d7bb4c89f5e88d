/**
 * Values and COPY rows as detectors show them. What they mask keeps its bytes' number wherever the format
 * counts on it; where it cannot, the value becomes NULL.
 */
import { Buffer } from "node:buffer";
import type { Watch } from "../../policy/watch.ts";
import { isJson, mayBeSensitive, watchedText } from "../wire/watched_text.ts";
import { headerBytes } from "./frames.ts";
import { binaryText } from "./values.ts";

/** Types whose values are never somebody's data in words: numbers, times, flags, addresses of machines, bytes. */
const notWatched: ReadonlySet<number> = new Set([
  ...[16, 17, 18, 20, 21, 23, 24, 26, 27, 28, 29, 650, 700, 701, 718, 774, 790, 829, 869],
  ...[1082, 1083, 1114, 1184, 1186, 1266, 1560, 1562, 1700, 2202, 2205, 2206, 2950, 3220, 3614, 3615],
  ...[1000, 1001, 1005, 1007, 1016, 1021, 1022, 1028, 1115, 1182, 1183, 1185, 1187, 1231, 2951],
]);
const json = 114;
const jsonb = 3802;
/** text[], varchar[], char(n)[] */
const textArrays: ReadonlySet<number> = new Set([1009, 1015, 1014]);

export function isWatched(type: number): boolean {
  return !notWatched.has(type);
}

const encoder = new TextEncoder();

/** `value` itself where nothing is to be hidden; null where what is hidden leaves no valid value of the type. */
export function watchedValue(
  value: Uint8Array,
  type: number,
  format: number,
  watch: Watch,
): Uint8Array | null {
  if (!mayBeSensitive(value)) return value;
  if (format === 1 && textArrays.has(type)) {
    const text = binaryText(value, type);
    return text === null || watch.see(text) === text ? value : null;
  }
  const from = format === 1 && type === jsonb ? 1 : 0;
  const shown = watchedText(value.subarray(from), watch);
  if (shown === null) return value;
  if ((type === json || type === jsonb) && !isJson(shown)) return null;
  return from === 0 ? shown : Buffer.concat([value.subarray(0, 1), shown]);
}

/** CopyData of COPY … TO STDOUT: one row a message. `frame` itself where nothing is to be hidden. */
export function watchedCopyRow(frame: Uint8Array, watch: Watch): Uint8Array {
  const row = frame.subarray(headerBytes);
  if (!mayBeSensitive(row)) return frame;
  if (!watch.masks) {
    watch.see(searchable(Buffer.from(row).toString("utf8")));
    return frame;
  }
  const text = Buffer.from(row).toString("utf8");
  // In text format a line's end within a value is written \n, which would hide where a number starts.
  const blanked = searchable(text);
  const shown = blanked === text ? watch.see(text) : restored(text, blanked, watch.see(blanked));
  if (shown === text) return frame;
  const body = encoder.encode(shown);
  const out = new Uint8Array(headerBytes + body.length);
  out[0] = frame[0] as number;
  new DataView(out.buffer).setUint32(1, out.length - 1);
  out.set(body, headerBytes);
  return out;
}

function searchable(text: string): string {
  return text.includes("\\") ? text.replace(/\\[^]/g, "\n\n") : text;
}

/** The escapes as they were, and stars where there are stars. */
function restored(text: string, blanked: string, shown: string): string {
  if (shown.length !== text.length) return shown;
  let result = "";
  for (let at = 0; at < text.length; at++) result += blanked[at] === shown[at] ? text[at] : shown[at];
  return result;
}
