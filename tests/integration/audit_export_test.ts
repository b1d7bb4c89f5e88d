/** Exports of a real store, of ten thousand events, through files. */
import assert from "node:assert/strict";
import { exportRecord, verifyFile } from "../../policy/audit/commands.ts";
import type { EventFilter, EvidenceJournal, ExportFormat } from "../../policy/ports.ts";
import { oneOfEach } from "../unit/audit/samples.ts";
import { withJournal } from "../support/journals.ts";

const sessions = 50;
const rounds = 15;

/** Ten thousand events of fifty sessions, interleaved as they come. */
async function fill(journal: EvidenceJournal): Promise<number> {
  const drafts = Array.from({ length: sessions }, (_, i) => oneOfEach(String(i)));
  const middle = ["statement.judged", "statement.finished"];
  const appended: Promise<unknown>[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const session of drafts) {
      const wanted = round === 0 ? session : session.filter((draft) => middle.includes(draft.type));
      for (const draft of wanted) appended.push(journal.append(draft));
    }
  }
  for (let i = appended.length; i < 10_000; i++) appended.push(journal.append(drafts[i % sessions]![7]!));
  await Promise.all(appended);
  return appended.length;
}

async function exportTo(
  path: string,
  journal: EvidenceJournal,
  filter: EventFilter,
  format?: ExportFormat,
): Promise<number> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const encoder = new TextEncoder();
  return await exportRecord(
    journal,
    filter,
    async (text) => void await file.write(encoder.encode(text)),
    format,
  );
}

Deno.test("ten thousand events go out whole and filtered, and each file verifies with the folder's key", (t) =>
  withJournal(async (journal, folder) => {
    const total = await fill(journal);
    const path = `${folder}/export.jsonl`;
    const key = `${folder}/audit-key.pub.pem`;

    await t.step("whole", async () => {
      const lines = await exportTo(path, journal, {});
      const found = await verifyFile(path, key);
      assert.ok(found.ok, found.text);
      assert.match(found.text, new RegExp(`^OK: ${total} events, sequence 1\\.\\.${total}, `));
      assert.ok(lines > total + 1, "header, events, heads on the way, end");
    });

    await t.step("of one session, with the digests of the others", async () => {
      await exportTo(path, journal, { session: "session-7" });
      const found = await verifyFile(path, key);
      assert.ok(found.ok, found.text);
      assert.match(found.text, /left out by the filter \{"session":"session-7"\}/);
      const text = await Deno.readTextFile(path);
      assert.ok(text.includes('"session-7"') && !text.includes('"session-8"'));
    });

    await t.step("of a text and a type", async () => {
      await exportTo(path, journal, { text: "update customers", types: ["statement.judged"], after: 500 });
      const found = await verifyFile(path, key);
      assert.ok(found.ok, found.text);
    });

    await t.step(
      "changed by one letter, cut, and with two lines swapped it is bad, by line and event",
      async () => {
        await exportTo(path, journal, {});
        const lines = (await Deno.readTextFile(path)).split("\n");
        const at = lines.findIndex((line) => line.includes('"sequence":5000,'));
        const verdict = async (changed: string[]) => {
          await Deno.writeTextFile(path, changed.join("\n"));
          return (await verifyFile(path, key)).text;
        };
        const letter = lines.with(at, lines[at]!.replace("mia@example.com", "mia@exemple.com"));
        assert.equal(
          await verdict(letter),
          `BAD: line ${at + 1} (sequence 5000): the hash does not match its content: the line was changed`,
        );
        assert.match(
          await verdict(lines.slice(0, at)),
          /^BAD: line \d+ \(sequence \d+\): the export stops at event/,
        );
        const swapped = lines.with(at, lines[at + 1]!).with(at + 1, lines[at]!);
        assert.match(await verdict(swapped), new RegExp(`^BAD: line ${at + 1} `));
      },
    );

    await t.step("as CSV, a row for each event", async () => {
      const rows = await exportTo(`${folder}/export.csv`, journal, {}, "csv");
      assert.equal(rows, total + 1);
    });
  }));
