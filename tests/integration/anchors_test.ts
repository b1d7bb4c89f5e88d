/** Anchors: signed heads outside, and a record that was rewritten with its own key. */
import assert from "node:assert/strict";
import { verifyFile } from "../../policy/audit/commands.ts";
import { exportRecord } from "../../policy/audit/commands.ts";
import { Secret } from "../../policy/config_values.ts";
import { Anchors } from "../../policy/notify/anchors.ts";
import { openJournal } from "../../policy/store/journal.ts";
import type { EvidenceJournal } from "../../policy/ports.ts";
import { collect, smallEvent, storeFolder, withJournal } from "../support/journals.ts";
import { startHttpReceiver, until } from "../support/receivers.ts";

const exportTo = async (journal: EvidenceJournal, path: string) => {
  let text = "";
  await exportRecord(journal, {}, (piece) => void (text += piece));
  await Deno.writeTextFile(path, text);
};

Deno.test("heads go to a file and a webhook that fails first; a rewritten or cut record does not meet them", () =>
  withJournal(async (journal, folder) => {
    const receiver = startHttpReceiver((n) => n < 2 ? 500 : 200);
    const heads = `${folder}/heads.jsonl`;
    const lines = () => Deno.readTextFileSync(heads).trimEnd().split("\n");
    const anchors = new Anchors({
      anchors: {
        vault: { kind: "file", path: "heads.jsonl" },
        notary: { kind: "webhook", url: new Secret(receiver.url), secret: new Secret("s"), timeout: 10_000 },
      },
      journal,
      resolve: (path) => `${folder}/${path}`,
      allowed: [],
      clock: Date.now,
      log: () => {},
      everyMs: 20,
    });
    try {
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 5; i++) await journal.append(smallEvent(`${round} ${i}`));
        // An export signs the head.
        await collect(journal.lines({}));
      }
      const anchored = () => receiver.taken.map(({ body }) => body);
      await until(() => anchored().length === 3, "the heads at the webhook");
      await until(() => lines().length === 3, "the heads in the file");
      assert.deepEqual(anchored(), lines());
      assert.match(receiver.taken[0]!.headers.get("webhook-signature")!, /^v1,/);

      const path = `${folder}/export.jsonl`;
      const key = `${folder}/audit-key.pub.pem`;
      await exportTo(journal, path);
      const good = await verifyFile(path, key, heads);
      assert.ok(good.ok && /3 anchors met/.test(good.text), good.text);
      assert.match((await verifyFile(path, key, key)).text, /BAD: the anchors .* cannot be read/);

      // The same key, another past: what somebody forges who holds the folder.
      const other = await storeFolder();
      try {
        const forged = await openJournal({ folder: other.folder });
        for (let i = 0; i < 30; i++) await forged.append(smallEvent(`forged ${i}`));
        await exportTo(forged, path);
        await forged.close();
        const found = await verifyFile(path, `${other.folder}/audit-key.pub.pem`, heads);
        assert.match(found.text, /BAD: .*(anchored with another hash|not signed with this Postern's key)/);
      } finally {
        await other.remove();
      }
    } finally {
      await anchors.close();
      await receiver.close();
    }
  }));
