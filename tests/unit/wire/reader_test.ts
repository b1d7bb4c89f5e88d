import assert from "node:assert/strict";
import fc from "fast-check";
import { Reader } from "../../../proxy/wire/reader.ts";
import { Writer } from "../../../proxy/wire/writer.ts";
import { Queue } from "../../../proxy/wire/queue.ts";
import type { MaskKind } from "../../../policy/types.ts";
import { byteMask } from "../../../proxy/wire/mask_bytes.ts";
import { maskText } from "../../../policy/masking.ts";

Deno.test("what a writer writes, a reader reads", () => {
  fc.assert(fc.property(
    fc.nat(255),
    fc.nat(65_535),
    fc.nat(0xffffff),
    fc.nat(0xffffffff),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "")),
    (a, b, c, d, e, text) => {
      const writer = new Writer(1);
      writer.u8(a).u16be(b).u16le(b).u24le(c).u32be(d).u32le(d).u64le(e).cstring(text).text(text);
      const reader = new Reader(writer.finish(), "a test");
      assert.equal(reader.u8(), a);
      assert.equal(reader.u16be(), b);
      assert.equal(reader.u16le(), b);
      assert.equal(reader.u24le(), c);
      assert.equal(reader.u32be(), d);
      assert.equal(reader.u32le(), d);
      assert.equal(reader.u64le(), e);
      assert.equal(reader.cstring(), text);
      assert.equal(reader.text(reader.left), text);
      reader.end();
    },
  ));
});

Deno.test("no read leaves the frame: each throws a ProtocolViolation that names it", () => {
  const reads: ((reader: Reader) => unknown)[] = [
    (r) => r.u8(),
    (r) => r.peek(),
    (r) => r.u16be(),
    (r) => r.i16be(),
    (r) => r.u32be(),
    (r) => r.i32be(),
    (r) => r.u16le(),
    (r) => r.u24le(),
    (r) => r.u32le(),
    (r) => r.i32le(),
    (r) => r.u64le(),
    (r) => r.take(1),
    (r) => r.skip(1),
    (r) => r.untilNul(),
    (r) => r.cstring(),
    (r) => r.text(1),
  ];
  for (const read of reads) {
    assert.throws(() => read(new Reader(new Uint8Array(0), "a Bind message")), {
      code: "ProtocolViolation",
      message: /a Bind message/,
    });
  }
  assert.throws(() => new Reader(new Uint8Array(3), "x").take(-1), { code: "ProtocolViolation" });
  assert.throws(() => new Reader(new Uint8Array(3), "x").end(), { message: /goes on for 3 bytes/ });
  assert.throws(() => new Reader(Uint8Array.from([0xff, 0]), "x").cstring(), { message: /UTF-8/ });
});

Deno.test("a NUL inside a text cannot end it early", () => {
  assert.deepEqual([...new Writer().cstring("a\0b").finish()], [97, 98, 0]);
});

Deno.test("a queue gives back what it was given, in order, through any mix of pushes and shifts", () => {
  fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (pushes) => {
    const queue = new Queue<number>();
    const model: number[] = [];
    pushes.forEach((push, index) => {
      if (push) {
        queue.push(index);
        model.push(index);
      } else assert.equal(queue.shift(), model.shift());
      assert.equal(queue.length, model.length);
      assert.equal(queue.first(), model[0]);
    });
    assert.deepEqual([...queue], model);
  }));
});

Deno.test("masking bytes gives what masking their text gives, over themselves too, and a second time", () => {
  const key = new Uint8Array(32).fill(7);
  const anyAscii = fc.string({ unit: "binary-ascii", maxLength: 140 });
  const anyMask: fc.Arbitrary<MaskKind> = fc.oneof(
    fc.record({ kind: fc.constant("partial" as const), keepFirst: fc.nat(6), keepLast: fc.nat(6) }),
    fc.record({
      kind: fc.constant("fixed" as const),
      text: anyAscii.map((text) => text.replaceAll("\0", "")),
    }),
    fc.constant({ kind: "hash" as const }),
  );
  fc.assert(
    fc.property(anyAscii, anyMask, (text, mask) => {
      const bytes = byteMask(mask, key)!;
      const value = new TextEncoder().encode(text);
      const masked = new Uint8Array(bytes.size(value.length) + 4);
      assert.equal(bytes.write(value, 0, value.length, masked, 2), true);
      const expected = maskText(mask, text, key);
      assert.equal(new TextDecoder().decode(masked.subarray(2, -2)), expected);
      assert.deepEqual([masked.at(0), masked.at(-2)], [0, 0]);
      if (!bytes.sameLength) return;
      for (let again = 0; again < 2; again++) {
        assert.equal(bytes.write(value, 0, value.length, value, 0), true);
        assert.equal(new TextDecoder().decode(value), expected);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("what is not ASCII is no mask's bytes", () => {
  const key = new Uint8Array(32);
  const umlaut = new TextEncoder().encode("Müller");
  for (const mask of [{ kind: "partial", keepFirst: 0, keepLast: 4 }, { kind: "hash" }] as const) {
    assert.equal(byteMask(mask, key)!.write(umlaut, 0, umlaut.length, new Uint8Array(20), 0), false);
  }
  for (const text of ["ö", "a\0b"]) assert.equal(byteMask({ kind: "fixed", text }, key), null);
  assert.equal(byteMask({ kind: "null" }, key), null);
  assert.equal(byteMask({ kind: "partial", keepFirst: 0.5, keepLast: 4 }, key), null);
});
