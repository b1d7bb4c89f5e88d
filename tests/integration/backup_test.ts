/** A backup made while statements run, and a gateway that starts from it. */
import assert from "node:assert/strict";
import { run } from "../support/daemons.ts";
import { alex, devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { startPsql } from "../support/psql.ts";

const program = new URL("../../main.ts", import.meta.url).pathname;

testNeeding(
  [postgresqlHere, "psql", "script"],
  "a backup is made while Postern runs, and restored it verifies",
  async () => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const folders = await Deno.makeTempDir({ prefix: "postern-backup-" });
    const options = {
      targets: targetYaml("demo", "postgresql", database),
      env: { TARGET_PASSWORD: database.password },
    };
    const postern = (config: string, ...args: string[]) =>
      run([Deno.execPath(), "run", "-A", program, ...args, "--config", config], {
        env: { CLIENT_SECRET: "x", TARGET_PASSWORD: "x" },
        timeoutMs: 180_000,
      });
    const gateway = await startTestGateway(options);
    try {
      const { user, password } = await (await gateway.signIn(devin)).password("demo");
      const psql = startPsql({
        connection:
          `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=demo sslmode=disable`,
        env: { PGPASSWORD: password },
      });
      await psql.expect("demo=>");
      await psql.send("SELECT 'before the backup';");
      await psql.expect("(1 row)");
      const made = await postern(gateway.configFile, "backup", `${folders}/one`);
      assert.equal(made.code, 0, made.stderr);
      assert.match(made.stdout, /The record and the keys are in .*\/one/);
      await psql.send("SELECT 'after the backup';");
      await psql.expect("(1 row)");
      const again = await postern(gateway.configFile, "backup", `${folders}/one`);
      assert.match(again.stderr, /is there already/);
      await psql.close();
    } finally {
      await gateway.close();
    }
    await Deno.mkdir(`${folders}/two`);
    const config = await Deno.readTextFile(gateway.configFile).catch(() => "");
    assert.equal(config, "", "the first gateway's folder is gone");
    const restored = await startTestGateway({
      ...options,
      folder: `${folders}/two`,
      prepare: async (configFile) => {
        const { code, stdout, stderr } = await postern(configFile, "restore", `${folders}/one`);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /its chain fits its signed head/);
        assert.match((await postern(configFile, "restore", `${folders}/one`)).stderr, /is not empty/);
      },
    });
    try {
      const auditor = await restored.signIn(alex);
      const found = await auditor.json<{ sessions: { id: string; endReason: string }[] }>("/api/sessions");
      assert.equal(found.sessions.length, 1);
      const events = JSON.stringify(await auditor.json(`/api/sessions/${found.sessions[0]!.id}/events`));
      assert.match(events, /before the backup/);
      assert.doesNotMatch(events, /after the backup/);
      const exported = await postern(restored.configFile, "audit", "export");
      await Deno.writeTextFile(`${folders}/export.jsonl`, exported.stdout);
      const verified = await run([
        Deno.execPath(),
        "run",
        "-A",
        program,
        "audit",
        "verify",
        `${folders}/export.jsonl`,
      ], {
        timeoutMs: 120_000,
      });
      assert.equal(verified.code, 0, verified.stderr);
    } finally {
      await restored.close();
      await database.close();
      await Deno.remove(folders, { recursive: true });
    }
  },
);
