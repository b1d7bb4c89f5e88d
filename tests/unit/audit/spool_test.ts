/** The spool's files: every cut and every changed byte gives whole records up to there, and never a wrong one. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { PosternError } from "../../../policy/errors.ts";
import { encode, type Encoded } from "../../../policy/store/projection.ts";
import {
  encodedOf,
  type Position,
  recordAt,
  recordBytesMax,
  segmentName,
  segmentOf,
  writeRecord,
} from "../../../policy/store/spool_format.ts";
import { metaOf } from "../../../policy/store/spool_meta.ts";
import { SpoolReader } from "../../../policy/store/spool_reader.ts";
import { type Spooled, SpoolWriter } from "../../../policy/store/spool_writer.ts";
import { inFolder, readAll } from "../../support/spools.ts";
import { oneOfEach } from "./samples.ts";

const events = (): Encoded[] => oneOfEach("1").map((draft, i) => encode(draft, 1_750_000_000_000 + i));

function segment(all: readonly Encoded[]): { bytes: Uint8Array; ends: number[] } {
  const bytes = new Uint8Array(all.reduce((sum, one) => sum + recordBytesMax(metaOf(one), one.content), 0));
  const ends: number[] = [];
  let at = 0;
  for (const one of all) ends.push(at += writeRecord(bytes, at, metaOf(one), one.content));
  return { bytes: bytes.subarray(0, at), ends };
}

function parsed(bytes: Uint8Array): Encoded[] {
  const found: Encoded[] = [];
  for (let at = 0; at < bytes.length;) {
    const one = recordAt(bytes, at);
    if (one.kind !== "record") break;
    found.push(encodedOf(one.payload));
    at = one.end;
  }
  return found;
}

Deno.test("records read back as they were, whatever their texts hold", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ person: fc.option(fc.string({ unit: "binary" })), text: fc.string({ unit: "binary" }) }),
      ),
      (all) => {
        const written = all.map(({ person, text }, i) =>
          encode({
            ...oneOfEach("1")[0]!,
            person,
            data: { text, long: text.repeat(i * 50) },
          } as never, i)
        );
        assert.deepEqual(parsed(segment(written).bytes), written);
      },
    ),
  );
});

Deno.test("a segment that is cut at any byte gives the whole records before the cut", () => {
  const all = events();
  const { bytes, ends } = segment(all);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const whole = ends.filter((end) => end <= cut).length;
    assert.equal(parsed(bytes.subarray(0, cut)).length, whole, `cut at ${cut}`);
  }
});

Deno.test("a byte that was changed ends the segment at its record, and zeros at the end are no records", () => {
  const all = events();
  const { bytes, ends } = segment(all);
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = bytes.slice();
    changed[at]! ^= 0x10;
    assert.deepEqual(parsed(changed), all.slice(0, ends.findIndex((end) => end > at)), `byte ${at}`);
  }
  const padded = new Uint8Array(bytes.length + 4096);
  padded.set(bytes);
  assert.deepEqual(parsed(padded), all);
});

Deno.test("only segments' names are segments", () => {
  assert.equal(segmentOf(segmentName(17)), 17);
  for (const name of ["17.spool", "0000000017.spool.old", "000000001x.spool", "lock"]) {
    assert.equal(segmentOf(name), null);
  }
});

/** Writes the events as one run of a process does; gives the spool's end. */
async function written(folder: string, segment: number, all: readonly Encoded[]): Promise<Position> {
  const writer = new SpoolWriter<Spooled>({
    folder,
    segment,
    durable: () => {},
    failed: (_, error) => assert.fail(String(error)),
    lazyMs: 1,
  });
  for (const one of all) writer.add({ bytes: 0, segment: 0, end: 0 }, metaOf(one), one.content, true);
  await writer.close();
  return writer.end;
}

Deno.test("what a crash cut off is skipped and told, and the next process's records follow", () =>
  inFolder(async (folder) => {
    const all = events();
    await written(folder, 3, all);
    const path = `${folder}/${segmentName(3)}`;
    const { size } = await Deno.stat(path);
    await Deno.truncate(path, size - 5);
    const end = await written(folder, 7, all.slice(0, 2));
    const { events: found, torn } = readAll(folder, end);
    assert.deepEqual(found, [...all.slice(0, -1), ...all.slice(0, 2)]);
    assert.ok(torn > 0);
    new SpoolReader(folder).removeBefore({ segment: 7, offset: 0 });
    assert.deepEqual(new SpoolReader(folder).segments(), [7]);
  }));

Deno.test("zeros that were written ahead are nothing that a crash cut off, and are gone where a process stopped", () =>
  inFolder(async (folder) => {
    const all = events();
    const writer = new SpoolWriter<Spooled>({
      folder,
      segment: 3,
      durable: () => {},
      failed: (_, error) => assert.fail(String(error)),
      lazyMs: 1,
    });
    const path = `${folder}/${segmentName(3)}`;
    const half = all.length >> 1;
    for (const part of [all.slice(0, half), all.slice(half)]) {
      for (const one of part) writer.add({ bytes: 0, segment: 0, end: 0 }, metaOf(one), one.content, true);
      await writer.flush();
    }
    const crashed = await Deno.readFile(path);
    assert.ok(crashed.length > writer.end.offset);
    assert.deepEqual(crashed.subarray(0, writer.end.offset), segment(all).bytes);
    await writer.close();
    assert.equal((await Deno.stat(path)).size, writer.end.offset);
    await Deno.writeFile(path, crashed);
    const end = await written(folder, 7, all.slice(0, 1));
    assert.deepEqual(readAll(folder, end), { events: [...all, all[0]!], torn: 0 });
    crashed.fill(7, writer.end.offset, writer.end.offset + 20);
    await Deno.writeFile(path, crashed);
    assert.deepEqual(readAll(folder, end), { events: [...all, all[0]!], torn: 20 });
  }));

Deno.test("a record that was acknowledged and is damaged stops the spool, by name and place", () =>
  inFolder(async (folder) => {
    const end = await written(folder, 1, events());
    const path = `${folder}/${segmentName(1)}`;
    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 3]! ^= 1;
    await Deno.writeFile(path, bytes);
    assert.throws(() => readAll(folder, end), (error) => {
      assert.ok(error instanceof PosternError && error.code === "StoreFailed");
      assert.match(error.message, /0000000001\.spool was changed outside Postern, at byte \d+/);
      return true;
    });
  }));

Deno.test("records larger than a batch, and more than a batch holds, are read whole and in order", () =>
  inFolder(async (folder) => {
    const [small] = events();
    const big = encode({ ...oneOfEach("1")[0]!, data: { text: "é".repeat(6_000_000) } } as never, 1);
    const all = [big, ...Array<Encoded>(2500).fill(small!), big];
    const end = await written(folder, 1, all);
    const { events: found } = readAll(folder, end);
    assert.equal(found.length, all.length);
    assert.equal(found[0]!.content, big.content);
    assert.equal(found.at(-1)!.content, big.content);
  }));
