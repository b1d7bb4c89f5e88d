/** The tables of features name tests that exist: a row whose proof was renamed or removed is found here. */
import assert from "node:assert/strict";

const tests = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, tests));

interface Row {
  readonly feature: string;
  readonly proof: string;
}

/** Cells are apart by ` | `; a bar inside a test's name has no blanks on both sides of it, or is doubled. */
function rowsOf(table: string): Row[] {
  return table.split("\n").filter((line) => line.startsWith("| ")).map((line) => {
    const [feature = "", ...proof] = line.slice(2, -2).split(/ \| /);
    return { feature, proof: proof.join(" | ") };
  }).filter(({ feature }) => feature !== "feature" && feature !== "case" && !/^-+$/.test(feature.trim()));
}

/** null where the proof stands. */
function problem(proof: string): string | null {
  if (/^open: .{10,}/.test(proof)) return null;
  const match = /^`([a-z0-9_/]+_test\.ts)` (.+)$/.exec(proof);
  if (match === null) return "is no test's file and name, and no reason why there is none";
  const [, file = "", name = ""] = match;
  try {
    const source = read(file);
    return source.includes(`"${name}"`) || source.includes(`\`${name}\``) ? null : `${file} has no such test`;
  } catch {
    return `${file} does not exist`;
  }
}

for (const [name, least] of [["postgresql", 50], ["mysql", 50], ["security", 30]] as const) {
  Deno.test(`every proof in the features of ${name} is a test that exists`, () => {
    const rows = rowsOf(read(`features/${name}.md`));
    assert.ok(rows.length > least, `${rows.length} rows`);
    const problems = rows.flatMap(({ feature, proof }) =>
      proof.split("<br>").flatMap((one) => {
        const why = problem(one);
        return why === null ? [] : [`${feature}: ${one}: ${why}`];
      })
    );
    assert.deepEqual(problems, []);
  });
}

Deno.test("a renamed test, a missing file and an empty proof are found", () => {
  const here = "unit/support/features_test.ts";
  assert.equal(problem(`\`${here}\` a renamed test, a missing file and an empty proof are found`), null);
  assert.match(problem(`\`${here}\` a test ${"that"} is not`) ?? "", /no such test/);
  assert.match(problem("`unit/no_such_test.ts` name") ?? "", /does not exist/);
  assert.match(problem("") ?? "", /no reason/);
});
