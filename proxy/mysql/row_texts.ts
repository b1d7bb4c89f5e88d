/** Rows on their way to the client, as text for the record. */
import { Buffer } from "node:buffer";
import { charsetOf, decodeText } from "./charsets.ts";
import { Reader } from "./codec.ts";
import type { Column } from "./columns.ts";
import { isDecimalType, isTextType, takeValue, valueText } from "./values.ts";

const nullMark = 0xfb;
const unsignedFlag = 0x20;

/** The values of a row of the text protocol, or of the binary one. Throws on a row that its columns do not describe. */
export function rowTexts(row: Uint8Array, columns: readonly Column[], isText: boolean): (string | null)[] {
  const reader = new Reader(row, "a row");
  if (isText) {
    return columns.map((column) => {
      if (reader.peek() !== nullMark) return textOf(reader.lenencBytes(), column);
      reader.skip(1);
      return null;
    });
  }
  reader.skip(1);
  // Bit 0 of the bitmap belongs to column -2.
  const nulls = reader.take((columns.length + 7 + 2) >> 3);
  return columns.map((column, index) => {
    const bit = index + 2;
    if ((nulls[bit >> 3]! >> (bit & 7) & 1) === 1) return null;
    const value = takeValue(reader, column.type);
    return valueText(value, column.type, (column.flags & unsignedFlag) !== 0) ?? textOf(value, column);
  });
}

/** Numbers and dates are sent as ASCII; bytes that have no text are in hexadecimal. */
function textOf(value: Uint8Array, { type, collation }: Column): string {
  const charset = isTextType(type) ? charsetOf(collation) : isDecimalType(type) ? "ascii" : "utf8";
  const text = charset === null ? null : decodeText(value, charset);
  return text ?? `0x${Buffer.from(value).toString("hex")}`;
}
