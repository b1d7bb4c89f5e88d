import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { charsetOf, decodeText, encodeText } from "../../../proxy/mysql/charsets.ts";
import { Reader, Writer } from "../../../proxy/mysql/codec.ts";
import { decodeColumn, encodeColumn } from "../../../proxy/mysql/columns.ts";
import { ByteQueue, encodePacket, packetBytesMax, PacketReader } from "../../../proxy/mysql/packets.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
const read = (text: string) => new Reader(hex(text), "a test");

Deno.test("length-encoded integers: the manual's examples and every border", () => {
  const cases: [number, string][] = [
    [0, "00"],
    [250, "fa"],
    [251, "fc fb 00"],
    [0xffff, "fc ff ff"],
    [0x10000, "fd 00 00 01"],
    [0xffffff, "fd ff ff ff"],
    [0x1000000, "fe 00 00 00 01 00 00 00 00"],
    [Number.MAX_SAFE_INTEGER, "fe ff ff ff ff ff ff 1f 00"],
  ];
  for (const [value, bytes] of cases) {
    assert.equal(read(bytes).lenenc(), value);
    assert.deepEqual(new Uint8Array(new Writer().lenenc(value).finish()), hex(bytes));
  }
  assert.equal(read("fe ff ff ff ff ff ff ff ff").lenencBig(), 2n ** 64n - 1n);
  for (const bytes of ["fb", "ff", "fc 01", "fd 01 02", "fe 00 00 00 00 00 00 20 00", ""]) {
    assert.throws(() => read(bytes).lenenc(), { code: "ProtocolViolation" }, bytes);
  }
});

Deno.test("a length beyond the packet is refused before anything is taken", () => {
  assert.throws(() => read("05 61 62").lenencBytes(), { code: "ProtocolViolation" });
  assert.throws(() => read("fe ff ff ff ff 00 00 00 00").lenencBytes(), { code: "ProtocolViolation" });
  assert.throws(() => read("61 62").untilNul(), { code: "ProtocolViolation" });
});

Deno.test("packets come out whole whatever the cut, with their numbers checked", () => {
  const payloads = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(300, 7), Buffer.from("end")];
  const wire = Buffer.concat(payloads.map((payload, index) => encodePacket(index, payload)));
  for (let cut = 0; cut <= wire.length; cut++) {
    const reader = new PacketReader();
    const seen: Buffer[] = [];
    for (const piece of [wire.subarray(0, cut), wire.subarray(cut)]) {
      reader.push(piece);
      for (let packet = reader.next(1000, "test"); packet !== null; packet = reader.next(1000, "test")) {
        seen.push(Buffer.from(packet.payload));
      }
    }
    assert.deepEqual(seen, payloads, `cut at ${cut}`);
  }
  const reader = new PacketReader();
  for (const byte of wire) reader.push(Uint8Array.of(byte));
  assert.deepEqual(Buffer.from(reader.next(1000, "test")!.payload), payloads[0]);
  const wrong = new PacketReader();
  wrong.push(encodePacket(1, Buffer.from("x")));
  assert.throws(() => wrong.next(1000, "test"), /number 1 came where 0 must come/);
});

Deno.test("a payload of 2^24-1 bytes is followed by an empty packet, a longer one by the rest", () => {
  for (const extra of [0, 1]) {
    const payload = Buffer.alloc(packetBytesMax + extra, 1);
    const wire = encodePacket(255, payload);
    assert.equal(wire.length, payload.length + 8);
    assert.equal(wire[packetBytesMax + 4 + 3], 0, "numbers wrap around");
    const reader = new PacketReader();
    reader.expect(255);
    reader.push(wire.subarray(0, packetBytesMax));
    assert.equal(reader.next(2 ** 25, "test"), null);
    reader.push(wire.subarray(packetBytesMax));
    const packet = reader.next(2 ** 25, "test")!;
    assert.ok(Buffer.from(packet.payload).equals(payload));
    assert.ok(Buffer.from(packet.raw).equals(wire));
    assert.equal(packet.sequence, 0);
    const limited = new PacketReader();
    limited.expect(255);
    limited.push(wire.subarray(0, 4));
    assert.throws(() => limited.next(1000, "limits.test"), {
      code: "LimitExceeded",
      message: /limits\.test/,
    });
  }
});

Deno.test("a byte queue gives back what was pushed, in any pieces", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.infiniteStream(fc.nat(30)),
      (chunks, sizes) => {
        const queue = new ByteQueue();
        const out: Uint8Array[] = [];
        for (const chunk of chunks) {
          queue.push(chunk);
          const size = sizes.next().value!;
          const taken = size % 2 === 0 ? queue.take(size) : queue.some(size);
          if (taken !== null) out.push(taken);
        }
        out.push(queue.take(queue.length)!);
        assert.deepEqual(Buffer.concat(out), Buffer.concat(chunks));
        assert.equal(queue.length, 0);
      },
    ),
  );
});

Deno.test("a column definition as MariaDB sends it", () => {
  // SELECT id FROM t AS x, captured from MariaDB 10.11.
  const bytes = hex("03 646566 03 617070 01 78 01 74 02 6964 02 6964 0c 3f00 0b000000 03 0350 00 0000");
  const column = decodeColumn(bytes);
  assert.deepEqual(column, {
    schema: "app",
    table: "x",
    originTable: "t",
    name: "id",
    originName: "id",
    collation: 63,
    length: 11,
    type: 3,
    flags: 0x5003,
    decimals: 0,
    origin: "app.t.id",
  });
  assert.deepEqual(Buffer.from(encodeColumn(column)), Buffer.from(bytes));
  for (let end = 0; end < bytes.length - 2; end++) {
    assert.throws(() => decodeColumn(bytes.subarray(0, end)), { code: "ProtocolViolation" });
  }
});

Deno.test("character sets: what is read is read exactly, all else is refused", () => {
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const text = decodeText(every, "latin1")!;
  assert.deepEqual(Buffer.from(encodeText(text, "latin1")!), Buffer.from(every));
  assert.equal(text.at(0x80), "€");
  assert.equal(decodeText(hex("c3 28"), "utf8"), null);
  assert.equal(decodeText(hex("ef bb bf 41"), "utf8"), "\ufeffA", "a byte order mark stays");
  assert.equal(decodeText(hex("e9"), "ascii"), null);
  assert.equal(encodeText("✓", "latin1"), null);
  assert.deepEqual([28, 1, 35, 54, 87, 14, 44].map(charsetOf), new Array(7).fill(null));
  assert.deepEqual([33, 45, 255, 224, 8, 63, 2304].map(charsetOf), [
    "utf8",
    "utf8",
    "utf8",
    "utf8",
    "latin1",
    "binary",
    "utf8",
  ]);
});

Deno.test("a definition that came before is told by its bytes alone: one that differs anywhere is read anew", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 40 }),
      fc.nat(60),
      fc.integer({ min: 1, max: 255 }),
      (name, at, change) => {
        const column = {
          ...{ schema: "app", table: "t", originTable: name, name: "n", originName: "ssn" },
          ...{ collation: 45, length: 80, type: 253, flags: 0, decimals: 0 },
        };
        const bytes = encodeColumn(column);
        const first = decodeColumn(bytes);
        assert.deepEqual(first, { ...column, origin: name === "" ? null : `app.${name}.ssn` });
        assert.ok(decodeColumn(Uint8Array.from(bytes)) === first);
        // What is written over in the connection's buffer afterwards changes nothing that is known.
        const other = Uint8Array.from(bytes);
        other[other.length - 3 - at % 10]! ^= change;
        let read: unknown;
        try {
          read = decodeColumn(other);
        } catch {
          read = null;
        }
        assert.notDeepEqual(read, first);
        bytes.fill(0);
        assert.deepEqual(decodeColumn(encodeColumn(column)), first);
      },
    ),
  );
});
