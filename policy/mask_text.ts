/** A value's text -> its masked text, by kind of mask. */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { MaskKind } from "./types.ts";

const encoder = new TextEncoder();

/**
 * The key for one target's `hash` and `fake`: the same value looks alike within a target and unlike on another.
 * `secret` is Postern's own and never leaves it.
 */
export function maskKey(secret: Uint8Array, target: string): Uint8Array {
  return hmac(sha256, secret, encoder.encode(`postern mask\0${target}`));
}

/**
 * The masked form of a value that is not NULL, or null for SQL NULL. Linear in the text; never throws. A kind
 * that does not fit the value (`bucket` of a text) gives null.
 */
export function maskText(mask: MaskKind, text: string, key: Uint8Array): string | null {
  switch (mask.kind) {
    case "null":
      return null;
    case "fixed":
      return mask.text;
    case "partial":
      return partial(text, mask.keepFirst, mask.keepLast);
    case "hash":
      return hashText(text, key);
    case "bucket":
      return dateBucket(text, mask.size, mask.unit ?? "year") ?? numberBucket(text, mask.size);
    case "fake":
      return fake(text, key);
    default:
      return unknownKind(mask);
  }
}

/** The hash that a `hash` mask shows the beginning of. */
export interface KeyedHash {
  /** HMAC-SHA-256 of the text's UTF-8 bytes. What it gave counts until it is called again. */
  readonly digest: (text: Uint8Array) => Uint8Array;
  /** So many of its bytes are shown, in hexadecimal. */
  readonly shownBytes: number;
}

const shownBytes = 8;
const hashes = new WeakMap<Uint8Array, KeyedHash>();

/** The key is taken in once, not for every value: a result may have millions of them. */
export function keyedHash(key: Uint8Array): KeyedHash {
  let known = hashes.get(key);
  if (known === undefined) {
    const begun = hmac.create(sha256, key).update(encoder.encode("hash\0"));
    const out = new Uint8Array(32);
    const scratch = begun.clone();
    const digest = (text: Uint8Array) => {
      begun._cloneInto(scratch).update(text).digestInto(out);
      return out;
    };
    hashes.set(key, known = { digest, shownBytes });
  }
  return known;
}

function hashText(text: string, key: Uint8Array): string {
  const hash = keyedHash(key).digest(encoder.encode(text));
  return Buffer.from(hash.buffer, hash.byteOffset, shownBytes).toString("hex");
}

/** A kind that the type does not know can only come from outside; nothing of the value is shown then. */
function unknownKind(_mask: never): null {
  return null;
}

/** Kept as they are, since they group a value rather than say something: 078-05-1120, +49 (30) 123. */
const format: ReadonlySet<string> = new Set(["-", " ", ".", "/", "(", ")"]);

/** Counts what is no format character, by code point. A value that would be kept whole is masked whole. */
function partial(text: string, keepFirst: number, keepLast: number): string {
  const chars = Array.from(text);
  const significant = chars.reduce((count, char) => format.has(char) ? count : count + 1, 0);
  if (significant === 0) return "*".repeat(chars.length);
  const first = wholeNumber(keepFirst);
  const last = wholeNumber(keepLast);
  const keeps = first + last < significant;
  let seen = 0;
  return chars.map((char) => {
    if (format.has(char)) return char;
    seen++;
    return keeps && (seen <= first || seen > significant - last) ? char : "*";
  }).join("");
}

function wholeNumber(count: number): number {
  return Number.isFinite(count) ? Math.max(0, Math.floor(count)) : 0;
}

const decimal = /^([+-]?)(\d{1,400})(?:\.(\d{1,400}))?$/;

/** The multiple of `size` at or below the number, exactly, by integers scaled to the digits of both. */
function numberBucket(text: string, size: number): string | null {
  const number = decimal.exec(text.trim());
  const step = decimal.exec(plainDecimal(size));
  if (number === null || step === null) return null;
  const digits = Math.max(number[3]?.length ?? 0, step[3]?.length ?? 0);
  const scaled = (match: RegExpExecArray) =>
    BigInt((match[2] ?? "") + (match[3] ?? "").padEnd(digits, "0")) * (match[1] === "-" ? -1n : 1n);
  const value = scaled(number);
  const width = scaled(step);
  if (width <= 0n) return null;
  const rest = ((value % width) + width) % width;
  const low = value - rest;
  const magnitude = (low < 0n ? -low : low).toString().padStart(digits + 1, "0");
  const whole = magnitude.slice(0, magnitude.length - digits);
  const fraction = magnitude.slice(magnitude.length - digits).replace(/0+$/, "");
  return `${low < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Without an exponent, which String() uses from 1e21 and below 1e-6. */
function plainDecimal(size: number): string {
  return size >= 1e-6 && size < 1e21 ? String(size) : "";
}

const isoDate =
  /^(\d{4})-(\d{2})-(\d{2})(?:([ T])\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?( ?(?:Z|[+-]\d{2}(?::?\d{2}){0,2}))?)?$/;
const dayMs = 86_400_000;

/** The first day of the bucket; a time becomes midnight and its zone stays, so that the type still fits. */
function dateBucket(text: string, size: number, unit: "day" | "month" | "year"): string | null {
  const match = isoDate.exec(text.trim());
  if (match === null) return null;
  const [, year = "", month = "", day = "", separator, zone = ""] = match;
  const date = validDate(Number(year), Number(month), Number(day));
  if (date === null) return null;
  const width = unit === "year" && size > 9999 ? 9999 : Math.max(1, Math.floor(size) || 1);
  let low: Date | null;
  if (unit === "year") low = validDate(Math.max(1, floorTo(date.getUTCFullYear(), width)), 1, 1);
  else if (unit === "month") {
    const months = floorTo(date.getUTCFullYear() * 12 + date.getUTCMonth(), width);
    low = validDate(Math.max(1, Math.floor(months / 12)), (months % 12) + 1, 1);
  } else low = new Date(Math.max(firstDay, floorTo(date.getTime() / dayMs, width) * dayMs));
  if (low === null) return null;
  const shown = low.toISOString().slice(0, 10);
  return separator === undefined ? shown : `${shown}${separator}00:00:00${zone}`;
}

const firstDay = Date.parse("0001-01-01T00:00:00Z");

function floorTo(value: number, width: number): number {
  return Math.floor(value / width) * width;
}

function validDate(year: number, month: number, day: number): Date | null {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const same = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day;
  return same && year >= 1 ? date : null;
}

/** Digits for digits, letters for letters of the same case; the rest stays. A date becomes another valid date. */
function fake(text: string, key: Uint8Array): string {
  const random = stream(text, key);
  const date = isoDate.exec(text.trim());
  if (date !== null) {
    const two = (value: number) => String(value).padStart(2, "0");
    const shown = `${1950 + random(60)}-${two(1 + random(12))}-${two(1 + random(28))}`;
    return date[4] === undefined ? shown : `${shown}${date[4]}00:00:00${date[5] ?? ""}`;
  }
  let started = false;
  return Array.from(text, (char) => {
    if (format.has(char) || char === "@" || char === "+") return char;
    if (/\p{N}/u.test(char)) {
      // No leading zero that was not there, so that a number stays one of the same length.
      const shown = started || char === "0" ? random(10) : 1 + random(9);
      started = true;
      return String(shown);
    }
    started = true;
    if (/\p{Lu}/u.test(char)) return String.fromCharCode(65 + random(26));
    return /[\p{L}\p{M}]/u.test(char) ? String.fromCharCode(97 + random(26)) : "*";
  }).join("");
}

/** Numbers below `limit` (at most 100) drawn from the value's keyed hash, block by block. */
function stream(text: string, key: Uint8Array): (limit: number) => number {
  const seed = hmac(sha256, key, encoder.encode(`fake\0${text}`));
  let block = 0;
  let bytes: Uint8Array = new Uint8Array(0);
  let at = 0;
  return (limit) => {
    if (at + 2 > bytes.length) {
      bytes = hmac(sha256, seed, encoder.encode(`${block++}`));
      at = 0;
    }
    const value = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    at += 2;
    return value % limit;
  };
}
