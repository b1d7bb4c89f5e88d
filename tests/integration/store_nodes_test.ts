/** Several Posterns on one PostgreSQL, Workers that die, and stores of an older schema. */
import assert from "node:assert/strict";
import { moved } from "../../policy/grant.ts";
import { GrantBook } from "../../policy/grant_book.ts";
import { openEmbedded } from "../../policy/store/embedded_database.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { migrate, migrations, schemaVersion } from "../../policy/store/migrations.ts";
import { verifyLines } from "../../policy/audit/verify.ts";
import { PosternError } from "../../policy/errors.ts";
import { oneOfEach } from "../unit/audit/samples.ts";
import { grantOf } from "../unit/ui/fakes.ts";
import { collect, smallEvent, storeFolder, verifies, withJournal } from "../support/journals.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

testNeeding(
  [postgresqlHere],
  "two nodes on one PostgreSQL share one chain, and end only their own sessions",
  async () => {
    const database = await startPostgresql();
    const root = await Deno.makeTempDir({ prefix: "postern-nodes-" });
    try {
      const { user, password, host, port, database: name } = database;
      const url = `postgres://${user}:${password}@${host}:${port}/${name}`;
      const nodes = await Promise.all(
        ["a", "b"].map((node) => openJournal({ folder: `${root}/${node}`, url })),
      );
      try {
        const events = await Promise.all(
          Array.from({ length: 400 }, (_, i) => nodes[i % 2]!.append(smallEvent(String(i)))),
        );
        assert.deepEqual(
          events.map((event) => event.sequence).sort((a, b) => a - b),
          events.map((_, i) => i + 1),
        );
        for (const node of [0, 1]) {
          const own = events.filter((_, i) => i % 2 === node).map((event) => event.sequence);
          assert.deepEqual(own, own.toSorted((a, b) => a - b), "in the order of the calls");
        }
        const started = oneOfEach().find((draft) => draft.type === "session.started")!;
        await nodes[0]!.append({ ...started, session: "of-a" });
        await nodes[1]!.append({ ...started, session: "of-b" });
        await nodes[0]!.close();
        nodes[0] = await openJournal({ folder: `${root}/a`, url });
        assert.notEqual((await nodes[1]!.session("of-a"))?.endedAt, null);
        assert.equal((await nodes[1]!.session("of-b"))?.endedAt, null);

        await verifies(nodes[1]!, root, ["a", "b"]);
      } finally {
        await Promise.all(nodes.map((node) => node.close()));
      }
    } finally {
      await database.close();
      await Deno.remove(root, { recursive: true });
    }
  },
);

testNeeding(
  [postgresqlHere],
  "nodes on one PostgreSQL learn of each other's grants, and of their end",
  async () => {
    const database = await startPostgresql();
    const root = await Deno.makeTempDir({ prefix: "postern-nodes-" });
    const { user, password, host, port, database: name } = database;
    const url = `postgres://${user}:${password}@${host}:${port}/${name}`;
    const nodes = await Promise.all(
      ["a", "b"].map((node) => openJournal({ folder: `${root}/${node}`, url })),
    );
    const books = nodes.map((journal) => new GrantBook({ journal, clock: Date.now, log: () => {} }));
    const comes = async (book: GrantBook, count: number) => {
      for (let tries = 0; tries < 600 && book.all().length !== count; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.equal(book.all().length, count);
    };
    try {
      for (const book of books) await book.load();
      const [here, there] = books as [GrantBook, GrantBook];
      const times = { startsAt: Date.now(), endsAt: Date.now() + 3_600_000 };
      const asked = grantOf(Date.now());
      await here.begin("access.requested", asked, null);
      await comes(there, 1);
      await there.step(
        asked.id,
        (grant) => ({ type: "access.granted", grant: moved(grant, "granted", times) }),
      );
      const revoked = Promise.withResolvers<string>();
      there.onChange(({ state }) => state === "revoked" && revoked.resolve(state));
      await here.step(asked.id, (grant) => ({
        type: "access.revoked",
        grant: moved(grant, "revoked", { outcome: "ended by ada: over" }),
      }));
      assert.equal(await revoked.promise, "revoked", "sessions on the other node end by this");
      await comes(there, 0);
      await assert.rejects(
        there.step(asked.id, (grant) => ({ type: "access.ended", grant: moved(grant, "ended", {}) })),
        /is revoked already: ended by ada: over/,
      );
    } finally {
      for (const book of books) book.close();
      await Promise.all(nodes.map((node) => node.close()));
      await database.close();
      await Deno.remove(root, { recursive: true });
    }
  },
);

testNeeding(
  [postgresqlHere],
  "while a PostgreSQL is down events are kept, those who wait for a place are told, and it gets them when it is back",
  async () => {
    const database = await startPostgresql();
    const folder = await Deno.makeTempDir({ prefix: "postern-nodes-" });
    try {
      const { user, password, host, port, database: name } = database;
      const journal = await openJournal({
        folder,
        url: `postgres://${user}:${password}@${host}:${port}/${name}`,
      });
      try {
        const kept = [await journal.append(smallEvent("before"))];
        await database.crash();
        await assert.rejects(
          journal.append(smallEvent("while it is down")),
          (error) =>
            error instanceof PosternError && error.code === "StoreFailed" &&
            !error.message.includes(password),
        );
        await journal.record(smallEvent("durable while it is down"));
        await database.start();
        kept.push(await eventually(() => journal.append(smallEvent("after"))));
        assert.deepEqual(
          (await journal.events({})).map(({ data }) => data.subject).slice(-4),
          ["before", "while it is down", "durable while it is down", "after"],
        );
        const found = new Map((await journal.events({})).map((event) => [event.sequence, event.hash]));
        for (const event of kept) assert.equal(found.get(event.sequence), event.hash);
        const lines = (await collect(journal.lines({}))).map((line) => line.slice(0, -1));
        assert.equal((await verifyLines(lines)).ok, true);
      } finally {
        await journal.close();
      }
    } finally {
      await database.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("a database that cannot be reached is named in the error, without its password", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-nodes-" });
  try {
    await assert.rejects(openJournal({ folder, url: "postgres://u:hunter2@127.0.0.1:1/x" }), (error) => {
      assert.ok(error instanceof PosternError && error.code === "StoreFailed");
      assert.match(error.message, /at 127\.0\.0\.1:1 cannot be opened/);
      assert.ok(!Deno.inspect(error, { depth: 10 }).includes("hunter2"));
      return true;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a Worker that dies is reported, and the next event starts another on the same record", async () => {
  const workers: Worker[] = [];
  const original = globalThis.Worker;
  globalThis.Worker = class extends original {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      workers.push(this);
    }
  };
  const logged: string[] = [];
  try {
    await withJournal(async (journal) => {
      const session = oneOfEach().find((draft) => draft.type === "session.started")!;
      const before = await journal.append(session);
      // What no caller sends: it breaks the Worker as a fault of its own would.
      workers[0]!.postMessage(null);
      // They are durable all the while, and get their places from the second Worker.
      const meanwhile = await Promise.all([1, 2, 3].map((i) => journal.append(smallEvent(String(i)))));
      const after = await journal.append(smallEvent("after"));
      assert.deepEqual(
        [...meanwhile, after].map(({ sequence }) => sequence - before.sequence),
        [1, 2, 3, 4],
      );
      assert.equal(workers.length, 2);
      assert.ok(logged.some((message) => message.includes("worker is gone")));
      assert.equal((await journal.session("session-1"))?.endedAt, null, "the sessions of this process go on");
      const lines = (await collect(journal.lines({}))).map((line) => line.slice(0, -1));
      assert.equal((await verifyLines(lines)).ok, true);
    }, { log: (_, message) => logged.push(message) });
  } finally {
    globalThis.Worker = original;
  }
});

Deno.test("a store of each older schema is brought up to date with what it holds", async () => {
  const { folder, remove } = await storeFolder();
  try {
    const journal = await openJournal({ folder });
    const event = await journal.append(smallEvent("kept"));
    await journal.close();
    const db = await openEmbedded(`${folder}/store`);
    try {
      const steps = [...migrations, ["CREATE TABLE later (x int4)", "INSERT INTO later VALUES (1)"]];
      await migrate(db, steps);
      await migrate(db, steps);
      assert.equal(await schemaVersion(db), migrations.length + 1);
      const [row] = await db.query({
        text: "SELECT hash, (SELECT count(*)::text FROM later) FROM events",
        values: [],
      });
      assert.deepEqual(row, [event.hash, "1"]);

      const broken = [...steps, ["CREATE TABLE half (x int4)", "SELECT * FROM nowhere"]];
      await assert.rejects(migrate(db, broken), /nowhere/);
      assert.equal(await schemaVersion(db), migrations.length + 1, "a step happens as a whole or not at all");
      await assert.rejects(db.query({ text: "SELECT * FROM half", values: [] }));
    } finally {
      await db.close();
    }
  } finally {
    await remove();
  }
});

Deno.test("each schema from the oldest on leads to the same tables", async () => {
  const { folder, remove } = await storeFolder();
  const db = await openEmbedded(`${folder}/store`);
  try {
    const shape = async (version: number) => {
      await db.script(["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"]);
      await migrate(db, migrations.slice(0, version));
      await migrate(db);
      const rows = await db.query({
        text: `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
               WHERE table_schema = 'public'
               UNION ALL SELECT tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
               ORDER BY 1, 2`,
        values: [],
      });
      return rows.map((row) => row.join(" "));
    };
    const newest = await shape(migrations.length);
    assert.ok(newest.some((column) => column.startsWith("events content text")));
    for (let version = 1; version < migrations.length; version++) {
      assert.deepEqual(await shape(version), newest);
    }
  } finally {
    await db.close();
    await remove();
  }
});

/** Until it works, at most a minute. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 240;; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
