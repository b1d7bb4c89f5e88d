import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameBuffer } from "../../../proxy/wire/frame_buffer.ts";
import { Outbox } from "../../../proxy/wire/outbox.ts";
import type { Stream } from "../../../proxy/protocol.ts";
import { PosternError } from "../../../policy/errors.ts";

/** A type byte and a length byte that counts the body. */
const shape = { headerBytes: 2, frameBytes: (bytes: Uint8Array, at: number) => 2 + bytes[at + 1]! };

const frameOf = (type: number, body: readonly number[]) => [type, body.length, ...body];

/** The stream's bytes in chunks that end at `cuts`; each chunk in memory of its own, as reads are. */
function chunksOf(bytes: readonly number[], cuts: readonly number[]): Uint8Array[] {
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    chunks.push(Uint8Array.from(bytes.slice(from, end)));
    from = end;
  }
  return chunks;
}

class Sink {
  bytes: number[] = [];
  pieces = 0;
  push(piece: Uint8Array): void {
    this.bytes.push(...piece);
    this.pieces++;
  }
}

const frames = fc.array(fc.tuple(fc.constantFrom(1, 2, 3, 4), fc.array(fc.nat(255), { maxLength: 40 })), {
  maxLength: 12,
});

Deno.test("however the stream is cut, frames are taken, passed and dropped whole and in order", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(500), { maxLength: 20 }), (wanted, cuts) => {
      const bytes = wanted.flatMap(([type, body]) => frameOf(type, body));
      const sink = new Sink();
      const buffer = new FrameBuffer(shape);
      for (const chunk of chunksOf(bytes, cuts)) {
        buffer.push(chunk);
        for (let size = buffer.peek(); size > 0; size = buffer.peek()) {
          const type = buffer.byte(0);
          if (type === 1) buffer.pass(size, sink);
          else if (type === 2) buffer.passInRun(size, sink);
          else if (type === 3) buffer.drop(size);
          else {
            const frame = buffer.take(size);
            if (frame === null) break;
            sink.push(frame);
          }
        }
        buffer.settle();
      }
      const expected = wanted.filter(([type]) => type !== 3).flatMap(([type, body]) => frameOf(type, body));
      assert.deepEqual(sink.bytes, expected);
      assert.equal(buffer.size, 0);
      assert.equal(buffer.midFrame, false);
    }),
    { numRuns: 500 },
  );
});

Deno.test("every frame cut at every position", () => {
  const bytes = [...frameOf(4, [9, 8, 7]), ...frameOf(2, [1, 2]), ...frameOf(2, []), ...frameOf(4, [5])];
  for (let cut = 0; cut <= bytes.length; cut++) {
    const sink = new Sink();
    const buffer = new FrameBuffer(shape);
    for (const chunk of chunksOf(bytes, [cut])) {
      buffer.push(chunk);
      for (let size = buffer.peek(); size > 0; size = buffer.peek()) {
        if (buffer.byte(0) === 2) buffer.passInRun(size, sink);
        else {
          const frame = buffer.take(size);
          if (frame === null) break;
          sink.push(frame);
        }
      }
      buffer.settle();
    }
    assert.deepEqual(sink.bytes, bytes, `cut at ${cut}`);
  }
});

Deno.test("frames that pass in a run are one piece, not one each", () => {
  const sink = new Sink();
  const buffer = new FrameBuffer(shape);
  buffer.push(Uint8Array.from(Array.from({ length: 100 }, () => frameOf(2, [1, 2, 3])).flat()));
  for (let size = buffer.peek(); size > 0; size = buffer.peek()) buffer.passInRun(size, sink);
  buffer.settle();
  assert.equal(sink.pieces, 1);
  assert.equal(sink.bytes.length, 500);
});

Deno.test("a frame sent byte by byte costs its size: small pieces are merged", () => {
  const large = {
    headerBytes: 2,
    frameBytes: (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!,
  };
  const buffer = new FrameBuffer(large);
  const size = 60_000;
  buffer.push(Uint8Array.from([size >> 8, size & 255]));
  for (let count = 2; count < size; count++) buffer.push(Uint8Array.from([count & 255]));
  const frame = buffer.take(size);
  assert.equal(frame?.length, size);
  assert.equal(frame?.[59_999], 59_999 & 255);
});

Deno.test("a header is not read before it is there, and no byte outside of it", () => {
  const buffer = new FrameBuffer(shape);
  assert.equal(buffer.peek(), 0);
  buffer.push(Uint8Array.from([7]));
  assert.equal(buffer.peek(), 0);
  assert.throws(() => buffer.byte(5), RangeError);
  assert.equal(buffer.take(2), null);
});

Deno.test("nonsense in a header is the shape's to refuse", () => {
  const picky = {
    headerBytes: 1,
    frameBytes: () => {
      throw new PosternError("ProtocolViolation", "no");
    },
  };
  const buffer = new FrameBuffer(picky);
  buffer.push(Uint8Array.from([1]));
  assert.throws(() => buffer.peek(), { code: "ProtocolViolation" });
});

/** As much of a stream as an Outbox uses. */
function fakeStream(takes: boolean) {
  const writes: Uint8Array[] = [];
  const stream = { writableNeedDrain: !takes, write: (piece: Uint8Array) => (writes.push(piece), takes) };
  return { writes, stream: stream as unknown as Stream };
}

Deno.test("an outbox writes what was gathered in order, small pieces together, large ones as they are", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50_000), { maxLength: 12 }), (sizes) => {
      const outbox = new Outbox();
      const { writes, stream } = fakeStream(true);
      const expected: number[] = [];
      sizes.forEach((size, index) => {
        outbox.push(new Uint8Array(size).fill(index));
        expected.push(...new Array<number>(Math.min(size, 1)).fill(index));
      });
      assert.equal(outbox.size, sizes.reduce((sum, size) => sum + size, 0));
      assert.equal(outbox.flush(stream), true);
      const whole = writes.flatMap((piece) => [...piece]);
      let at = 0;
      sizes.forEach((size, index) => {
        for (let count = 0; count < size; count++) {
          if (whole[at++] !== index) assert.fail(`byte ${at} is not of ${index}`);
        }
      });
      assert.equal(at, whole.length);
      assert.equal(outbox.size, 0);
    }),
    { numRuns: 30 },
  );
});

Deno.test("pieces that follow each other in memory become one write without a copy", () => {
  const memory = new Uint8Array(100).map((_, at) => at);
  const outbox = new Outbox();
  outbox.push(memory.subarray(10, 20));
  outbox.push(memory.subarray(20, 30));
  const { writes, stream } = fakeStream(false);
  assert.equal(outbox.flush(stream), false, "the stream asks to wait");
  assert.equal(writes.length, 1);
  assert.equal(writes[0]?.buffer, memory.buffer);
  assert.deepEqual([...writes[0]!], [...memory.subarray(10, 30)]);
  outbox.push(memory);
  outbox.clear();
  assert.equal(outbox.size, 0);
});
