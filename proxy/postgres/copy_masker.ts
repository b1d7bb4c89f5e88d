/**
 * Rows of COPY … TO STDOUT with their masked columns rewritten. One CopyData message holds one row, in binary format
 * behind the file's header in the first one; what does not keep to that is not passed on.
 * Source: PostgreSQL's documentation of COPY, "File Formats", and copyto.c.
 */
import type { CopyOut, ResultMasks } from "../../policy/answer_masks.ts";
import type { MaskRule } from "../../policy/types.ts";
import { Writer } from "../wire/writer.ts";
import { fromTarget, headerBytes } from "./frames.ts";
import { maskValue } from "./results.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const newline = 10;
const carriageReturn = 13;
const backslash = 92;
/** "PGCOPY\n\377\r\n\0", Int32 flags, Int32 length of what follows it in the header. */
const binaryHeaderBytes = 19;

/** What text format writes for a character, behind a backslash. */
const escapes: Readonly<Record<number, string>> = { 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r" };
const escaped = new Map(
  Object.entries(escapes).map(([code, letter]) => [letter.charCodeAt(0), Number(code)]),
);

type Masks = readonly (MaskRule | null)[];

export class CopyMasker {
  #first = true;
  readonly #nullBytes: Uint8Array;
  /** No value is written like NULL. */
  readonly #nullIsCertain: boolean;

  private constructor(
    private readonly masks: Masks,
    private readonly out: CopyOut,
    private readonly key: Uint8Array,
  ) {
    this.#nullBytes = encoder.encode(out.nullText);
    // Text format writes these after a backslash for values, too; CSV puts such values in quotes.
    this.#nullIsCertain = out.format === "csv" || /^\\[^bfnrtv\\]/.test(out.nullText);
  }

  /** For the rows that a CopyOutResponse announces: Int8 format, Int16 columns. null where they are not those that were judged. */
  static for(
    response: Uint8Array,
    plan: ResultMasks | undefined,
    out: CopyOut | undefined,
    key: Uint8Array,
  ): CopyMasker | null {
    if (plan?.kind !== "columns" || out === undefined || out.types.length !== plan.masks.length) return null;
    const columns = ((response[headerBytes + 1] ?? 0) << 8) | (response[headerBytes + 2] ?? 0);
    const binary = response[headerBytes] !== 0;
    if (columns !== plan.masks.length || binary !== (out.format === "binary")) return null;
    return new CopyMasker(plan.masks, out, key);
  }

  /** A CopyData message as the client may see it; null for one that must not pass. */
  mask(frame: Uint8Array): Uint8Array | null {
    const body = frame.subarray(headerBytes);
    const first = this.#first;
    this.#first = false;
    if (first && this.out.header && this.out.format !== "binary") return frame;
    const to = new Writer();
    to.u8(fromTarget.copyData).u32be(0);
    const whole = this.out.format === "binary" ? this.#binary(body, first, to) : this.#line(body, to);
    if (!whole) return null;
    return to.patchU32be(1, to.at - 1).finish();
  }

  #line(line: Uint8Array, to: Writer): boolean {
    const end = line.length - 1;
    if (line[end] !== newline) return false;
    const { format, delimiter } = this.out;
    let at = 0;
    for (let column = 0; column < this.masks.length; column++) {
      if (column > 0) {
        if (line[at] !== delimiter) return false;
        to.u8(delimiter);
        at++;
      }
      const stop = format === "csv" ? this.#csvEnd(line, at, end) : this.#textEnd(line, at, end);
      if (stop < 0) return false;
      const field = line.subarray(at, stop);
      if (this.masks[column] === null) to.raw(field);
      else to.raw(format === "csv" ? this.#csv(field, column) : this.#text(field, column));
      at = stop;
    }
    to.u8(newline);
    return at === end;
  }

  /** Where the field that begins at `at` ends; -1 where the line is none. */
  #textEnd(line: Uint8Array, at: number, end: number): number {
    for (; at < end && line[at] !== this.out.delimiter; at++) {
      if (line[at] === newline) return -1;
      if (line[at] === backslash && ++at >= end) return -1;
    }
    return at;
  }

  #csvEnd(line: Uint8Array, at: number, end: number): number {
    const { quote, escape, delimiter } = this.out;
    if (line[at] !== quote || at >= end) {
      for (; at < end && line[at] !== delimiter; at++) {
        if (line[at] === quote || line[at] === newline || line[at] === carriageReturn) return -1;
      }
      return at;
    }
    for (at++; at < end; at++) {
      if (line[at] === escape && at + 1 < end && (escape !== quote || line[at + 1] === quote)) at++;
      else if (line[at] === quote) return at + 1;
    }
    return -1;
  }

  #isNull(field: Uint8Array): boolean {
    const bytes = this.#nullBytes;
    return field.length === bytes.length && field.every((byte, at) => byte === bytes[at]);
  }

  #text(field: Uint8Array, column: number): Uint8Array {
    // A NULL that looks like a value is masked like that value: which of both it is must not show.
    if (this.#nullIsCertain && this.#isNull(field)) return field;
    const value: number[] = [];
    for (let at = 0; at < field.length; at++) {
      const byte = field[at] as number;
      if (byte !== backslash) value.push(byte);
      else {
        const next = field[++at] ?? backslash;
        value.push(escaped.get(next) ?? next);
      }
    }
    const masked = this.#masked(Uint8Array.from(value), column, 0);
    if (masked === null) return this.#nullBytes;
    const shown: number[] = [];
    for (const byte of masked) {
      const letter = escapes[byte];
      if (letter !== undefined) shown.push(backslash, letter.charCodeAt(0));
      else if (byte === backslash || byte === this.out.delimiter) shown.push(backslash, byte);
      else shown.push(byte);
    }
    return Uint8Array.from(shown);
  }

  #csv(field: Uint8Array, column: number): Uint8Array {
    if (this.#isNull(field)) return field;
    const { quote, escape, delimiter, quoted } = this.out;
    let value: Uint8Array = field;
    if (field[0] === quote) {
      const bytes: number[] = [];
      for (let at = 1; at < field.length - 1; at++) {
        if (field[at] === escape) at++;
        bytes.push(field[at] as number);
      }
      value = Uint8Array.from(bytes);
    }
    const masked = this.#masked(value, column, 0);
    if (masked === null) return this.#nullBytes;
    // By what is shown alone: whether the value itself was quoted tells about it.
    const needed = quoted === "all" || quoted.includes(column) || this.#isNull(masked) ||
      (this.masks.length === 1 && decoder.decode(masked) === "\\.") ||
      masked.some((byte) =>
        byte === delimiter || byte === quote || byte === newline || byte === carriageReturn
      );
    if (!needed) return masked;
    const shown = [quote];
    for (const byte of masked) {
      if (byte === quote || byte === escape) shown.push(escape);
      shown.push(byte);
    }
    return Uint8Array.from([...shown, quote]);
  }

  /** Int16 count of fields (-1 at the end); each Int32 length (-1 for NULL) and that many bytes. */
  #binary(body: Uint8Array, first: boolean, to: Writer): boolean {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    let at = 0;
    if (first) {
      if (body.length < binaryHeaderBytes) return false;
      at = binaryHeaderBytes + view.getUint32(binaryHeaderBytes - 4);
      if (at > body.length) return false;
      to.raw(body.subarray(0, at));
    }
    while (at < body.length) {
      if (at + 2 > body.length) return false;
      const count = view.getInt16(at);
      to.u16be(count & 0xffff);
      at += 2;
      if (count === -1) return at === body.length;
      if (count !== this.masks.length) return false;
      for (let column = 0; column < count; column++) {
        if (at + 4 > body.length) return false;
        const length = view.getInt32(at);
        const stop = at + 4 + Math.max(length, 0);
        if (stop > body.length) return false;
        const value = length < 0 ? null : body.subarray(at + 4, stop);
        const shown = value === null || this.masks[column] === null ? value : this.#masked(value, column, 1);
        to.u32be(shown === null ? 0xffffffff : shown.length);
        if (shown !== null) to.raw(shown);
        at = stop;
      }
    }
    return true;
  }

  #masked(value: Uint8Array, column: number, format: 0 | 1): Uint8Array | null {
    const rule = this.masks[column];
    const type = this.out.types[column] ?? 0;
    return rule ? maskValue(value, { mask: rule.mask, type, format }, this.key) : value;
  }
}
