/**
 * What a target answers to one command, on its way to the client: a pure state machine over packet borders.
 *
 * Packets go on as they came until something must be looked at: OK, ERR and EOF for the state they carry,
 * column definitions for the masks, rows only where a column of them is masked. (MySQL internals: "COM_QUERY
 * Response", "COM_STMT_PREPARE Response", "COM_STMT_EXECUTE Response", "COM_STMT_FETCH Response".)
 */
import { asPosternError, type PosternError } from "../../policy/errors.ts";
import type { Outbox } from "../wire/outbox.ts";
import { Answer } from "./answer.ts";
import { refusedAs, toClient } from "./errors.ts";
import { fileAsked, renumbered, rowTooLong, violation } from "./answer_errors.ts";
import { type ByteQueue, encodePacket, headerBytes, packetBytesMax, packetCount } from "./packets.ts";
import type { ResponseOptions } from "./response_options.ts";
import { RowSink } from "./row_sink.ts";
import { rowTexts } from "./row_texts.ts";
import { maskBinaryRow, maskTextRow, maskTextRowInPlace, type RowPlan } from "./rows.ts";

/** A column definition has names of 64 characters and a default. */
const controlBytesMax = 1_048_576;

export class Response {
  readonly answer: Answer;
  /** Those that the client got. */
  rows = 0;
  /** Payload bytes that came from the target. */
  bytes = 0;
  /** Why Postern refused the answer; the client was told in its place. */
  failure: PosternError | null = null;

  #sequence: number;
  /** Packets that the client got more than came: a masked row may need one more. */
  #shift: number;
  #passing = 0;
  #continues = false;
  #lastRow: Uint8Array | null;
  /** Rows written anew and not yet in the outbox. */
  readonly #masked = new RowSink();

  constructor(private readonly options: ResponseOptions) {
    this.#sequence = options.sequence & 0xff;
    this.#shift = options.shift ?? 0;
    this.#lastRow = options.lastRow ?? null;
    this.answer = new Answer(options);
  }

  /** No byte of a half-sent packet is outstanding: the client can be told something else now. */
  get atBoundary(): boolean {
    return this.failure !== null || (this.#passing === 0 && !this.#continues);
  }

  /** The number that the client's next packet has. */
  get clientSequence(): number {
    return this.#sequence + this.#shift & 0xff;
  }

  /**
   * Takes what is in `queue`, puts what the client shall get into `out`; true once the answer is over. Throws
   * where the target does not keep to the protocol: nothing more can be believed of it then.
   */
  feed(queue: ByteQueue, out: Outbox): boolean {
    try {
      while (!this.#over && this.#step(queue, out));
    } finally {
      this.#flushMasked(out);
    }
    return this.#over;
  }

  get #over(): boolean {
    return this.answer.done && this.#passing === 0 && !this.#continues;
  }

  /** False where more bytes must come. */
  #step(queue: ByteQueue, out: Outbox): boolean {
    if (this.#passing > 0) return this.#passOn(queue, out);
    const { answer } = this;
    if (answer.inRows && !this.#continues) {
      if (answer.rowPlan === null) {
        if (!this.#reads && this.failure === null) this.#passRows(queue, out);
      } else if (this.failure === null) this.#maskRows(queue, out, answer.rowPlan);
      if (this.#passing > 0) return true;
    }
    if (!queue.has(headerBytes)) return false;
    const length = queue.byte(0) | queue.byte(1) << 8 | queue.byte(2) << 16;
    const sequence = queue.byte(3);
    if (sequence !== this.#sequence) queue.setByte(3, renumbered(this.options, sequence, this.#sequence));
    if (this.#continues) return this.#startPassing(queue, out, length);
    if (length === 0) throw violation("an empty packet where an answer must be");
    if (!queue.has(headerBytes + 1)) return false;
    const first = queue.byte(headerBytes);
    const isRow = answer.isRow(first, length);
    if (isRow) {
      if (this.failure === null && !this.#fits(length)) this.#beyond(out);
      const whole = answer.rowPlan === null && !this.#reads || this.failure !== null;
      const unread = answer.rowPlan === null || answer.rowPlan.optional;
      const tooLong = length > this.options.rowBytesMax || length === packetBytesMax;
      if (!whole && !unread && tooLong) this.#refuse(out, rowTooLong(this.options.rowBytesMax));
      if (whole || tooLong) {
        if (this.#reads) this.options.shown?.skip();
        if (this.failure === null) this.rows++;
        return this.#startPassing(queue, out, length);
      }
    } else if (length > controlBytesMax) throw violation(`a packet of ${length} bytes that is no row`);
    const raw = queue.take(headerBytes + length);
    if (raw === null) return false;
    this.bytes += length;
    if (!isRow) this.#control(raw, out);
    else if (answer.rowPlan !== null) this.#maskRow(raw, headerBytes, raw.length, answer.rowPlan, out);
    else this.#readRow(raw, out);
    this.#sequence = this.#sequence + 1 & 0xff;
    return true;
  }

  #fits(length: number): boolean {
    const { limits, before } = this.options;
    return limits.fits(this.rows + (before?.rows ?? 0), this.bytes + (before?.bytes ?? 0), length);
  }

  #beyond(out: Outbox): void {
    const { limits, before, cancel } = this.options;
    this.#refuse(out, limits.exceeded(this.rows + (before?.rows ?? 0)));
    cancel?.();
  }

  /** The rows at hand are kept for the record, so far. */
  get #reads(): boolean {
    return this.options.shown?.wants === true && this.options.kind !== "fetch";
  }

  #readRow(raw: Uint8Array, out: Outbox): void {
    this.rows++;
    this.#keep(raw.subarray(headerBytes));
    if (this.#shift !== 0) raw[3] = this.clientSequence;
    this.#emit(out, raw);
  }

  #keep(row: Uint8Array): void {
    const { shown, kind } = this.options;
    shown?.add(rowTexts(row, this.answer.columns, kind === "query"));
  }

  #emit(out: Outbox, bytes: Uint8Array): void {
    if (this.failure !== null) return;
    this.#flushMasked(out);
    out.push(bytes);
  }

  #flushMasked(out: Outbox): void {
    if (this.#masked.at > 0) out.push(this.#masked.finish());
  }

  #passOn(queue: ByteQueue, out: Outbox): boolean {
    const piece = queue.some(this.#passing);
    this.#passing -= piece.length;
    this.bytes += piece.length;
    this.#emit(out, piece);
    return piece.length > 0;
  }

  /** A packet of any size goes on piece by piece, its continuations too. */
  #startPassing(queue: ByteQueue, out: Outbox, length: number): boolean {
    const header = queue.take(headerBytes);
    if (header === null) return false;
    if (this.#shift !== 0) header[3] = this.clientSequence;
    this.#emit(out, header);
    this.#sequence = this.#sequence + 1 & 0xff;
    this.#passing = length;
    this.#continues = length === packetBytesMax;
    return true;
  }

  /** Rows that nobody must look at, as many as lie in one piece: the loop that bulk results spend their time in. */
  #passRows(queue: ByteQueue, out: Outbox): void {
    const piece = queue.piece();
    let at = 0;
    let sequence = this.#sequence;
    while (at + headerBytes < piece.length) {
      const length = piece[at]! | piece[at + 1]! << 8 | piece[at + 2]! << 16;
      if (length === 0 || length === packetBytesMax || piece[at + headerBytes]! >= 0xfe) break;
      if (piece[at + 3] !== sequence) piece[at + 3] = renumbered(this.options, piece[at + 3]!, sequence);
      if (!this.#fits(length)) break;
      if (this.#shift !== 0) piece[at + 3] = sequence + this.#shift & 0xff;
      sequence = sequence + 1 & 0xff;
      this.rows++;
      this.bytes += length;
      at += headerBytes + length;
    }
    if (at === 0) return;
    this.#sequence = sequence;
    const here = Math.min(at, piece.length);
    this.#passing = at - here;
    // They are counted as they pass.
    this.bytes -= this.#passing;
    this.#emit(out, piece.subarray(0, here));
    queue.skip(here);
  }

  /** As #passRows(), for rows of which something is masked: those that lie whole in one piece. */
  #maskRows(queue: ByteQueue, out: Outbox, plan: RowPlan): void {
    const piece = queue.piece();
    const over = plan.inPlace && this.options.kind === "query" && !this.#reads;
    let at = 0;
    /** Where the rows begin that were written over and are not in the outbox yet. */
    let from = 0;
    while (at + headerBytes < piece.length) {
      const length = piece[at]! | piece[at + 1]! << 8 | piece[at + 2]! << 16;
      const next = at + headerBytes + length;
      if (length === 0 || length > this.options.rowBytesMax || piece[at + headerBytes]! >= 0xfe) break;
      if (next > piece.length || !this.#fits(length)) break;
      if (piece[at + 3] !== this.#sequence) {
        piece[at + 3] = renumbered(this.options, piece[at + 3]!, this.#sequence);
      }
      if (over && maskTextRowInPlace(piece, at + headerBytes, next, plan)) {
        piece[at + 3] = this.clientSequence;
        this.rows++;
      } else {
        if (from < at) this.#emit(out, piece.subarray(from, at));
        this.#maskRow(piece, at + headerBytes, next, plan, out);
        from = next;
      }
      this.#sequence = this.#sequence + 1 & 0xff;
      this.bytes += length;
      at = next;
    }
    if (from < at) this.#emit(out, piece.subarray(from, at));
    queue.skip(at);
  }

  #maskRow(row: Uint8Array, start: number, end: number, plan: RowPlan, out: Outbox): void {
    const sink = this.#masked;
    const before = sink.at;
    sink.header(this.clientSequence);
    if (this.options.kind === "query") maskTextRow(row, start, end, plan, sink);
    else maskBinaryRow(row, start, end, plan, sink);
    this.rows++;
    const bytes = sink.at - before - headerBytes;
    if (this.#reads) this.#keep(sink.bytes.subarray(before + headerBytes, sink.at));
    if (bytes < packetBytesMax) {
      sink.patch(before, bytes);
      return;
    }
    const all = sink.finish();
    out.push(all.subarray(0, before));
    out.push(encodePacket(this.clientSequence, all.subarray(before + headerBytes)));
    this.#shift += packetCount(bytes) - 1;
  }

  #control(raw: Uint8Array, out: Outbox): void {
    const { answer } = this;
    const wereRows = answer.inRows;
    const shown = answer.packet(raw.subarray(headerBytes));
    if (wereRows && !answer.inRows && answer.error === null) this.#addLastRow(out);
    switch (shown.kind) {
      case "same":
        if (this.#shift !== 0) raw[3] = this.clientSequence;
        return this.#emit(out, raw);
      case "instead":
        return this.#emit(out, encodePacket(this.clientSequence, shown.payload));
      case "refuse":
        return this.#refuse(out, shown.thrown);
      case "file-request":
        return this.#declineFile(out);
    }
  }

  #addLastRow(out: Outbox): void {
    const row = this.#lastRow;
    this.#lastRow = null;
    if (row === null) return;
    this.#emit(out, encodePacket(this.clientSequence, row));
    this.#shift++;
  }

  /** Says so to the client in place of the packet at hand; the rest of the answer is taken and dropped. */
  #refuse(out: Outbox, thrown: unknown): void {
    if (this.failure !== null) return;
    const error = asPosternError(thrown);
    this.#emit(out, encodePacket(this.clientSequence, toClient(error, refusedAs(error))));
    this.failure = error;
  }

  /** LOCAL INFILE was not offered, so nobody may ask for it. An empty answer leaves the target in step. */
  #declineFile(out: Outbox): void {
    this.#refuse(out, fileAsked());
    this.options.reply?.(encodePacket(this.#sequence + 1, new Uint8Array(0)));
    // The target counts the packet that it got.
    this.#sequence = this.#sequence + 1 & 0xff;
  }
}
