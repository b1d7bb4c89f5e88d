/** A config changed under a running gateway, by the command and by hand, with real psql sessions open on it. */
import assert from "node:assert/strict";
import { createAuthority } from "../support/certificates.ts";
import { startHttpReceiver, until } from "../support/receivers.ts";
import { run } from "../support/daemons.ts";
import { devin, startTestGateway, targetYaml } from "../support/gateway.ts";
import { createStore } from "../support/journals.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql, startPsql } from "../support/psql.ts";

const program = new URL("../../main.ts", import.meta.url).pathname;

const rules = (then: string) =>
  `rules:
  - name: notes-are-closed
    what: { kinds: [read], tables: [public.notes] }
    then: ${then}
  - name: reads
    what: { kinds: [read, session, transaction] }
    then: allow
`;

testNeeding(
  [postgresqlHere, "psql", "script"],
  "a reload counts at once, as a whole or not at all",
  async (t) => {
    const database = await startPostgresql({
      sql:
        "CREATE TABLE notes(a int, secret text); INSERT INTO notes VALUES (1, 'hush-hush'); CREATE TABLE t(a int); INSERT INTO t VALUES (4711)",
    });
    const folder = await Deno.makeTempDir({ prefix: "postern-reload-" });
    await createStore(`${folder}/store`);
    const [before, after] = [createAuthority(), createAuthority()];
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    const useCertificate = async (ca: typeof before) => {
      const { certificate, key } = ca.issue();
      await Promise.all([
        write("tls.crt", certificate),
        write("tls.key", key),
        write("ca.pem", ca.certificate),
      ]);
    };
    await useCertificate(before);
    const gateway = await startTestGateway({
      folder,
      targets: targetYaml("demo", "postgresql", database) + targetYaml("other", "postgresql", database),
      env: { TARGET_PASSWORD: database.password },
      sections: rules("allow"),
      listen: "  tls: { certificate: { file: tls.crt }, key: { file: tls.key } }\n",
    });
    const user = await gateway.signIn(devin);
    const connection = (target: string, name: string, ssl: string) =>
      `host=127.0.0.1 port=${gateway.ports.postgresql} user=${name} dbname=${target} ${ssl}`;
    const open = async (target: string) => {
      const { user: name, password } = await user.password(target);
      const psql = startPsql({
        connection: connection(target, name, "sslmode=require"),
        env: { PGPASSWORD: password },
      });
      await psql.expect(`${target}=>`);
      return psql;
    };
    const reload = () =>
      run([Deno.execPath(), "run", "-A", program, "reload", "--config", gateway.configFile], {
        env: { CLIENT_SECRET: "x", TARGET_PASSWORD: "x" },
        timeoutMs: 120_000,
      });
    const [psql, doomed] = [await open("demo"), await open("other")];
    try {
      await psql.send("SELECT secret FROM notes;");
      await psql.expect("hush-hush");

      await t.step("a rule and a mask count from the running session's next statement on", async () => {
        await gateway.edit((text) =>
          text.replace(rules("allow"), rules("deny")) +
          'masks: [{ columns: ["public.t.a"], mask: { kind: "null" } }]\n'
        );
        const { code, stdout, stderr } = await reload();
        assert.equal(code, 0, stderr);
        assert.match(stdout, /in force now: (masks, rules|rules, masks)/);
        await psql.send("SELECT a FROM notes;");
        await psql.expect(/The rule "notes-are-closed" refuses/);
        await psql.send("SELECT a AS masked FROM t;");
        await psql.expect(/masked \n-+\n +\n\(1 row\)/);
      });

      await t.step("a bad config is refused whole, with its line, and the one before it stays", async () => {
        const good = await Deno.readTextFile(gateway.configFile);
        await gateway.edit((text) => text.replace(rules("deny"), rules("allow")).replace("masks:", "maskz:"));
        const { code, stderr } = await reload();
        assert.equal(code, 1);
        assert.match(stderr, /postern\.yaml:\d+:1 {2}maskz: unknown key "maskz"; did you mean "masks"\?/);
        await psql.send("SELECT a FROM notes;");
        await psql.expect(/The rule "notes-are-closed" refuses/);
        await Deno.writeTextFile(gateway.configFile, good);
      });

      await t.step("new connections get the new certificate, and the old sessions go on", async () => {
        const trusting = async () => {
          const { user: name, password } = await user.password("demo");
          return await runPsql({
            connection: connection("demo", name, `sslmode=verify-full sslrootcert=${folder}/ca.pem`),
            args: ["-Atc", "SELECT 1"],
            env: { PGPASSWORD: password },
          });
        };
        assert.equal((await trusting()).stdout, "1\n");
        await useCertificate(after);
        assert.match((await trusting()).stderr, /certificate verify failed/);
        assert.equal((await reload()).code, 0);
        assert.equal((await trusting()).stdout, "1\n");
        await psql.send("SELECT 'still here' AS x;");
        await psql.expect("still here");
      });

      await t.step("a certificate that does not fit its key changes nothing", async () => {
        await write("tls.key", before.issue().key);
        const { code, stderr } = await reload();
        assert.equal(code, 1);
        assert.match(stderr, /listen\.tls\.key: must be a certificate and its own key/);
      });

      await t.step("a target that is gone ends its sessions with the reason, and no others", async () => {
        await useCertificate(after);
        await gateway.edit((text) => text.replace(targetYaml("other", "postgresql", database), ""));
        assert.equal((await reload()).code, 0);
        await doomed.send("SELECT 1;");
        await doomed.expect(/The policy changed: it no longer lets you use other/);
        await psql.send("SELECT 'and here' AS x;");
        await psql.expect("and here");
      });

      await t.step(
        "channels, streams, anchors and the heads' times are replaced without a restart",
        async () => {
          const hook = startHttpReceiver(() => 200);
          try {
            await gateway.edit((text) =>
              `${text}
notify: { channels: { ops: { kind: webhook, url: "${hook.url}/notify" } } }
audit:
  stream: { siem: { kind: webhook, url: "${hook.url}/stream", from: beginning } }
  anchors: { vault: { kind: file, path: heads.jsonl } }
  heads: { events: 1 }
`
            );
            const { stdout } = await reload();
            assert.doesNotMatch(stdout, /restart/);
            assert.match(stdout, /notify/);
            await psql.send("SELECT 'goes out' AS x;");
            const went = (path: string, what: RegExp) =>
              until(
                () => hook.taken.some((one) => one.path.endsWith(path) && what.test(one.body)),
                `${what} at ${path}`,
              );
            await went("/stream", /goes out/);
            await until(
              () => Deno.readTextFile(`${folder}/heads.jsonl`).then(() => true, () => false),
              "a head",
            );
            await gateway.edit((text) => text.replace(`${hook.url}/stream`, `${hook.url}/moved`));
            assert.equal((await reload()).code, 0);
            await psql.send("SELECT 'goes elsewhere' AS x;");
            await went("/moved", /goes elsewhere/);
            assert.ok(
              !hook.taken.some(({ path, body }) => path.endsWith("/stream") && /goes elsewhere/.test(body)),
            );
          } finally {
            await hook.close();
          }
        },
      );

      await t.step("what cannot change without a restart is named", async () => {
        await gateway.edit((text) => text.replace(/^ {2}mysql: .*$/m, "  mysql: 127.0.0.1:1"));
        assert.match((await reload()).stdout, /waits for a restart: listen\.mysql/);
      });
    } finally {
      await psql.close();
      await doomed.close();
      await gateway.close();
      await database.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);
