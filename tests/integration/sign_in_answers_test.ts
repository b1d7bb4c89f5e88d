/**
 * What a guesser learns from the answers: nothing. Unknown, wrong, used, expired and for another target are told
 * alike, in bytes (but for nonces and salts) and in round trips, on raw connections and from stock clients.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { OneTimePasswords } from "../../policy/identity/one_time_passwords.ts";
import { attemptOf, namesOneTimePassword } from "../../policy/identity/mod.ts";
import { run } from "../support/daemons.ts";
import { devin, startGate } from "../support/mysql_gate.ts";
import { WireClient } from "../support/mysql_wire.ts";
import { testNeeding } from "../support/programs.ts";
import { runPsql } from "../support/psql.ts";
import { bytesOf, int32, message, RawPostgres, startup } from "../support/raw_postgres.ts";
import { startScriptedProxy } from "../support/scripted_proxy.ts";

interface Guess {
  readonly user: string;
  readonly password: string;
}

/** One of each kind, by what is wrong with it. The names are equally long, as lengths are the guesser's own. */
async function guesses(passwords: OneTimePasswords, target: string): Promise<Record<string, Guess>> {
  const used = passwords.issue(devin, target);
  passwords.verify({ user: used.user, target, address: "10.0.0.1" }, used.password);
  const late = passwords.issue({ ...devin, expiresAt: Date.now() + 50 }, target);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const [right, elsewhere] = [passwords.issue(devin, target), passwords.issue(devin, "elsewhere")];
  return {
    unknown: { user: "devin-22222222", password: "guess" },
    wrong: { user: right.user, password: "guess" },
    used,
    expired: late,
    elsewhere,
  };
}

/** The one answer to all of them. */
function same(answers: Record<string, unknown>): unknown {
  const [first, ...others] = Object.entries(answers);
  for (const [kind, answer] of others) assert.deepEqual(answer, first![1], `${kind} and ${first![0]}`);
  return first![1];
}

const nobody = {
  name: "demo",
  protocol: "postgresql",
  host: "127.0.0.1",
  port: 1,
  database: "demo",
  environment: "test",
  groups: ["engineers"],
  tls: { mode: "disable" },
  account: { user: "app", password: "none" },
} as const;

/** Everything that the gateway says to a client which takes SCRAM and proves nothing. */
async function scramAnswers(port: number, user: string): Promise<string[]> {
  const client = await RawPostgres.open(port);
  const said: string[] = [];
  const hear = async () => {
    const next = await client.next();
    const text = next === null ? "end" : next.type + Buffer.from(next.body).toString("latin1");
    said.push(text.replace(/r=[^,]+,s=([^,]+)/, (_, salt) => `r=NONCE,s=${salt.length}`));
  };
  const first = "n,,n=,r=abcdefghijkl";
  await client.send(startup({ user, database: "demo" }));
  await hear();
  await client.send(message("p", "SCRAM-SHA-256\0", int32(first.length), first));
  const challenge = await client.next();
  const text = Buffer.from(challenge!.body).toString("latin1", 4);
  said.push(text.replace(/r=[^,]+,s=([^,]+)/, (_, salt) => `r=NONCE,s=${salt.length}`));
  const nonce = /r=([^,]+)/.exec(text)![1];
  const proof = Buffer.alloc(32, 7).toString("base64");
  await client.send(message("p", bytesOf(`c=biws,r=${nonce},p=${proof}`)));
  await hear();
  await hear();
  client.close();
  return said;
}

testNeeding(
  ["psql"],
  "PostgreSQL: unknown, wrong, used, expired and elsewhere have one answer, in bytes and round trips",
  async () => {
    const passwords = new OneTimePasswords({ clock: Date.now });
    const world = await startScriptedProxy({
      target: nobody,
      challenge: (attempt) =>
        namesOneTimePassword(attempt.client.user) ? passwords.challenge(attemptOf(attempt)) : null,
    });
    try {
      const tries = await guesses(passwords, "demo");
      const raw: Record<string, string[]> = {};
      const stock: Record<string, string> = {};
      for (const [kind, { user, password }] of Object.entries(tries)) {
        raw[kind] = await scramAnswers(world.port, user);
        const { code, stdout, stderr } = await runPsql({
          connection: `host=127.0.0.1 port=${world.port} user=${user} dbname=demo sslmode=disable`,
          args: ["-Atc", "SELECT 1"],
          env: { PGPASSWORD: password },
        });
        stock[kind] = `${code} ${stdout} ${stderr}`;
      }
      const answer = same(raw) as string[];
      assert.equal(answer.length, 4);
      assert.match(answer[1]!, /^r=NONCE,s=24,i=4096$/);
      assert.match(answer[2]!, /one-time password is wrong, used, expired, or for another target/);
      assert.equal(answer[3], "end");
      assert.match(String(same(stock)), /^2 {2}psql: .*FATAL: {2}Postern: .*is wrong, used, expired/s);
    } finally {
      await world.close();
    }
  },
);

/** What the gateway says after its greeting: the last packet with its number, which counts the round trips. */
async function mysqlAnswers(port: number, { user, password }: Guess, plugin: string): Promise<string> {
  const client = await WireClient.greeted(port);
  const answer = await client.logIn({ user, password, plugin, database: "orders-prod" });
  const sequence = client.lastSequence;
  const after = await client.receive().then(() => "more", () => "end");
  client.close();
  return `${sequence} ${Buffer.from(answer).toString("latin1")} ${after}`;
}

testNeeding(
  ["mariadb"],
  "MySQL: unknown, wrong, used, expired and elsewhere have one answer, in bytes and round trips",
  async () => {
    const gate = await startGate({ target: { ...nobody, name: "orders-prod", protocol: "mysql" } });
    try {
      for (const plugin of ["mysql_native_password", "caching_sha2_password"]) {
        const raw: Record<string, string> = {};
        const stock: Record<string, string> = {};
        for (const [kind, guess] of Object.entries(await guesses(gate.passwords, "orders-prod"))) {
          raw[kind] = await mysqlAnswers(gate.port, guess, plugin);
          const { code, stdout, stderr } = await run(
            [
              "mariadb",
              "-h127.0.0.1",
              `-P${gate.port}`,
              `-u${guess.user}`,
              "-Dorders-prod",
              `--default-auth=${plugin}`,
              "-e",
              "SELECT 1",
            ],
            { env: { MYSQL_PWD: guess.password } },
          );
          stock[kind] = `${code} ${stdout} ${stderr}`;
        }
        assert.match(String(same(raw)), /wrong, used, expired, or for another target.* end$/s);
        assert.match(String(same(stock)), /^1 {2}ERROR 1045 \(28000\): Postern: .*wrong, used, expired/s);
        assert.equal(gate.signIns.length, 0, "nobody was shown a link");
      }
    } finally {
      await gate.close();
    }
  },
);
