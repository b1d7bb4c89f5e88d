/** The compressed protocol's frames, in any cut and in any order of waiting. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import zlib from "node:zlib";
import fc from "fast-check";
import type { PosternError } from "../../../policy/errors.ts";
import type { Compression } from "../../../proxy/mysql/capabilities.ts";
import { CompressedStream } from "../../../proxy/mysql/compression.ts";

/** A connection whose other end is the test. */
class Wire extends Duplex {
  readonly sent: Buffer[] = [];
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(chunk);
    done();
  }
}

function stream(compression: Compression) {
  const wire = new Wire();
  const faults: PosternError[] = [];
  const packets: Uint8Array[] = [];
  const options = {
    compression,
    statementBytesMax: 1_000_000,
    fault: (error: PosternError) => faults.push(error),
  };
  const compressed = new CompressedStream(wire, options);
  compressed.on("data", (chunk: Uint8Array) => packets.push(chunk));
  const ended = new Promise<void>((resolve) => {
    compressed.once("end", resolve);
    compressed.once("close", resolve);
  });
  return { wire, faults, packets, compressed, ended };
}

function frame(compression: Compression, sequence: number, bytes: Uint8Array, compress: boolean): Buffer {
  const pack = compression === "zlib" ? zlib.deflateSync : zlib.zstdCompressSync;
  const body = compress ? pack(bytes) : bytes;
  const out = Buffer.alloc(7 + body.length);
  out.writeUIntLE(body.length, 0, 3);
  out[3] = sequence;
  out.writeUIntLE(compress ? bytes.length : 0, 4, 3);
  out.set(body, 7);
  return out;
}

interface Sent {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

function framesIn(sent: readonly Buffer[], compression: Compression): Sent[] {
  const all = Buffer.concat(sent);
  const frames: Sent[] = [];
  for (let at = 0; at < all.length;) {
    const body = all.subarray(at + 7, at + 7 + all.readUIntLE(at, 3));
    const whole = all.readUIntLE(at + 4, 3);
    const unpack = compression === "zlib" ? zlib.inflateSync : zlib.zstdDecompressSync;
    const bytes = whole === 0 ? body : unpack(body);
    if (whole !== 0) assert.equal(bytes.length, whole);
    frames.push({ sequence: all[at + 3]!, bytes });
    at += 7 + body.length;
  }
  return frames;
}

const both = ["zlib", "zstd"] as const;
const pieces = fc.array(
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(200), fc.boolean()),
  { minLength: 1, maxLength: 6 },
);

Deno.test("what a client packed comes out as it was, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...both), pieces, fc.nat(400), async (compression, parts, cut) => {
      const plain = parts.map(([bytes, times]) => Buffer.concat(Array(times + 1).fill(bytes)));
      const all = Buffer.concat(plain.map((bytes, at) => frame(compression, at, bytes, parts[at]![2])));
      const { wire, packets, faults, ended } = stream(compression);
      for (let at = 0; at < all.length; at += cut + 1) wire.push(all.subarray(at, at + cut + 1));
      wire.push(null);
      await ended;
      assert.deepEqual(faults, []);
      assert.deepEqual(Buffer.concat(packets), Buffer.concat(plain));
    }),
    { numRuns: 100 },
  );
});

Deno.test("what is sent can be unpacked, and the numbers start anew with each command, though answers still wait", async () => {
  for (const compression of both) {
    const { wire, compressed, ended } = stream(compression);
    const answers = [3_000_000, 10, 70_000, 2_000_000].map((length, at) =>
      Buffer.alloc(length, `answer ${at}`)
    );
    // Commands that came ahead, the second in two frames.
    const command = (bytes: number) => Buffer.alloc(bytes, 1);
    wire.push(frame(compression, 0, command(100), true));
    wire.push(frame(compression, 0, command(300), true));
    wire.push(frame(compression, 1, command(100), false));
    wire.push(frame(compression, 0, command(60), false));
    wire.push(frame(compression, 0, command(60), false));
    await new Promise((resolve) => setTimeout(resolve, 0));
    [100, 400, 60, 60].forEach((bytes, at) => {
      compressed.rests();
      compressed.answers(bytes);
      compressed.write(answers[at]!);
    });
    compressed.end();
    wire.push(null);
    await ended;
    await new Promise<void>((resolve) => wire.writableFinished ? resolve() : wire.once("finish", resolve));
    const frames = framesIn(wire.sent, compression);
    assert.deepEqual(Buffer.concat(frames.map(({ bytes }) => bytes)), Buffer.concat(answers));
    assert.deepEqual(frames.map(({ sequence }) => sequence), [1, 2, 3, 2, 1, 1, 2]);
    assert.ok(Buffer.concat(wire.sent).length < 100_000);
  }
});

Deno.test("damaged frames are refused, or give bytes; nothing is thrown", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...both),
      pieces,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      async (compression, parts, damage) => {
        const all = Buffer.concat(
          parts.map(([bytes, times, pack], at) =>
            frame(compression, at, Buffer.concat(Array(times + 1).fill(bytes)), pack)
          ),
        );
        for (const [at, value] of damage) all[at % all.length] = value;
        const { wire, compressed, faults, ended } = stream(compression);
        wire.push(all);
        wire.push(null);
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 50))]);
        assert.ok(faults.length <= 1);
        compressed.destroy();
      },
    ),
    { numRuns: 60 },
  );
});
