/** Long texts are understood in a Worker as they are here, and one that takes too long is refused. */
import assert from "node:assert/strict";
import { compileMasks } from "../../../policy/masking.ts";
import { LargeTexts } from "../../../policy/sql/large_texts.ts";
import { catalog } from "./postgresql_fixture.ts";

const { key, lookup, portable: masks } = compileMasks([
  { columns: ["*.users.ssn"], mask: { kind: "null" }, targets: ["shop"], except: { groups: ["dbas"] } },
])([], "shop");
const question = (text: string) => ({
  dialect: "postgresql",
  place: "shop",
  catalog,
  masks,
  text,
  state: {},
});

Deno.test("the Worker gives what the analyst here gives, masks included", async () => {
  const largeTexts = new LargeTexts(() => assert.fail("nothing goes wrong"));
  const here = catalog.analyst(key, lookup);
  try {
    for (
      const text of [
        `SELECT ssn, name FROM users /*${"x".repeat(20_000)}*/`,
        `UPDATE users SET ssn = '${"1".repeat(20_000)}' WHERE id = 1`,
        `INSERT INTO orders (note) VALUES ${"('x'), ".repeat(4_000)}('y')`,
        `SELECT ${"(".repeat(10_000)}`,
      ]
    ) assert.deepEqual(await largeTexts.analyse(question(text)), here.analyse(text, {}), text.slice(0, 40));
  } finally {
    await largeTexts.close();
  }
});

Deno.test("a text that is not understood in time is refused, and the next ones are served", async () => {
  const problems: unknown[] = [];
  const largeTexts = new LargeTexts((...problem) => problems.push(problem), 1);
  try {
    const answers = await Promise.all(
      [1, 2].map((i) =>
        largeTexts.analyse(question(`INSERT INTO orders (id) VALUES ${"(1), ".repeat(4_000)}(${i})`))
      ),
    );
    for (const answer of answers) {
      assert.ok("refused" in answer);
      assert.match(answer.refused.reason, /did not understand this long statement within 0.001 s/);
      assert.match(answer.refused.hint, /fewer rows/);
    }
    assert.equal(problems.length, 2);
  } finally {
    await largeTexts.close();
  }
});

const long = (n: number) => `INSERT INTO orders (id) VALUES ${"(1), ".repeat(9_000)}(${n})`;

Deno.test("whoever leaves gets an answer at once, and the others theirs", async () => {
  const largeTexts = new LargeTexts(() => assert.fail("nothing goes wrong"));
  try {
    const [first, second] = [new AbortController(), new AbortController()];
    const answers = [
      largeTexts.analyse(question(long(1)), first.signal),
      largeTexts.analyse(question(long(2)), second.signal),
      largeTexts.analyse(question(long(3))),
    ] as const;
    second.abort();
    first.abort();
    for (const answer of [await answers[1], await answers[0]]) {
      assert.ok("refused" in answer);
      assert.match(answer.refused.reason, /nobody waits/);
    }
    const last = await answers[2];
    assert.ok(!("refused" in last), "the Worker is started again for who still waits");
    const gone = await largeTexts.analyse(question(long(4)), AbortSignal.abort());
    assert.ok("refused" in gone);
  } finally {
    await largeTexts.close();
  }
});

Deno.test("a Worker that does not begin is no text that was not understood", async () => {
  const largeTexts = new LargeTexts(() => {}, 10_000, 0);
  try {
    const answer = await largeTexts.analyse(question(long(1)));
    assert.ok("refused" in answer);
    assert.match(answer.refused.reason, /did not begin to read this long statement within 0 s/);
    assert.match(answer.refused.hint, /again in a moment/);
  } finally {
    await largeTexts.close();
  }
});

Deno.test("what waits at the end is told that Postern is shutting down", async () => {
  const largeTexts = new LargeTexts(() => {});
  const answers = [1, 2].map((n) => largeTexts.analyse(question(long(n))));
  await largeTexts.close();
  for (const answer of await Promise.all(answers)) {
    assert.ok("refused" in answer);
    assert.match(answer.refused.reason, /shutting down/);
  }
});
