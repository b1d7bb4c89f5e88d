/** `GET /api/search`: who finds what, what is refused, and that looking is recorded. */
import assert from "node:assert/strict";
import { searchAnswerSchema } from "../../../ui/contract.ts";
import { alex, devin, otto } from "./fakes.ts";
import { startHarness } from "./harness.ts";

Deno.test("auditors search everything, on the record; engineers their own", async () => {
  const harness = startHarness();
  try {
    const { gateway } = harness;
    await gateway.session("session-1");
    await gateway.statement("session-1", "SELECT 1");
    await gateway.statement("session-1", "SELECT 2");
    const searched = () => gateway.journal.all.filter((event) => event.data.action === "record.searched");

    const engineer = await harness.signedIn(devin);
    const own = searchAnswerSchema.parse(await engineer.json("/api/search"));
    assert.deepEqual(own.hits.map((hit) => hit.text), ["SELECT 2", "SELECT 1"]);
    assert.equal(searched().length, 0);
    assert.equal((await engineer.fetch("/api/search?person=somebody%40else.test")).status, 403);

    const other = await harness.signedIn(otto);
    assert.deepEqual(searchAnswerSchema.parse(await other.json("/api/search")).hits, []);

    const auditor = await harness.signedIn(alex);
    const all = searchAnswerSchema.parse(await auditor.json("/api/search?verdict=allow&limit=1"));
    assert.deepEqual(all.hits.map((hit) => hit.text), ["SELECT 2"]);
    await auditor.json(`/api/search?verdict=allow&limit=1&before=${all.next}`);
    assert.equal(searched().length, 1, "the next page is the same look");
    assert.match(String(searched()[0]!.data.detail), /"verdict":"allow"/);

    for (
      const query of ["verdict=maybe", "limit=0", "limit=1000", "from=yesterday", "sql=1", "limit=1&limit=2"]
    ) {
      assert.equal((await auditor.fetch(`/api/search?${query}`)).status, 400, query);
    }
    gateway.journal.broken = true;
    assert.equal((await auditor.fetch("/api/search")).status, 503, "what cannot be recorded is not shown");
  } finally {
    await harness.close();
  }
});
