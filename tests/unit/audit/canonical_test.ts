import assert from "node:assert/strict";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { canonical } from "../../../policy/audit/canonical.ts";
import type { Json } from "../../../policy/types.ts";

Deno.test("any JSON is printed as the canonicalize package prints it", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: "grapheme-composite" }), (value) => {
      assert.equal(canonical(value as Json), canonicalize(value));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("any double is printed as the canonicalize package prints it", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.equal(canonical(value), canonicalize(value));
    }),
    { numRuns: 5000 },
  );
});

// RFC 8785, section 3.2.2 and 3.2.3: its example, and the order by UTF-16 code units.
Deno.test("the example of RFC 8785 is printed as it says", () => {
  const example = {
    numbers: [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    literals: [null, true, false],
  };
  assert.equal(
    canonical(example),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  const order = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7 };
  assert.deepEqual(
    Object.keys(JSON.parse(canonical(order))).filter((name) => name !== "1"),
    ["\r", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33"],
  );
});

Deno.test("what is printed reads back as the same and prints the same again", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = canonical(value as Json);
    assert.equal(canonical(JSON.parse(text)), text);
    assert.ok(!/[\n\r\0]/.test(text), "a line break would end the line in an export");
  }));
});

Deno.test("a lone surrogate becomes the replacement character instead of an error", () => {
  assert.equal(canonical({ "a\ud800": "\udc00b" }), '{"a\ufffd":"\ufffdb"}');
});

Deno.test("what JSON cannot hold is refused, not left out", () => {
  for (const value of [undefined, NaN, Infinity, -Infinity, 1n, () => 1, Symbol("x")]) {
    assert.throws(() => canonical(value as unknown as Json), TypeError);
    assert.throws(() => canonical({ a: [value as unknown as Json] }), TypeError);
  }
});

Deno.test("a member called __proto__ is kept like any other", () => {
  const text = '{"__proto__":{"a":1},"b":2}';
  assert.equal(canonical(JSON.parse(text)), text);
});
