/** The times of a node's lease fit each other: nobody is taken for lost because one connection was. */
import assert from "node:assert/strict";
import { storeSchema } from "../../../policy/config_store.ts";
import { beatTimes } from "../../../policy/store/fleet.ts";
import { beatMsFor } from "../../../policy/store/url_database.ts";

const at = (nodeTimeout?: string) => storeSchema.unwrap().shape.nodeTimeout.parse(nodeTimeout);

Deno.test("a connection that goes silent and one that does not come about leave time for a beat within the lease", () => {
  for (const leaseMs of [at("5s"), at(), at("10m")]) {
    const { everyMs, againMs } = beatTimes(leaseMs);
    const tryMs = beatMsFor(leaseMs);
    // The last beat, the next one on a connection that is silent, a start-up that hangs, and one that comes late.
    const worst = everyMs + tryMs + againMs + tryMs + againMs + tryMs;
    assert.ok(worst < leaseMs, `${worst} of ${leaseMs}`);
    assert.ok(tryMs >= 500, "a busy server, far away, lets in within this time");
  }
});

Deno.test("a lease too short for a connection to come about is refused", () => {
  assert.throws(() => at("2s"), /5s|5 s|5000/);
});
