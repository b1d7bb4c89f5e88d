/** A one-time password from the dashboard, and the stock psql that signs in with it: once, at its own target. */
import assert from "node:assert/strict";
import { alex, devin, eve, startTestGateway, targetYaml } from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { run } from "../support/daemons.ts";
import { runPsql } from "../support/psql.ts";

interface Issued {
  readonly user: string;
  readonly expiresAt: number;
  readonly lines: readonly { readonly label: string; readonly line: string }[];
}

testNeeding(
  [postgresqlHere, "psql", "sh"],
  "a one-time password from the dashboard lets the stock client in once, at its target only",
  async (t) => {
    const database = await startPostgresql({ sql: "CREATE TABLE t(a int)" });
    const gateway = await startTestGateway({
      targets: targetYaml("demo", "postgresql", database) + targetYaml("other", "postgresql", database),
      env: { TARGET_PASSWORD: database.password },
      signInTimeout: "10s",
    });
    const passwords: string[] = [];
    try {
      const user = await gateway.signIn(devin);
      const issue = async (target: string): Promise<Issued & { password: string }> => {
        const page = await user.post(`/api/targets/${target}/password`, {});
        assert.equal(page.status, 200, page.text);
        const issued: Issued = JSON.parse(page.text);
        const password = /^PGPASSWORD=(\S+)/.exec(issued.lines[0]!.line)![1]!;
        passwords.push(password);
        return { ...issued, password };
      };
      // Without TLS a password is taken by SCRAM and by nothing else: see postgres_sign_in_test.ts.
      const psql = (target: string, { user, password }: { user: string; password: string }) =>
        runPsql({
          connection:
            `host=127.0.0.1 port=${gateway.ports.postgresql} user=${user} dbname=${target} sslmode=disable`,
          args: ["-Atc", "SELECT 'in'"],
          env: { PGPASSWORD: password },
        });

      const demo = await issue("demo");
      await t.step("psql signs in with it by SCRAM, and without a link", async () => {
        const { stdout, stderr } = await psql("demo", demo);
        assert.equal(stdout, "in\n", stderr);
        assert.doesNotMatch(stderr, /\/connect\//);
      });
      await t.step("the second use is refused at once, without a link", async () => {
        const { code, stdout, stderr } = await psql("demo", demo);
        assert.deepEqual([code, stdout], [2, ""]);
        assert.match(stderr, /one-time password is wrong, used, expired, or for another target/);
        assert.doesNotMatch(stderr, /\/connect\//);
      });
      await t.step("another target refuses it, its own still takes it", async () => {
        const other = await issue("other");
        const { code, stderr } = await psql("demo", other);
        assert.equal(code, 2);
        assert.match(stderr, /one-time password is wrong, used, expired, or for another target/);
        assert.equal((await psql("other", other)).stdout, "in\n");
      });
      await t.step("the copied lines work as they are: the shell's, and the URL", async () => {
        const [terminal] = (await issue("demo")).lines;
        const shell = await run(["sh", "-c", `${terminal!.line} -X -w -Atc "SELECT 'in'"`]);
        assert.equal(shell.stdout, "in\n", shell.stderr);
        const [, url] = (await issue("demo")).lines;
        const byUrl = await runPsql({ connection: url!.line, args: ["-Atc", "SELECT 'in'"] });
        assert.equal(byUrl.stdout, "in\n", byUrl.stderr);
      });
      await t.step("who is in none of its groups gets no password and no target", async () => {
        const stranger = await gateway.signIn(eve);
        assert.deepEqual(await stranger.json("/api/targets"), { targets: [] });
        const refused = await stranger.post("/api/targets/demo/password", {});
        assert.equal(refused.status, 403);
        assert.match(refused.text, /Ask for membership of one of the target's groups/);
      });
      await t.step("no password is in the record", async () => {
        const { status, text } = await (await gateway.signIn(alex)).api("/api/audit/export");
        assert.equal(status, 200);
        assert.equal(text.match(/password\.issued/g)?.length, passwords.length);
        assert.ok(!passwords.some((password) => text.includes(password)));
      });
    } finally {
      await gateway.close();
      await database.close();
    }
  },
);
