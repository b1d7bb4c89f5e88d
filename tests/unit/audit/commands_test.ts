import assert from "node:assert/strict";
import { exportRecord, verifyFile } from "../../../policy/audit/commands.ts";
import { exportLines } from "../../../policy/audit/export.ts";
import { memoryRecord, oneOfEach } from "./samples.ts";

const record = memoryRecord([...oneOfEach("1"), ...oneOfEach("2")], { headEvery: 10 });
const journal = { lines: exportLines.bind(null, record) as never };

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-audit-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function exported(path: string): Promise<string> {
  let text = "";
  await exportRecord(journal, {}, (piece) => void (text += piece));
  await Deno.writeTextFile(path, text);
  return text;
}

Deno.test("an exported file verifies, and the text says what it holds and whose key it is", () =>
  inFolder(async (folder) => {
    await exported(`${folder}/a.jsonl`);
    const alone = await verifyFile(`${folder}/a.jsonl`);
    assert.ok(alone.ok);
    assert.match(alone.text, /^OK: 32 events, sequence 1\.\.32, 3 signed heads on the way, end signed 2025-/);
    assert.match(alone.text, /This key comes from the export itself/);
    await Deno.writeTextFile(`${folder}/key.pem`, record.publicPem);
    const pinned = await verifyFile(`${folder}/a.jsonl`, `${folder}/key.pem`);
    assert.ok(pinned.ok);
    assert.ok(!pinned.text.includes("comes from the export itself"));
  }));

Deno.test("a changed file is bad, and the text names line, event and fault", () =>
  inFolder(async (folder) => {
    const text = await exported(`${folder}/a.jsonl`);
    await Deno.writeTextFile(`${folder}/a.jsonl`, text.replace("UPDATE customers", "SELECT customers"));
    assert.deepEqual(await verifyFile(`${folder}/a.jsonl`), {
      ok: false,
      text: "BAD: line 8 (sequence 7): the hash does not match its content: the line was changed",
    });
  }));

Deno.test("files that cannot be read, and keys that are none, are bad and not a crash", () =>
  inFolder(async (folder) => {
    await exported(`${folder}/a.jsonl`);
    await Deno.writeFile(`${folder}/bytes`, new Uint8Array([0xff, 0xfe, 0x00, 0x80]));
    await Deno.writeTextFile(`${folder}/empty`, "");
    for (
      const [path, key] of [
        [`${folder}/none`],
        [folder],
        [`${folder}/bytes`],
        [`${folder}/empty`],
        [`${folder}/a.jsonl`, `${folder}/none`],
        [`${folder}/a.jsonl`, `${folder}/bytes`],
        [`${folder}/a.jsonl`, `${folder}/a.jsonl`],
      ] as const
    ) {
      const found = await verifyFile(path, key);
      assert.equal(found.ok, false, `${path} ${key}`);
      assert.match(found.text, /^BAD: /);
    }
  }));
