/** A connection to a target, from dialling to its first ReadyForQuery. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { PosternError } from "../../policy/errors.ts";
import type { Target } from "../../policy/types.ts";
import { dial } from "../dial.ts";
import type { Stream } from "../protocol.ts";
import { connectTls } from "../tls.ts";
import { HandshakeReader } from "../wire/handshake_reader.ts";
import { Reader } from "../wire/reader.ts";
import { decodeParameterStatus } from "./decode.ts";
import { sslRequest, startupMessage } from "./encode.ts";
import { frameShape, fromTarget, headerBytes } from "./frames.ts";
import { alpn } from "./negotiate.ts";
import { failure, logIn, nextOf } from "./target_login.ts";

export interface TargetLink {
  readonly stream: Stream;
  /** Reads until whoever takes over releases it. */
  readonly reader: HandshakeReader;
  /** ParameterStatus as reported so far. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The backend's own, for CancelRequest. */
  readonly pid: number;
  readonly secret: Uint8Array;
}

export interface TargetOptions {
  readonly timeoutMs: number;
  /** Largest message that is read while `reader` reads. */
  readonly frameBytesMax: number;
  /** StartupMessage's parameters besides user and database. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Gives up early. */
  readonly signal?: AbortSignal;
}

/** Rejects with TargetUnavailable, or with the signal's reason; nothing stays open then. */
export async function connectTarget(
  target: Target,
  database: string,
  options: TargetOptions,
): Promise<TargetLink> {
  const socket = await dial(target, options.timeoutMs);
  let current: Stream = socket;
  let reader: HandshakeReader | null = null;
  const abandon = (reason: unknown): void => {
    reader?.fail(reason);
    current.destroy();
    socket.destroy();
  };
  const onAbort = () => abandon(options.signal?.reason);
  const timer = setTimeout(
    () => abandon(failure(target, "did not answer in time", "deadline")),
    options.timeoutMs,
  );
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    options.signal?.throwIfAborted();
    const upgraded = await encrypt(socket, target, options.timeoutMs);
    current = upgraded ?? socket;
    current.on("error", () => {});
    reader = new HandshakeReader(current, frameShape, options.frameBytesMax);
    current.write(startupMessage({ ...options.parameters, user: target.account.user, database }));
    await logIn(reader, target, upgraded);
    return { stream: current, reader, ...await untilReady(reader, target) };
  } catch (error) {
    current.destroy();
    socket.destroy();
    if (options.signal?.aborted === true) throw options.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * Asks the target for TLS where the config wants it; null where the connection stays plain. A connection for
 * a CancelRequest takes the same way.
 */
export async function encrypt(socket: Socket, target: Target, timeoutMs: number): Promise<TLSSocket | null> {
  const { mode, direct } = target.tls;
  if (mode === "disable") return null;
  if (direct === true) return await encryptAtOnce(socket, target, timeoutMs);
  const answer = await askForTls(socket, target);
  if (answer === 0x53) return await connectTls(socket, target, { alpn: [], timeoutMs });
  if (answer !== 0x4e) throw failure(target, "did not answer the request for TLS", `byte ${answer}`);
  if (mode === "prefer") return null;
  throw failure(target, `does not offer TLS, which its mode "${mode}" wants`, "answer N");
}

/** PostgreSQL 17 and newer. Without ALPN's word another protocol could be at the other end (ALPACA). */
async function encryptAtOnce(socket: Socket, target: Target, timeoutMs: number): Promise<TLSSocket> {
  const upgraded = await connectTls(socket, target, { alpn: [alpn], timeoutMs });
  if (upgraded.alpnProtocol === alpn) return upgraded;
  upgraded.destroy();
  throw failure(target, "does not agree to TLS from the first byte (tls.direct)", "no ALPN");
}

/** The one byte that answers an SSLRequest. More than one would have been sent by somebody in between (CVE-2021-23222). */
function askForTls(socket: Socket, target: Target): Promise<number> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(failure(target, "closed the connection", "during SSLRequest"));
    socket.once("close", closed);
    socket.once("data", (chunk: Uint8Array) => {
      socket.removeListener("close", closed);
      socket.pause();
      const answer = chunk[0];
      if (answer === undefined || chunk.length !== 1) {
        reject(failure(target, "did not answer the request for TLS", `${chunk.length} bytes`));
      } else resolve(answer);
    });
    socket.write(sslRequest);
  });
}

async function untilReady(reader: HandshakeReader, target: Target) {
  const parameters = new Map<string, string>();
  let pid = 0;
  let secret: Uint8Array = new Uint8Array(0);
  for (;;) {
    const frame = await nextOf(reader, target);
    switch (frame[0]) {
      case fromTarget.parameterStatus: {
        const { name, value } = decodeParameterStatus(frame);
        parameters.set(name, value);
        break;
      }
      case fromTarget.backendKeyData: {
        const body = new Reader(frame, "a BackendKeyData message", headerBytes);
        pid = body.u32be();
        secret = body.rest().slice();
        break;
      }
      case fromTarget.readyForQuery:
        return { parameters, pid, secret };
      default:
        throw new PosternError(
          "TargetUnavailable",
          `The target "${target.name}" did not speak the protocol`,
          {
            cause: `message type ${frame[0]} before ReadyForQuery`,
          },
        );
    }
  }
}
