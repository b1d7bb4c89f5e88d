import assert from "node:assert/strict";
import { Writer } from "../../../proxy/wire/writer.ts";

Deno.test("what is written across a growing buffer is whole, whichever call makes it grow", () => {
  const calls: [string, (writer: Writer) => Writer, number[]][] = [
    ["u8", (writer) => writer.u8(1), [1]],
    ["u16be", (writer) => writer.u16be(0x0102), [1, 2]],
    ["u32be", (writer) => writer.u32be(0x01020304), [1, 2, 3, 4]],
    ["u16le", (writer) => writer.u16le(0x0201), [1, 2]],
    ["u24le", (writer) => writer.u24le(0x030201), [1, 2, 3]],
    ["u32le", (writer) => writer.u32le(0x04030201), [1, 2, 3, 4]],
    ["u64le", (writer) => writer.u64le(0x0807060504030201n), [1, 2, 3, 4, 5, 6, 7, 8]],
    ["raw", (writer) => writer.raw(new Uint8Array([1, 2, 3])), [1, 2, 3]],
    ["text", (writer) => writer.text("é"), [0xc3, 0xa9]],
    ["cstring", (writer) => writer.cstring("ab"), [97, 98, 0]],
  ];
  for (const [name, call, bytes] of calls) {
    for (let filled = 0; filled <= 9; filled++) {
      const writer = new Writer(8);
      for (let at = 0; at < filled; at++) writer.u8(255);
      const expected = [...new Array(filled).fill(255), ...bytes];
      assert.deepEqual([...call(writer).finish()], expected, `${name} after ${filled} bytes`);
    }
  }
});

Deno.test("a writer starts over after finish, and keeps its hands off what it gave away", () => {
  const writer = new Writer(4);
  const first = writer.text("abc").finish();
  const second = writer.text("xyz").finish();
  assert.equal(new TextDecoder().decode(first), "abc");
  assert.equal(new TextDecoder().decode(second), "xyz");
});
