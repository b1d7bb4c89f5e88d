/** SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the client's part (RFC 5802, RFC 7677; channel binding: RFC 5929). */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);
const utf8 = new TextEncoder();

/** More would let a target keep this process busy for seconds. PostgreSQL's default is 4096. */
const iterationsMax = 1_000_000;

/** A SCRAM exchange that went wrong: what, for the log. It holds no secret. */
export class ScramError extends Error {}

export interface ScramOptions {
  readonly password: string;
  /** tls-server-end-point data; null where there is no TLS or the certificate has no hash to use. */
  readonly binding: Uint8Array | null;
  /** The mechanisms that the target offers. */
  readonly offered: readonly string[];
  /** Both for tests with published vectors: PostgreSQL takes the user from the start-up packet and ignores this one. */
  readonly user?: string;
  readonly nonce?: string;
}

export const scram = "SCRAM-SHA-256";
export const scramPlus = "SCRAM-SHA-256-PLUS";

export class ScramClient {
  readonly mechanism: string;
  readonly #gs2: string;
  readonly #nonce: string;
  readonly #firstBare: string;
  #serverSignature: Uint8Array | null = null;
  #verified = false;

  constructor(private readonly options: ScramOptions) {
    const { binding, offered } = options;
    const plus = binding !== null && offered.includes(scramPlus);
    if (!plus && !offered.includes(scram)) {
      throw new ScramError(`none of the offered mechanisms is known: ${offered.join(", ")}`);
    }
    this.mechanism = plus ? scramPlus : scram;
    // `y` says "I could bind, you did not offer it": an attacker who cut the offer is found out by it.
    this.#gs2 = plus ? "p=tls-server-end-point,," : binding !== null ? "y,," : "n,,";
    this.#nonce = options.nonce ?? randomBytes(18).toString("base64");
    this.#firstBare = `n=${options.user ?? ""},r=${this.#nonce}`;
  }

  /** True once the target proved that it knows the password too. */
  get verified(): boolean {
    return this.#verified;
  }

  first(): Uint8Array {
    return utf8.encode(this.#gs2 + this.#firstBare);
  }

  /** Answers the target's first message. Throws ScramError on nonsense. */
  async final(serverFirst: string): Promise<Uint8Array> {
    const match = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})$/.exec(serverFirst);
    const [, nonce, salt, count] = match ?? [];
    if (nonce === undefined || salt === undefined || count === undefined) {
      throw new ScramError("the target's first message is malformed");
    }
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ScramError("the target's nonce does not continue ours");
    }
    const iterations = Number(count);
    if (iterations > iterationsMax) throw new ScramError(`the target asks for ${iterations} iterations`);
    const salted = await derive(
      saslPrepared(this.options.password),
      Buffer.from(salt, "base64"),
      iterations,
      32,
      "sha256",
    );
    const binding = this.#gs2.startsWith("p") ? this.options.binding ?? new Uint8Array(0) : new Uint8Array(0);
    const bound = Buffer.concat([utf8.encode(this.#gs2), binding]).toString("base64");
    const withoutProof = `c=${bound},r=${nonce}`;
    const message = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, "Client Key");
    const signature = hmac(createHash("sha256").update(clientKey).digest(), message);
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
    this.#serverSignature = hmac(hmac(salted, "Server Key"), message);
    return utf8.encode(`${withoutProof},p=${Buffer.from(proof).toString("base64")}`);
  }

  /** Checks the target's last message. Throws ScramError where it does not know the password. */
  verify(serverFinal: string): void {
    const signature = /^v=([A-Za-z0-9+/=]+)/.exec(serverFinal)?.[1];
    const given = Buffer.from(signature ?? "", "base64");
    const expected = this.#serverSignature;
    if (expected === null || given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new ScramError("the target could not prove that it knows the password");
    }
    this.#verified = true;
  }
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}

/**
 * SASLprep (RFC 4013) as PostgreSQL uses it: spaces and invisible characters mapped, NFKC; a password with
 * prohibited characters counts as it is.
 */
export function saslPrepared(password: string): string {
  // deno-lint-ignore no-control-regex -- ASCII as a whole
  if (/^[\x00-\x7f]*$/.test(password)) return password;
  const mapped = password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, " ")
    .replace(/[\u00ad\u034f\u1806\u180b\u180c\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/g, "")
    .normalize("NFKC");
  return mapped === "" || /[\p{Cc}\p{Co}\p{Cs}\p{Cn}\u2028\u2029\ufff9-\uffff]/u.test(mapped)
    ? password
    : mapped;
}

/** Signature algorithms by the hex of their OID, and the hash that RFC 5929 (section 4.1) takes for them. */
const hashes: Readonly<Record<string, string>> = {
  "2a864886f70d010104": "sha256", // MD5 with RSA: replaced by SHA-256
  "2a864886f70d010105": "sha256", // SHA-1 with RSA: replaced by SHA-256
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a864886f70d01010e": "sha224",
  "2a8648ce3d0401": "sha256", // ECDSA with SHA-1: replaced by SHA-256
  "2a8648ce3d040301": "sha224",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

/**
 * tls-server-end-point: the hash of the target's certificate (DER). null for algorithms without a hash of
 * their own, like Ed25519, where nobody could agree on one: no channel binding then.
 */
export function endPointBinding(certificate: Uint8Array): Uint8Array | null {
  const algorithm = signatureAlgorithm(certificate);
  const hash = algorithm === null ? undefined : hashes[algorithm];
  return hash === undefined ? null : createHash(hash).update(certificate).digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate, SEQUENCE { OBJECT IDENTIFIER … } … } (RFC 5280, section 4.1). */
function signatureAlgorithm(der: Uint8Array): string | null {
  const outer = derElement(der, 0, 0x30);
  const tbs = outer === null ? null : derElement(der, outer.start, 0x30);
  const algorithm = tbs === null ? null : derElement(der, tbs.end, 0x30);
  const oid = algorithm === null ? null : derElement(der, algorithm.start, 0x06);
  return oid === null ? null : Buffer.from(der.subarray(oid.start, oid.end)).toString("hex");
}

function derElement(der: Uint8Array, at: number, tag: number): { start: number; end: number } | null {
  const short = der[at + 1];
  if (der[at] !== tag || short === undefined) return null;
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f;
  if (lengthBytes > 4) return null;
  let length = lengthBytes === 0 ? short : 0;
  for (let byte = 0; byte < lengthBytes; byte++) length = length * 256 + (der[at + 2 + byte] ?? 0);
  const start = at + 2 + lengthBytes;
  return start + length > der.length ? null : { start, end: start + length };
}
