/**
 * Frames out of a byte stream. Nothing is read before its length is checked, frames that need not be looked
 * at pass on without being assembled, and a view is a copy only where a frame straddles two reads.
 */

/** How a protocol's frames are laid out. */
export interface FrameShape {
  /** Bytes that must be there before a frame's length is known. */
  readonly headerBytes: number;
  /** The whole frame's bytes, header included, from the header at `at`. Throws ProtocolViolation on nonsense. */
  frameBytes(bytes: Uint8Array, at: number): number;
}

/** Where passed frames go, piece by piece. */
export interface PieceSink {
  push(piece: Uint8Array): void;
}

const empty = new Uint8Array(0);
/** Pieces smaller than this are merged, so that a frame sent byte by byte costs its size and not a buffer a byte. */
const smallPieceBytes = 16_384;

export class FrameBuffer {
  #head: Uint8Array = empty;
  #at = 0;
  #more: Uint8Array[] = [];
  #moreBytes = 0;
  /** What is left of a frame that is passing (or being dropped, where the sink is null). */
  #rest = 0;
  #restSink: PieceSink | null = null;
  /** Where in the head the frames begin that passed lazily and are not handed on yet; -1 for none. */
  #mark = -1;
  #markSink: PieceSink | null = null;

  constructor(private readonly shape: FrameShape) {}

  /** Bytes that are buffered and not yet taken, passed or dropped. */
  get size(): number {
    return this.#head.length - this.#at + this.#moreBytes;
  }

  /** In the middle of a frame that passes or is dropped. */
  get midFrame(): boolean {
    return this.#rest > 0;
  }

  /** Appends one read. The buffer keeps the chunk: the caller must not write to it again. */
  push(chunk: Uint8Array): void {
    if (this.#rest > 0) {
      const bytes = Math.min(this.#rest, chunk.length);
      this.#rest -= bytes;
      this.#restSink?.push(bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
      if (bytes === chunk.length) return;
      chunk = chunk.subarray(bytes);
    }
    if (chunk.length === 0) return;
    if (this.#at === this.#head.length) {
      this.#head = chunk;
      this.#at = 0;
    } else {
      this.#more.push(chunk);
      this.#moreBytes += chunk.length;
      this.#mergeSmall();
    }
  }

  /** The whole bytes of the frame that comes next, header included; 0 while its header is not complete. */
  peek(): number {
    if (this.#rest > 0) return 0;
    if (this.#head.length - this.#at < this.shape.headerBytes && !this.#joinHeader()) return 0;
    return this.shape.frameBytes(this.#head, this.#at);
  }

  /** A byte of the next frame's header. Only after peek() found the header complete. */
  byte(offset: number): number {
    const byte = this.#head[this.#at + offset];
    if (byte === undefined || offset >= this.shape.headerBytes) throw new RangeError("Outside the header");
    return byte;
  }

  /** Where place() found a frame. Its bytes are the caller's until they are taken, passed or dropped. */
  get bytes(): Uint8Array {
    return this.#head;
  }

  /** Where in `this.bytes` the next `bytes` bytes lie, without taking them; -1 while they are not all here. */
  place(bytes: number): number {
    if (bytes > this.size) return -1;
    if (this.#at + bytes > this.#head.length) {
      const whole = this.take(bytes);
      if (whole === null) return -1;
      // What follows stays behind it, so that it can be taken, passed or dropped as if it had come in one read.
      if (this.#head.length > this.#at) {
        this.#more.unshift(this.#head.subarray(this.#at));
        this.#moreBytes += this.#head.length - this.#at;
      }
      this.#head = whole;
      this.#at = 0;
    }
    return this.#at;
  }

  /** The next `bytes` bytes as one view, or null while they are not all here. */
  take(bytes: number): Uint8Array | null {
    this.settle();
    if (bytes > this.size) return null;
    const end = this.#at + bytes;
    if (end <= this.#head.length) {
      const view = this.#head.subarray(this.#at, end);
      this.#advance(bytes);
      return view;
    }
    const whole = new Uint8Array(bytes);
    let filled = 0;
    while (filled < bytes) {
      const part = this.#head.subarray(this.#at, Math.min(this.#head.length, this.#at + bytes - filled));
      whole.set(part, filled);
      filled += part.length;
      this.#advance(part.length);
    }
    return whole;
  }

  /** Moves the next `bytes` bytes to `sink`: those that are here now, the rest as they come. */
  pass(bytes: number, sink: PieceSink): void {
    this.settle();
    this.#move(bytes, sink);
  }

  /**
   * The same, but frames that follow each other in one read are handed on as one piece, without anything
   * allocated for each: at the latest with `settle()`, which the caller does before it pushes to the sink
   * itself and when nothing more is buffered.
   */
  passInRun(bytes: number, sink: PieceSink): void {
    const end = this.#at + bytes;
    if (end >= this.#head.length) {
      if (this.#mark < 0 || end > this.#head.length) this.settle();
      if (this.#mark < 0) return this.#move(bytes, sink);
      const from = this.#mark;
      this.#mark = -1;
      sink.push(this.#head.subarray(from));
      return this.#advance(bytes);
    }
    if (this.#mark < 0) {
      this.#mark = this.#at;
      this.#markSink = sink;
    }
    this.#at = end;
  }

  /** Hands on what passed in a run. */
  settle(): void {
    if (this.#mark < 0) return;
    const from = this.#mark;
    this.#mark = -1;
    this.#markSink?.push(this.#head.subarray(from, this.#at));
  }

  /** Forgets the next `bytes` bytes, here or still to come. */
  drop(bytes: number): void {
    this.settle();
    this.#move(bytes, null);
  }

  #move(bytes: number, sink: PieceSink | null): void {
    let left = bytes;
    while (left > 0 && this.size > 0) {
      const part = Math.min(left, this.#head.length - this.#at);
      sink?.push(this.#head.subarray(this.#at, this.#at + part));
      this.#advance(part);
      left -= part;
    }
    this.#rest = left;
    this.#restSink = sink;
  }

  #advance(bytes: number): void {
    this.#at += bytes;
    if (this.#at < this.#head.length) return;
    const next = this.#more.shift();
    this.#moreBytes -= next?.length ?? 0;
    this.#head = next ?? empty;
    this.#at = 0;
  }

  /** A header that straddles reads is made contiguous. */
  #joinHeader(): boolean {
    this.settle();
    if (this.size < this.shape.headerBytes) return false;
    while (this.#head.length - this.#at < this.shape.headerBytes) {
      const next = this.#more.shift();
      if (next === undefined) return false;
      this.#moreBytes -= next.length;
      this.#head = joined(this.#head.subarray(this.#at), next);
      this.#at = 0;
    }
    return true;
  }

  #mergeSmall(): void {
    const more = this.#more;
    for (;;) {
      const last = more[more.length - 1];
      const before = more[more.length - 2];
      if (last === undefined || before === undefined) return;
      if (last.length >= smallPieceBytes || before.length > last.length) return;
      more.length -= 2;
      more.push(joined(before, last));
    }
  }
}

function joined(one: Uint8Array, two: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + two.length);
  both.set(one);
  both.set(two, one.length);
  return both;
}
