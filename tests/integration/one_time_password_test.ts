/** A one-time password from the dashboard, and the stock psql that signs in with it: once, at its own target. */
import assert from "node:assert/strict";
import { alex, devin, eve, startTestGateway, targetYaml } from "../support/gateway.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { run } from "../support/daemons.ts";
import { runPsql } from "../support/psql.ts";
import { int32, message, RawPostgres, startup } from "../support/raw_postgres.ts";

interface Issued {
  readonly user: string;
  readonly expiresAt: number;
  readonly lines: readonly { readonly label: string; readonly line: string }[];
}

const decoder = new TextDecoder();

/** The start of a sign-in by SCRAM-SHA-256 (RFC 5802), up to the server's first message. */
async function begin(port: number, user: string) {
  const client = await RawPostgres.open(port);
  await client.send(startup({ user, database: "demo" }));
  const offer = await client.next();
  const first = "n,,n=,r=nonce";
  await client.send(message("p", "SCRAM-SHA-256\0", int32(first.length), first));
  const challenge = await client.next();
  return { client, offer, challenge: decoder.decode(challenge?.body.subarray(4)), type: challenge?.type };
}

async function salt(port: number, user: string): Promise<string> {
  const { client, challenge } = await begin(port, user);
  client.close();
  return /,s=([^,]+)/.exec(challenge)![1]!;
}

/** Everything a guess is answered, byte by byte but for the nonce and the salt, of which the lengths count. */
async function exchange(port: number, user: string): Promise<string> {
  const { client, offer, challenge, type } = await begin(port, user);
  const nonce = /r=([^,]+)/.exec(challenge)?.[1] ?? "";
  await client.send(message("p", `c=biws,r=${nonce},p=${btoa("\0".repeat(32))}`));
  const rest = await client.rest();
  client.close();
  return [
    `${offer?.type}${decoder.decode(offer?.body)}`,
    `${type}${challenge.replace(/(?<=[rs]=)[^,]+/g, (value) => String(value.length))}`,
    ...rest.map((one) => `${one.type}${decoder.decode(one.body)}`),
  ].join("\n");
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
      await t.step(
        "unknown, wrong, used, expired or for another target: to the client all are the same",
        async () => {
          const [wrong, other] = [await issue("demo"), await issue("other")];
          const attempts = {
            unknown: { user: "nobody-bcdfghjk", password: wrong.password },
            wrong: { user: wrong.user, password: other.password },
            used: demo,
            other,
          };
          const [shown, exchanges] = [new Set<string>(), new Set<string>()];
          for (const attempt of Object.values(attempts)) {
            const { code, stderr } = await psql("demo", attempt);
            assert.equal(code, 2);
            shown.add(stderr);
            exchanges.add(await exchange(gateway.ports.postgresql!, attempt.user));
          }
          assert.equal(shown.size, 1, [...shown].join("\n"));
          assert.equal(exchanges.size, 1, [...exchanges].join("\n"));
          assert.match([...exchanges][0]!, /^R.*SCRAM-SHA-256.*\nR.*,i=4096\nE.*28000/s);
          // Asked for again, an unknown name has the same salt: a name that exists would keep its own.
          const salts = [await salt(gateway.ports.postgresql!, "nobody-bcdfghjk")];
          salts.push(await salt(gateway.ports.postgresql!, "nobody-bcdfghjk"));
          assert.equal(salts[0], salts[1]);
        },
      );
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
