/** Random secrets, how they are kept, and how they are compared. */
import { Buffer } from "node:buffer";
import { createHash, randomBytes, randomInt, timingSafeEqual } from "node:crypto";

/** 256 bits, base64url: 43 characters. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

/** What is kept of a secret: enough to know it again, useless to whoever reads it. Hex. */
export const digestOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/** Letters and digits that nobody mistakes for each other, read aloud or in a poor font. */
const clearLetters = "BCDFGHJKMNPQRSTVWXZ";
const clearDigits = "23456789";

function pick(alphabet: string, count: number): string {
  return Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** Like `K7QP-42`, about 24 bits: to compare by eye, not to guess against. */
export const newCode = (): string => `${pick(clearLetters + clearDigits, 4)}-${pick(clearDigits, 2)}`;

/** 24 characters, 114 bits, that survive a double click, a shell and a URL. */
export const newPassword = (): string => pick((clearLetters + clearDigits).toLowerCase(), 24);

const suffixAlphabet = (clearLetters + clearDigits).toLowerCase();

/** What tells apart the user names of one-time passwords: eight letters and digits, no vowel, no 0 or 1. */
export const newSuffix = (): string => pick(suffixAlphabet, 8);

export const endsInSuffix = (name: string): boolean => suffixed.test(name);
const suffixed = new RegExp(`-[${suffixAlphabet}]{8}$`);

/** In time that depends on the lengths only. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
