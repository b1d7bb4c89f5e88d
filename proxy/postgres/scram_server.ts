/** SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's part: for one-time passwords (RFC 5802, RFC 7677, RFC 5929). */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { PosternError } from "../../policy/errors.ts";
import { scram, scramPlus } from "./scram.ts";

export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface ScramServerOptions {
  readonly verifier: ScramVerifier;
  /** Hash of the listener's own certificate; null where the connection has no TLS, or the certificate no hash. */
  readonly binding: Uint8Array | null;
  /** For tests with published vectors. */
  readonly nonce?: string;
}

const malformed = (what: string) =>
  new PosternError("ProtocolViolation", `The client's SCRAM message is malformed: ${what}`);

export class ScramServer {
  readonly #nonce: string;
  #gs2 = "";
  #clientNonce = "";
  #messages = "";

  constructor(private readonly options: ScramServerOptions) {
    this.#nonce = options.nonce ?? randomBytes(18).toString("base64");
  }

  /** What is offered, strongest first. */
  get mechanisms(): readonly string[] {
    return this.options.binding === null ? [scram] : [scramPlus, scram];
  }

  /** client-first-message -> server-first-message. Throws ProtocolViolation, also for a downgrade. */
  first(mechanism: string, clientFirst: string): string {
    const { verifier, binding } = this.options;
    const match = /^(n|y|p=([A-Za-z0-9.-]+)),,(n=[^,]*,r=([!-+\--~]+))$/.exec(clientFirst);
    const [, flag, bindingName, bare, nonce] = match ?? [];
    if (flag === undefined || bare === undefined || nonce === undefined) throw malformed("client-first");
    if (!this.mechanisms.includes(mechanism)) throw malformed("a mechanism that was not offered");
    if ((mechanism === scramPlus) !== (bindingName !== undefined)) {
      throw malformed("mechanism and binding differ");
    }
    if (bindingName !== undefined && bindingName !== "tls-server-end-point") {
      throw malformed("an unknown channel binding");
    }
    // The client could bind and believes that it was not offered: somebody cut the offer.
    if (flag === "y" && binding !== null) {
      throw malformed("the offer of channel binding was taken away on the way");
    }
    this.#gs2 = `${flag},,`;
    this.#clientNonce = nonce;
    const salt = Buffer.from(verifier.salt).toString("base64");
    const serverFirst = `r=${nonce}${this.#nonce},s=${salt},i=${verifier.iterations}`;
    this.#messages = `${bare},${serverFirst}`;
    return serverFirst;
  }

  /** client-final-message -> server-final-message; null where the proof is wrong. Throws ProtocolViolation. */
  final(clientFinal: string): string | null {
    const match = /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)),p=([A-Za-z0-9+/=]+)$/.exec(clientFinal);
    const [, withoutProof, channel, nonce, proofText] = match ?? [];
    if (withoutProof === undefined || proofText === undefined) throw malformed("client-final");
    if (nonce !== this.#clientNonce + this.#nonce) throw malformed("another nonce");
    const { verifier, binding } = this.options;
    const bound = this.#gs2.startsWith("p") ? binding ?? new Uint8Array(0) : new Uint8Array(0);
    if (channel !== Buffer.concat([Buffer.from(this.#gs2), bound]).toString("base64")) {
      throw malformed("the channel binding is for another connection");
    }
    const message = `${this.#messages},${withoutProof}`;
    const signature = hmac(verifier.storedKey, message);
    const proof = Buffer.from(proofText, "base64");
    if (proof.length !== signature.length) return null;
    const clientKey = proof.map((byte, at) => byte ^ (signature[at] ?? 0));
    const storedKey = createHash("sha256").update(clientKey).digest();
    if (!timingSafeEqual(storedKey, verifier.storedKey)) return null;
    return `v=${hmac(verifier.serverKey, message).toString("base64")}`;
  }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
