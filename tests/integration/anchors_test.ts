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

Deno.test("heads go to the program postern-anchor; while it fails the health says why, and none is left out", () =>
  withJournal(async (journal, folder) => {
    const path = Deno.env.get("PATH")!;
    await Deno.writeTextFile(
      `${folder}/postern-anchor`,
      `#!/bin/sh\n[ -f ${folder}/open ] || { echo 'the vault is sealed' >&2; exit 3; }\ncat >> ${folder}/$1.jsonl\n`,
      { mode: 0o755 },
    );
    Deno.env.set("PATH", `${folder}:${path}`);
    const anchors = new Anchors({
      anchors: { locked: { kind: "command", timeout: 10_000 } },
      journal,
      resolve: (given) => given,
      allowed: [],
      clock: Date.now,
      log: () => {},
      everyMs: 20,
    });
    const problem = async () => {
      const [probe] = anchors.probes();
      assert.equal(probe?.name, "anchor locked");
      return await probe.ask().then(() => null, (error: Error) => error.message);
    };
    try {
      for (let round = 0; round < 3; round++) {
        await journal.append(smallEvent(`${round}`));
        await collect(journal.lines({}));
      }
      await until(async () => /ended with 3: the vault is sealed/.test(await problem() ?? ""), "the reason");
      await Deno.writeTextFile(`${folder}/open`, "");
      const heads = () => Deno.readTextFile(`${folder}/locked.jsonl`).catch(() => "");
      await until(async () => (await heads()).trimEnd().split("\n").length === 3, "the heads at the program");
      await until(async () => await problem() === null, "health again");
      await exportTo(journal, `${folder}/export.jsonl`);
      const good = await verifyFile(
        `${folder}/export.jsonl`,
        `${folder}/audit-key.pub.pem`,
        `${folder}/locked.jsonl`,
      );
      assert.ok(good.ok && /3 anchors met/.test(good.text), good.text);
      await Deno.remove(`${folder}/postern-anchor`);
      await journal.append(smallEvent("after"));
      await collect(journal.lines({}));
      await until(async () => /not on the PATH/.test(await problem() ?? ""), "the missing program");
    } finally {
      Deno.env.set("PATH", path);
      await anchors.close();
    }
  }));

Deno.test("a head is signed after so many events, at other times from a reload on, and at the end", () =>
  withJournal(async (journal) => {
    const count = async () => (await journal.heads(0)).length;
    for (let i = 0; i < 3; i++) await journal.append(smallEvent(`${i}`));
    await until(async () => await count() === 1, "a head after three events");
    journal.configureHeads({ events: 1000, intervalMs: 50 });
    await journal.append(smallEvent("one more"));
    await until(async () => await count() === 2, "a head after a time");
  }, { heads: { events: 3, intervalMs: 3_600_000 } }));
