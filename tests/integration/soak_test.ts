/** Seconds of what `deno task soak` does for half an hour: many clients of both protocols, well and badly behaved. */
import assert from "node:assert/strict";
import { growth, soak } from "../soak/main.ts";
import { mariadbHere } from "../support/mariadb.ts";
import { postgresqlHere } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

testNeeding(
  [postgresqlHere, mariadbHere],
  "many clients of both protocols at once see nothing wrong, and nothing is left when they go",
  async () => {
    const report: string[] = [];
    const result = await soak({
      seconds: 8,
      clients: 20,
      paceMs: 50,
      sampleSeconds: 4,
      report: (line) => report.push(line),
    });
    assert.deepEqual(result.problems, []);
    assert.equal(result.connectionsLeft, 0);
    assert.ok(result.statements > 50, `${result.statements} statements`);
    assert.ok(report.length > 0);
  },
);

Deno.test("growth is the last fifth against the second, and nothing where there is little to go by", () => {
  assert.equal(growth([9, 9, 1, 1, 1, 1, 1, 1, 2, 2]), 100);
  assert.equal(growth([9, 9, 5, 5, 1, 1, 1, 1, 5, 5]), 0);
  assert.equal(growth([1, 2, 3]), 0);
});
