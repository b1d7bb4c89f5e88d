/**
 * Frames of PostgreSQL's protocol 3: a type byte, then an Int32 length that counts itself but not the type,
 * big-endian; before start-up the length alone. Source: "Frontend/Backend Protocol", Message Formats.
 */
import { PosternError } from "../../policy/errors.ts";
import type { FrameShape } from "../wire/frame_buffer.ts";

const code = (letter: string): number => letter.charCodeAt(0);

/** What a client sends. */
export const fromClient = {
  bind: code("B"),
  close: code("C"),
  copyData: code("d"),
  copyDone: code("c"),
  copyFail: code("f"),
  describe: code("D"),
  execute: code("E"),
  flush: code("H"),
  functionCall: code("F"),
  parse: code("P"),
  password: code("p"),
  query: code("Q"),
  sync: code("S"),
  terminate: code("X"),
} as const;

/** What a target sends. */
export const fromTarget = {
  authentication: code("R"),
  backendKeyData: code("K"),
  bindComplete: code("2"),
  closeComplete: code("3"),
  commandComplete: code("C"),
  copyBothResponse: code("W"),
  copyData: code("d"),
  copyDone: code("c"),
  copyInResponse: code("G"),
  copyOutResponse: code("H"),
  dataRow: code("D"),
  emptyQueryResponse: code("I"),
  errorResponse: code("E"),
  functionCallResponse: code("V"),
  negotiateProtocolVersion: code("v"),
  noData: code("n"),
  noticeResponse: code("N"),
  notificationResponse: code("A"),
  parameterDescription: code("t"),
  parameterStatus: code("S"),
  parseComplete: code("1"),
  portalSuspended: code("s"),
  readyForQuery: code("Z"),
  rowDescription: code("T"),
} as const;

/** Transaction status in ReadyForQuery. */
export const idle = code("I");
export const inTransaction = code("T");
export const failedTransaction = code("E");

export const headerBytes = 5;

export const frameShape: FrameShape = {
  headerBytes,
  frameBytes(bytes, at) {
    const length = int32(bytes, at + 1);
    if (length < 4) {
      throw new PosternError("ProtocolViolation", `A message came with the impossible length ${length}`);
    }
    return length + 1;
  },
};

/** The first packets of a connection; nothing in them needs more than a few kilobytes. */
export const startupShape: FrameShape = {
  headerBytes: 4,
  frameBytes(bytes, at) {
    const length = int32(bytes, at);
    if (length < 8) {
      throw new PosternError("ProtocolViolation", "The start-up packet's length is impossible", {
        hint: "This port speaks the PostgreSQL protocol; check what the client is",
      });
    }
    return length;
  },
};

function int32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0);
}
