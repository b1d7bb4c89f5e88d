import assert from "node:assert/strict";
import fc from "fast-check";
import { compileMasks, maskKey, maskLookup, type MaskSetting, maskText } from "../../../policy/masking.ts";
import type { MaskKind } from "../../../policy/types.ts";

const key: Uint8Array = new Uint8Array(32).fill(7);
const partial = (keepFirst: number, keepLast: number): MaskKind => ({ kind: "partial", keepFirst, keepLast });
const bucket = (size: number, unit?: "day" | "month" | "year"): MaskKind =>
  unit === undefined ? { kind: "bucket", size } : { kind: "bucket", size, unit };

const cases: readonly [mask: MaskKind, text: string, expected: string | null][] = [
  [{ kind: "null" }, "x", null],
  [{ kind: "fixed", text: "hidden" }, "x", "hidden"],
  [{ kind: "fixed", text: "" }, "x", ""],

  [partial(0, 4), "078-05-1120", "***-**-1120"],
  [partial(0, 4), "4111 1111 1111 1111", "**** **** **** 1111"],
  [partial(0, 4), "4111111111111111", "************1111"],
  [partial(3, 2), "+49 (30) 901820", "+49 (**) ****20"],
  [partial(1, 0), "Ann", "A**"],
  [partial(0, 4), "1120", "****"],
  [partial(0, 4), "-1120", "-****"],
  [partial(2, 2), "abcd", "****"],
  [partial(2, 2), "abcde", "ab*de"],
  [partial(9, 9), "abc", "***"],
  [partial(0, 0), "abc", "***"],
  [partial(-3, NaN), "abc", "***"],
  [partial(0, 2), "", ""],
  [partial(0, 2), "- ./", "****"],
  [partial(1, 1), "a\u{1f600}\u{1f600}b", "a**b"],
  [partial(0, 1), "\u{1f600}\u{1f601}", "*\u{1f601}"],
  [partial(0, 1), "a\nb", "**b"],

  [bucket(10), "47", "40"],
  [bucket(10), "-1", "-10"],
  [bucket(10), "-0.5", "-10"],
  [bucket(10), "0", "0"],
  [bucket(10), "9.99", "0"],
  [bucket(0.5), "3.14", "3"],
  [bucket(0.25), "3.14", "3"],
  [bucket(0.25), "3.80", "3.75"],
  [bucket(1000), "12345678901234567890123.45", "12345678901234567890000"],
  [bucket(1e21), "5", null],
  [bucket(0), "5", null],
  [bucket(-5), "5", null],
  [bucket(NaN), "5", null],
  [bucket(10), "1e5", null],
  [bucket(10), "NaN", null],
  [bucket(10), "Ann", null],
  [bucket(10), "", null],
  [bucket(10), "1".repeat(401), null],

  [bucket(1), "1984-05-17", "1984-01-01"],
  [bucket(10), "1984-05-17", "1980-01-01"],
  [bucket(1, "month"), "1984-05-17", "1984-05-01"],
  [bucket(3, "month"), "1984-05-17", "1984-04-01"],
  [bucket(7, "day"), "1970-01-10", "1970-01-08"],
  [bucket(1), "1984-05-17 13:45:11.123+02", "1984-01-01 00:00:00+02"],
  [bucket(1, "month"), "1984-05-17T13:45:11Z", "1984-05-01T00:00:00Z"],
  [bucket(5), "0003-01-02", "0001-01-01"],
  [bucket(1), "1984-02-30", null],
  [bucket(1), "1984-13-01", null],
  [bucket(1), "0044-03-15 BC", null],
  [bucket(1), "infinity", null],
];

for (const [mask, text, expected] of cases) {
  Deno.test(`the mask ${JSON.stringify(mask)} of ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.equal(maskText(mask, text, key), expected);
  });
}

const significant = (text: string) => Array.from(text).filter((char) => !"- ./()".includes(char));

Deno.test("a partial mask shows only what it keeps, and never a value whole", () => {
  const counts = fc.integer({ min: 0, max: 12 });
  // A star in the value looks like a masked character.
  const texts = fc.string({ unit: "grapheme", minLength: 1 }).map((text) => text.replaceAll("*", "+"));
  fc.assert(
    fc.property(texts, counts, counts, (text, first, last) => {
      const masked = maskText(partial(first, last), text, key) ?? "";
      assert.equal(Array.from(masked).length, Array.from(text).length);
      assert.notEqual(masked, text);
      const shown = significant(masked).filter((char) => char !== "*").length;
      assert.ok(shown <= first + last);
      if (first + last >= significant(text).length) assert.equal(shown, 0);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a hash is stable for a key, differs between keys and values, and does not show the value", () => {
  const hash = (text: string, secret = key) => maskText({ kind: "hash" }, text, secret) ?? "";
  const other = maskKey(key, "other");
  fc.assert(fc.property(fc.string(), fc.string(), (one, two) => {
    assert.equal(hash(one), hash(one));
    assert.match(hash(one), /^[0-9a-f]{16}$/);
    assert.equal(hash(one) === hash(two), one === two);
    assert.notEqual(hash(one), hash(one, other));
  }));
  assert.notDeepEqual(maskKey(key, "a"), maskKey(key, "b"));
  assert.deepEqual(maskKey(key, "a"), maskKey(key, "a"));
});

Deno.test("a fake has the value's shape, is stable for a key, and is another one for another key", () => {
  const fake = (text: string, secret = key) => maskText({ kind: "fake" }, text, secret) ?? "";
  assert.match(fake("4111-1111-1111-1111"), /^[1-9]\d{3}-\d{4}-\d{4}-\d{4}$/);
  assert.match(fake("Ann Lee"), /^[A-Z][a-z]{2} [A-Z][a-z]{2}$/);
  assert.match(fake("ann@example.com"), /^[a-z]{3}@[a-z]{7}\.[a-z]{3}$/);
  assert.match(fake("Zoë"), /^[A-Z][a-z]{2}$/);
  assert.match(fake("-12.50"), /^-[1-9]\d\.\d\d$/);
  assert.equal(fake("a\nb").charAt(1), "*");
  const long = "x".repeat(40);
  assert.notEqual(fake(long), long);
  assert.equal(fake(long), fake(long));
  assert.notEqual(fake(long), fake(long, maskKey(key, "other")));
  assert.match(
    fake("1984-05-17 13:45:11+02"),
    /^(19[5-9]|200)\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8]) 00:00:00\+02$/,
  );
});

Deno.test("masks are total", () => {
  const kinds: readonly MaskKind[] = [
    { kind: "null" },
    { kind: "fixed", text: "x" },
    partial(1, 1),
    { kind: "hash" },
    bucket(7),
    bucket(2, "month"),
    bucket(3, "day"),
    { kind: "fake" },
  ];
  const dates = fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  const numbers = fc.oneof(fc.double(), fc.bigInt()).map(String);
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.oneof(fc.string({ unit: "binary" }), dates, numbers),
      (mask, text) => {
        const masked = maskText(mask, text, key);
        assert.ok(masked === null || typeof masked === "string");
      },
    ),
  );
  assert.equal(maskText({ kind: "later" } as unknown as MaskKind, "x", key), null);
});

Deno.test("a bucket is at or below the number, less than its size away", () => {
  fc.assert(fc.property(fc.integer(), fc.integer({ min: 1, max: 1000 }), (value, size) => {
    const low = Number(maskText(bucket(size), String(value), key));
    assert.ok(low <= value && value - low < size && low % size === 0, `${value} by ${size}: ${low}`);
  }));
});

const settings: readonly MaskSetting[] = [
  { columns: ["*.customers.ssn", "*.customers.card*"], mask: partial(0, 4), except: { groups: ["fraud-*"] } },
  { columns: ["*.*.ssn"], mask: { kind: "null" } },
  { columns: ["hr.*.*"], mask: { kind: "hash" }, targets: ["hr-*"] },
];

Deno.test("the first mask that counts for somebody is the column's", () => {
  const { lookup } = maskLookup(settings, ["engineers"], "orders");
  assert.deepEqual(lookup("public", "customers", "ssn"), partial(0, 4));
  assert.deepEqual(lookup("public", "Customers", "Card_Number"), partial(0, 4));
  assert.deepEqual(lookup("public", "staff", "ssn"), { kind: "null" });
  assert.equal(lookup("public", "customers", "name"), null);
  assert.equal(lookup("hr", "staff", "name"), null);
  const fraud = maskLookup(settings, ["engineers", "fraud-team"], "orders").lookup;
  assert.equal(fraud("public", "customers", "card_number"), null);
  assert.deepEqual(fraud("public", "customers", "ssn"), { kind: "null" });
  assert.deepEqual(maskLookup(settings, [], "hr-1").lookup("hr", "staff", "name"), { kind: "hash" });
});

Deno.test("a dot within a name does not move a mask's border", () => {
  const { lookup } = maskLookup([{ columns: ["a.b.c"], mask: { kind: "null" } }], []);
  assert.equal(lookup("a.b", "c", ""), null);
  assert.deepEqual(lookup("a", "b", "c"), { kind: "null" });
});

Deno.test("people with the same masks share a set, others do not", () => {
  const masksFor = compileMasks(settings);
  assert.equal(masksFor(["a"], "orders"), masksFor(["b", "c"], "billing"));
  assert.notEqual(masksFor(["a"], "orders").key, masksFor(["fraud-team"], "orders").key);
  assert.notEqual(masksFor(["a"], "orders").key, masksFor(["a"], "hr-1").key);
  const changed = settings.map((one) => ({ ...one, mask: { kind: "null" } as const }));
  assert.notEqual(masksFor(["a"], "orders").key, compileMasks(changed)(["a"], "orders").key);
});
