/** Connections to a PostgreSQL store that fall silent: no end, no error, what is sent is lost on the way. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { openDataFolder } from "../../policy/store/data_folder.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { WorkerClient } from "../../policy/store/worker_client.ts";
import { smallEvent, verifies } from "../support/journals.ts";
import { storeUrl } from "../support/nodes.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { startSilentRelay } from "../support/silent_relay.ts";

const ROUNDS = 4;

testNeeding(
  [postgresqlHere],
  "a node whose connections to the store fall silent comes back by itself, loses nothing and repeats nothing",
  async () => {
    const database = await startPostgresql();
    const relay = await startSilentRelay(database.port);
    const root = await Deno.makeTempDir({ prefix: "postern-half-open-" });
    const direct = storeUrl(database);
    const near = await openJournal({
      folder: `${root}/a`,
      url: storeUrl({ ...database, host: "127.0.0.1", port: relay.port }),
    });
    const far = await openJournal({ folder: `${root}/b`, url: direct });
    const admin = postgres(direct, { max: 1, onnotice: () => {} });
    let over = false;
    try {
      let recorded = 0;
      let refused = 0;
      // Durable at once, whatever the store does; its place follows.
      const writer = (async () => {
        for (let i = 0; !over; i++) {
          await near.record(smallEvent(`recorded-${i}`));
          recorded++;
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      })();
      const others = (async () => {
        for (let i = 0; !over; i++) await far.append(smallEvent(`other-${i}`));
      })();
      for (let round = 0; round < ROUNDS; round++) {
        // In the middle of whatever is under way, a transaction that holds the record's lock among it.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
        const lost = relay.lost;
        relay.strand();
        for (let tries = 0;; tries++) {
          try {
            await near.append(smallEvent(`placed-${round}`));
            break;
          } catch (error) {
            refused++;
            if (tries > 60) throw error;
            await new Promise((resolve) => setTimeout(resolve, 1_000));
          }
        }
        assert.ok(relay.lost > lost, "something was on its way");
      }
      over = true;
      await Promise.all([writer, others]);
      await near.append(smallEvent("last"));
      const texts = await admin<{ subject: string; n: number }[]>`
        SELECT content::jsonb #>> '{data,subject}' AS subject, count(*)::int AS n FROM events
        WHERE content::jsonb #>> '{data,subject}' LIKE 'recorded-%' GROUP BY 1`;
      assert.equal(texts.length, recorded, "every recorded event has its place");
      assert.deepEqual(texts.filter(({ n }) => n !== 1), [], "none stands there twice");
      console.log(`    fell silent: ${ROUNDS}, recorded meanwhile: ${recorded}, appends refused: ${refused}`);
      await verifies(near, root, ["a", "b"]);
    } finally {
      over = true;
      await Promise.all([near.close(), far.close()]);
      await admin.end({ timeout: 2 });
      relay.close();
      await database.close();
      await Deno.remove(root, { recursive: true });
    }
  },
);

testNeeding(
  [postgresqlHere],
  "a store by URL that was silent as a whole is used again when it answers, without a restart",
  async () => {
    const database = await startPostgresql();
    const relay = await startSilentRelay(database.port);
    const root = await Deno.makeTempDir({ prefix: "postern-silent-" });
    const { store: folder, spool, node, key, unlock } = await openDataFolder(`${root}/data`);
    const url = storeUrl({ ...database, host: "127.0.0.1", port: relay.port });
    const client = new WorkerClient(
      { folder, spool, node, key, url, leaseMs: 30_000 },
      () => {},
      () => {},
      // So much shorter than what tells a single connection's silence.
      3_000,
    );
    try {
      await client.open();
      const pem = await client.call("publicKeys", null);
      relay.silence();
      await assert.rejects(client.call("publicKeys", null), /did not answer within 3 s/);
      await assert.rejects(client.call("publicKeys", null), { code: "StoreFailed" });
      relay.mend();
      for (let tries = 0;; tries++) {
        const answer = await client.call("publicKeys", null).catch((error) => {
          if (tries > 60) throw error;
        });
        if (answer === pem) break;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    } finally {
      await client.close({ segment: 0, offset: 0 });
      unlock();
      relay.close();
      await database.close();
      await Deno.remove(root, { recursive: true });
    }
  },
);
