/** A PostgreSQL store whose connections end again and again, whatever they carry, while the server itself is well. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { openJournal } from "../../policy/store/journal.ts";
import { smallEvent, verifies } from "../support/journals.ts";
import { storeUrl } from "../support/nodes.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const CUTS = 80;
const nodeTimeoutMs = 10_000;

/** Between two cut-offs: in the middle of a start-up, of a statement, and of nothing. */
const pausesMs = [1, 3, 10, 30, 100, 300];

testNeeding(
  [postgresqlHere],
  "however often connections to the store are cut, no event is lost and no node is taken for lost",
  async () => {
    const database = await startPostgresql();
    const root = await Deno.makeTempDir({ prefix: "postern-cuts-" });
    const url = storeUrl(database);
    const logged: string[] = [];
    const log = (_: string, message: string, fields: Record<string, unknown> = {}) =>
      void logged.push(`${message} ${JSON.stringify(fields)}`);
    const nodes = await Promise.all(
      ["a", "b"].map((node) => openJournal({ folder: `${root}/${node}`, url, nodeTimeoutMs, log })),
    );
    const admin = postgres(url, { max: 1, onnotice: () => {} });
    let over = false;
    try {
      const leases: { late: string }[] = [];
      const writers = nodes.map(async (node, i) => {
        let written = 0;
        for (; !over; written++) await node.append(smallEvent(`${i}-${written}`));
        return written;
      });
      for (let i = 0; i < CUTS; i++) {
        await admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;
        leases.push(
          ...await admin<{ late: string }[]>`SELECT node AS late FROM nodes WHERE until < clock_timestamp()`,
        );
        await new Promise((resolve) => setTimeout(resolve, pausesMs[i % pausesMs.length]));
      }
      over = true;
      const written = await Promise.all(writers);
      assert.deepEqual(leases, []);
      assert.deepEqual(logged.filter((line) => /worker|not heard of|CONNECT_TIMEOUT/.test(line)), []);
      const there = await admin`SELECT count(*)::int FROM events WHERE type = ${smallEvent("").type}`;
      assert.equal(there[0]!.count, written[0]! + written[1]!);
      await verifies(nodes[0]!, root, ["a", "b"]);
    } finally {
      over = true;
      await Promise.all(nodes.map((node) => node.close()));
      await admin.end({ timeout: 2 });
      await database.close();
      await Deno.remove(root, { recursive: true });
    }
  },
);
