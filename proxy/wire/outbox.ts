/** What is to be written, gathered so that one turn of the pump is one write. */
import type { Duplex } from "node:stream";

/** Pieces up to this size together are copied into one write; larger ones are written as they are. */
const coalesceBytes = 65_536;

export class Outbox {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Bytes gathered and not yet flushed. */
  get size(): number {
    return this.#bytes;
  }

  /** Adds a piece; one that continues the last in the same memory extends it without a copy. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    const pieces = this.#pieces;
    const last = pieces[pieces.length - 1];
    if (
      last !== undefined && last.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset
    ) {
      pieces[pieces.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + piece.length);
      return;
    }
    pieces.push(piece);
  }

  /** Forgets what was gathered: nobody is there to read it. */
  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** Writes what was gathered. False where the stream asks to wait for its `drain`. */
  flush(stream: Duplex): boolean {
    const pieces = this.#pieces;
    if (pieces.length === 0) return !stream.writableNeedDrain;
    const bytes = this.#bytes;
    this.#pieces = [];
    this.#bytes = 0;
    const only = pieces.length === 1 ? pieces[0] : undefined;
    if (only !== undefined) return stream.write(only);
    if (bytes <= coalesceBytes) return stream.write(concat(pieces, 0, pieces.length, bytes));
    return writeRuns(stream, pieces);
  }
}

/** Runs of small pieces as one write each, large ones alone. */
function writeRuns(stream: Duplex, pieces: readonly Uint8Array[]): boolean {
  let more = true;
  let from = 0;
  let runBytes = 0;
  for (let at = 0; at <= pieces.length; at++) {
    const piece = pieces[at];
    if (piece !== undefined && runBytes + piece.length <= coalesceBytes) {
      runBytes += piece.length;
      continue;
    }
    if (at > from) more = stream.write(concat(pieces, from, at, runBytes));
    if (piece === undefined) break;
    from = at;
    runBytes = piece.length;
  }
  return more;
}

function concat(pieces: readonly Uint8Array[], from: number, to: number, bytes: number): Uint8Array {
  const first = pieces[from];
  if (to - from === 1 && first !== undefined) return first;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (let index = from; index < to; index++) {
    const piece = pieces[index];
    if (piece === undefined) break;
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
