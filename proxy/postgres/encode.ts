/** Messages that Postern itself sends, to clients and to targets. Each function gives one whole frame. */
import { Writer } from "../wire/writer.ts";
import type { Notification } from "./decode.ts";
import { fromClient, fromTarget } from "./frames.ts";

/** One frame of `type`, its length filled in. */
export function frame(type: number, fill: (body: Writer) => void): Uint8Array {
  const body = new Writer();
  body.u8(type).u32be(0);
  fill(body);
  return body.patchU32be(1, body.at - 1).finish();
}

const nothing = (): void => {};

/** Fields of ErrorResponse and NoticeResponse by their letter ("Error and Notice Message Fields"). */
export type NoticeFields = Readonly<Record<string, string>>;

export function errorResponse(fields: NoticeFields): Uint8Array {
  return frame(fromTarget.errorResponse, (body) => writeFields(body, fields));
}

export function noticeResponse(fields: NoticeFields): Uint8Array {
  return frame(fromTarget.noticeResponse, (body) => writeFields(body, fields));
}

export function notificationResponse({ pid, channel, payload }: Notification): Uint8Array {
  return frame(fromTarget.notificationResponse, (body) => body.u32be(pid).cstring(channel).cstring(payload));
}

function writeFields(body: Writer, fields: NoticeFields): void {
  for (const [letter, value] of Object.entries(fields)) body.text(letter).cstring(value);
  body.u8(0);
}

export function readyForQuery(status: number): Uint8Array {
  return frame(fromTarget.readyForQuery, (body) => body.u8(status));
}

export function authentication(code: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return frame(fromTarget.authentication, (body) => body.u32be(code).raw(data));
}

export function parameterStatus(name: string, value: string): Uint8Array {
  return frame(fromTarget.parameterStatus, (body) => body.cstring(name).cstring(value));
}

export function backendKeyData(pid: number, secret: Uint8Array): Uint8Array {
  return frame(fromTarget.backendKeyData, (body) => body.u32be(pid).raw(secret));
}

/** Offers protocol 3.`minor` and names the options that were not understood. */
export function negotiateProtocolVersion(minor: number, options: readonly string[]): Uint8Array {
  return frame(fromTarget.negotiateProtocolVersion, (body) => {
    body.u32be((3 << 16) | minor).u32be(options.length);
    for (const option of options) body.cstring(option);
  });
}

export function query(text: string): Uint8Array {
  return frame(fromClient.query, (body) => body.cstring(text));
}

export function parse(statement: string, text: string): Uint8Array {
  return frame(fromClient.parse, (body) => body.cstring(statement).cstring(text).u16be(0));
}

/** Without parameters; results as text. */
export function bind(portal: string, statement: string): Uint8Array {
  return frame(fromClient.bind, (body) => body.cstring(portal).cstring(statement).u16be(0).u16be(0).u16be(0));
}

/** All rows. */
export function execute(portal: string): Uint8Array {
  return frame(fromClient.execute, (body) => body.cstring(portal).u32be(0));
}

export function closeNamed(kind: "S" | "P", name: string): Uint8Array {
  return frame(fromClient.close, (body) => body.text(kind).cstring(name));
}

export function describePortal(portal: string): Uint8Array {
  return frame(fromClient.describe, (body) => body.text("P").cstring(portal));
}

export const flush = frame(fromClient.flush, nothing);
export const terminate = frame(fromClient.terminate, nothing);

/** PasswordMessage, and the carrier of SASL answers. */
export function password(data: Uint8Array): Uint8Array {
  return frame(fromClient.password, (body) => body.raw(data));
}

export function saslInitialResponse(mechanism: string, data: Uint8Array): Uint8Array {
  return frame(fromClient.password, (body) => body.cstring(mechanism).u32be(data.length).raw(data));
}

const protocol30 = 3 << 16;
const sslRequestCode = 80_877_103;
const cancelRequestCode = 80_877_102;

export function startupMessage(parameters: Readonly<Record<string, string>>): Uint8Array {
  return packet((body) => {
    body.u32be(protocol30);
    for (const [name, value] of Object.entries(parameters)) body.cstring(name).cstring(value);
    body.u8(0);
  });
}

export const sslRequest = packet((body) => body.u32be(sslRequestCode));

export function cancelRequest(pid: number, secret: Uint8Array): Uint8Array {
  return packet((body) => body.u32be(cancelRequestCode).u32be(pid).raw(secret));
}

/** A packet without a type byte: what comes before start-up is over. */
function packet(fill: (body: Writer) => void): Uint8Array {
  const body = new Writer();
  body.u32be(0);
  fill(body);
  return body.patchU32be(0, body.at).finish();
}
