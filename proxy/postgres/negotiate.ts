/** From an accepted socket to a client's StartupMessage: encryption, cancel requests, health checks. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { PosternError } from "../../policy/errors.ts";
import type { ConnectionDeps, Stream } from "../protocol.ts";
import { acceptTls } from "../tls.ts";
import { HandshakeReader } from "../wire/handshake_reader.ts";
import { frameShape, startupShape } from "./frames.ts";
import { decodeFirstPacket, type FirstPacket, type Startup } from "./startup.ts";

export const alpn = "postgresql";

/** What the client turned out to want. */
export type Negotiated =
  | { readonly kind: "startup"; readonly startup: Startup }
  | { readonly kind: "cancel"; readonly pid: number; readonly secret: Uint8Array }
  /** It went without a word, as health checks and port scans do. */
  | { readonly kind: "gone" };

/** First record of a TLS handshake: a client that does not ask first (`sslnegotiation=direct`). */
const tlsHandshakeByte = 0x16;
const answers = { yes: new Uint8Array([0x53]), no: new Uint8Array([0x4e]) };

/**
 * Reads a client's first packets. `reader` is always the current one, also where it throws, so that the
 * caller can tell the client why.
 */
export class Negotiation {
  reader: HandshakeReader;
  /** TLS version, null for plain text. */
  tls: string | null = null;
  /** The client has said something: it is no port scan. */
  heard = false;
  #sslAsked = false;
  #gssAsked = false;
  #failure: unknown = null;

  constructor(readonly client: Socket, private readonly deps: ConnectionDeps) {
    this.reader = new HandshakeReader(client, startupShape, deps.limits.startupFrameBytesMax);
  }

  get stream(): Stream {
    return this.reader.stream;
  }

  /** Makes it fail now: the deadline, or Postern stops. */
  fail(error: PosternError): void {
    this.#failure ??= error;
    this.reader.fail(error);
  }

  async run(): Promise<Negotiated> {
    const first = await this.reader.firstByte();
    if (first === null) return { kind: "gone" };
    this.heard = true;
    if (first === tlsHandshakeByte) await this.#direct();
    for (;;) {
      const packet = await this.reader.next();
      if (packet === null) return { kind: "gone" };
      const decoded = decodeFirstPacket(packet);
      if (decoded.kind === "ssl" || decoded.kind === "gss") {
        await this.#answer(decoded);
        continue;
      }
      if (decoded.kind === "startup") this.reader.reshape(frameShape);
      return decoded.kind === "startup" ? { kind: "startup", startup: decoded } : decoded;
    }
  }

  async #direct(): Promise<void> {
    if (this.deps.tls === null) {
      throw new PosternError(
        "ProtocolViolation",
        "The client started TLS, which this listener does not offer",
      );
    }
    const early = this.reader.release();
    this.client.unshift(early);
    const upgraded = await this.#upgrade();
    // Without it another protocol's TLS traffic could be turned here (PostgreSQL 17 release notes, ALPACA).
    if (upgraded.alpnProtocol !== alpn) {
      throw new PosternError(
        "ProtocolViolation",
        `The client started TLS directly without the ALPN protocol "${alpn}"`,
        { hint: "Use sslnegotiation=postgres, or a client that sends ALPN" },
      );
    }
  }

  async #answer(request: FirstPacket & { kind: "ssl" | "gss" }): Promise<void> {
    // Bytes behind the request came before anybody was authenticated to anybody (CVE-2021-3935, CVE-2021-23214).
    if (this.reader.buffered > 0) {
      throw new PosternError("ProtocolViolation", "The client sent data behind its request for encryption");
    }
    const again = request.kind === "ssl" ? this.#sslAsked || this.tls !== null : this.#gssAsked;
    if (again || this.tls !== null) {
      throw new PosternError("ProtocolViolation", "The client asked for encryption again");
    }
    if (request.kind === "gss") {
      this.#gssAsked = true;
      this.client.write(answers.no);
      return;
    }
    this.#sslAsked = true;
    if (this.deps.tls === null) {
      this.client.write(answers.no);
      return;
    }
    this.reader.release();
    this.client.write(answers.yes);
    await this.#upgrade();
  }

  async #upgrade(): Promise<TLSSocket> {
    const { tls, limits } = this.deps;
    if (tls === null) throw new PosternError("Internal", "No certificate to upgrade with");
    const upgraded = await acceptTls(this.client, tls, { alpn: [alpn], timeoutMs: limits.startupTimeoutMs });
    upgraded.on("error", () => {});
    this.reader = new HandshakeReader(upgraded, startupShape, limits.startupFrameBytesMax);
    this.tls = upgraded.getProtocol() ?? "TLS";
    if (this.#failure !== null) this.reader.fail(this.#failure);
    return upgraded;
  }
}
