/** Groups of the spool's records on their way to the disk: several at a time, told in their order, refused together. */
import assert from "node:assert/strict";
import { encode } from "../../../policy/store/projection.ts";
import type { Position } from "../../../policy/store/spool_format.ts";
import { metaOf } from "../../../policy/store/spool_meta.ts";
import { SpoolReader } from "../../../policy/store/spool_reader.ts";
import { type Spooled, SpoolWriter } from "../../../policy/store/spool_writer.ts";
import { inFolder, readAll } from "../../support/spools.ts";
import { oneOfEach } from "./samples.ts";

/** Holds back the disk's answers until the test gives them; in the order of the questions. */
async function withHeldFlushes(body: (held: PromiseWithResolvers<void>[]) => Promise<void>): Promise<void> {
  const { syncData } = Deno.FsFile.prototype;
  const held: PromiseWithResolvers<void>[] = [];
  Deno.FsFile.prototype.syncData = () => {
    const one = Promise.withResolvers<void>();
    held.push(one);
    return one.promise;
  };
  try {
    await body(held);
  } finally {
    Deno.FsFile.prototype.syncData = syncData;
  }
}

/** Everything that can go on without the disk has done so. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

interface Told extends Spooled {
  readonly name: number;
}

/** A writer of which each call of add() begins a group, while there may be one more; `told`: what it said. */
function toldWriter(folder: string) {
  const told: string[] = [];
  const one = encode(oneOfEach("1")[0]!, 1);
  const writer = new SpoolWriter<Told>({
    folder,
    segment: 1,
    durable: (items) => told.push(...items.map(({ name }) => `${name} durable`)),
    failed: (items) => told.push(...items.map(({ name }) => `${name} failed`)),
    lazyMs: 1,
  });
  const add = async (name: number) => {
    writer.add({ bytes: 0, segment: 0, end: 0, name }, metaOf(one), `${name}`, true);
    await turn();
  };
  return { writer, told, add };
}

const contentsIn = (folder: string, to: Position) =>
  readAll(folder, to).events.map(({ content }) => Number(content));

Deno.test("groups are on their way to the disk together, and are acknowledged in their order", () =>
  inFolder(async (folder) => {
    const { writer, told, add } = toldWriter(folder);
    await withHeldFlushes(async (held) => {
      for (const name of [1, 2, 3]) await add(name);
      assert.equal(held.length, 3);
      for (const at of [2, 1]) held[at]!.resolve();
      await turn();
      assert.deepEqual(told, []);
      assert.equal(writer.end.offset, 0);
      held[0]!.resolve();
      await turn();
      assert.deepEqual(told, ["1 durable", "2 durable", "3 durable"]);
    });
    await writer.close();
    assert.deepEqual(contentsIn(folder, writer.end), [1, 2, 3]);
  }));

Deno.test("where the disk takes no more groups at a time, what comes travels together in the next", () =>
  inFolder(async (folder) => {
    const { writer, told, add } = toldWriter(folder);
    const names = Array.from({ length: 40 }, (_, i) => i);
    await withHeldFlushes(async (held) => {
      for (const name of names) await add(name);
      const first = held.length;
      assert.ok(first > 1 && first < names.length / 2, `${first} at a time`);
      held[0]!.resolve();
      await turn();
      assert.deepEqual([told.length, held.length], [1, first + 1]);
      for (const one of held) one.resolve();
      await writer.flush();
      assert.equal(held.length, first + 1);
    });
    assert.deepEqual(told, names.map((name) => `${name} durable`));
    await writer.close();
    assert.deepEqual(contentsIn(folder, writer.end), names);
  }));

Deno.test("a group that the disk refuses takes along those behind it, once none is on its way, and none before it", () =>
  inFolder(async (folder) => {
    const { writer, told, add } = toldWriter(folder);
    await withHeldFlushes(async (held) => {
      for (const name of [1, 2, 3]) await add(name);
      held[1]!.reject(new Error("I/O error"));
      held[0]!.resolve();
      await turn();
      // Nothing more goes to this file.
      await add(4);
      assert.deepEqual(told, ["1 durable"]);
      assert.equal(held.length, 3);
      held[2]!.resolve();
      await turn();
      assert.deepEqual(told, ["1 durable", "2 failed", "3 failed"]);
      assert.equal(held.length, 4);
      held[3]!.resolve();
      await writer.flush();
    });
    assert.deepEqual(told.at(-1), "4 durable");
    await writer.close();
    assert.deepEqual(contentsIn(folder, writer.end), [1, 4]);
    assert.deepEqual(new SpoolReader(folder).segments(), [1, 2]);
  }));

Deno.test("segments follow one another while groups are on their way", () =>
  inFolder(async (folder) => {
    const { writer, told, add } = toldWriter(folder);
    const big = encode({ ...oneOfEach("1")[0]!, data: { text: "x".repeat(1_500_000) } } as never, 1);
    for (let name = 0; name < 40; name++) {
      writer.add({ bytes: 0, segment: 0, end: 0, name }, metaOf(big), big.content, true);
      await add(100 + name);
    }
    await writer.close();
    assert.deepEqual(told.map((one) => one.split(" ")[1]), told.map(() => "durable"));
    const found = readAll(folder, writer.end).events.map(({ content }) => content);
    assert.equal(found.length, 80);
    found.forEach((content, i) => assert.equal(content, i % 2 === 0 ? big.content : `${100 + (i >> 1)}`));
    assert.ok(writer.end.segment > 2);
  }));
