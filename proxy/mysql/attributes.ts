/**
 * Query attributes: named values that a client sends beside a statement, which functions on the target can read.
 * They are shown to approvers and recorded like parameters. A target that does not take them gets the statement
 * without. (MySQL internals: "COM_QUERY", "COM_STMT_EXECUTE" under CLIENT_QUERY_ATTRIBUTES.)
 */
import type { ParameterView } from "../../policy/types.ts";
import type { Charset } from "./charsets.ts";
import { Reader, Writer } from "./codec.ts";
import { Command } from "./constants.ts";
import { encodePacket, type Packet, packetCount } from "./packets.ts";
import { attributesMax, attributeView, type ExecuteParts, isNull, readNamedTypes } from "./parameters.ts";

/** A COM_QUERY, taken apart. */
export interface QueryParts {
  readonly text: Uint8Array;
  readonly attributes: readonly ParameterView[];
}

/**
 * `attributed`: as agreed with the client. Then before the text: count (lenenc), number of sets (1), and with a
 * count a NULL bitmap, the byte 1, a type (2) and a name (lenenc) for each, and the values.
 */
export function decodeQuery(payload: Uint8Array, attributed: boolean, charset: Charset): QueryParts {
  if (!attributed) return { text: payload.subarray(1), attributes: [] };
  const reader = new Reader(payload, "a COM_QUERY", 1);
  const count = reader.lenenc();
  if (reader.lenenc() !== 1) throw reader.violation("has other than one set of attributes");
  if (count === 0) return { text: reader.rest(), attributes: [] };
  if (count > attributesMax) throw reader.violation(`has ${count} attributes`);
  const nulls = reader.take((count + 7) >> 3);
  if (reader.u8() !== 1) throw reader.violation("names no types for its attributes");
  const types = readNamedTypes(reader, count);
  const attributes = types.map((type, index) => attributeView(reader, type, isNull(nulls, index), charset));
  return { text: reader.rest(), attributes };
}

/** A request as the target gets it, and how much smaller its packets' numbers are than those that the client counts. */
export interface Request {
  readonly bytes: Uint8Array;
  readonly sequence: number;
  readonly shift: number;
}

/** A COM_QUERY as the target takes it. */
export function requestFor(packet: Packet, { text }: QueryParts, strip: boolean): Request {
  if (!strip) return asItCame(packet);
  return inPlaceOf(packet, new Writer(text.length + 1).u8(Command.query).raw(text).finish());
}

export function asItCame({ raw, sequence }: Packet): Request {
  return { bytes: raw, sequence, shift: 0 };
}

/** Without its attributes a request may be a packet shorter. */
export function inPlaceOf({ sequence }: Packet, payload: Uint8Array): Request {
  const own = packetCount(payload.length) - 1 & 0xff;
  return { bytes: encodePacket(0, payload), sequence: own, shift: sequence - own & 0xff };
}

/** COM_STMT_EXECUTE with the statement's own parameters alone. */
export function executeWithout(packet: Packet, { head, nulls, types, values }: ExecuteParts): Request {
  const writer = new Writer(packet.payload.length).raw(head);
  if (nulls.length === 0) return inPlaceOf(packet, writer.finish());
  writer.raw(nulls);
  if (types === null) writer.u8(0);
  else {
    writer.u8(1);
    for (const { type, unsigned } of types) writer.u8(type).u8(unsigned ? 0x80 : 0);
  }
  return inPlaceOf(packet, writer.raw(values).finish());
}
