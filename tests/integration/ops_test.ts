/** What watches Postern sees: metrics of real statements, and probes that tell when a part is gone. */
import assert from "node:assert/strict";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";

testNeeding(
  [postgresqlHere, "psql"],
  "metrics count what went through, and probes tell what is down",
  async (t) => {
    const database = await startPostgresql({
      sql: "CREATE TABLE t(a int, secret text); INSERT INTO t VALUES (1, 'planted-4711')",
    });
    const ops = freePort();
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database) +
        targetYaml("gone", "postgresql", { ...database, port: freePort() }),
      env: { TARGET_PASSWORD: database.password },
      sections: `metrics: { listen: "127.0.0.1:${ops}" }
masks: [{ columns: ["public.t.secret"], mask: { kind: "null" } }]
`,
    });
    const get = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${ops}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    /** Events are counted once they are durable, which may be after psql has ended. */
    const metricsWith = async (line: RegExp): Promise<string> => {
      let text = "";
      for (let tries = 0; tries < 2400 && !line.test(text); tries++) {
        ({ text } = await get("/metrics"));
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      assert.match(text, line);
      return text;
    };
    try {
      const user = await gateway.signIn(devin);
      const psql = async (target: string, ...statements: string[]) => {
        const { user: name, password } = await user.password(target);
        return await runPsql({
          connection:
            `host=127.0.0.1 port=${gateway.ports.postgresql} user=${name} dbname=${target} sslmode=disable`,
          args: statements.flatMap((statement) => ["-c", statement]),
          env: { PGPASSWORD: password },
        });
      };
      await t.step(
        "statements by kind and verdict, the masked ones, failures, sign-ins, and what Postern adds",
        async () => {
          await psql("demo", "SELECT a FROM t", "SELECT secret FROM t", "DROP TABLE t", "SELECT 1/0");
          const text = await metricsWith(/statements_failed_total\{target="demo"\} 1/);
          for (
            const line of [
              /^postern_statements_total\{kind="read",verdict="allow"\} 3$/m,
              /^postern_statements_total\{kind="ddl",verdict="deny"\} 1$/m,
              /^postern_statements_masked_total\{target="demo"\} 1$/m,
              /^postern_statements_forwarded_total\{target="demo"\} 3$/m,
              /^postern_statements_failed_total\{target="demo"\} 1$/m,
              /^postern_sign_ins_total\{result="succeeded"\} 1$/m,
              /^postern_judge_seconds_count [1-9]/m,
              /^postern_record_seconds_count 4$/m,
              /^postern_sessions \d$/m,
              /^process_resident_memory_bytes \d{7,}$/m,
            ]
          ) assert.match(text, line);
          assert.doesNotMatch(
            text,
            /planted-4711|devin@|SELECT/,
            "no name, value or statement is in a metric",
          );
        },
      );
      await t.step("a target that is down is named, and Postern is ready for the others", async () => {
        const { stderr } = await psql("gone", "SELECT 1");
        assert.match(stderr, /cannot be reached/);
        const { status, text } = await get("/readyz");
        const { ready, parts } = JSON.parse(text) as {
          ready: boolean;
          parts: { name: string; ok: boolean }[];
        };
        assert.deepEqual([status, ready], [200, true]);
        assert.deepEqual(
          parts.filter(({ name }) => name.startsWith("target")).map(({ name, ok }) => [name, ok]),
          [["target demo", true], ["target gone", false]],
        );
      });
      await t.step("short of memory it lets nobody in, says by which limit, and counts it", async () => {
        await gateway.edit((text) => `${text}limits: { memory: 64MB }\n`);
        const source = { text: await Deno.readTextFile(gateway.configFile), file: gateway.configFile };
        await gateway.gateway.reload({ ...source, env: () => database.password }, "a test");
        const { stderr } = await psql("demo", "SELECT 1");
        assert.match(stderr, /short of memory and lets nobody in \(limits\.memory: 64 MB\)/);
        await metricsWith(/postern_sessions_refused_total\{code="LimitExceeded",rule="limits\.memory"\} 1/);
      });
      await t.step("it is alive, and says no more on paths that it does not have", async () => {
        assert.equal((await get("/healthz")).status, 200);
        assert.equal((await get("/api/sessions")).status, 404);
      });
    } finally {
      await gateway.close();
      await database.close();
    }
  },
);
