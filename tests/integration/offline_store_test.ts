/** `postern audit export`, `erase` and `backup` by the program itself, on a record in a PostgreSQL, with no gateway running. */
import assert from "node:assert/strict";
import { sessionEnded, statementJudged } from "../../policy/audit/events.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { about, run as statement } from "../unit/audit/samples.ts";
import { smallEvent } from "../support/journals.ts";
import { run } from "../support/daemons.ts";
import { storeUrl } from "../support/nodes.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const program = new URL("../../main.ts", import.meta.url).pathname;

testNeeding(
  [postgresqlHere],
  "a record by URL is exported and erased from while no gateway runs",
  async (t) => {
    const store = await startPostgresql();
    const root = await Deno.makeTempDir({ prefix: "postern-offline-" });
    const folder = `${root}/data`;
    const url = storeUrl(store);
    const postern = (...args: string[]) =>
      run(
        [Deno.execPath(), "run", "-A", "--no-check", program, ...args, "--config", `${root}/postern.yaml`],
        { env: { STORE_URL: url, PATH: Deno.env.get("PATH")!, HOME: Deno.env.get("HOME")! } },
      );
    try {
      await Deno.writeTextFile(
        `${root}/postern.yaml`,
        `listen: { postgresql: "127.0.0.1:1" }
dashboard: { listen: "127.0.0.1:2", url: "http://127.0.0.1:2" }
data: ${JSON.stringify(folder)}
store: { url: { env: STORE_URL } }
identity: { issuer: "http://127.0.0.1:3", clientId: postern, groupsClaim: groups }
roles: { approver: [db-approvers] }
targets:
  demo: { protocol: postgresql, host: 127.0.0.1, port: 4, database: app, groups: [engineers], tls: { mode: disable }, account: { user: app, password: { env: STORE_URL } } }
`,
      );
      const journal = await openJournal({ folder, url });
      for (let i = 0; i < 5; i++) await journal.append(smallEvent(`kept ${i}`));
      await journal.append(statementJudged(about, { id: "session-1-1", run: statement, policy: "p1" }));
      await journal.append(sessionEnded(about, "over"));
      await journal.close();
      const key = `${folder}/audit-key.pub.pem`;
      const verify = async (text: string) => {
        await Deno.writeTextFile(`${root}/export.jsonl`, text);
        return await run([
          ...[Deno.execPath(), "run", "-A", "--no-check", program, "audit", "verify"],
          ...[`${root}/export.jsonl`, "--public-key", key],
        ]);
      };
      await t.step("export has what is in the database, and verifies", async () => {
        const { code, stdout, stderr } = await postern("audit", "export");
        assert.equal(code, 0, stderr);
        assert.match(stdout, /kept 4/);
        const found = await verify(stdout);
        assert.match(found.stdout, /^OK: 7 events/, found.stdout + found.stderr);
      });
      await t.step("every filter is one of the command's", async () => {
        const count = async (...filter: string[]) => {
          const { code, stdout, stderr } = await postern("audit", "export", "--format", "csv", ...filter);
          assert.equal(code, 0, stderr);
          return stdout.trimEnd().split("\n").length - 1;
        };
        assert.equal(await count("--person", "mia@example.com", "--type", "dashboard.action"), 5);
        assert.equal(await count("--verdict", statement.judgement.verdict, "--target", about.target!), 1);
        assert.equal(await count("--session", about.session!, "--type", "session.ended"), 1);
        assert.equal(await count("--from", "2100-01-01T00:00:00Z"), 0);
        assert.equal(await count("--to", "2000-01-01T00:00:00Z"), 0);
        const { kind, tables: [table] } = statement.judgement.statements[0]!.facts;
        const name = `${table!.schema}.${table!.name}`;
        assert.equal(await count("--kind", kind, "--table", name), 1);
        assert.equal(await count("--kind", kind, "--table", `${name}_2`), 0);
        assert.equal(await count("--kind", "ddl", "--table", name), 0);
        const wrong = await postern("audit", "export", "--kind", "nonsense");
        assert.equal(wrong.code, 1);
        assert.match(wrong.stderr, /--kind is one of/);
      });
      await t.step("erase takes it out of the database, and the chain stays", async () => {
        const { code, stdout, stderr } = await postern(
          "audit",
          "erase",
          "--text",
          "kept 3",
          "--reason",
          "request 1",
        );
        assert.equal(code, 0, stderr);
        assert.match(stdout, /The contents of 1 event were erased/);
        const exported = await postern("audit", "export");
        assert.doesNotMatch(exported.stdout, /kept 3/);
        assert.match((await verify(exported.stdout)).stdout, /^OK: .*1 content erased/);
      });
      await t.step("a backup says where the record is", async () => {
        const { stdout } = await postern("backup", `${root}/backup`);
        assert.match(stdout, /the record is in its own database, which pg_dump backs up/);
      });
      await t.step("a database that is down is named, without its password", async () => {
        await store.crash();
        const { code, stderr } = await postern("audit", "export");
        assert.equal(code, 1);
        assert.match(stderr, new RegExp(`the session store at 127.0.0.1:${store.port} cannot be opened`));
        assert.ok(!stderr.includes(store.password));
      });
    } finally {
      await store.close();
      await Deno.remove(root, { recursive: true });
    }
  },
);
