/** kill -9 at any point: what was acknowledged is there afterwards, the chain is whole, nothing stays open. */
import assert from "node:assert/strict";
import { STOPPED_WITHOUT_NOTICE } from "../../policy/store/nodes.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { verifyLines } from "../../policy/audit/verify.ts";
import type { EvidenceJournal } from "../../policy/ports.ts";
import { collect, storeFolder } from "../support/journals.ts";

/** More by environment, for a longer look. */
const rounds = Number(Deno.env.get("STORE_KILLS") ?? 3);

/** Lets a writer run, kills it some time after an event got its place, which comes last; what it was told is durable. */
async function killedWriter(folder: string, afterMs: number): Promise<[string, string][]> {
  const writer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("../support/journal_writer.ts", import.meta.url).pathname, folder],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  let timer: number | undefined;
  for await (const chunk of writer.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (/^\d+ \w+\n/m.test(text)) timer ??= Number(setTimeout(() => writer.kill("SIGKILL"), afterMs));
  }
  const { signal } = await writer.status;
  assert.equal(signal, "SIGKILL", "the writer runs until it is killed");
  // The last line may be half written; then nobody read that it is durable.
  const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
  return lines.map((line) => line.split(" ") as [string, string]);
}

async function assertWhole(journal: EvidenceJournal): Promise<void> {
  const lines = (await collect(journal.lines({}))).map((line) => line.slice(0, -1));
  const found = await verifyLines(lines);
  assert.equal(found.ok, true, found.ok ? "" : `line ${found.line}: ${found.problem}`);
}

Deno.test("after kill -9 every acknowledged event is there, and what was open is recorded as ended", async () => {
  const { folder, remove } = await storeFolder();
  try {
    for (let round = 0; round < rounds; round++) {
      const acknowledged = await killedWriter(folder, 20 + Math.random() * 600);
      const recorded = acknowledged.filter(([place]) => place === "recorded").map(([, subject]) => subject);
      const placed = acknowledged.filter(([place]) => place !== "recorded");
      assert.ok(placed.length > 0);
      const journal = await openJournal({ folder });
      try {
        const first = Math.min(...placed.map(([sequence]) => Number(sequence)));
        const stored = new Map<number, string>();
        const subjects = new Map<unknown, number>();
        for await (const { sequence, hash, data } of journal.export({ after: first - 1 })) {
          stored.set(sequence, hash);
          subjects.set(data.subject, (subjects.get(data.subject) ?? 0) + 1);
        }
        for (const [sequence, hash] of placed) {
          assert.equal(stored.get(Number(sequence)), hash, `event ${sequence} was acknowledged`);
        }
        for (const subject of recorded) assert.equal(subjects.get(subject), 1, `${subject} was acknowledged`);
        const [session] = await journal.sessions({ limit: 1 });
        assert.equal(session?.endReason, STOPPED_WITHOUT_NOTICE);
        const approval = await journal.approval(`approval-of-${session?.id}`);
        assert.deepEqual([approval?.state, approval?.outcome], ["withdrawn", STOPPED_WITHOUT_NOTICE]);
        const ends = await journal.events({
          session: session!.id,
          types: ["session.ended", "approval.withdrawn"],
        });
        assert.deepEqual(ends.map((event) => event.type), ["approval.withdrawn", "session.ended"]);
        await assertWhole(journal);
      } finally {
        await journal.close();
      }
    }
  } finally {
    await remove();
  }
});
