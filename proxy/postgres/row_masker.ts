/** Rows with their masked columns rewritten, many rows to a buffer. */
import { type ByteMask, byteMask } from "../wire/mask_bytes.ts";
import { fromTarget, headerBytes } from "./frames.ts";
import { isText, maskValue, type RowMasks } from "./results.ts";

/** Of one row most results are: the first buffer is small. */
const firstArenaBytes = 2_048;
const arenaBytes = 65_536;
/** Below this a loop is faster than a native copy. */
const loopBytes = 48;

export class RowMasker {
  #arena = new Uint8Array(0);
  #at = 0;
  /** Where the row under way begins. */
  #from = 0;

  /** Nothing is hidden, values are only looked at: a row too large for that may pass. */
  readonly optional: boolean;
  /** Every masked value is as long as the value was, as long as that is ASCII: `inPlace` is worth a try. */
  readonly sameLength: boolean;

  readonly #bytes: readonly (ByteMask | null)[];

  constructor(private readonly masks: RowMasks, private readonly key: Uint8Array) {
    this.optional = masks.every((one) => one === null || (one.mask.kind === "watch" && !one.mask.masks));
    this.#bytes = masks.map((one) =>
      one === null || one.mask.kind === "watch" || !isText(one.type) ? null : byteMask(one.mask, key)
    );
    this.sameLength = masks.every((one, at) => one === null || this.#bytes[at]?.sameLength === true);
  }

  /**
   * Masks the DataRow at `bytes[at..at + length)` where it lies. False where it can't be done: the row is to be
   * given to `mask`, which takes one that is masked in part for what it was.
   */
  inPlace(bytes: Uint8Array, at: number, length: number): boolean {
    const { masks } = this;
    const end = at + length;
    if (
      length < headerBytes + 2 ||
      ((bytes[at + 5] as number) << 8 | (bytes[at + 6] as number)) !== masks.length
    ) {
      return false;
    }
    at += headerBytes + 2;
    for (let column = 0; column < masks.length; column++) {
      if (at + 4 > end) return false;
      const size = int32(bytes, at);
      at += 4;
      if (size < 0) continue;
      if (at + size > end) return false;
      const mask = this.#bytes[column] as ByteMask | null;
      if (mask !== null && !mask.write(bytes, at, size, bytes, at)) return false;
      at += size;
    }
    return at === end;
  }

  /**
   * DataRow: Int16 count; each Int32 length (-1 for NULL) and that many bytes. NULL stays NULL. null where the
   * row has not the columns that the masks are for, or does not keep to its format: it must not pass.
   */
  mask(frame: Uint8Array): Uint8Array | null {
    const { masks } = this;
    if (
      frame.length < headerBytes + 2 || ((frame[5] as number) << 8 | (frame[6] as number)) !== masks.length
    ) {
      return null;
    }
    if (this.optional) return this.#look(frame);
    this.#from = this.#at;
    let copied = 0;
    let at = headerBytes + 2;
    for (let column = 0; column < masks.length; column++) {
      if (at + 4 > frame.length) return this.#discard();
      const length = int32(frame, at);
      const mask = masks[column] ?? null;
      at += 4;
      if (length < 0 || mask === null) {
        at += Math.max(length, 0);
        continue;
      }
      if (at + length > frame.length) return this.#discard();
      this.#copy(frame, copied, at - 4);
      if (!this.#masked(frame, at, length, this.#bytes[column] as ByteMask | null)) {
        this.#value(maskValue(frame.subarray(at, at + length), mask, this.key));
      }
      at += length;
      copied = at;
    }
    if (at !== frame.length) return this.#discard();
    this.#copy(frame, copied, at);
    this.#arena[this.#from] = fromTarget.dataRow;
    this.#int32(this.#from + 1, this.#at - this.#from - 1);
    return this.#arena.subarray(this.#from, this.#at);
  }

  /** The row as it is, after its values were seen. */
  #look(frame: Uint8Array): Uint8Array | null {
    let at = headerBytes + 2;
    for (const column of this.masks) {
      if (at + 4 > frame.length) return null;
      const length = int32(frame, at);
      at += 4;
      if (length < 0) continue;
      if (at + length > frame.length) return null;
      if (column !== null) maskValue(frame.subarray(at, at + length), column, this.key);
      at += length;
    }
    return at === frame.length ? frame : null;
  }

  #masked(frame: Uint8Array, at: number, length: number, mask: ByteMask | null): boolean {
    if (mask === null) return false;
    const size = mask.size(length);
    this.#room(4 + size);
    if (!mask.write(frame, at, length, this.#arena, this.#at + 4)) return false;
    this.#int32(this.#at, size);
    this.#at += 4 + size;
    return true;
  }

  #value(shown: Uint8Array | null): void {
    this.#room(4 + (shown?.length ?? 0));
    this.#int32(this.#at, shown?.length ?? -1);
    this.#at += 4;
    if (shown === null) return;
    this.#arena.set(shown, this.#at);
    this.#at += shown.length;
  }

  #copy(frame: Uint8Array, from: number, to: number): void {
    const bytes = to - from;
    this.#room(bytes);
    const arena = this.#arena;
    if (bytes > loopBytes) arena.set(frame.subarray(from, to), this.#at);
    else {for (let offset = 0; offset < bytes; offset++) {
        arena[this.#at + offset] = frame[from + offset] as number;
      }}
    this.#at += bytes;
  }

  /** What was handed out is never written again: a row that does not fit moves to a new buffer. */
  #room(bytes: number): void {
    if (this.#at + bytes <= this.#arena.length) return;
    const row = this.#arena.subarray(this.#from, this.#at);
    const least = this.#arena.length === 0 ? firstArenaBytes : arenaBytes;
    this.#arena = new Uint8Array(Math.max(least, (row.length + bytes) * 2));
    this.#arena.set(row);
    this.#at = row.length;
    this.#from = 0;
  }

  #int32(at: number, value: number): void {
    const arena = this.#arena;
    arena[at] = value >>> 24;
    arena[at + 1] = value >>> 16;
    arena[at + 2] = value >>> 8;
    arena[at + 3] = value;
  }

  #discard(): null {
    this.#at = this.#from;
    return null;
  }
}

function int32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number);
}
