/**
 * Proofs of a password, as the authentication plugins compute them. SHA-1 is what mysql_native_password is
 * made of; nothing of Postern's own rests on it.
 */
import { constants, createHash, publicEncrypt, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";

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
