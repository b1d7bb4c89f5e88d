/** What may go wrong around the store: each gives a clear StoreFailed, and what can recover does. */
import assert from "node:assert/strict";
import { openEmbedded } from "../../policy/store/embedded_database.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { migrations } from "../../policy/store/migrations.ts";
import { verifyLines } from "../../policy/audit/verify.ts";
import { PosternError } from "../../policy/errors.ts";
import type { AuditEvent } from "../../policy/types.ts";
import type { Database } from "../../policy/store/database.ts";
import { collect, smallEvent, storeFolder, withJournal } from "../support/journals.ts";
import { testNeeding } from "../support/programs.ts";

const storeFailed = (says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PosternError, String(error));
  assert.equal(error.code, "StoreFailed");
  assert.match(error.message, says);
  return true;
};

async function inStore(folder: string, body: (db: Database) => Promise<void>): Promise<void> {
  const db = await openEmbedded(`${folder}/store`);
  try {
    await body(db);
  } finally {
    await db.close();
  }
}

const mountedHere = {
  missing: () =>
    Deno.build.os === "linux" && Deno.uid() === 0 ? null : "mounting a small disk needs root on Linux",
};

/** An empty store on a disk of its own; `fill` leaves so many bytes of room, `clear` gives all back. */
async function onSmallDisk(
  body: (folder: string, fill: (left: number) => Promise<void>, clear: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const disk = await Deno.makeTempDir({ prefix: "postern-disk-" });
  await sh("mount", "-t", "tmpfs", "-o", "size=260m", "tmpfs", disk);
  try {
    const { folder } = await storeFolder(disk);
    const ballast = `${disk}/ballast`;
    await body(
      folder,
      async (left) => await Deno.writeFile(ballast, new Uint8Array(await freeBytes(disk) - left)),
      () => Deno.remove(ballast),
    );
  } finally {
    // Lazily: a database that stopped itself leaves its files open until the process ends.
    await sh("umount", "-l", disk);
    await Deno.remove(disk);
  }
}

testNeeding(
  [mountedHere, "mount"],
  "a disk that fills up refuses events, still answers readers, and takes events again when there is room",
  () =>
    onSmallDisk(async (folder, fill, clear) => {
      const journal = await openJournal({ folder });
      const kept: AuditEvent[] = [];
      journal.subscribe((event) => kept.push(event));
      try {
        await journal.append(smallEvent("before"));
        await fill(64_000_000);
        const full = storeFailed(/disk of the session store is full/);
        await assert.rejects(async () => {
          // Text that does not compress, so that it needs the room that it looks like.
          for (let i = 0; i < 200; i++) await journal.append(smallEvent(`fill ${i}`, noise(200_000)));
        }, full);
        await assert.rejects(journal.append(smallEvent("x")), full);
        assert.equal((await journal.events({ limit: 1 })).length, 1);
        await clear();
        await journal.append(smallEvent("room again"));
        assert.deepEqual(await journal.events({ limit: 5000 }), kept);
        const lines = (await collect(journal.lines({}))).map((line) => line.slice(0, -1));
        assert.equal((await verifyLines(lines)).ok, true);
      } finally {
        await journal.close();
      }
    }),
);

testNeeding(
  [mountedHere, "mount"],
  "an embedded database whose log finds the disk full stops without hanging, and opens when there is room",
  () =>
    onSmallDisk(async (folder, fill, clear) => {
      const insert = (i: number) => ({
        text: "INSERT INTO public_keys VALUES ($1::text, $2::text)",
        values: [String(i), noise(20_000)],
      });
      let db = await openEmbedded(`${folder}/store`);
      let done = 0;
      await fill(14_000_000);
      await assert.rejects(async () => {
        for (; done < 2000; done++) {
          await db.query(insert(done));
          await db.settle();
        }
      }, /No space left/);
      assert.equal(await db.alive(), false);
      await assert.rejects(db.query(insert(-1)), /stopped itself/);
      await db.close();
      await clear();
      db = await openEmbedded(`${folder}/store`);
      try {
        const [row] = await db.query({ text: "SELECT count(*)::text FROM public_keys", values: [] });
        assert.equal(row?.[0], String(done));
      } finally {
        await db.close();
      }
    }),
);

Deno.test("a second process on the folder is refused, and told the folder and the first one's number", () =>
  withJournal(async (journal, folder) => {
    const says = new RegExp(`${folder} is in use by another Postern \\(process ${Deno.pid}\\)`);
    const script = `import { openJournal } from "${new URL(
      "../../policy/store/journal.ts",
      import.meta.url,
    )}";
      try { await openJournal({ folder: Deno.args[0] }); } catch (error) { console.log(error.code, error.message); }`;
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, script);
      const config = new URL("../../deno.json", import.meta.url).pathname;
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", config, file, folder],
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.match(text, says);
      assert.match(text, /^StoreFailed /);
    } finally {
      await Deno.remove(file);
    }
    await assert.rejects(openJournal({ folder }), storeFailed(says));
    await journal.append(smallEvent("the first goes on"));
  }));

Deno.test("the folder, its key and its lock are for the owner alone", async () => {
  const parent = await Deno.makeTempDir({ prefix: "postern-store-" });
  const folder = `${parent}/new/data`;
  try {
    await (await openJournal({ folder })).close();
    const mode = async (path: string) => ((await Deno.stat(path)).mode! & 0o777).toString(8);
    assert.equal(await mode(folder), "700");
    assert.equal(await mode(`${folder}/store`), "700");
    assert.equal(await mode(`${folder}/audit-key.pem`), "600");
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("a data folder that cannot be made, or whose key is broken, is refused by name", async () => {
  const { folder, remove } = await storeFolder();
  try {
    await Deno.writeTextFile(`${folder}/audit-key.pem`, "no key\n");
    await assert.rejects(openJournal({ folder }), storeFailed(new RegExp(`${folder} cannot be used`)));
    await assert.rejects(openJournal({ folder: `${folder}/lock/data` }), storeFailed(/cannot be used/));
  } finally {
    await remove();
  }
});

Deno.test("a broken database folder is refused, and does not hang or crash", async () => {
  const { folder, remove } = await storeFolder();
  try {
    await Deno.writeFile(`${folder}/store/global/pg_control`, new Uint8Array(8192).fill(7));
    await assert.rejects(openJournal({ folder }), storeFailed(/store/));
    await assert.rejects(openJournal({ folder }), storeFailed(/store/), "and the lock is free again");
  } finally {
    await remove();
  }
});

Deno.test("a store that a newer Postern wrote is refused, and left as it is", async () => {
  const { folder, remove } = await storeFolder();
  try {
    const newer = migrations.length + 1;
    await inStore(folder, (db) => db.script([`UPDATE schema_version SET version = ${newer}`]));
    await assert.rejects(
      openJournal({ folder }),
      storeFailed(new RegExp(`version ${newer}, and this Postern knows up to ${migrations.length}`)),
    );
  } finally {
    await remove();
  }
});

const outside: readonly { readonly how: string; readonly sql: string }[] = [
  {
    how: "a changed content",
    sql: "UPDATE events SET content = replace(content, 'mia', 'eve') WHERE sequence = 7",
  },
  { how: "a removed event", sql: "DELETE FROM events WHERE sequence = 7" },
  { how: "the newest events removed", sql: "DELETE FROM events WHERE sequence > 7" },
  { how: "a changed hash", sql: "UPDATE events SET hash = repeat('a', 64) WHERE sequence = 10" },
  {
    how: "a head signed by nobody",
    sql: `UPDATE signed_heads SET body = regexp_replace(body, '"signature":".', '"signature":"/')`,
  },
];

Deno.test("a store that was changed from outside is refused, or its export found bad", async (t) => {
  for (const { how, sql } of outside) {
    await t.step(how, async () => {
      const { folder, remove } = await storeFolder();
      try {
        const journal = await openJournal({ folder });
        for (let i = 0; i < 10; i++) await journal.append(smallEvent(String(i)));
        await journal.close();
        await inStore(folder, (db) => db.script([sql]));
        let problem: string | null = null;
        try {
          const again = await openJournal({ folder });
          const lines = (await collect(again.lines({}))).map((line) => line.slice(0, -1));
          await again.close();
          const found = await verifyLines(lines);
          problem = found.ok ? null : found.problem;
        } catch (error) {
          storeFailed(/changed outside Postern|not in the store/)(error);
          problem = (error as Error).message;
        }
        assert.notEqual(problem, null, "it must be found");
      } finally {
        await remove();
      }
    });
  }
});

async function sh(...[command, ...args]: [string, ...string[]]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

async function freeBytes(path: string): Promise<number> {
  const { stdout } = await new Deno.Command("df", { args: ["--output=avail", "-B1", path] }).output();
  return Number(new TextDecoder().decode(stdout).trim().split("\n").at(-1));
}

function noise(characters: number): string {
  const bytes = new Uint8Array(characters);
  for (let at = 0; at < characters; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return [...bytes].map((byte) => (byte % 36).toString(36)).join("");
}
