/** Whatever arrives in a frame: a value or a PosternError, never a crash, never a read outside of it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { PosternError } from "../../policy/errors.ts";
import * as decode from "../../proxy/postgres/decode.ts";
import { frameShape, startupShape } from "../../proxy/postgres/frames.ts";
import { endPointBinding } from "../../proxy/postgres/scram.ts";
import { ScramServer } from "../../proxy/postgres/scram_server.ts";
import { checkStartup, decodeFirstPacket, parseOptions } from "../../proxy/postgres/startup.ts";
import { binaryText } from "../../proxy/postgres/values.ts";
import { FrameBuffer, type FrameShape } from "../../proxy/wire/frame_buffer.ts";
import { conversations } from "../support/replay_postgres.ts";
import { startup } from "../support/raw_postgres.ts";

const seconds = Number(Deno.env.get("FUZZ_SECONDS") ?? 2);
const bounds = {
  numRuns: 100_000_000,
  interruptAfterTimeLimit: seconds * 250,
  markInterruptAsFailure: false,
};

/** Runs to a value or a PosternError that is safe to show. */
function cleanly(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof PosternError && error.code !== "Internal", String(error));
  }
}

const frames = conversations.flatMap(({ turns }) =>
  turns.flatMap(({ bytes }) => {
    const buffer = new FrameBuffer(frameShape);
    buffer.push(Uint8Array.fromHex(bytes));
    const found: Uint8Array[] = [];
    for (let size = buffer.peek(); size > 0; size = buffer.peek()) found.push(buffer.take(size)!);
    return found;
  })
);

/** A recorded frame with some bytes changed, cut or doubled; its own length no longer counts. */
const mutated = fc.tuple(
  fc.constantFrom(...frames),
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
  fc.option(fc.nat()),
).map(([frame, changes, cut]) => {
  const bytes = frame.slice(0, cut === null ? undefined : cut % (frame.length + 1));
  for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
  return bytes;
});
const anyFrame = fc.oneof(mutated, fc.uint8Array({ maxLength: 200 }));

const decoders: ((frame: Uint8Array) => unknown)[] = [
  decode.decodeQuery,
  decode.decodeParse,
  decode.decodeBind,
  (frame) => decode.decodeNamed(frame, "a Close message"),
  decode.decodeExecute,
  decode.decodeRowDescription,
  decode.decodeParameterDescription,
  decode.decodeFields,
  decode.decodeParameterStatus,
  decode.decodeTag,
  decode.decodeStatus,
  decode.decodeTextRow,
];

Deno.test("decoders", () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      for (const decoder of decoders) cleanly(() => decoder(frame.length < 5 ? new Uint8Array(5) : frame));
    }),
    bounds,
  );
});

Deno.test("start-up packets and their options", () => {
  const valid = startup({ user: "me", database: "demo", options: "-c a=b", "_pq_.x": "1" });
  const packet = fc.oneof(
    fc.uint8Array({ minLength: 8, maxLength: 300 }),
    fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const bytes = valid.slice();
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(packet, fc.string(), (bytes, options) => {
      cleanly(() => {
        const decoded = decodeFirstPacket(bytes);
        if (decoded.kind === "startup") checkStartup(decoded);
      });
      cleanly(() => parseOptions(options));
    }),
    bounds,
  );
});

Deno.test("frame boundaries: any bytes, any cuts, either shape", () => {
  const shapes: FrameShape[] = [frameShape, startupShape];
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 8 }),
      fc.nat(1),
      fc.infiniteStream(fc.nat(2)),
      (chunks, which, ways) => {
        const buffer = new FrameBuffer(shapes[which]!);
        let pushed = 0;
        let seen = 0;
        const sink = { push: (piece: Uint8Array) => void (seen += piece.length) };
        cleanly(() => {
          for (const chunk of chunks) {
            buffer.push(chunk);
            pushed += chunk.length;
            for (let size = buffer.peek(); size > 0; size = buffer.peek()) {
              const way = ways.next().value;
              if (way === 0) buffer.passInRun(size, sink);
              else if (way === 1) buffer.pass(size, sink);
              else {
                const frame = buffer.take(size);
                if (frame === null) break;
                assert.equal(frame.length, size);
                sink.push(frame);
              }
            }
            buffer.settle();
          }
          assert.ok(seen + buffer.size <= pushed);
        });
      },
    ),
    bounds,
  );
});

Deno.test("SCRAM messages, certificates and binary values", () => {
  const verifier = {
    salt: new Uint8Array(16),
    iterations: 1,
    storedKey: new Uint8Array(32),
    serverKey: new Uint8Array(32),
  };
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.uint8Array({ maxLength: 120 }),
      fc.constantFrom(16, 20, 25, 700, 1082, 1114, 1700, 1007, 2950, 3802),
      (first, final, bytes, type) => {
        const server = new ScramServer({ verifier, binding: null });
        cleanly(() => server.first("SCRAM-SHA-256", first));
        cleanly(() => server.first("SCRAM-SHA-256", `n,,n=${first},r=${final}`));
        cleanly(() => assert.equal(server.final(final), null));
        endPointBinding(bytes);
        binaryText(bytes, type);
      },
    ),
    bounds,
  );
});
