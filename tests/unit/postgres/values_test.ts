import assert from "node:assert/strict";
import fc from "fast-check";
import type { MaskKind } from "../../../policy/types.ts";
import { masksOf, maskValue, withFormats } from "../../../proxy/postgres/results.ts";
import { RowMasker } from "../../../proxy/postgres/row_masker.ts";
import { binaryText, parameterView } from "../../../proxy/postgres/values.ts";
import { bytesOf, int16, int32, message, valuesOf } from "../../support/raw_postgres.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const key = new Uint8Array(32);

/** Layouts by each type's `*_send` in PostgreSQL; postgres_values_test.ts asks a real one for the same. */
const vectors: [number, string, string][] = [
  [16, "01", "t"],
  [16, "00", "f"],
  [17, "deadbeef", "\\xdeadbeef"],
  [20, "8000000000000000", "-9223372036854775808"],
  [21, "ffff", "-1"],
  [23, "0000002a", "42"],
  [26, "ffffffff", "4294967295"],
  [25, "c3a9", "é"],
  [700, "3dcccccd", "0.1"],
  [701, "3fb999999999999a", "0.1"],
  [701, "7ff8000000000000", "NaN"],
  [701, "fff0000000000000", "-Infinity"],
  [1082, "fffffff1", "1999-12-17"],
  [1082, "7fffffff", "infinity"],
  [1083, "00000009ef244fc0", "11:51:06.84"],
  [1114, "000000000000000a", "2000-01-01 00:00:00.00001"],
  [1184, "fffffffffffffff6", "1999-12-31 23:59:59.99999+00"],
  [1700, "0002 0000 0000 0002 2201 23f0", "8705.92"],
  [1700, "0001 ffff 4000 0004 0001", "-0.0001"],
  [1700, "0001 0001 0000 0000 0001", "10000"],
  [1700, "0000 0000 c000 0000", "NaN"],
  [1700, "0000 0000 0000 0003", "0.000"],
  [2950, "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  [3802, "017b7d", "{}"],
  [
    1007,
    "00000001 00000001 00000017 00000003 00000001 00000004 00000001 ffffffff 00000004 00000003",
    "{1,NULL,3}",
  ],
  [1009, "00000001 00000000 00000019 00000002 00000001 00000001 61 00000003 622c63", '{a,"b,c"}'],
  [1007, "00000000 00000000 00000017", "{}"],
];

Deno.test("binary values read as their texts", () => {
  for (const [type, bytes, expected] of vectors) {
    assert.equal(binaryText(hex(bytes), type), expected, `${type} ${bytes}`);
  }
});

Deno.test("a value that its type cannot have, cut anywhere, is shown as bytes and never throws", () => {
  for (const [type, bytes] of vectors) {
    const whole = hex(bytes);
    for (let end = 0; end < whole.length; end++) {
      const view = parameterView(whole.subarray(0, end), 1, type);
      assert.equal(typeof view.text, "string");
      assert.equal(view.bytes, end);
    }
  }
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom(...vectors.map(([type]) => type)),
      (value, type) => {
        const text = binaryText(value, type);
        assert.ok(text === null || typeof text === "string");
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("parameters: NULL, open types, unknown types", () => {
  assert.deepEqual(parameterView(null, 0, 23), { text: null, type: "int4", bytes: 0 });
  assert.deepEqual(parameterView(hex("3432"), 0, 0), { text: "42", type: "?", bytes: 2 });
  assert.deepEqual(parameterView(hex("0102"), 1, 99_999), { text: "\\x0102", type: "type 99999", bytes: 2 });
});

const mask = (kind: MaskKind, type: number, format: number, value: Uint8Array) =>
  maskValue(value, { mask: kind, type, format }, key);
const shown = (value: Uint8Array | null) => value === null ? null : new TextDecoder().decode(value);
const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("a masked value is one that its type can hold, in the format that was asked for, or NULL", () => {
  const partial: MaskKind = { kind: "partial", keepFirst: 0, keepLast: 4 };
  assert.equal(shown(mask(partial, 25, 0, utf8("078-05-1120"))), "***-**-1120");
  assert.equal(shown(mask(partial, 1043, 1, utf8("078-05-1120"))), "***-**-1120");
  assert.equal(mask(partial, 23, 0, utf8("12345678")), null, "stars are no number");
  assert.equal(mask(partial, 17, 0, utf8("\\xdeadbeef")), null);
  assert.equal(mask(partial, 114, 0, utf8('{"a":1}')), null);
  assert.equal(mask({ kind: "null" }, 25, 0, utf8("x")), null);
  assert.equal(mask({ kind: "hash" }, 2950, 0, utf8("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")), null);
  const bucket: MaskKind = { kind: "bucket", size: 1000 };
  assert.equal(shown(mask(bucket, 23, 0, utf8("12345"))), "12000");
  assert.deepEqual(mask(bucket, 23, 1, hex("00003039")), hex("00002ee0"));
  assert.deepEqual(mask(bucket, 21, 1, hex("3039")), hex("2ee0"));
  assert.deepEqual(mask(bucket, 20, 1, hex("0000000000003039")), hex("0000000000002ee0"));
  assert.equal(binaryText(mask(bucket, 1700, 1, hex("0002000000000002220123f0"))!, 1700), "8000");
  assert.equal(binaryText(mask(bucket, 701, 1, hex("40c81c8000000000"))!, 701), "12000");
  assert.equal(mask({ kind: "fixed", text: "99999" }, 21, 0, utf8("1")), null, "more than a smallint holds");
  assert.equal(mask({ kind: "fixed", text: "a\0b" }, 25, 0, utf8("1")), null);
  const years: MaskKind = { kind: "bucket", size: 10 };
  assert.equal(shown(mask(years, 1082, 0, utf8("1994-05-17"))), "1990-01-01");
  assert.equal(binaryText(mask(years, 1082, 1, hex("fffff7f9"))!, 1082), "1990-01-01");
  assert.match(
    binaryText(mask(years, 1184, 1, hex("fffffffffffffff6"))!, 1184) ?? "",
    /^1990-01-01 00:00:00\+00$/,
  );
});

Deno.test("a masked numeric in binary has the server's own layout, without groups of zeros at its ends", () => {
  const sent: [string, string][] = [
    ["0", "0000 0000 0000 0000"],
    ["0.00", "0000 0000 0000 0002"],
    ["-0.00", "0000 0000 0000 0002"],
    ["0.78", "0001 ffff 0000 0002 1e78"],
    ["-0.0005", "0001 ffff 4000 0004 0005"],
    ["0.00001234", "0001 fffe 0000 0008 04d2"],
    ["10000.00", "0001 0001 0000 0002 0001"],
    ["-120000000", "0002 0002 4000 0000 0001 07d0"],
    ["99999999.0001", "0003 0001 0000 0004 270f 270f 0001"],
    ["100000000.000000001", "0006 0002 0000 0009 0001 0000 0000 0000 0000 03e8"],
    ["0012.50", "0002 0000 0000 0002 000c 1388"],
  ];
  const value = hex("0001 0000 0000 0000 0001");
  for (const [text, bytes] of sent) {
    assert.deepEqual(mask({ kind: "fixed", text }, 1700, 1, value), hex(bytes), text);
  }
});

Deno.test("masks come from the plan, and from where a column comes; another number of columns is refused", () => {
  const rule = { column: "public.users.ssn", mask: { kind: "null" as const } };
  const columns = [{ origin: "1.1", type: 23, format: 0 }, { origin: "1.2", type: 25, format: 0 }, {
    origin: null,
    type: 25,
    format: 0,
  }];
  const none = () => null;
  assert.equal(masksOf({ kind: "clean" }, columns, none), null);
  assert.deepEqual(masksOf({ kind: "clean" }, columns, (origin) => origin === "1.2" ? rule : null), [
    null,
    { mask: rule.mask, type: 25, format: 0 },
    null,
  ]);
  assert.deepEqual(masksOf({ kind: "columns", masks: [null, null, rule] }, columns, none), [
    null,
    null,
    { mask: rule.mask, type: 25, format: 0 },
  ]);
  assert.equal(masksOf({ kind: "columns", masks: [rule] }, columns, none), "refuse");
  assert.equal(masksOf(undefined, columns, none), "refuse");
  assert.deepEqual(withFormats(columns, [1]).map(({ format }) => format), [1, 1, 1]);
  assert.deepEqual(withFormats(columns, [0, 1, 0]).map(({ format }) => format), [0, 1, 0]);
  assert.equal(withFormats(columns, []), columns);
});

const rowOf = (values: (string | null)[]) =>
  message(
    "D",
    int16(values.length),
    bytesOf(...values.map((value) => value === null ? int32(-1) : bytesOf(int32(utf8(value).length), value))),
  );

Deno.test("a masked row is the row with its masked columns masked, whatever its size", () => {
  const kinds: MaskKind[] = [
    { kind: "partial", keepFirst: 1, keepLast: 2 },
    { kind: "hash" },
    { kind: "fixed", text: "x".repeat(300) },
    { kind: "null" },
  ];
  const value = fc.option(
    fc.string({ unit: "grapheme", maxLength: 80 }).map((text) => text.replaceAll("\0", "")),
  );
  const column = fc.tuple(value, fc.option(fc.constantFrom(...kinds)));
  fc.assert(
    fc.property(fc.array(column, { minLength: 1, maxLength: 8 }), fc.nat(40), (columns, repeats) => {
      const masks = columns.map(([, kind]) => kind === null ? null : { mask: kind, type: 25, format: 0 });
      const masker = new RowMasker(masks, key);
      const frame = rowOf(columns.map(([text]) => text));
      const expected = columns.map(([text, kind]) =>
        text === null || kind === null ? text : shown(mask(kind, 25, 0, utf8(text)))
      );
      const rows = Array.from({ length: repeats + 1 }, () => masker.mask(frame)!);
      for (const row of rows) {
        assert.equal(new DataView(row.buffer, row.byteOffset).getInt32(1), row.length - 1);
        assert.deepEqual(valuesOf({ type: "D", body: row.subarray(5) }), expected);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("a row masked where it lies is the row as it is masked anew; one that can't be is left to that", () => {
  const partial: MaskKind = { kind: "partial", keepFirst: 1, keepLast: 2 };
  const value = fc.option(
    fc.oneof(
      fc.string({ unit: "binary-ascii", maxLength: 80 }),
      fc.string({ unit: "grapheme", maxLength: 20 }),
    ).map((text) => text.replaceAll("\0", "")),
  );
  let inPlace = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(value, fc.boolean()), { minLength: 1, maxLength: 8 }),
      fc.nat(9),
      (columns, before) => {
        const masks = columns.map(([, masked]) => masked ? { mask: partial, type: 25, format: 0 } : null);
        const masker = new RowMasker(masks, key);
        assert.equal(masker.sameLength, true);
        const frame = rowOf(columns.map(([text]) => text));
        const expected = masker.mask(frame)!.slice();
        const around = new Uint8Array(before + frame.length + 3);
        around.set(frame, before);
        if (masker.inPlace(around, before, frame.length)) {
          inPlace++;
          assert.deepEqual(around.subarray(before, -3), expected);
        } else assert.deepEqual(masker.mask(around.subarray(before, -3)), expected);
        assert.equal(around.subarray(0, before).every((byte) => byte === 0), true);
        assert.equal(around.subarray(-3).every((byte) => byte === 0), true);
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(inPlace > 100, `${inPlace} of 500`);
  const whole = rowOf(["abc", "secret"]);
  const masker = new RowMasker([null, { mask: partial, type: 25, format: 0 }], key);
  for (let end = 0; end < whole.length; end++) assert.equal(masker.inPlace(whole.slice(), 0, end), false);
  assert.equal(masker.inPlace(rowOf(["abc"]), 0, rowOf(["abc"]).length), false);
});

Deno.test("a row that has not the columns of its masks, or is cut anywhere, does not pass", () => {
  const masks = [null, { mask: { kind: "hash" as const }, type: 25, format: 0 }];
  const masker = new RowMasker(masks, key);
  const whole = rowOf(["abc", "secret"]);
  for (let end = 0; end < whole.length; end++) {
    assert.equal(masker.mask(whole.subarray(0, end)), null, `cut at ${end}`);
  }
  assert.equal(masker.mask(rowOf(["abc"])), null);
  assert.equal(masker.mask(bytesOf(whole, [0])), null);
  assert.notEqual(masker.mask(whole), null);
});
