/**
 * What is kept of a one-time password, so that a client can prove that it knows it without sending it:
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), and the two challenge answers that hash twice (by SHA-1, and by
 * SHA-256). None of it can be turned back into the password.
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { sameBytes } from "./secrets.ts";

export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface PasswordVerifiers {
  readonly scram: ScramVerifier;
  /** SHA-1 of SHA-1 of the password, 20 bytes. */
  readonly doubleSha1: Uint8Array;
  /** SHA-256 of SHA-256 of the password, 32 bytes. */
  readonly doubleSha256: Uint8Array;
}

/** The least that RFC 7677 allows; the passwords are random, so nothing is gained by more. */
export const scramIterations = 4096;

const hash = (name: "sha1" | "sha256", ...parts: readonly Uint8Array[]): Buffer =>
  createHash(name).update(Buffer.concat(parts)).digest();

export function verifiersOf(password: string, salt: Uint8Array = randomBytes(16)): PasswordVerifiers {
  const salted = pbkdf2Sync(password, salt, scramIterations, 32, "sha256");
  const key = (label: string) => createHmac("sha256", salted).update(label).digest();
  const text = Buffer.from(password);
  return {
    scram: {
      salt,
      iterations: scramIterations,
      storedKey: hash("sha256", key("Client Key")),
      serverKey: key("Server Key"),
    },
    doubleSha1: hash("sha1", hash("sha1", text)),
    doubleSha256: hash("sha256", hash("sha256", text)),
  };
}

const xor = (one: Uint8Array, other: Uint8Array): Buffer =>
  Buffer.from(one.map((byte, at) => byte ^ (other[at] as number)));

/** `answer` = SHA1(password) XOR SHA1(challenge + stored), 20 bytes. False for any other length. */
export function provesSha1(stored: Uint8Array, challenge: Uint8Array, answer: Uint8Array): boolean {
  if (answer.length !== 20) return false;
  return sameBytes(hash("sha1", xor(answer, hash("sha1", challenge, stored))), stored);
}

/** `answer` = SHA256(password) XOR SHA256(stored + challenge), 32 bytes. False for any other length. */
export function provesSha256(stored: Uint8Array, challenge: Uint8Array, answer: Uint8Array): boolean {
  if (answer.length !== 32) return false;
  return sameBytes(hash("sha256", xor(answer, hash("sha256", stored, challenge))), stored);
}

/** The password itself, sent in the clear (over TLS). */
export function provesPassword({ scram }: PasswordVerifiers, password: string): boolean {
  return sameBytes(verifiersOf(password, scram.salt).scram.storedKey, scram.storedKey);
}
