import assert from "node:assert/strict";
import fc from "fast-check";
import { canonical } from "../../../policy/audit/canonical.ts";
import { contentOf, digestOf, linkOf } from "../../../policy/audit/chain.ts";
import { exportLines } from "../../../policy/audit/export.ts";
import { verifyLines } from "../../../policy/audit/verify.ts";
import type { AuditEvent, EventDraft, EventType, Json } from "../../../policy/types.ts";
import { bad, collect, good, memoryRecord, oneOfEach } from "./samples.ts";

const drafts = [...oneOfEach("1"), ...oneOfEach("2"), ...oneOfEach("3")];

Deno.test("an export of everything verifies, with heads on the way, and with the key from outside", async () => {
  const record = memoryRecord(drafts, { headEvery: 5 });
  const lines = await collect(exportLines(record, {}, "jsonl"));
  const found = good(await verifyLines(lines, record.publicPem));
  assert.deepEqual(
    [found.events, found.skipped, found.first, found.last, found.heads, found.pinned],
    [48, 0, 1, 48, 9, true],
  );
  assert.equal(good(await verifyLines(lines)).pinned, false);
});

Deno.test("an export of an empty record verifies", async () => {
  const record = memoryRecord([]);
  const found = good(await verifyLines(await collect(exportLines(record, {}, "jsonl"))));
  assert.deepEqual([found.events, found.first, found.last], [0, 1, 0]);
});

Deno.test("an export of a filter that nothing matches verifies", async () => {
  const record = memoryRecord(drafts);
  const lines = await collect(exportLines(record, { session: "none" }, "jsonl"));
  const found = good(await verifyLines(lines));
  assert.deepEqual([found.events, found.skipped, found.first, found.last], [0, 0, 49, 48]);
});

Deno.test("any filtered export verifies, and holds exactly the matching events", async () => {
  const types = [...new Set(drafts.map((draft) => draft.type))];
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(types),
      fc.option(fc.constantFrom("session-1", "session-2"), { nil: undefined }),
      fc.integer({ min: 1, max: 20 }),
      async (wanted: EventType[], session, headEvery) => {
        const record = memoryRecord(drafts, { headEvery });
        const filter = { types: wanted, ...(session === undefined ? {} : { session }) };
        const lines = await collect(exportLines(record, filter, "jsonl"));
        const found = good(await verifyLines(lines, record.publicPem));
        const expected = drafts.filter((draft) =>
          wanted.includes(draft.type) && (session === undefined || draft.session === session)
        );
        const events = lines.map((line) => JSON.parse(line)).filter((line) => "sequence" in line);
        assert.deepEqual(events.map((event) => event.type), expected.map((draft) => draft.type));
        assert.equal(found.events, expected.length);
        assert.equal(found.events + found.skipped, Math.max(0, found.last - found.first + 1));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("what a filter leaves out is not in the export", async () => {
  const lines = await collect(exportLines(memoryRecord(drafts), { session: "session-2" }, "jsonl"));
  assert.ok(lines.join("\n").includes("session-2"));
  assert.ok(!lines.slice(1).join("\n").includes("session-1"));
});

const record = memoryRecord(drafts, { headEvery: 10 });
const honest = await collect(exportLines(record, {}, "jsonl"));

Deno.test("in a filtered export a change before a gap is found", async () => {
  const lines = await collect(exportLines(record, { session: "session-2" }, "jsonl"));
  const gap = lines.findIndex((line, i) => i > 1 && "skipped" in JSON.parse(line));
  assert.ok(gap > 1);
  const event = JSON.parse(lines[gap - 1]!) as AuditEvent & Record<string, Json>;
  const changed = { ...event, person: "someone@example.com" };
  const hash = linkOf(event.sequence, event.previous, digestOf(contentOf(changed)));
  const found = bad(await verifyLines(lines.with(gap - 1, canonical({ ...changed, hash }))));
  assert.equal(found.line, gap + 2, "the event after the gap is no longer linked to it");
});

Deno.test("in a filtered export a skipped digest that is changed or left out is found", async () => {
  const lines = await collect(exportLines(memoryRecord(drafts), { types: ["session.ended"] }, "jsonl"));
  const gap = lines.findIndex((line) => JSON.parse(line).skipped?.digests.length > 1);
  const { skipped } = JSON.parse(lines[gap]!) as { skipped: { from: number; digests: string[] } };
  const fewer = canonical({ skipped: { ...skipped, digests: skipped.digests.slice(1) } });
  assert.match(bad(await verifyLines(lines.with(gap, fewer))).problem, /missing|linked to another/);
  const other = canonical({ skipped: { ...skipped, digests: skipped.digests.with(0, "e".repeat(64)) } });
  assert.equal(bad(await verifyLines(lines.with(gap, other))).ok, false);
});

Deno.test("whatever single byte of an export is changed, it is found", async () => {
  const text = honest.join("\n");
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), async (place, code) => {
      const character = String.fromCharCode(code);
      if (text[place] === character) return;
      const changed = text.slice(0, place) + character + text.slice(place + 1);
      bad(await verifyLines(changed.split("\n"), record.publicPem));
    }),
    { numRuns: 400 },
  );
});

Deno.test("a signature that is written in another way is found", async () => {
  const end = honest.length - 1;
  const { signature } = JSON.parse(honest[end]!).end as { signature: string };
  assert.match(signature, /==$/, "64 bytes leave spare bits and padding");
  const spare = signature.at(-3) === "A"
    ? "B"
    : String.fromCharCode(signature.charCodeAt(signature.length - 3) + 1);
  const others = [
    signature.slice(0, -1) + " ",
    signature.slice(0, -2),
    signature.slice(0, -3) + spare + "==",
    signature.replaceAll("+", "-").replaceAll("/", "_").replace(/==$/, ""),
  ];
  for (const other of others) {
    bad(await verifyLines(honest.with(end, honest[end]!.replace(signature, other)), record.publicPem));
  }
});

Deno.test("any lines removed, repeated or moved are found", async () => {
  const index = fc.nat(honest.length - 1);
  const change = fc.oneof(
    fc.record({ kind: fc.constant("remove" as const), from: index, to: index }),
    fc.record({ kind: fc.constant("repeat" as const), from: index, to: index }),
    fc.record({ kind: fc.constant("swap" as const), from: index, to: index }),
  );
  await fc.assert(
    fc.asyncProperty(change, async ({ kind, from, to }) => {
      const lines = kind === "remove"
        ? honest.toSpliced(from, 1)
        : kind === "repeat"
        ? honest.toSpliced(to, 0, honest[from]!)
        : honest.with(from, honest[to]!).with(to, honest[from]!);
      // A head on the way may be missing: the chain and the signed end hold without it.
      if (kind === "remove" && "head" in JSON.parse(honest[from]!)) return;
      if (lines.join("\n") === honest.join("\n")) return;
      // The same head twice in its own place says nothing new.
      if (kind === "repeat" && "head" in JSON.parse(honest[from]!) && (to === from || to === from + 1)) {
        return;
      }
      bad(await verifyLines(lines, record.publicPem));
    }),
    { numRuns: 400 },
  );
});

Deno.test("a public key that is none is refused at once", async () => {
  await assert.rejects(verifyLines(honest, "no key"), TypeError);
});

Deno.test("arbitrary lines never make verification throw", async () => {
  const line = fc.oneof(fc.string(), fc.json(), fc.constantFrom(...honest));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
      assert.equal((await verifyLines(lines)).ok, false);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a draft of one type says nothing about drafts of others in CSV", async () => {
  const [header, ...rows] = (await collect(exportLines(record, { types: ["statement.judged"] }, "csv")))
    .join("\n").split("\r\n");
  assert.equal(header?.split(",").length, 11);
  assert.ok(rows.join("").includes('""verdict"":""approve""'));
});

Deno.test("in CSV a text that a spreadsheet would run as a formula is made harmless", async () => {
  const formula: EventDraft = {
    ...oneOfEach()[7]!,
    data: { text: '=HYPERLINK("http://x","y")', rule: "-r" },
  };
  const lines = await collect(exportLines(memoryRecord([formula]), {}, "csv"));
  assert.ok(lines[1]!.includes(`"'=HYPERLINK(""http://x"",""y"")"`));
  assert.ok(lines[1]!.includes(",'-r,"));
});
