import assert from "node:assert/strict";
import { maskCut } from "../../../policy/detect_coarse.ts";
import fc from "fast-check";
import { detect, maskDetected } from "../../../policy/detect.ts";

const cases: readonly [text: string, masked: string, kinds: readonly string[]][] = [
  ["card 4111 1111 1111 1111, exp 12/29", "card **** **** **** 1111, exp 12/29", ["card"]],
  ["4111-1111-1111-1111 123", "****-****-****-1111 123", ["card"]],
  ["5500005555555559", "************5559", ["card"]],
  ["3782 822463 10005", "**** ****** *0005", ["card"]],
  ["4111 1111 1111 1112", "4111 1111 1111 1112", []],
  ["x4111111111111111", "x4111111111111111", []],
  ["41111111111111110000000", "41111111111111110000000", []],
  ["order 1716900000000000", "order 1716900000000000", []],
  ["DE89 3704 0044 0532 0130 00 thanks", "**** **** **** **** **** ** thanks", ["iban"]],
  ["GB82WEST12345698765432.", "**********************.", ["iban"]],
  ["DE88 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00", []],
  ["ssn: 078-05-1120", "ssn: ***-**-****", ["ssn"]],
  ["078 05 1120", "*** ** ****", ["ssn"]],
  [
    "000-12-1234 666-12-1234 900-12-1234 123-00-1234 123-45-0000",
    "000-12-1234 666-12-1234 900-12-1234 123-00-1234 123-45-0000",
    [],
  ],
  ["078-05 1120", "078-05 1120", []],
  ["1078-05-1120", "1078-05-1120", []],
  ["mail <ann.lee+x@example.co.uk>.", "mail <***.*************.**.**>.", ["email"]],
  ["a@b", "a@b", []],
  ["@example.com", "@example.com", []],
  ["call +49 30 901820 now", "call *** ** ****** now", ["phone"]],
  ["+1 (415) 555-2671", "** (***) ***-****", ["phone"]],
  ["0049 30 901820", "**** ** ******", ["phone"]],
  ["+12", "+12", []],
  ["2026-03-04 12:00:00.123456", "2026-03-04 12:00:00.123456", []],
  ["127.0.0.1, 192.168.100.200", "127.0.0.1, 192.168.100.200", []],
  ["550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000", []],
  ["", "", []],
  ["two: 078-05-1120 and ann@example.com", "two: ***-**-**** and ***************", ["ssn", "email"]],
];

for (const [text, masked, kinds] of cases) {
  Deno.test(`detected in ${JSON.stringify(text)}: ${kinds.join(", ") || "nothing"}`, () => {
    assert.deepEqual(detect(text).map(({ kind }) => kind), kinds);
    if (kinds.includes("email")) assert.doesNotMatch(maskDetected(text), /ann|example/);
    else assert.equal(maskDetected(text), masked);
  });
}

Deno.test("national phone numbers are found where a country is given", () => {
  assert.deepEqual(detect("call (415) 555-2671"), []);
  assert.deepEqual(detect("call (415) 555-2671", { country: "US" }), [{ kind: "phone", start: 5, end: 19 }]);
});

/** The last digit that makes Luhn's sum a multiple of ten. */
function withCheckDigit(digits: string): string {
  const sum = Array.from(digits).toReversed().reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return `${digits}${(10 - sum % 10) % 10}`;
}

Deno.test("any card number is found in any text around it, and only its last four digits stay", () => {
  const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 14, maxLength: 14 });
  const around = fc.constantFrom("", "x ", "(", "paid with ", "\n", "é ");
  const gap = fc.constantFrom("", " ", "-");
  fc.assert(fc.property(digits, around, around, gap, (middle, before, after, joint) => {
    const number = withCheckDigit(`4${middle.join("")}`);
    const written = number.match(/.{4}/g)?.join(joint) ?? "";
    const text = `${before}${written}${after.split("").toReversed().join("")}`;
    assert.ok(detect(text).some(({ kind }) => kind === "card"), text);
    const shown = maskDetected(text);
    assert.ok(!shown.includes(written), shown);
    assert.equal(shown.replace(/\D/g, ""), number.slice(-4));
  }));
});

Deno.test("what is left of a number that the target cut in a text of its own is hidden", () => {
  const x = (length: number) => "x".repeat(length);
  for (
    const [text, shown] of [
      [`Failing row contains (1, ${x(61)}411..., 7).`, `Failing row contains (1, ${x(61)}***..., 7).`],
      [`Duplicate entry '${x(40)}411111' for key 'a1'`, `Duplicate entry '${x(40)}******' for key 'a1'`],
      [`JSON data, line 1: ...1111", b...`, `JSON data, line 1: ...****", b...`],
      [`${x(504)}41111`, `${x(504)}*****`],
      ["Duplicate entry '4711' for key 'PRIMARY'", "Duplicate entry '4711' for key 'PRIMARY'"],
      ["Out of range value for column 'n' at row 12", "Out of range value for column 'n' at row 12"],
    ] as const
  ) assert.equal(maskCut(text), shown);
});

Deno.test("hits are in order, within the text and apart from each other", () => {
  const unit = fc.constantFrom(
    "4111 1111 1111 1111",
    "+1 415 555 2671",
    "ann@example.com",
    "078-05-1120",
    "DE89370400440532013000",
    "1",
    " ",
    "-",
    "@",
    "+",
    ".",
    "é",
  );
  fc.assert(fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
    const text = units.join("");
    let from = 0;
    for (const { start, end } of detect(text, { country: "US" })) {
      assert.ok(start >= from && start < end && end <= text.length);
      from = end;
    }
    assert.equal(Array.from(maskDetected(text)).length, Array.from(text).length);
  }));
});

Deno.test("texts made to be slow end, and find no more than they should", () => {
  for (
    const unit of ["@", "a@", "a.a@", "+1 2 3 4 ", "DE89 3704 ", "4111 1111 ", "1", "1 ", "(((", "078-05-"]
  ) {
    const hits = detect(unit.repeat(200_000 / unit.length), { country: "US" });
    assert.ok(hits.length <= 200_000 / 7, `${unit}: ${hits.length}`);
  }
});
