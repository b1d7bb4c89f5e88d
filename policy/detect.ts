/**
 * Finds values in text that no rule named: card numbers, IBANs, US social security numbers, e-mail addresses
 * and phone numbers. Candidates come from single passes over the text and have bounded length; what a candidate
 * is, check digits and well-kept libraries say. Linear in the text.
 */
import { type CountryCode, isValidPhoneNumber } from "libphonenumber-js";
import isEmailUntyped from "validator/lib/isEmail.js";
import isIbanUntyped from "validator/lib/isIBAN.js";
import isLuhnUntyped from "validator/lib/isLuhnNumber.js";
import { isIssued } from "./card_issuers.ts";
import { maskText } from "./mask_text.ts";

const isEmail: (text: string) => boolean = isEmailUntyped.default;
const isIban: (text: string) => boolean = isIbanUntyped.default;
const isLuhn: (text: string) => boolean = isLuhnUntyped.default;

export type DetectorKind = "card" | "iban" | "ssn" | "email" | "phone";

/** UTF-16 offsets into the text, `end` not included. */
export interface Hit {
  readonly kind: DetectorKind;
  readonly start: number;
  readonly end: number;
}

export interface DetectOptions {
  /** Where numbers without a `+` are dialled; without it only international ones are found. */
  readonly country?: CountryCode;
}

/** In order of their place; those that overlap become one, of the kind named first above. */
export function detect(text: string, options: DetectOptions = {}): Hit[] {
  const groups = digitGroups(text);
  return merged([
    cards(text, groups),
    ibans(text),
    socials(text, groups),
    emails(text),
    phones(text, groups, options.country),
  ].flat());
}

/** The text with every hit masked; of a card number the last four digits stay. */
export function maskDetected(text: string, options: DetectOptions = {}): string {
  return maskHits(text, detect(text, options));
}

/** `hits` in order and apart, as detect() gives them. */
export function maskHits(text: string, hits: readonly Hit[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const { kind, start, end } of hits) {
    const mask = { kind: "partial", keepFirst: 0, keepLast: kind === "card" ? 4 : 0 } as const;
    parts.push(text.slice(from, start), maskText(mask, text.slice(start, end), noKey) ?? "");
    from = end;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

/** Partial masks use no key. */
const noKey = new Uint8Array(0);

/** A run of ASCII digits. */
interface Group {
  readonly start: number;
  readonly end: number;
}

function digitGroups(text: string): Group[] {
  return Array.from(text.matchAll(/\d+/g), ({ index, 0: digits }) => ({
    start: index,
    end: index + digits.length,
  }));
}

function isWordChar(char: string): boolean {
  return /[\p{L}\p{N}_]/u.test(char);
}

function standsAlone(text: string, start: number, end: number): boolean {
  return !isWordChar(text.charAt(start - 1)) && !isWordChar(text.charAt(end));
}

const digitsOf = (text: string): string => text.replace(/\D/g, "");

/**
 * Runs of groups from `first` whose gaps `joins` accepts and whose digits number `min` to `max`, longest first.
 * Each is bounded by `max`, so that all of them together are linear in the text.
 */
function windows(
  text: string,
  groups: readonly Group[],
  first: number,
  { min, max, joins }: { min: number; max: number; joins: (gap: string) => boolean },
): { end: number; last: number }[] {
  const found: { end: number; last: number }[] = [];
  let digits = 0;
  for (let last = first; last < groups.length; last++) {
    const group = groups[last];
    const before = groups[last - 1];
    if (group === undefined) break;
    if (last > first && before !== undefined && !joins(text.slice(before.end, group.start))) break;
    digits += group.end - group.start;
    if (digits > max) break;
    if (digits >= min) found.unshift({ end: group.end, last });
  }
  return found;
}

/** As people write them: in one, in fours, in halves, or 4-6-5 and 4-6-4; lists of numbers look otherwise. */
const cardShape =
  /^(?:\d{13,19}|\d{4}([ .\-\u00a0])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ .\-\u00a0])\d{6}\2\d{4,5}|\d{8}([ .\-\u00a0])\d{8})$/;
const cardGap = (gap: string): boolean => gap === " " || gap === "-" || gap === "." || gap === "\u00a0";

function cards(text: string, groups: readonly Group[]): Hit[] {
  const hits: Hit[] = [];
  for (let first = 0; first < groups.length; first++) {
    const group = groups[first];
    if (group === undefined || group.end - group.start < 4) continue;
    const { start } = group;
    for (const { end, last } of windows(text, groups, first, { min: 13, max: 19, joins: cardGap })) {
      const written = text.slice(start, end);
      const digits = digitsOf(written);
      if (!cardShape.test(written) || !isIssued(digits) || !standsAlone(text, start, end)) continue;
      if (isFraction(text, start, end) || !isLuhn(digits)) continue;
      hits.push({ kind: "card", start, end });
      first = last;
      break;
    }
  }
  return hits;
}

/** A part of a decimal number. */
function isFraction(text: string, start: number, end: number): boolean {
  return /\d\.$/.test(text.slice(Math.max(0, start - 2), start)) || /^\.\d/.test(text.slice(end, end + 2));
}

/** Two letters and two digits, then up to 30 letters and digits, in groups parted by single blanks. */
const ibanCandidate = /(?<![\p{L}\p{N}_])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}/gu;

function ibans(text: string): Hit[] {
  const hits: Hit[] = [];
  for (const { index: start, 0: candidate } of text.matchAll(ibanCandidate)) {
    // A following word may have been taken for a group: shorten it by its end until one fits.
    for (let length = candidate.length; length >= 15; length--) {
      const end = start + length;
      if (isWordChar(text.charAt(end)) || !isWordChar(text.charAt(end - 1))) continue;
      if (!isIban(candidate.slice(0, length).replaceAll(" ", ""))) continue;
      hits.push({ kind: "iban", start, end });
      break;
    }
  }
  return hits;
}

function socials(text: string, groups: readonly Group[]): Hit[] {
  const hits: Hit[] = [];
  for (let first = 0; first + 2 < groups.length; first++) {
    const [area, group, serial] = groups.slice(first, first + 3);
    if (area === undefined || group === undefined || serial === undefined) break;
    if (serial.end - area.start !== 11 || !standsAlone(text, area.start, serial.end)) continue;
    if (!/^(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}$/.test(text.slice(area.start, serial.end))) {
      continue;
    }
    hits.push({ kind: "ssn", start: area.start, end: serial.end });
  }
  return hits;
}

const localLengthMax = 64;
const domainLengthMax = 254;

const localChar = charTable("!#$%*+-.^_{|}~");
const domainChar = charTable("-.");

/** By UTF-16 unit: letters, digits and `others` of ASCII, and everything beyond it. */
function charTable(others: string): (unit: number) => boolean {
  const table = Array.from({ length: 128 }, (_, unit) => {
    const char = String.fromCharCode(unit);
    return /[A-Za-z0-9]/.test(char) || others.includes(char);
  });
  return (unit) => table[unit] ?? unit > 0x7f;
}

function emails(text: string): Hit[] {
  const hits: Hit[] = [];
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    let start = at;
    while (start > 0 && at - start < localLengthMax && localChar(text.charCodeAt(start - 1))) start--;
    let end = at + 1;
    while (end < text.length && end - at <= domainLengthMax && domainChar(text.charCodeAt(end))) end++;
    while (end > at + 1 && /[.-]/.test(text.charAt(end - 1))) end--;
    // Marks that stand before an address rather than in it.
    while (start < at && !isWordChar(text.charAt(start))) start++;
    if (start === at || !text.slice(at, end).includes(".") || !isEmail(text.slice(start, end))) continue;
    hits.push({ kind: "email", start, end });
  }
  return hits;
}

/** After that many checks by the library, what has the form of a phone number counts as one. */
const phoneChecksMax = 200;
const phoneGap = (gap: string): boolean => gap.length <= 3 && /^[ ().\-/\u00a0]+$/.test(gap);

function phones(text: string, groups: readonly Group[], country: CountryCode | undefined): Hit[] {
  const hits: Hit[] = [];
  let checks = 0;
  for (let first = 0; first < groups.length; first++) {
    const group = groups[first];
    if (group === undefined) break;
    const start = phoneStart(text, group.start);
    const international = text.charAt(start) === "+" || isDialledAbroad(text, group);
    if (!international && country === undefined) continue;
    for (const { end, last } of windows(text, groups, first, { min: 7, max: 17, joins: phoneGap })) {
      if (!standsAlone(text, start, end)) continue;
      const shown = text.slice(start, end);
      const dialled = shown.startsWith("00") ? `+${shown.slice(2)}` : shown;
      if (checks++ < phoneChecksMax && !isValidPhoneNumber(dialled, country)) continue;
      hits.push({ kind: "phone", start, end });
      first = last;
      break;
    }
  }
  return hits;
}

/** `0049…`, `00 49…`, `001…`; not within a decimal, a time, a longer code or a list of numbers. */
function isDialledAbroad(text: string, { start, end }: Group): boolean {
  const digits = text.slice(start, end);
  if (!/^00(?:$|[17]$|[1-9]\d)/.test(digits)) return false;
  return !/\d[.:]$|[\p{L}\p{N}]-$|\d[ \u00a0]$/u.test(text.slice(Math.max(0, start - 2), start));
}

/** A `+` or `(` right before the first digit belongs to the number. */
function phoneStart(text: string, digit: number): number {
  let start = digit;
  if (text.charAt(start - 1) === "(") start--;
  if (text.charAt(start - 1) === "+") start--;
  return start;
}

function merged(found: readonly Hit[]): Hit[] {
  const rank: readonly DetectorKind[] = ["card", "iban", "ssn", "email", "phone"];
  const kept: Hit[] = [];
  for (const hit of found.toSorted((one, other) => one.start - other.start)) {
    const before = kept.at(-1);
    if (before === undefined || hit.start >= before.end) {
      kept.push(hit);
      continue;
    }
    const kind = rank.indexOf(hit.kind) < rank.indexOf(before.kind) ? hit.kind : before.kind;
    kept[kept.length - 1] = { kind, start: before.start, end: Math.max(before.end, hit.end) };
  }
  return kept;
}
