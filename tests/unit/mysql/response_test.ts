/** Answers of a scripted target, cut everywhere, through the relay's state machine. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { PosternError } from "../../../policy/errors.ts";
import { maskText } from "../../../policy/masking.ts";
import type { MaskKind, MaskRule } from "../../../policy/types.ts";
import { ResultLimits } from "../../../proxy/result_limits.ts";
import { Capability as C, Status, Type } from "../../../proxy/mysql/constants.ts";
import type { Outbox } from "../../../proxy/wire/outbox.ts";
import { ByteQueue, encodePacket, packetBytesMax } from "../../../proxy/mysql/packets.ts";
import { decodeEof, decodeOk } from "../../../proxy/mysql/replies.ts";
import { openPlan, type ResultPlan } from "../../../proxy/mysql/plan.ts";
import { Response } from "../../../proxy/mysql/response.ts";
import { byteMask } from "../../../proxy/wire/mask_bytes.ts";
import type { ResponseOptions } from "../../../proxy/mysql/response_options.ts";
import {
  answerOf,
  binaryRow,
  definition,
  eof,
  error,
  ok,
  packets,
  textRow,
} from "../../support/mysql_answers.ts";

const modern = C.protocol41 | C.deprecateEof | C.sessionTrack;
const classic = C.protocol41 | C.sessionTrack;

const keep: MaskRule = { column: "expression", mask: { kind: "hash" } };

function planOf(masks: readonly (MaskRule | null)[]): ResultPlan {
  return {
    ...openPlan,
    start: (count) => {
      if (count !== masks.length) throw new PosternError("PolicyDenied", `${count} columns`);
      return masks;
    },
  };
}

interface Ran {
  readonly response: Response;
  readonly out: Buffer;
  readonly replies: Buffer[];
  readonly done: boolean;
}

/** Feeds the bytes in pieces of these sizes, the last of them to the end. */
function relay(
  bytes: Uint8Array,
  options: Partial<ResponseOptions> = {},
  sizes: readonly number[] = [],
): Ran {
  const out: Buffer[] = [];
  const replies: Buffer[] = [];
  const outbox = { push: (piece: Uint8Array) => void out.push(Buffer.from(piece)) } as unknown as Outbox;
  const response = new Response({
    kind: "query",
    sequence: 1,
    target: modern,
    client: modern,
    plan: openPlan,
    masker: { text: (_, text) => `*${text.slice(-2)}`, bytes: () => null },
    tainted: false,
    rowBytesMax: 1000,
    limits: new ResultLimits(() => ({ resultRowsMax: Infinity, resultBytesMax: Infinity }), { name: "demo" }),
    reply: (sent) => replies.push(Buffer.from(sent)),
    ...options,
  });
  const queue = new ByteQueue();
  let at = 0;
  let done = false;
  for (const size of [...sizes, bytes.length]) {
    // A copy each: the relay may write into what it was given.
    queue.push(Uint8Array.from(bytes.subarray(at, at + size)));
    at += size;
    done = response.feed(queue, outbox) || done;
  }
  return { response, out: Buffer.concat(out), replies, done };
}

const columns = [definition("id", Type.long), definition("ssn", Type.varString)];
const textAnswer = (capabilities: number, status = 2) =>
  answerOf(
    columns,
    [textRow("1", "078-05-1120"), textRow("2", null), textRow("3", "")],
    capabilities,
    status,
  );

Deno.test("an answer without masks comes out as it came, whatever the cut", () => {
  for (const capabilities of [modern, classic]) {
    const options = { target: capabilities, client: capabilities };
    const bytes = packets(
      1,
      ...textAnswer(capabilities, 2 | Status.moreResults),
      ...textAnswer(capabilities),
    );
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { out, done, response } = relay(bytes, options, [cut]);
      assert.deepEqual(out, bytes, `cut at ${cut}`);
      assert.ok(done);
      assert.equal(response.rows, 6);
      assert.equal(response.answer.status, 2);
    }
    assert.deepEqual(relay(bytes, options, new Array(bytes.length).fill(1)).out, bytes);
  }
});

Deno.test("a masked answer is the same whatever the cut, and holds nothing of the value", () => {
  for (const capabilities of [modern, classic]) {
    const options = { target: capabilities, client: capabilities, plan: planOf([null, keep]) };
    const bytes = packets(1, ...textAnswer(capabilities));
    const expected = packets(
      1,
      ...answerOf(columns, [textRow("1", "*20"), textRow("2", null), textRow("3", "*")], capabilities, 2),
    );
    for (let cut = 0; cut <= bytes.length; cut++) {
      assert.deepEqual(relay(bytes, options, [cut]).out, expected, `cut at ${cut}`);
    }
    fc.assert(fc.property(fc.array(fc.nat(30)), (sizes) => {
      assert.deepEqual(relay(bytes, options, sizes).out, expected);
    }));
  }
});

Deno.test("rows that are written over where they lie come out as rows that are written anew", () => {
  const key = new Uint8Array(32);
  const text = (mask: MaskKind, value: string) => maskText(mask, value, key);
  const three = ["a", "b", "c"].map((name) => definition(name, Type.varString));
  const value = fc.option(
    fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.stringMatching(/^[0-9-]{0,300}$/),
      fc.constantFrom("Zoë ✓", "ß-1234", ""),
    ),
  );
  const some = fc.record({
    rows: fc.array(fc.tuple(value, value, value), { maxLength: 12 }),
    keepFirst: fc.nat(2),
    keepLast: fc.nat(5),
    sizes: fc.array(fc.nat(400), { maxLength: 8 }),
    capabilities: fc.constantFrom(modern, classic),
    shift: fc.nat(3),
  });
  fc.assert(fc.property(some, ({ rows, keepFirst, keepLast, sizes, capabilities, shift }) => {
    const rule: MaskRule = { column: "t.x", mask: { kind: "partial", keepFirst, keepLast } };
    const bytes = packets(1, ...answerOf(three, rows.map((row) => textRow(...row)), capabilities, 2));
    const plan = planOf([rule, null, rule]);
    const options = { target: capabilities, client: capabilities, plan, shift, rowBytesMax: 700 };
    const anew = relay(bytes, { ...options, masker: { text, bytes: () => null } });
    const over = relay(bytes, { ...options, masker: { text, bytes: (mask) => byteMask(mask, key) } }, sizes);
    assert.deepEqual(over.out, anew.out);
    assert.equal(over.response.rows, anew.response.rows);
    assert.equal(over.response.bytes, anew.response.bytes);
  }));
});

Deno.test("binary rows: masked text, masked NULL, and types that have no masked form become NULL", () => {
  const types = [Type.long, Type.varString, Type.datetime, Type.longlong, Type.string];
  const definitions = types.map((type, index) => definition(`c${index}`, type));
  const value = Buffer.from("00 07 e8 07 01 02 03 04 05".replaceAll(" ", ""), "hex").subarray(1);
  const row = (text: string | null, date: Uint8Array | null, big: Uint8Array | null) =>
    binaryRow([Buffer.from([7, 0, 0, 0]), text, date, big, "tail"]);
  const bytes = packets(
    1,
    ...answerOf(definitions, [row("secret42", value, Buffer.alloc(8, 9)), row(null, null, null)], modern, 2),
  );
  const plan = planOf([null, keep, keep, keep, null]);
  const { out } = relay(bytes, { kind: "execute", plan });
  const expected = packets(
    1,
    ...answerOf(definitions, [row("*42", null, null), row(null, null, null)], modern, 2),
  );
  assert.deepEqual(out, expected);
});

Deno.test("a result of another width is refused at its first packet, and the rest is dropped to the end", () => {
  const bytes = packets(1, ...textAnswer(modern, 2 | Status.moreResults), ...textAnswer(modern));
  for (let cut = 0; cut <= bytes.length; cut += 7) {
    const { out, done, response } = relay(bytes, { plan: planOf([keep]) }, [cut]);
    assert.ok(done);
    assert.equal(out[3], 1);
    assert.equal(out[4], 0xff);
    assert.equal(out.length, 4 + out.readUIntLE(0, 3), "one packet and no more");
    assert.equal(response.failure?.message, "2 columns");
    assert.ok(response.atBoundary);
  }
});

Deno.test("rows of 16 MiB and more pass in pieces; a masked one is refused", () => {
  const long = Buffer.concat([
    Buffer.from("0131fe", "hex"),
    Buffer.alloc(8),
    Buffer.alloc(packetBytesMax, 120),
  ]);
  long.writeBigUInt64LE(BigInt(packetBytesMax), 3);
  const bytes = packets(1, ...answerOf(columns, [textRow("0", "a"), long, textRow("2", "b")], modern, 2));
  const sizes = new Array(300).fill(65_536);
  const { out, done, response } = relay(bytes, {}, sizes);
  assert.ok(done && out.equals(bytes));
  assert.equal(response.rows, 3);
  const masked = relay(bytes, { plan: planOf([null, keep]) }, sizes);
  assert.ok(masked.done);
  assert.equal(masked.response.failure?.code, "LimitExceeded");
  assert.ok(masked.out.length < 300);
  assert.equal(masked.out.subarray(-masked.out.length).includes("xxx"), false);
});

Deno.test("an exact 2^24-1 byte row is continued by an empty packet", () => {
  const row = Buffer.concat([
    Buffer.from("fd f9ffff".replace(" ", ""), "hex"),
    Buffer.alloc(packetBytesMax - 6, 120),
    Buffer.from("0161", "hex"),
  ]);
  assert.equal(row.length, packetBytesMax);
  const bytes = packets(1, ...answerOf(columns, [row, textRow("2", "b")], modern, 2));
  const { out, done, response } = relay(bytes, {}, new Array(200).fill(100_000));
  assert.ok(done && out.equals(bytes));
  assert.equal(response.rows, 2);
});

Deno.test("errors: as they came, and without their text where masked data is involved", () => {
  const bytes = packets(1, error(1062, "23000", "Duplicate entry '078-05-1120' for key 'ssn'"));
  assert.deepEqual(relay(bytes).out, bytes);
  const { out, response } = relay(bytes, { tainted: true });
  assert.ok(!out.includes("078"));
  assert.equal(out.readUInt16LE(5), 1062);
  assert.equal(out.subarray(7, 13).toString(), "#23000");
  assert.doesNotMatch(response.answer.error!.message, /Duplicate/);
  const inRows = [...textAnswer(modern).slice(0, -1), error(1317, "70100", "interrupted")];
  assert.ok(relay(packets(1, ...inRows)).done);
});

Deno.test("session state is followed, and taken out for a client that did not ask for it", () => {
  const change = Buffer.from(
    "00 0f 08 73716c5f6d6f6465 05 414e53493b 01 04 03 617070".replaceAll(" ", ""),
    "hex",
  );
  const tracked = ok({ status: 2 | Status.sessionStateChanged, info: "Rows matched: 1", change });
  const seen: unknown[] = [];
  const onStatus: ResponseOptions["onStatus"] = (status, changed) => seen.push([status, changed]);
  const bytes = packets(1, tracked);
  assert.deepEqual(relay(bytes, { onStatus }).out, bytes);
  const expected = [[0x4002, { variables: new Map([["sql_mode", "ANSI;"]]), schema: "app" }]];
  assert.deepEqual(seen, expected);
  const { out } = relay(bytes, { client: C.protocol41 });
  assert.deepEqual(
    out,
    packets(1, Buffer.concat([Buffer.from("00000002000000", "hex"), Buffer.from("Rows matched: 1")])),
  );
});

Deno.test("a file request of the target's is answered with nothing, and the client is told", () => {
  const request = Buffer.concat([Buffer.from([0xfb]), Buffer.from("/etc/passwd")]);
  const bytes = Buffer.concat([packets(1, request), packets(3, ok({ status: 2 }))]);
  const { out, replies, done } = relay(bytes);
  assert.ok(done);
  assert.deepEqual(replies, [Buffer.from([0, 0, 0, 2])]);
  assert.equal(out[4], 0xff);
  assert.match(out.toString(), /LOAD DATA LOCAL INFILE/);
});

Deno.test("an answer to COM_STMT_PREPARE, with all, some and no definitions", () => {
  for (const capabilities of [modern, classic]) {
    for (const [parameters, fields] of [[0, 0], [2, 0], [0, 1], [3, 2]] as const) {
      const head = Buffer.alloc(12);
      head.writeUInt32LE(77, 1);
      head.writeUInt16LE(fields, 5);
      head.writeUInt16LE(parameters, 7);
      const group = (count: number) =>
        count === 0 ? [] : [
          ...Array.from({ length: count }, (_, index) => definition(`?${index}`, Type.varString)),
          ...(capabilities === classic ? [eof(2)] : []),
        ];
      const bytes = packets(1, head, ...group(parameters), ...group(fields));
      for (let cut = 0; cut <= bytes.length; cut += 3) {
        const options = { kind: "prepare" as const, target: capabilities, client: capabilities };
        const { out, done, response } = relay(bytes, options, [cut]);
        assert.ok(done);
        assert.deepEqual(out, bytes);
        assert.deepEqual(response.answer.prepared, { id: 77, columns: fields, parameters });
      }
    }
  }
});

Deno.test("what breaks the protocol ends everything: nothing of it is believed", () => {
  const head = Buffer.from([2]);
  const broken: [string, Uint8Array, Partial<ResponseOptions>?][] = [
    ["a wrong number", packets(2, ok({ status: 2 }))],
    [
      "a wrong number among rows",
      Buffer.concat([packets(1, head, ...columns), packets(9, textRow("1", "a"))]),
    ],
    ["an empty packet", packets(1, Buffer.alloc(0))],
    ["no columns", packets(1, Buffer.from([0xfc, 0, 0]))],
    ["too many columns", packets(1, Buffer.from([0xfd, 0, 0, 9]))],
    ["no definition", packets(1, head, Buffer.from([3, 1]))],
    ["no EOF", packets(1, head, ...columns, textRow("1", "a")), { target: classic, client: classic }],
    ["a row where OK must be", packets(1, textRow("1", "a")), { kind: "ok" }],
    ["a truncated OK", packets(1, Buffer.from([0, 0, 0, 2]))],
    ["a truncated row under a mask", packets(1, head, ...columns, Buffer.from([1, 0x31, 9, 0x61])), {
      plan: planOf([null, keep]),
    }],
    ["a control packet without end", Buffer.from([0xff, 0xff, 0x7f, 1, 0x00])],
  ];
  for (const [name, bytes, options] of broken) {
    assert.throws(() => relay(bytes, options), PosternError, name);
  }
});

Deno.test("a masked row that grows past one packet takes two, and the numbers after it follow", () => {
  const wide = definition("ssn", Type.blob, 0);
  const options = {
    plan: { ...openPlan, start: () => [null, keep] },
    masker: {
      text: (_: unknown, text: string) => text === "a" ? "y".repeat(packetBytesMax) : text,
      bytes: () => null,
    },
    rowBytesMax: packetBytesMax,
  };
  const grown = packets(
    1,
    ...answerOf([columns[0]!, wide], [textRow("1", "a"), textRow("2", "b")], modern, 2 | 8),
    ...textAnswer(modern),
  );
  const { out, done } = relay(grown, options);
  assert.ok(done);
  const numbers: number[] = [];
  for (let at = 0; at < out.length; at += 4 + out.readUIntLE(at, 3)) numbers.push(out[at + 3]!);
  assert.deepEqual(numbers, numbers.map((_, index) => index + 1));
  assert.equal(numbers.length, 7 + 7);
});

Deno.test("garbage from a target never hangs the relay, and never gets past a mask", () => {
  const secret = "078-05-1120";
  const valid = packets(1, ...textAnswer(modern));
  fc.assert(
    fc.property(
      fc.nat(valid.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
      fc.array(fc.nat(40), { maxLength: 5 }),
      (at, noise, sizes) => {
        const bytes = Buffer.from(valid);
        bytes.set(noise.subarray(0, bytes.length - at), at);
        try {
          // A row may become an error, whose text is covered as for any statement about what is masked.
          const { out } = relay(bytes, { plan: planOf([null, keep]), tainted: true }, sizes);
          const intact = at >= bytes.indexOf(secret) + secret.length ||
            at + noise.length <= bytes.indexOf(secret);
          // Column types may be among what was changed; a whole value is never let through.
          if (intact) assert.ok(!out.includes(secret));
        } catch (thrown) {
          assert.ok(thrown instanceof PosternError, String(thrown));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("encodePacket numbers modulo 256", () => {
  assert.equal(encodePacket(256, Buffer.from("x"))[3], 0);
});

/** Payloads by number; the numbers must follow each other. */
function payloads(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUIntLE(at, 3);
    assert.equal(bytes[at + 3], found.length + 1, "packet numbers follow each other");
    found.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return found;
}

Deno.test("a remark is one warning more at the answer's end, whatever the end looks like", () => {
  const plainOk = (status = 2) => ok({ status });
  const warningsOf = (payload: Buffer, capabilities: number): number =>
    payload.length < 7 ? decodeEof(payload).warnings : decodeOk(payload, capabilities).warnings;
  for (const capabilities of [modern, classic]) {
    for (const kind of ["query", "execute"] as const) {
      const rows = (status = 2) =>
        kind === "query"
          ? textAnswer(capabilities, status)
          : answerOf(columns, [binaryRow([Buffer.from([7, 0, 0, 0]), "x"])], capabilities, status);
      const answers = {
        rows: rows(),
        ok: [plainOk()],
        several: [...rows(2 | Status.moreResults), plainOk(2 | Status.moreResults), ...rows()],
      };
      for (const [name, answer] of Object.entries(answers)) {
        const bytes = packets(1, ...answer);
        for (let cut = 0; cut <= bytes.length; cut++) {
          const remarks = ["Postern: it ends in 20 s"];
          const options = {
            kind,
            target: capabilities,
            client: capabilities,
            remark: () => remarks.pop() ?? null,
          };
          const { out, done } = relay(bytes, options, [cut]);
          assert.ok(done);
          const shown = payloads(out);
          assert.equal(shown.length, answer.length, name);
          const end = shown.at(-1)!;
          assert.equal(warningsOf(end, capabilities), 1, `${name} ${kind}`);
          assert.deepEqual(shown.slice(0, -1), answer.slice(0, -1).map((one) => Buffer.from(one)), name);
          assert.deepEqual(remarks, []);
        }
      }
    }
  }
});

Deno.test("an OK that tells of a changed state keeps it, with one warning more; the count ends at 65,535", () => {
  const options = { kind: "query" as const, target: modern, client: modern, remark: () => "Postern: soon" };
  // Schema changed to `app`: a status with SERVER_SESSION_STATE_CHANGED, no text, one entry of kind 1.
  const state = Buffer.from([0, 0, 0, 0x02, 0x40, 3, 0, 0, 6, 1, 4, 3, 0x61, 0x70, 0x70]);
  const [shown] = payloads(relay(packets(1, state), options).out);
  const decoded = decodeOk(shown!, modern);
  assert.deepEqual([decoded.warnings, decoded.change?.schema], [4, "app"]);
  const full = Buffer.from([0, 0, 0, 2, 0, 0xff, 0xff]);
  assert.equal(decodeOk(payloads(relay(packets(1, full), options).out)[0]!, modern).warnings, 65_535);
});

Deno.test("a last row of Postern's own follows the target's, and the numbers after it", () => {
  for (const capabilities of [modern, classic]) {
    const answer = textAnswer(capabilities);
    const bytes = packets(1, ...answer);
    const more = Buffer.from(textRow("Warning", "Postern"));
    const expected = packets(1, ...answer.slice(0, -1), more, answer.at(-1)!);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const options = { target: capabilities, client: capabilities, lastRow: more };
      const { out, response } = relay(bytes, options, [cut]);
      assert.deepEqual(out, expected, `cut at ${cut}`);
      assert.equal(response.rows, 3, "it is none of the target's");
    }
    const failed = packets(1, ...answer.slice(0, -1), error(1317, "70100", "interrupted"));
    assert.deepEqual(
      relay(failed, { target: capabilities, client: capabilities, lastRow: more }).out,
      failed,
    );
  }
});
