/** Ends that vanish without a word: what is set against it on the sockets, and what ends the session all the same. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { fieldsOf, RawPostgres, say, startup } from "../support/raw_postgres.ts";
import { startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";
import { startSilentRelay } from "../support/silent_relay.ts";

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never happened: ${what}`);
}

testNeeding(
  [postgresqlHere, "ss"],
  "the kernel asks both ends whether they are still there (keep-alive)",
  async () => {
    const server = await startPostgresql({});
    const proxy = await startScriptedProxy({ target: targetOf(server, "postgresql") });
    try {
      const client = await RawPostgres.ready(proxy.port);
      await client.ask(say.query("SELECT 1"));
      const sockets = async (filter: string) =>
        (await run(["ss", "-tnoH", filter])).stdout.split("\n").filter(Boolean);
      const timed = /timer:\(keepalive,\d+/;
      // The listener's end of the client's connection, and Postern's of the target's, once nothing is on its way.
      const asked = async (filter: string) => {
        const lines = await sockets(filter);
        return lines.length > 0 && lines.some((line) => timed.test(line));
      };
      await until("the client is asked", () => asked(`sport = :${proxy.port}`));
      await until("the target is asked", () => asked(`dport = :${server.port}`));
      client.close();
    } finally {
      await proxy.close();
      await server.close();
    }
  },
);

testNeeding(
  [postgresqlHere],
  "a client that vanishes without closing is ended by the idle limit, and its session on the target with it",
  async () => {
    const server = await startPostgresql({});
    const proxy = await startScriptedProxy({
      target: targetOf(server, "postgresql"),
      limits: { idle: 1_000 },
    });
    const relay = await startSilentRelay(proxy.port);
    try {
      const client = await RawPostgres.ready(relay.port);
      await client.ask(say.query("SELECT 1"));
      relay.silence();
      client.close();
      const backends = async () =>
        (await server.query(
          "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )).length;
      await until("the target's session is over", async () => await backends() === 0);
      await until("nothing is left of it here", () => Promise.resolve(proxy.proxy.connections() === 0));
    } finally {
      relay.close();
      await proxy.close();
      await server.close();
    }
  },
);

testNeeding(
  [postgresqlHere],
  "a target that falls silent: who connects is told in time, who waits for a result can leave",
  async () => {
    const server = await startPostgresql({});
    const relay = await startSilentRelay(server.port);
    const proxy = await startScriptedProxy({
      target: targetOf({ ...server, host: "127.0.0.1", port: relay.port }, "postgresql"),
      limits: { targetConnect: 1_000 },
    });
    try {
      const client = await RawPostgres.ready(proxy.port);
      relay.silence();
      await client.send(say.query("SELECT 1"));
      const next = await RawPostgres.open(proxy.port);
      await next.send(startup({ user: "me", database: "demo" }));
      const { M } = fieldsOf((await next.until("E")).at(-1)!);
      assert.match(M!, /did not answer in time/);
      next.close();
      client.close();
      await until("both are over here", () => Promise.resolve(proxy.proxy.connections() === 0));
    } finally {
      relay.close();
      await proxy.close();
      await server.close();
    }
  },
);
