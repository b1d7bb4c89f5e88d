/** What detectors must leave alone: values that only look like those of people. How many of each are taken for one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { detect, type DetectorKind } from "../../../policy/detect.ts";

const samples = 20_000;

/** Bytes that look random, and are the same at each run. */
const seeded = (n: number) => createHash("sha256").update(String(n)).digest();
const number = (n: number, below: number) => Number(seeded(n).readBigUInt64BE(8) % BigInt(below));
const digits = (n: number, length: number) =>
  BigInt(`0x${seeded(n).toString("hex")}`).toString().slice(5, 5 + length);
const two = (value: number) => String(value).padStart(2, "0");
const hex = (n: number, length: number) => seeded(n).toString("hex").slice(0, length);
/** With its check digit. */
const goods = (code: string) => {
  const sum = Array.from(code).reduce(
    (total, digit, at) => total + Number(digit) * (at % 2 === 0 ? 1 : 3),
    0,
  );
  return `${code}${(10 - sum % 10) % 10}`;
};
const moment = (n: number) => new Date(1_500_000_000_000 + number(n, 300_000_000_000));

/** Kinds of values that stand in databases everywhere; `often`: how many of a thousand may be taken for something. */
const benign: Readonly<Record<string, { of: (n: number) => string; often?: number }>> = {
  "ids in a row": { of: (n) => String(1_000_000 + n) },
  "ids of 64 bits": { of: (n) => digits(n, 19), often: 25 },
  "snowflake ids of 18 digits": {
    of: (n) => String(1_100_000_000_000_000_000n + BigInt(number(n, 2 ** 40)) * 4_194_304n).slice(0, 18),
    often: 25,
  },
  "seconds": { of: (n) => String(Math.floor(moment(n).getTime() / 1000)) },
  "milliseconds": { of: (n) => String(moment(n).getTime()) },
  "microseconds": { of: (n) => `${moment(n).getTime()}${digits(n, 3)}` },
  "nanoseconds": { of: (n) => `${moment(n).getTime()}${digits(n, 6)}` },
  "dates": { of: (n) => moment(n).toISOString().slice(0, 10) },
  "dates and times": { of: (n) => moment(n).toISOString() },
  "times of PostgreSQL": { of: (n) => moment(n).toISOString().replace("T", " ").replace("Z", "+00") },
  "times with microseconds": {
    of: (n) => `${moment(n).toISOString().slice(0, 19).replace("T", " ")}.${digits(n, 6)}`,
  },
  "times as digits": { of: (n) => moment(n).toISOString().replace(/\D/g, "") },
  "UUIDs": {
    of: (n) => seeded(n).toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5"),
  },
  "MD5": { of: (n) => hex(n, 32) },
  "SHA-256": { of: (n) => hex(n, 64) },
  "hashes in base64": { of: (n) => seeded(n).toString("base64") },
  "short hashes": { of: (n) => hex(n, 10) },
  "addresses of hosts": { of: (n) => [...seeded(n).subarray(0, 4)].join(".") },
  "networks": { of: (n) => `${[...seeded(n).subarray(0, 4)].join(".")}/${number(n, 33)}` },
  "addresses of version 6": { of: (n) => hex(n, 32).match(/.{4}/g)!.join(":") },
  "MAC addresses": { of: (n) => hex(n, 12).match(/../g)!.join(":") },
  "versions": {
    of: (n) => `${number(n, 20)}.${number(n + 1, 40)}.${number(n + 2, 400)}-${number(n + 3, 20)}`,
  },
  "versions of PostgreSQL": {
    of: (n) =>
      `PostgreSQL ${10 + number(n, 9)}.${number(n, 22)} (Debian ${number(n, 18)}.${
        number(n, 22)
      }-1.pgdg120+1) on x86_64-pc-linux-gnu`,
  },
  "transaction ids": { of: (n) => `${number(n, 2 ** 32)}:${number(n + 1, 2 ** 32)}:` },
  "log positions": { of: (n) => `${hex(n, 2)}/${hex(n, 8)}`.toUpperCase() },
  "OIDs and row ids": { of: (n) => `(${number(n, 100_000)},${number(n, 200)})` },
  "amounts": { of: (n) => `${number(n, 10 ** 9)}.${two(number(n, 100))}` },
  "amounts in groups": { of: (n) => number(n, 10 ** 12).toLocaleString("en") },
  "amounts in groups of spaces": { of: (n) => number(n, 10 ** 12).toLocaleString("en").replaceAll(",", " ") },
  "floating points": { of: (n) => String(number(n, 10 ** 15) / 10 ** number(n + 1, 14)), often: 1 },
  "coordinates": {
    of: (n) =>
      `${(number(n, 18_000_000) - 9_000_000) / 100_000},${
        (number(n + 1, 36_000_000) - 18_000_000) / 100_000
      }`,
  },
  "EAN-13": { of: (n) => goods(`4${digits(n, 11)}`) },
  "ISBN": { of: (n) => `978-${digits(n, 1)}-${digits(n, 4)}-${digits(n + 1, 4)}-${digits(n, 1)}` },
  "order numbers": { of: (n) => `ORD-${moment(n).getUTCFullYear()}-${digits(n, 6)}` },
  "part numbers": { of: (n) => `${digits(n, 3)}-${digits(n + 1, 4)}-${digits(n + 2, 2)}` },
  "codes of a bank's branch": { of: (n) => `${digits(n, 8)}` },
  "invoice lines": { of: (n) => `${number(n, 9) + 1} x ${digits(n, 7)} at ${number(n, 900)}.00` },
  "lists of numbers": { of: (n) => [...seeded(n).subarray(0, 8)].join(" ") },
  "arrays": { of: (n) => `{${[...seeded(n).subarray(0, 8)].join(",")}}` },
  "vectors": { of: (n) => `[${[...seeded(n).subarray(0, 6)].map((value) => value / 255).join(",")}]` },
  "numbers in hexadecimal": { of: (n) => `\\x${hex(n, 24)}` },
  "handles": { of: (n) => `@user${digits(n, 4)} wrote to @${hex(n, 6)}` },
  "remotes": { of: (n) => `git@host:team/repo-${digits(n, 3)}.git` },
  "packages": { of: (n) => `pkg@${number(n, 9)}.${number(n, 9)}.${number(n, 30)}` },
  "connection strings": { of: (n) => `postgres://app:***@db-${digits(n, 2)}:5432/shop` },
  "plans": {
    of: (n) =>
      `Seq Scan on orders  (cost=0.00..${number(n, 99_999)}.${two(number(n, 100))} rows=${
        number(n, 999_999)
      } width=${number(n, 99)})`,
  },
};

const kinds: readonly DetectorKind[] = ["card", "iban", "ssn", "email", "phone"];

for (const [what, { of, often = 0 }] of Object.entries(benign)) {
  Deno.test(`detectors leave alone: ${what}${often === 0 ? "" : `, but for ${often} in 1,000 at most`}`, () => {
    const found = new Map<DetectorKind, string[]>();
    for (let n = 0; n < samples; n++) {
      const text = of(n);
      for (const { kind } of detect(text)) found.set(kind, [...found.get(kind) ?? [], text]);
    }
    const total = kinds.reduce((sum, kind) => sum + (found.get(kind)?.length ?? 0), 0);
    const shown = [...found].map(([kind, texts]) =>
      `${kind}: ${texts.length}, as in ${texts.slice(0, 3).join(" | ")}`
    );
    if (Deno.env.get("ALARMS")) console.log(what, shown.join("; "));
    assert.ok(total <= often * samples / 1_000, shown.join("; "));
  });
}
