/** Limits that take time or traffic to run into, by both protocols: told by their keys, counted, and in the record. */
import assert from "node:assert/strict";
import { limitHits, type LimitName } from "../../policy/limits.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { Command } from "../../proxy/mysql/constants.ts";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { createStore } from "../support/journals.ts";
import { mariadbHere, startMariadb } from "../support/mariadb.ts";
import { errorOf, WireClient } from "../support/mysql_wire.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { fieldsOf, RawPostgres, say, startup } from "../support/raw_postgres.ts";
import { until } from "../support/receivers.ts";

const access =
  "    access: [{ name: asked, then: approve, durationMax: 1h, approvers: { groups: [db-approvers] } }]\n";
const usual = "limits: { sessionTime: 1h, accessRequestsPerPerson: 1 }";

async function world(folder: string) {
  const postgresql = await startPostgresql({});
  const mariadb = await startMariadb({
    sql: `CREATE TABLE t (a INT); INSERT INTO t VALUES ${Array(500).fill("(1)").join(", ")}`,
  });
  const own = { demo: postgresql, closed: postgresql, shut: postgresql };
  const gateway = await startTestGateway({
    folder,
    targets: Object.entries(own).map(([name, server]) =>
      targetYaml(name, "postgresql", server) + (name === "demo" ? "" : access)
    ).join("") + targetYaml("shop", "mysql", mariadb).replaceAll("TARGET_PASSWORD", "SHOP_PASSWORD"),
    env: { TARGET_PASSWORD: postgresql.password, SHOP_PASSWORD: mariadb.password },
    listen: "  limits: { startup: 2s, startupMessage: 1KB, unread: 1s }\n",
    sections: `${usual}
rules:
  - { name: reads, what: { kinds: [read, session, transaction] }, then: allow }
  - { name: writes, what: { kinds: [write] }, then: approve, approvers: { groups: [db-approvers] } }
`,
  });
  const user = await gateway.signIn(devin);
  const { postgresql: port = 0, mysql: mysqlPort = 0 } = gateway.ports;
  return {
    gateway,
    user,
    port,
    mysqlPort,
    postgresql,
    async postgresSession() {
      const client = await RawPostgres.open(port);
      await client.send(startup({ user: `devin${Math.random()}`, database: "demo" }));
      for (;;) {
        const next = await client.next();
        const text = new TextDecoder().decode(next?.body);
        const [link] = /http:\/\/\S+\/connect\/[\w-]+/.exec(text) ?? [];
        if (link !== undefined) await user.confirm(link);
        if (next === null || next.type === "E") throw new Error(text);
        if (next.type === "Z") return client;
      }
    },
    async mysqlSession() {
      const { user: name, password } = await user.password("shop");
      return await WireClient.connect({ port: mysqlPort, user: name, password, database: "shop" });
    },
    async close() {
      await gateway.close();
    },
    async closeTargets() {
      await Promise.all([postgresql.close(), mariadb.close()]);
    },
  };
}

/** What `hit` makes somebody read names the limit; and it was counted. */
async function told(limit: LimitName, hit: () => Promise<string>): Promise<void> {
  const before = limitHits.get(limit) ?? 0;
  const said = await hit();
  assert.ok(said.includes(limit), said.slice(0, 500));
  assert.ok((limitHits.get(limit) ?? 0) > before, "counted");
}

async function postgresError(client: RawPostgres): Promise<string> {
  const last = (await client.until("E")).at(-1);
  client.close();
  return last === undefined ? "nothing" : fieldsOf(last).M ?? "no message";
}

async function mysqlError(client: WireClient): Promise<string> {
  const { message, code, state } = errorOf(await client.receive());
  client.close();
  return `${code} ${state} ${message}`;
}

testNeeding(
  [postgresqlHere, mariadbHere],
  "limits of time and of what is read are told by their keys, counted, and the record says why a session ended",
  async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "postern-limits-" });
    await createStore(`${folder}/store`);
    const { gateway, user, port, mysqlPort, postgresql, ...lab } = await world(folder);
    try {
      // Says nothing of what it wants, and sends on in bits where it must: the start is what is late.
      await t.step("listen.limits.startup", async () => {
        await told("listen.limits.startup", async () => {
          const client = await RawPostgres.open(port);
          // Half a message: a client that has said nothing at all is told nothing.
          await client.send(startup({ user: "devin", database: "demo" }).subarray(0, 9));
          return await postgresError(client);
        });
        await told(
          "listen.limits.startup",
          async () => {
            const client = await WireClient.greeted(mysqlPort);
            // The error has the number of the answer to a login.
            client.channel.reader.expect(2);
            return await mysqlError(client);
          },
        );
      });
      await t.step("listen.limits.startupMessage", async () => {
        await told("listen.limits.startupMessage", async () => {
          const client = await RawPostgres.open(port);
          await client.send(
            startup({ user: "devin", database: "demo", application_name: "x".repeat(2_000) }),
          );
          return await postgresError(client);
        });
        await told("listen.limits.startupMessage", async () => {
          const client = await WireClient.greeted(mysqlPort);
          const answer = await client.logIn({ user: "x".repeat(2_000), database: "shop" });
          const { code, state, message } = errorOf(answer);
          assert.deepEqual([code, state], [1153, "08S01"]);
          return message;
        });
      });
      await t.step("limits.accessRequestsPerPerson", async () => {
        const ask = (target: string) =>
          user.post("/api/access", { target, reason: "ticket", durationMs: 600_000 });
        const first = await ask("closed");
        assert.equal(first.status, 200, first.text);
        await told("limits.accessRequestsPerPerson", async () => (await ask("shut")).text);
      });
      await t.step("listen.limits.unread", async () => {
        const before = limitHits.get("listen.limits.unread") ?? 0;
        const [one, other] = [await lab.postgresSession(), await lab.mysqlSession()];
        await one.send(say.query("SELECT repeat('x', 1000000) FROM generate_series(1, 1000)"));
        await other.send(Command.query, "SELECT REPEAT('x', 1000000) FROM t");
        other.channel.stream.pause();
        await until(
          () => limitHits.get("listen.limits.unread") === before + 2,
          "both are ended",
          () => limitHits,
        );
        const backends =
          "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()";
        await until(async () => (await postgresql.query(backends)).length === 0, "the target is free of it");
        one.close();
        other.close();
      });
      await t.step("limits.sessionTime", async () => {
        await gateway.edit((text) => text.replace(usual, usual.replace("1h", "2s")));
        const env: Record<string, string> = {
          CLIENT_SECRET: "test-client-secret",
          TARGET_PASSWORD: postgresql.password,
          SHOP_PASSWORD: "any",
        };
        const text = await Deno.readTextFile(gateway.configFile);
        await gateway.gateway.reload({ text, file: gateway.configFile, env: (name) => env[name] }, "test");
        await told("limits.sessionTime", async () => await postgresError(await lab.postgresSession()));
      });
      await lab.close();
      const journal = await openJournal({ folder: `${folder}/store` });
      const reasons: string[] = [];
      for await (const { data } of journal.export({ types: ["session.ended"] })) {
        reasons.push(String(data.reason));
      }
      await journal.close();
      assert.equal(
        reasons.filter((reason) => reason.includes("listen.limits.unread")).length,
        2,
        `${reasons}`,
      );
      assert.equal(reasons.filter((reason) => reason.includes("limits.sessionTime")).length, 1, `${reasons}`);
    } finally {
      await lab.closeTargets();
      await Deno.remove(folder, { recursive: true });
    }
  },
);
