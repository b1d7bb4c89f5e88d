/**
 * Proofs of a password, as the authentication plugins compute them. SHA-1 is what mysql_native_password is
 * made of; nothing of Postern's own rests on it.
 */
import {
  constants,
  createHash,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  timingSafeEqual,
} from "node:crypto";
import { Buffer } from "node:buffer";
import { promisify } from "node:util";

type Bytes = Uint8Array;

function digest(algorithm: "sha1" | "sha256", ...parts: Bytes[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function xor(one: Bytes, other: Bytes): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ other[index % other.length]!));
}

/** SHA1(password) XOR SHA1(scramble, SHA1(SHA1(password))): 20 bytes, none for an empty password. */
export function nativeProof(password: string, scramble: Bytes): Bytes {
  if (password === "") return new Uint8Array(0);
  const once = digest("sha1", Buffer.from(password));
  return xor(once, digest("sha1", scramble, digest("sha1", once)));
}

/** SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble): 32 bytes, none for an empty password. */
export function sha2Proof(password: string, scramble: Bytes): Bytes {
  if (password === "") return new Uint8Array(0);
  const once = digest("sha256", Buffer.from(password));
  return xor(once, digest("sha256", digest("sha256", once), scramble));
}

/** `twice` is SHA1(SHA1(password)). In constant time. */
export function nativeProofHolds(proof: Bytes, scramble: Bytes, twice: Bytes): boolean {
  if (proof.length !== 20 || twice.length !== 20) return false;
  const once = xor(proof, digest("sha1", scramble, twice));
  return timingSafeEqual(digest("sha1", once), twice);
}

/** `twice` is SHA256(SHA256(password)). In constant time. */
export function sha2ProofHolds(proof: Bytes, scramble: Bytes, twice: Bytes): boolean {
  if (proof.length !== 32 || twice.length !== 32) return false;
  const once = xor(proof, digest("sha256", twice, scramble));
  return timingSafeEqual(digest("sha256", once), twice);
}

/** The password, hidden by the scramble, under the target's RSA key (OAEP). `key` is PEM. Throws on a bad key. */
export function rsaSealed(password: string, scramble: Bytes, key: string): Bytes {
  const text = Buffer.concat([Buffer.from(password), Buffer.from([0])]);
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING }, xor(text, scramble));
}

const keyBits = 2048;
/** Bytes of what is sealed under such a key, whatever the password's length. */
export const sealedBytes = keyBits / 8;

/**
 * The key under which clients without TLS may send a password (caching_sha2_password's full authentication).
 * It is made when the first one asks, and ends with the process: nobody on the way can read a password later.
 */
export class PasswordKey {
  #pair: Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }> | null = null;

  #made() {
    return this.#pair ??= promisify(generateKeyPair)("rsa", { modulusLength: keyBits });
  }

  /** PEM, as clients expect it. */
  async publicPem(): Promise<string> {
    return (await this.#made()).publicKey.export({ type: "spki", format: "pem" }).toString();
  }

  /** What `rsaSealed` sealed, with its NUL; null where it was not sealed for this key. */
  async opened(sealed: Bytes, scramble: Bytes): Promise<Bytes | null> {
    const { privateKey: key } = await this.#made();
    try {
      return xor(privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING }, sealed), scramble);
    } catch {
      return null;
    }
  }
}
