/** Every limit there is: run into, explained by its key to whoever ran into it, and counted in /metrics. */
import assert from "node:assert/strict";
import { limitNames } from "../../policy/limits.ts";
import { ada, dashboardLimits, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { until } from "../support/receivers.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";
import { RawPostgres, say, startup } from "../support/raw_postgres.ts";

type Limit = (typeof limitNames)[number];
type Cases = Partial<Record<Limit, { readonly set: string; readonly hit: () => Promise<string> }>>;

/** Shown where the test says so: what they take is longer than a minute, or a gateway of their own. */
const elsewhere: Partial<Record<Limit, string>> = {
  "limits.memory": "integration/ops_test.ts",
  "limits.descriptors": "integration/descriptors_test.ts",
  "listen.limits.startup": "integration/late_limits_test.ts",
  "listen.limits.startupMessage": "integration/late_limits_test.ts",
  "listen.limits.unread": "integration/late_limits_test.ts",
  "limits.accessRequestsPerPerson": "integration/late_limits_test.ts",
  "limits.sessionTime": "integration/late_limits_test.ts",
  "dashboard.limits.eventStreamsInAll": "unit/ui/stream_test.ts",
  "dashboard.limits.arrival": "unit/ui/listener_test.ts",
  "dashboard.limits.connections": "unit/ui/listener_test.ts",
  "dashboard.limits.connectionsPerAddress": "unit/ui/listener_test.ts",
};
const decoder = new TextDecoder();
const usual = "limits: {}";
const usualListen = "  limits: {}\n";

testNeeding(
  [postgresqlHere, "psql"],
  "every limit is told by its key to whoever runs into it, and counted",
  async (t) => {
    const database = await startPostgresql({
      sql:
        "CREATE TABLE t(a text, secret text); INSERT INTO t VALUES ('a', repeat('s', 5000)), ('b', 'short')",
    });
    const ops = freePort();
    const target = targetYaml("demo", "postgresql", database);
    const gateway = await startTestGateway({
      targets: `${target}    console: true\n`,
      env: { TARGET_PASSWORD: database.password },
      listen: usualListen,
      sections: `metrics: { listen: "127.0.0.1:${ops}" }
masks: [{ columns: ["public.t.secret"], mask: { kind: partial, keepLast: 2 } }]
rules:
  - { name: reads, what: { kinds: [read, session, transaction] }, then: allow }
  - { name: writes, what: { kinds: [write] }, then: approve, approvers: { groups: [db-approvers] } }
${usual}
`,
    });
    const port = gateway.ports.postgresql!;
    const good = (await Deno.readTextFile(gateway.configFile)).replace(
      `limits: ${dashboardLimits}`,
      "limits: { body: 1KB, eventStreams: 1, consoleStatements: 1 }",
    );
    await Deno.writeTextFile(gateway.configFile, good);
    await gateway.restart();
    const user = await gateway.signIn(devin);
    const other = await gateway.signIn(ada);
    const open: RawPostgres[] = [];
    const knock = async (name: string, database = "demo") => {
      const client = await RawPostgres.open(port);
      open.push(client);
      await client.send(startup({ user: name, database }));
      return client;
    };
    /** A session, by a link that Devin confirms. */
    const session = async () => {
      const client = await knock(`devin${open.length}`);
      for (;;) {
        const next = await client.next();
        const text = decoder.decode(next?.body);
        const [link] = /http:\/\/\S+\/connect\/[\w-]+/.exec(text) ?? [];
        if (link !== undefined) await user.confirm(link);
        if (next === null || next.type === "E") throw new Error(text);
        if (next.type === "Z") return client;
      }
    };
    /** What comes up to the end, or to an error. */
    const answer = async (client: RawPostgres, ...frames: Uint8Array[]) => {
      if (frames.length > 0) await client.send(...frames);
      return (await client.until("E")).map(({ body }) => decoder.decode(body)).join("\n");
    };
    const issued = await user.password("demo");
    const wrong = async () =>
      (await runPsql({
        connection: `host=127.0.0.1 port=${port} user=${issued.user} dbname=demo`,
        args: ["-c", "SELECT 1"],
        env: { PGPASSWORD: "a guess" },
      })).stderr;
    const listen = (text: string) => `  limits: { ${text} }\n`;
    const posted = async (path: string, body: unknown, who = user) => (await who.post(path, body)).text;
    const tabs = new AbortController();
    const stream = (who: typeof user) =>
      fetch(`${gateway.dashboard}/api/stream`, {
        headers: {
          cookie: who.browser.cookieHeader(new URL(gateway.dashboard)),
          "sec-fetch-site": "same-origin",
        },
        signal: tabs.signal,
      });
    const cases: Cases = {
      "listen.limits.connections": {
        set: listen("connections: 1"),
        hit: async () => {
          await knock("one");
          return await answer(await knock("two"));
        },
      },
      "listen.limits.connectionsPerAddress": {
        set: listen("connectionsPerAddress: 1"),
        hit: async () => {
          await knock("one");
          return await answer(await knock("two"));
        },
      },
      "listen.limits.idle": { set: listen("idle: 1s"), hit: async () => await answer(await session()) },
      "listen.limits.statement": {
        set: listen("statement: 1KB"),
        hit: async () => await answer(await session(), say.query(`SELECT '${"x".repeat(2000)}'`)),
      },
      "listen.limits.preparedStatements": {
        set: listen("preparedStatements: 1"),
        hit: async () =>
          await answer(await session(), say.parse("a", "SELECT 1"), say.parse("b", "SELECT 2"), say.sync()),
      },
      "listen.limits.maskedRow": {
        set: listen("maskedRow: 1KB"),
        hit: async () => await answer(await session(), say.query("SELECT secret FROM t")),
      },
      "listen.limits.resultRows": {
        set: listen("resultRows: 1"),
        hit: async () => await answer(await session(), say.query("SELECT a FROM t")),
      },
      "listen.limits.resultBytes": {
        set: listen("resultBytes: 1KB"),
        hit: async () => await answer(await session(), say.query("SELECT repeat(a, 3000) FROM t")),
      },
      "limits.sessionsPerPerson": {
        set: "limits: { sessionsPerPerson: 1 }",
        hit: async () => {
          await session();
          return await session().then(() => "", String);
        },
      },
      "limits.pendingApprovals": {
        set: "limits: { pendingApprovals: 1 }",
        hit: async () => {
          await (await session()).send(say.query("DELETE FROM t WHERE a = 'x'"));
          await user.pending("a = 'x'");
          return await answer(await session(), say.query("DELETE FROM t WHERE a = 'y'"));
        },
      },
      "limits.signIns": {
        set: "limits: { signIns: 1 }",
        hit: async () => {
          await (await knock("one")).until("N");
          return await answer(await knock("two"));
        },
      },
      "limits.signInsPerAddress": {
        set: "limits: { signInsPerAddress: 1 }",
        hit: async () => {
          await (await knock("one")).until("N");
          return await answer(await knock("two"));
        },
      },
      "limits.oneTimePasswordsPerPerson": {
        set: "limits: { oneTimePasswordsPerPerson: 1 }",
        hit: async () => {
          await posted("/api/targets/demo/password", {});
          return await posted("/api/targets/demo/password", {});
        },
      },
      "limits.oneTimePasswords": {
        set: "limits: { oneTimePasswords: 1 }",
        hit: async () => await posted("/api/targets/demo/password", {}),
      },
      "dashboard.limits.body": {
        set: "",
        hit: async () => await posted("/api/console/run", { target: "demo", text: "x".repeat(5000) }),
      },
      "dashboard.limits.consoleStatements": {
        set: "",
        hit: async () => {
          const run = (text: string) => posted("/api/console/run", { target: "demo", text });
          return (await Promise.all([run("SELECT pg_sleep(2)"), run("SELECT pg_sleep(2)")])).join("\n");
        },
      },
      "dashboard.limits.eventStreams": {
        set: "",
        hit: async () => {
          await stream(user);
          return await (await stream(user)).text();
        },
      },
      "dashboard.limits.recordChecks": {
        set: "",
        hit: async () => {
          await session();
          const { sessions } = await user.json<{ sessions: { id: string }[] }>("/api/sessions");
          const check = () => posted(`/api/sessions/${sessions[0]!.id}/verify`, {});
          return (await Promise.all(Array.from({ length: 8 }, check))).join("\n");
        },
      },
      "limits.failedSignInsPerUser": {
        set: "limits: { failedSignInsPerUser: 1 }",
        hit: async () => `${await wrong()}\n${await wrong()}\n${await wrong()}`,
      },
      "limits.failedSignInsPerAddress": {
        set: "limits: { failedSignInsPerAddress: 1 }",
        hit: async () => `${await wrong()}\n${await wrong()}\n${await wrong()}`,
      },
      "dashboard.limits.requestsPerMinute": {
        set: "",
        hit: async () => {
          for (;;) {
            const answer = await fetch(`${gateway.dashboard}/healthz`);
            const text = await answer.text();
            if (answer.status === 429) return text;
          }
        },
      },
    };
    const counted = async (limit: Limit) => {
      const text = await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text();
      const found = text.match(
        new RegExp(`^postern_limits_reached_total\\{limit="${limit.replaceAll(".", "\\.")}"\\} (\\d+)`, "m"),
      );
      return Number(found?.[1] ?? 0);
    };
    const nobody = async () =>
      /^postern_connections 0$/m.test(await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text());
    const env = { CLIENT_SECRET: "test-client-secret", TARGET_PASSWORD: database.password };
    const put = async (set: string) => {
      const text = set.startsWith("limits")
        ? good.replace(/^limits: \{\}$/m, set)
        : set === ""
        ? good
        : good.replace(usualListen, set);
      const source = { text, file: gateway.configFile, env: (name: string) => env[name as keyof typeof env] };
      await gateway.gateway.reload(source, "test");
    };
    try {
      assert.equal((await other.api("/api/me")).status, 200);
      for (const limit of limitNames) {
        const one = cases[limit];
        if (one === undefined) {
          assert.ok(elsewhere[limit] !== undefined, `${limit} has no case here`);
          const proof = elsewhere[limit];
          const text = (await Deno.readTextFile(new URL(`../${proof}`, import.meta.url))).replaceAll(
            "\\",
            "",
          );
          const named = text.includes(limit) || text.includes("dashboard.limits.${limit}");
          assert.ok(named, `${proof} says nothing of ${limit}`);
        }
      }
      for (const [limit, { set, hit }] of Object.entries(cases) as [Limit, NonNullable<Cases[Limit]>][]) {
        await t.step(limit, async () => {
          const before = await counted(limit);
          await put(set);
          const told = await hit();
          for (const client of open.splice(0)) client.close();
          assert.ok(new RegExp(`${limit}\\b`).test(told), `told: ${told.slice(-700)}`);
          assert.ok(await counted(limit) > before, "counted");
          // Whoever has gone is noticed in a moment, and would count for the next limit.
          await until(nobody, "the clients' connections to end");
        });
      }
    } finally {
      tabs.abort();
      for (const client of open) client.close();
      await gateway.close();
      await database.close();
    }
  },
);
