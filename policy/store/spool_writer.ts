/**
 * Writes the spool, with group commit: what comes while one group is on its way to the disk travels together
 * in the next. A record is acknowledged when an fdatasync after it has returned; where a write fails, its whole
 * group is refused and taken out of the file again.
 */
import { statfsSync } from "node:fs";
import { PosternError } from "../errors.ts";
import { type Position, recordBytesMax, segmentName, writeRecord } from "./spool_format.ts";

/** A segment that has grown to this is followed by another, so that old ones can be removed. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
const BUFFER_BYTES = 256 * 1024;
/**
 * A segment has so many zeros written ahead, and loses what is left of them when it is left: a record over blocks that
 * the file has already is on the disk without the file system's own journal, in a half to a third of the time.
 */
const AHEAD_BYTES = 1024 * 1024;
const zeros = new Uint8Array(AHEAD_BYTES);
/**
 * Nothing is taken with less free space, so that the embedded database, which needs some itself, can still
 * take over what was spooled.
 */
const FREE_BYTES_MIN = 40 * 1024 * 1024;

/** A record on its way; `end` is where it ends in its segment, once it is durable. */
export interface Spooled {
  bytes: number;
  segment: number;
  end: number;
}

interface Group<T extends Spooled> {
  readonly items: T[];
  readonly full: Uint8Array[];
}

export interface SpoolDeps<T extends Spooled> {
  readonly folder: string;
  /** The first segment to write: larger than any that was there. */
  readonly segment: number;
  /** What became durable, in order. */
  readonly durable: (items: readonly T[]) => void;
  /** What did not. It may be found in the file all the same, if the disk fails at everything. */
  readonly failed: (items: readonly T[], error: PosternError) => void;
  /** How long a record may wait for others where nobody waits for it. */
  readonly lazyMs: number;
}

export class SpoolWriter<T extends Spooled> {
  #items: T[] = [];
  #full: Uint8Array[] = [];
  #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #file: Deno.FsFile | null = null;
  #segment: number;
  #offset = 0;
  /** How far the file has been written, with zeros from #offset on. */
  #ahead = 0;
  #running: Promise<void> | null = null;
  #urgent = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly deps: SpoolDeps<T>) {
    this.#segment = deps.segment;
  }

  /** Everything before it is durable. */
  get end(): Position {
    return { segment: this.#segment, offset: this.#offset };
  }

  /** `urgent`: somebody waits for it. */
  add(item: T, meta: string, content: string, urgent: boolean): void {
    item.bytes = this.#write(meta, content);
    this.#items.push(item);
    if (urgent) this.#hurry();
    else if (this.#running === null) {
      this.#timer ??= setTimeout(() => this.#hurry(), this.deps.lazyMs);
    }
  }

  /** Resolves when everything that was added has been acknowledged or refused. */
  async flush(): Promise<void> {
    while (this.#running !== null || this.#items.length > 0) {
      this.#hurry();
      await this.#running;
    }
  }

  async close(): Promise<void> {
    await this.flush();
    this.#trim();
  }

  #write(meta: string, content: string): number {
    const bytesMax = recordBytesMax(meta, content);
    if (this.#buffer.length - this.#used < bytesMax) {
      if (this.#used > 0) this.#full.push(this.#buffer.subarray(0, this.#used));
      this.#buffer = new Uint8Array(Math.max(BUFFER_BYTES, bytesMax));
      this.#used = 0;
    }
    const bytes = writeRecord(this.#buffer, this.#used, meta, content);
    this.#used += bytes;
    return bytes;
  }

  #hurry(): void {
    this.#urgent = true;
    if (this.#running !== null) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    // What the same turn of the event loop adds still gets into the first group.
    await Promise.resolve();
    while (this.#items.length > 0) {
      if (!this.#urgent) {
        this.#timer ??= setTimeout(() => this.#hurry(), this.deps.lazyMs);
        break;
      }
      this.#urgent = false;
      await this.#commit(this.#take());
    }
    this.#running = null;
  }

  #take(): Group<T> {
    const group = { items: this.#items, full: this.#full };
    this.#items = [];
    this.#full = [];
    return group;
  }

  async #commit({ items, full }: Group<T>): Promise<void> {
    const used = this.#used;
    this.#used = 0;
    try {
      const file = this.#opened();
      this.#goAhead(file, full.reduce((bytes, part) => bytes + part.length, used));
      // Written at once, so that the buffer is free for the next group.
      for (const part of full) writeAll(file, part);
      writeAll(file, this.#buffer.subarray(0, used));
      if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
      await file.syncData();
    } catch (error) {
      this.#takeBack();
      return this.deps.failed(items, failure(error));
    }
    for (const item of items) {
      this.#offset += item.bytes;
      item.segment = this.#segment;
      item.end = this.#offset;
    }
    this.deps.durable(items);
  }

  #opened(): Deno.FsFile {
    const { folder } = this.deps;
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < FREE_BYTES_MIN) throw new Error(`No space left: under ${FREE_BYTES_MIN >> 20} MB`);
    if (this.#file !== null && this.#offset >= SEGMENT_BYTES) this.#leave();
    if (this.#file === null) {
      const path = `${folder}/${segmentName(this.#segment)}`;
      this.#file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
      // The file's name must survive as well as its bytes.
      const names = Deno.openSync(folder);
      try {
        names.syncSync();
      } finally {
        names.close();
      }
    }
    return this.#file;
  }

  /** Room for so many bytes more; the file is left where the next record belongs. */
  #goAhead(file: Deno.FsFile, bytes: number): void {
    if (this.#offset + bytes <= this.#ahead) return;
    const from = Math.max(this.#ahead, this.#offset + bytes);
    file.seekSync(from, Deno.SeekMode.Start);
    writeAll(file, zeros);
    file.seekSync(this.#offset, Deno.SeekMode.Start);
    this.#ahead = from + AHEAD_BYTES;
  }

  /** The next group goes to a new segment. */
  #leave(): void {
    this.#trim();
    this.#segment++;
    this.#offset = 0;
    this.#ahead = 0;
  }

  #trim(): void {
    try {
      this.#file?.truncateSync(this.#offset);
    } catch {
      // A reader knows zeros for what they are.
    }
    this.#file?.close();
    this.#file = null;
  }

  /** After a failure nobody knows what is in the file behind the last good group. */
  #takeBack(): void {
    if (this.#file === null) return;
    try {
      this.#file.truncateSync(this.#offset);
      this.#file.syncDataSync();
    } catch {
      // What remains is cut short or was refused: a reader skips the first, and the second did not run.
    }
    this.#leave();
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

function failure(error: unknown): PosternError {
  const cause = error instanceof Error ? error.message : String(error);
  const full = /no space left|quota/i.test(cause);
  const what = full
    ? "the disk of the session store is full"
    : "the session store's disk does not take what is written";
  return new PosternError("StoreFailed", what, {
    hint: "nothing is let through that cannot be recorded; tell whoever runs Postern",
    cause,
  });
}
