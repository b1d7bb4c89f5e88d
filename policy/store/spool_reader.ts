/** Reads the spool where the database takes it over: from the position that the database remembers. */
import { PosternError } from "../errors.ts";
import type { Encoded } from "./projection.ts";
import { encodedOf, HEADER_BYTES, type Position, recordAt, segmentName, segmentOf } from "./spool_format.ts";

/** What one transaction takes at most: more would only make those wait who ask in between. */
const BATCH_EVENTS = 2000;
const BATCH_BYTES = 4 * 1024 * 1024;

export interface Batch {
  readonly events: Encoded[];
  readonly next: Position;
  /** Bytes at a segment's end that were no whole record: what a crash cut off. */
  readonly torn: number;
}

export class SpoolReader {
  constructor(readonly folder: string) {}

  /** The numbers of the segments that are there, in order. */
  segments(): number[] {
    const found: number[] = [];
    for (const { name } of Deno.readDirSync(this.folder)) {
      const segment = segmentOf(name);
      if (segment !== null) found.push(segment);
    }
    return found.sort((a, b) => a - b);
  }

  /**
   * Records in [from, to), as many as one transaction takes; empty when there is none. Throws StoreFailed where
   * a record before `to`, which was acknowledged, is damaged.
   */
  read(from: Position, to: Position): Batch {
    if (from.segment > to.segment) return { events: [], next: from, torn: 0 };
    const last = from.segment === to.segment;
    const bytes = this.#bytes(from, last ? to.offset : Infinity);
    const events: Encoded[] = [];
    let at = 0;
    while (bytes !== null && events.length < BATCH_EVENTS && at < bytes.length) {
      const found = recordAt(bytes, at);
      if (found.kind !== "record") break;
      events.push(encodedOf(found.payload));
      at = found.end;
    }
    const next = { segment: from.segment, offset: from.offset + at };
    if (events.length > 0) return { events, next, torn: 0 };
    if (!last) return { events, next: this.#following(from.segment, to), torn: tornIn(bytes) };
    if (from.offset < to.offset) throw damaged(segmentName(from.segment), from.offset);
    return { events, next, torn: 0 };
  }

  /** Removes the segments that the database has for good. */
  removeBefore(position: Position): void {
    for (const segment of this.segments()) {
      if (segment < position.segment) Deno.removeSync(`${this.folder}/${segmentName(segment)}`);
    }
  }

  /** A batch's bytes, and at least the whole of its first record; null where the segment is missing. */
  #bytes({ segment, offset }: Position, end: number): Uint8Array | null {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(`${this.folder}/${segmentName(segment)}`, { read: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
    try {
      const left = Math.min(end, file.statSync().size) - offset;
      if (left <= 0) return new Uint8Array(0);
      const bytes = readAt(file, offset, Math.min(left, BATCH_BYTES));
      const first = recordAt(bytes, 0);
      if (first.kind !== "more" || first.bytes > left || bytes.length < HEADER_BYTES) return bytes;
      return readAt(file, offset, first.bytes);
    } finally {
      file.close();
    }
  }

  /** Where to go on behind a segment that has ended. */
  #following(segment: number, to: Position): Position {
    const next = this.segments().find((one) => one > segment && one <= to.segment) ?? to.segment;
    return { segment: next, offset: 0 };
  }
}

/** Bytes of a record that was cut off; zeros were written ahead of it. */
function tornIn(bytes: Uint8Array | null): number {
  return (bytes?.findLastIndex((byte) => byte !== 0) ?? -1) + 1;
}

function readAt(file: Deno.FsFile, offset: number, bytes: number): Uint8Array {
  const into = new Uint8Array(bytes);
  file.seekSync(offset, Deno.SeekMode.Start);
  let at = 0;
  while (at < bytes) {
    const count = file.readSync(into.subarray(at));
    if (count === null) break;
    at += count;
  }
  return into.subarray(0, at);
}

const damaged = (name: string, offset: number) =>
  new PosternError("StoreFailed", `the spool file ${name} was changed outside Postern, at byte ${offset}`, {
    hint: "keep the data folder as it is, for whoever investigates, and start Postern with another one",
  });
