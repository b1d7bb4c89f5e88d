/** How statements are coloured and flagged, and how numbers and times are written. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { countDeceptive, pieces } from "../../../ui/app/parts/tokens.ts";
import { spreadOut } from "../../../ui/app/parts/spread.ts";
import {
  bytes,
  counted,
  duration,
  hoursText,
  left,
  listed,
  offset,
  tableList,
  verbList,
} from "../../../ui/app/parts/format.ts";

const sqlish = fc.array(
  fc.oneof(
    fc.constantFrom(
      "'",
      '"',
      "`",
      "\\",
      "--",
      "-- ",
      "/*",
      "*/",
      "/*!",
      "$$",
      "$a$",
      "$1",
      "?",
      "#",
      "#>",
      "\n",
      "\r",
      " ",
      "SELECT",
      "from",
      "E'",
      ";",
      "1.5e3",
      "\u202e",
      "\u200b",
      "é",
      "😀",
      "\ud800",
    ),
    fc.string({ maxLength: 4 }),
  ),
).map((parts) => parts.join(""));

Deno.test("the flagged pieces, joined, are the text itself", () => {
  fc.assert(fc.property(sqlish, (text) => {
    assert.equal(pieces(text).map((piece) => piece.text).join(""), text);
    assert.equal(countDeceptive(text), pieces(text).filter(({ flag }) => flag !== null).length);
  }));
});

Deno.test("characters that deceive are flagged by code point; letters of any script are not", () => {
  const flags = (text: string) => pieces(text).flatMap(({ flag }) => flag ?? []);
  assert.deepEqual(flags("a\u202eb\u2066c\u200bd\ufeffe\u00a0f\u0000g\rh"), [
    "U+202E",
    "U+2066",
    "U+200B",
    "U+FEFF",
    "U+00A0",
    "U+0000",
    "U+000D",
  ]);
  assert.deepEqual(flags("\u{e0041}\ud800"), ["U+E0041", "U+D800"]);
  assert.deepEqual(flags("שלום مرحبا 你好 ñ 😀 ❤\ufe0f\r\n\tend"), []);
});

Deno.test("times and numbers are written for people", () => {
  assert.deepEqual([0, -5, 999, 61_000, 3_599_000, 3_600_000, 90_000_000].map(left), [
    "0:00",
    "0:00",
    "0:01",
    "1:01",
    "59:59",
    "1 h 0 min",
    "1 d 1 h",
  ]);
  assert.deepEqual([0.42, 9.96, 38, 999, 2100, 247_000, 4_320_000].map(duration), [
    "0.4 ms",
    "10 ms",
    "38 ms",
    "999 ms",
    "2.1 s",
    "4 min 7 s",
    "1 h 12 min",
  ]);
  assert.deepEqual([0, 4120, 3_731_003].map(offset), ["+00:00.000", "+00:04.120", "+1:02:11.003"]);
  assert.deepEqual([1, 999, 1500, 2_500_000].map(bytes), ["1 byte", "999 bytes", "1.5 kB", "2.5 MB"]);
  assert.equal(counted(1, "row"), "1 row");
  assert.equal(counted(1234, "row"), `${(1234).toLocaleString()} rows`);
  assert.equal(listed(["a", "b", "c"]), "a, b and c");
  assert.equal(verbList(["UPDATE", "UPDATE", "DELETE"]), "UPDATE and DELETE");
  assert.equal(verbList([]), "a statement");
  const tables = ["a", "b", "c"].map((name) => ({ schema: "public", name }));
  assert.equal(tableList(tables), "public.a and 2 more tables");
  assert.equal(tableList([{ schema: "", name: "x" }]), "x");
});

Deno.test("a statement that is spread out keeps every token, in order", () => {
  const tokens: [string, string][] = [
    ["keyword", "SELECT"],
    ["plain", " a,\n  (b + 1) "],
    ["comment", "-- why\n"],
    ["keyword", "FROM"],
    ["plain", " t "],
    ["keyword", "WHERE"],
    ["plain", " x = "],
    ["string", "'a  b'"],
    ["plain", " "],
    ["keyword", "AND"],
    ["plain", " y"],
  ];
  const lines = spreadOut(tokens).map((line) => line.map(([, text]) => text).join(""));
  assert.deepEqual(lines, ["SELECT a, (b + 1) -- why\n", "FROM t ", "WHERE x = 'a  b' ", "  AND y"]);
});

Deno.test("hours are told in stretches, over midnight, too", () => {
  assert.equal(hoursText([9, 10, 11, 14]), "9–12, 14–15");
  assert.equal(hoursText([9, 10, 12]), "9–13", "an hour between two is no pause");
  assert.equal(hoursText([0, 1, 22, 23]), "22–2");
  assert.equal(hoursText([5]), "5–6");
});
