/**
 * Writes the spool, with group commit: what comes while as many groups as may be are on their way to the disk travels
 * together in the next. A record is acknowledged when an fdatasync after it has returned, and everything before it is
 * acknowledged; where a write fails, its whole group is refused, with those behind it, and taken out of the file again.
 */
import { statfsSync } from "node:fs";
import { PosternError } from "../errors.ts";
import { type Position, recordBytesMax, segmentName, writeRecord } from "./spool_format.ts";

/** A segment that has grown to this is followed by another, so that old ones can be removed. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
const BUFFER_BYTES = 256 * 1024;
/**
 * Groups on their way to the disk at a time. Disks take several flushes together in about the time of one, so that
 * who comes while one is under way need not wait for two; with more, groups are smaller, and all of them cost more.
 */
const FLUSHES_MAX = 4;
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

/** A segment that is being written. */
interface Open {
  readonly file: Deno.FsFile;
  /**
   * The same file, once for each flush that may be under way: the system tells each open file of a failure once, and
   * one flush must not take that from another.
   */
  readonly flushed: readonly Deno.FsFile[];
}

/** What went wrong with a group or one before it; null where nothing did. */
type Outcome = { readonly error: unknown } | null;

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
  #open: Open | null = null;
  #segment: number;
  /** The end of what is acknowledged, and of what is written. */
  #offset = 0;
  #written = 0;
  /** How far the file has been written, with zeros from #written on. */
  #ahead = 0;
  /** Groups on their way to the disk, in order. */
  #flying: Promise<Outcome>[] = [];
  #flights = 0;
  /** Something failed: nothing more is written to this segment, and what is refused of it is told when all have landed. */
  #halted = false;
  #refused: T[] = [];
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
    while (this.#running !== null || this.#items.length > 0 || this.#flying.length > 0) {
      if (this.#items.length > 0) this.#hurry();
      await this.#running;
      await this.#flying.at(-1);
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
    while (this.#items.length > 0 && this.#urgent) {
      if (this.#mustWait()) {
        await this.#flying[0];
        continue;
      }
      this.#urgent = false;
      this.#launch();
    }
    this.#running = null;
    if (this.#items.length > 0) this.#timer ??= setTimeout(() => this.#hurry(), this.deps.lazyMs);
  }

  #mustWait(): boolean {
    const flying = this.#flying.length;
    return flying === FLUSHES_MAX || (flying > 0 && (this.#halted || this.#written >= SEGMENT_BYTES));
  }

  /** Sends what was added on its way. */
  #launch(): void {
    const items = this.#items;
    this.#items = [];
    this.#flying.push(this.#land(items, this.#flush(), this.#flying.at(-1)));
  }

  /** Acknowledges a group, or refuses it, after those before it. */
  async #land(items: readonly T[], flushed: Promise<Outcome>, before?: Promise<Outcome>): Promise<Outcome> {
    const own = await flushed;
    const outcome = await before ?? own;
    this.#flying.shift();
    if (outcome === null) {
      for (const item of items) {
        this.#offset += item.bytes;
        item.segment = this.#segment;
        item.end = this.#offset;
      }
      this.deps.durable(items);
    } else {
      this.#refused.push(...items);
      if (this.#flying.length === 0) this.#refuse(outcome.error);
    }
    return outcome;
  }

  #refuse(error: unknown): void {
    const refused = this.#refused;
    this.#refused = [];
    this.#takeBack();
    this.deps.failed(refused, failure(error));
  }

  async #flush(): Promise<Outcome> {
    const full = this.#full;
    const used = this.#used;
    this.#full = [];
    this.#used = 0;
    try {
      const { file, flushed } = this.#opened();
      const bytes = full.reduce((sum, part) => sum + part.length, used);
      this.#goAhead(file, bytes);
      // Written at once, so that the buffer is free for the next group.
      for (const part of full) writeAll(file, part);
      writeAll(file, this.#buffer.subarray(0, used));
      this.#written += bytes;
      if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
      await flushed[this.#flights++ % FLUSHES_MAX]!.syncData();
      return null;
    } catch (error) {
      this.#halted = true;
      return { error };
    }
  }

  #opened(): Open {
    const { folder } = this.deps;
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < FREE_BYTES_MIN) throw new Error(`No space left: under ${FREE_BYTES_MIN >> 20} MB`);
    if (this.#open !== null && this.#written >= SEGMENT_BYTES) this.#leave();
    return this.#open ??= this.#begun();
  }

  #begun(): Open {
    const { folder } = this.deps;
    const path = `${folder}/${segmentName(this.#segment)}`;
    const file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    const flushed: Deno.FsFile[] = [];
    const open = this.#open = { file, flushed };
    while (flushed.length < FLUSHES_MAX) flushed.push(Deno.openSync(path, { write: true }));
    // The file's name must survive as well as its bytes.
    const names = Deno.openSync(folder);
    try {
      names.syncSync();
    } finally {
      names.close();
    }
    return open;
  }

  /** Room for so many bytes more; the file is left where the next record belongs. */
  #goAhead(file: Deno.FsFile, bytes: number): void {
    if (this.#written + bytes <= this.#ahead) return;
    const from = Math.max(this.#ahead, this.#written + bytes);
    file.seekSync(from, Deno.SeekMode.Start);
    writeAll(file, zeros);
    file.seekSync(this.#written, Deno.SeekMode.Start);
    this.#ahead = from + AHEAD_BYTES;
  }

  /** The next group goes to a new segment. */
  #leave(): void {
    this.#trim();
    this.#segment++;
    this.#offset = 0;
    this.#written = 0;
    this.#ahead = 0;
  }

  #trim(): void {
    try {
      this.#open?.file.truncateSync(this.#offset);
    } catch {
      // A reader knows zeros for what they are.
    }
    this.#open?.file.close();
    for (const file of this.#open?.flushed ?? []) file.close();
    this.#open = null;
  }

  /** After a failure nobody knows what is in the file behind the last good group. */
  #takeBack(): void {
    this.#halted = false;
    if (this.#open === null) return;
    try {
      this.#open.file.truncateSync(this.#offset);
      this.#open.file.syncDataSync();
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
