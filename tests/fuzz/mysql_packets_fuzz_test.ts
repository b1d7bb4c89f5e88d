/** Whatever bytes come from either end: read, or refused with a PosternError; masks hold in every case. */
import { ResultLimits } from "../../proxy/result_limits.ts";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { PosternError } from "../../policy/errors.ts";
import { decodeQuery } from "../../proxy/mysql/attributes.ts";
import { decodeBulk } from "../../proxy/mysql/bulk.ts";
import { decodeColumn } from "../../proxy/mysql/columns.ts";
import { Capability as C, Status, Type } from "../../proxy/mysql/constants.ts";
import { decodeGreeting } from "../../proxy/mysql/greeting.ts";
import { decodeAuthSwitch, decodeLogin } from "../../proxy/mysql/login.ts";
import { ByteQueue, encodePacket, PacketReader } from "../../proxy/mysql/packets.ts";
import { decodeExecute } from "../../proxy/mysql/parameters.ts";
import { openPlan } from "../../proxy/mysql/plan.ts";
import { decodeEof, decodeError, decodeOk } from "../../proxy/mysql/replies.ts";
import { Response } from "../../proxy/mysql/response.ts";
import type { Outbox } from "../../proxy/wire/outbox.ts";
import { answerOf, binaryRow, definition, packets, textRow } from "../support/mysql_answers.ts";

const seconds = Number(Deno.env.get("FUZZ_SECONDS") ?? 2);
const bounds = {
  numRuns: 10_000_000,
  interruptAfterTimeLimit: seconds * 1000,
  markInterruptAsFailure: false,
};

const all = C.protocol41 | C.sessionTrack | C.deprecateEof | C.secureConnection | C.pluginAuth |
  C.pluginAuthLenenc | C.connectWithDb | C.connectAttributes;

Deno.test("every decoder reads or refuses", () => {
  const decoders: ((bytes: Uint8Array) => unknown)[] = [
    decodeGreeting,
    (bytes) => decodeLogin(bytes, all),
    decodeAuthSwitch,
    decodeColumn,
    (bytes) => decodeOk(bytes, all),
    decodeEof,
    (bytes) => decodeError(bytes, all),
    (bytes) => decodeExecute(bytes, { parameterCount: 3, types: null, longData: new Map() }, "utf8"),
    (bytes) => decodeExecute(bytes, { parameterCount: 2, types: null, longData: new Map() }, "utf8", true),
    (bytes) => decodeQuery(bytes, true, "utf8"),
    (bytes) => decodeBulk(bytes, { parameterCount: 2, types: null }, "utf8"),
    (bytes) =>
      decodeBulk(bytes, { parameterCount: 1, types: [{ type: Type.varString, unsigned: false }] }, "utf8"),
  ];
  // Bytes that mean something in most places: lengths, markers, ends.
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 120 }), fc.nat(decoders.length - 1), (bytes, which) => {
      try {
        decoders[which]!(Uint8Array.from(bytes));
      } catch (error) {
        assert.ok(error instanceof PosternError, String(error));
      }
    }),
    bounds,
  );
});

Deno.test("packets in any cut come out as they went in", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (payloads, sizes) => {
        const wire = Buffer.concat(payloads.map((payload, index) => encodePacket(index, payload)));
        const reader = new PacketReader();
        const seen: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < wire.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          reader.push(Uint8Array.from(wire.subarray(at, at + size)));
          at += size;
          for (let packet = reader.next(1000, "x"); packet !== null; packet = reader.next(1000, "x")) {
            seen.push(Uint8Array.from(packet.payload));
          }
        }
        assert.deepEqual(seen, payloads);
      },
    ),
    bounds,
  );
});

interface Shape {
  readonly masked: readonly boolean[];
  readonly rows: readonly (readonly (string | null)[])[];
}

const shape: fc.Arbitrary<Shape> = fc.integer({ min: 1, max: 6 }).chain((width) =>
  fc.record({
    masked: fc.array(fc.boolean(), { minLength: width, maxLength: width }),
    rows: fc.array(
      fc.array(fc.option(fc.string({ unit: "grapheme", maxLength: 300 })), {
        minLength: width,
        maxLength: width,
      }),
      { maxLength: 8 },
    ),
  })
);

const rule = { column: "expression", mask: { kind: "null" as const } };
const masker = (_: unknown, text: string) => text.length % 3 === 0 ? null : `<${text.length}>`;

function relay(
  bytes: Uint8Array,
  sets: readonly Shape[],
  kind: "query" | "execute",
  flags: number,
  sizes: number[],
) {
  const out: Buffer[] = [];
  let set = 0;
  const response = new Response({
    kind,
    sequence: 1,
    target: flags,
    client: flags,
    plan: {
      ...openPlan,
      // As JudgedPlan does: another number of columns than was judged has no place for its masks.
      start: (count) => {
        const { masked } = sets[set++ % sets.length]!;
        if (masked.length !== count) throw new PosternError("PolicyDenied", "another number of columns");
        return masked.map((one) => one ? rule : null);
      },
    },
    masker: { text: masker, bytes: () => null },
    tainted: true,
    rowBytesMax: 10_000,
    limits: new ResultLimits(() => ({ resultRowsMax: Infinity, resultBytesMax: Infinity }), { name: "demo" }),
  });
  const outbox = { push: (piece: Uint8Array) => void out.push(Buffer.from(piece)) } as unknown as Outbox;
  const queue = new ByteQueue();
  let done = false;
  for (let at = 0, turn = 0; at < bytes.length && !done; turn++) {
    const size = sizes[turn % sizes.length]!;
    queue.push(Uint8Array.from(bytes.subarray(at, at + size)));
    at += size;
    done = response.feed(queue, outbox);
  }
  return { done, out: Buffer.concat(out) };
}

/** What a target sends, or what the client must get, for these sets. */
function wire(sets: readonly Shape[], kind: "query" | "execute", flags: number, masked: boolean): Buffer {
  const answers = sets.flatMap(({ masked: hidden, rows }, index) => {
    const columns = hidden.map((_, column) => definition(`c${column}`, Type.varString, 0));
    const shown = rows.map((row) =>
      row.map((value, column) => masked && hidden[column] && value !== null ? masker(null, value) : value)
    );
    const status = index + 1 < sets.length ? 2 | Status.moreResults : 2;
    const encode = kind === "query" ? (row: (string | null)[]) => textRow(...row) : binaryRow;
    return answerOf(columns, shown.map(encode), flags, status);
  });
  return packets(1, ...answers);
}

const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });

Deno.test("results of any shape in any cut are what the masks make of them", () => {
  fc.assert(
    fc.property(
      fc.array(shape, { minLength: 1, maxLength: 3 }),
      fc.constantFrom("query" as const, "execute" as const),
      fc.constantFrom(C.protocol41 | C.deprecateEof, C.protocol41),
      cuts,
      (sets, kind, flags, sizes) => {
        const { done, out } = relay(wire(sets, kind, flags, false), sets, kind, flags, sizes);
        assert.ok(done);
        assert.ok(out.equals(wire(sets, kind, flags, true)));
      },
    ),
    bounds,
  );
});

Deno.test("a bent answer ends, and brings no masked value to the client unless its place was bent", () => {
  const secret = "TOPSECRETVALUE";
  const set: Shape = { masked: [false, true], rows: [["a", secret], ["b", secret], ["c", null]] };
  fc.assert(
    fc.property(
      fc.nat(400),
      fc.uint8Array({ minLength: 1, maxLength: 6 }),
      fc.constantFrom("query" as const, "execute" as const),
      fc.constantFrom(C.protocol41 | C.deprecateEof, C.protocol41),
      cuts,
      (at, noise, kind, flags, sizes) => {
        const bytes = wire([set], kind, flags, false);
        // Rows keep their own bytes: what frames them, and what comes before them, is bent.
        const rowsAt = bytes.indexOf("a\x0e" + secret) - (kind === "query" ? 5 : 7);
        const place = at % rowsAt;
        Buffer.from(noise).copy(bytes, place, 0, Math.min(noise.length, rowsAt - place));
        try {
          const { out } = relay(bytes, [set], kind, flags, sizes);
          assert.ok(!out.includes(secret));
        } catch (error) {
          assert.ok(error instanceof PosternError, String(error));
        }
      },
    ),
    bounds,
  );
});
