/** What is kept of results for the record stays small, whatever their shape. */
import assert from "node:assert/strict";
import { ShownRows } from "../../../policy/shown_rows.ts";

const wide = Array.from({ length: 1600 }, (_, at) => ({ name: `c${at}`, masked: false }));
const one = [{ name: "a", masked: false }];
const size = (shown: ShownRows) => JSON.stringify(shown.results).length;

Deno.test("rows of NULLs and of empty texts are not free", () => {
  for (const value of [null, ""]) {
    const shown = new ShownRows({ rows: 10_000, bytes: 65_536 });
    shown.start(wide);
    for (let row = 0; row < 10_000 && shown.wants; row++) shown.add(new Array(1600).fill(value));
    assert.ok(size(shown) < 600_000, `${size(shown)} characters`);
    assert.equal(shown.results[0]!.more, true);
  }
});

Deno.test("results without rows are not free", () => {
  const shown = new ShownRows({ rows: 3, bytes: 200 });
  for (let result = 0; result < 6000; result++) shown.start(wide);
  assert.equal(shown.results.length, 1);
  assert.equal(shown.results[0]!.more, true);
});

Deno.test("what fits is kept whole and is not called cut; NULL stays apart from an empty text", () => {
  const shown = new ShownRows({ rows: 3, bytes: 100 });
  shown.start(one);
  shown.add([null]);
  shown.add([""]);
  shown.start(one);
  shown.add(["x"]);
  assert.deepEqual(shown.results, [
    { columns: one, rows: [[null], [""]], more: false },
    { columns: one, rows: [["x"]], more: false },
  ]);
});

Deno.test("a value is cut where the room ends, never inside a character", () => {
  const shown = new ShownRows({ rows: 3, bytes: 103 });
  shown.start(one);
  shown.add(["😀".repeat(100)]);
  const [[value]] = shown.results[0]!.rows as [[string]];
  assert.ok(value.isWellFormed() && value.endsWith("…") && value.length <= 102, value);
  assert.equal(shown.results[0]!.more, true);
});
