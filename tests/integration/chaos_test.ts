/** One short round of what `deno run -A tests/soak/chaos.ts` does for as long as one likes. */
import assert from "node:assert/strict";
import { chaos } from "../soak/chaos.ts";
import { mariadbHere } from "../support/mariadb.ts";
import { postgresqlHere } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const rootHere = { missing: () => Deno.uid() === 0 ? null : "mounting a small disk needs root" };

testNeeding(
  [postgresqlHere, mariadbHere, rootHere, "mount", "prlimit"],
  "whatever is killed, cut, full or skewed: every statement that ran is recorded, every hold ends, and Postern goes on",
  async () => {
    const { answered, forgotten, memory } = await chaos({ rounds: 1, spellMs: 1_000, report: console.log });
    assert.ok(answered > 100);
    assert.deepEqual(forgotten, []);
    const [first, last] = [memory[0]!, memory.at(-1)!];
    // The Worker's database is opened anew within the round: what was its own is given back in part.
    assert.ok(last.resident < first.resident * 2, `${first.resident} MB, then ${last.resident} MB resident`);
    assert.ok(last.live < first.live * 1.3, `${first.live} MB in use, then ${last.live}`);
  },
);
