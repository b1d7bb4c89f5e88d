/** Postern's own statements on a target: text in, rows of text out. For set-up and catalogs, not for clients. */
import { Buffer } from "node:buffer";
import { PosternError } from "../../policy/errors.ts";
import { has } from "./capabilities.ts";
import type { Channel } from "./channel.ts";
import { label, Reader } from "./codec.ts";
import { Capability, Command } from "./constants.ts";
import { encodePacket } from "./packets.ts";
import { decodeError, isEof } from "./replies.ts";

/** Postern asks for catalogs and settings; more than this is neither. */
const resultBytesMax = 256 * 1_048_576;

export type TextRows = (string | null)[][];

/**
 * One statement with at most one result. Rejects with TargetUnavailable; the target's text is in `cause`.
 * The connection's character set must be UTF-8 or its result ASCII.
 */
export async function simpleQuery(channel: Channel, capabilities: number, sql: string): Promise<TextRows> {
  // No attributes, in one set: see attributes.ts.
  const head = has(capabilities, Capability.queryAttributes) ? [Command.query, 0, 1] : [Command.query];
  const request = Buffer.concat([Buffer.from(head), Buffer.from(sql, "utf8")]);
  await channel.write(encodePacket(0, request));
  channel.reader.expect(1);
  const next = async () => (await channel.packet(resultBytesMax, "an answer to Postern's own query")).payload;
  const first = await next();
  if (first[0] === 0xff) throw failed(first, capabilities);
  if (first[0] === 0x00) return [];
  const columns = new Reader(first, "a column count").lenenc();
  for (let index = 0; index < columns; index++) await next();
  const deprecated = has(capabilities, Capability.deprecateEof);
  if (!deprecated) await next();
  const rows: TextRows = [];
  let bytes = 0;
  for (;;) {
    const payload = await next();
    if (payload[0] === 0xff) throw failed(payload, capabilities);
    if (deprecated ? payload[0] === 0xfe && payload.length < 0xffffff : isEof(payload)) return rows;
    bytes += payload.length;
    if (bytes > resultBytesMax) throw tooLarge();
    rows.push(textRow(payload, columns));
  }
}

function textRow(payload: Uint8Array, columns: number): (string | null)[] {
  const reader = new Reader(payload, "a row");
  return Array.from({ length: columns }, () => {
    if (reader.peek() !== 0xfb) return label(reader.lenencBytes());
    reader.skip(1);
    return null;
  });
}

function failed(payload: Uint8Array, capabilities: number): PosternError {
  const { code, state, message } = decodeError(payload, capabilities);
  return new PosternError(
    "TargetUnavailable",
    `the target refused a query of Postern's own (error ${code})`,
    {
      hint: "Whoever runs Postern: the log has the target's text",
      cause: new Error(`${code} (${state}) ${message}`),
      targetCode: String(code),
    },
  );
}

function tooLarge(): PosternError {
  return new PosternError("LimitExceeded", `the target's answer to a query of Postern's own is too large`);
}
