/** Ways in: one-time passwords, tokens, the link; which target is meant; what is said where it fails. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as mysql2 from "mysql2/promise";
import { createAuthority } from "../support/certificates.ts";
import { run } from "../support/daemons.ts";
import { type Mariadb, mariadbHere, startMariadb } from "../support/mariadb.ts";
import { mysqlHere, mysqlProgram } from "../support/mysql.ts";
import { devin, type FakeGate, type GateOptions, startGate, targetOf } from "../support/mysql_gate.ts";
import { errorOf, WireClient, WireError } from "../support/mysql_wire.ts";
import { testNeeding } from "../support/programs.ts";
import type { Target } from "../../policy/types.ts";

const allowed = () => ({ verdict: "allow" as const });

async function withGate(
  options: Partial<GateOptions> & {
    account?: Target["account"];
    database?: Parameters<typeof startMariadb>[0];
  },
  body: (gate: FakeGate, database: Mariadb) => Promise<void>,
): Promise<void> {
  const database = await startMariadb(options.database);
  const more = options.account === undefined ? {} : { account: options.account };
  const gate = await startGate({ target: targetOf(database, more), sentence: allowed, ...options });
  try {
    await body(gate, database);
  } finally {
    await gate.close();
    await database.close();
  }
}

const cli = (gate: FakeGate, ...args: string[]) =>
  run(["mariadb", "-h127.0.0.1", `-P${gate.port}`, "--connect-timeout=20", ...args, "-Ne", "SELECT 'in'"]);

testNeeding(
  [mariadbHere],
  "a one-time password is good once, by either plugin, and for its target alone",
  () =>
    withGate({}, async (gate) => {
      for (const plugin of ["mysql_native_password", "caching_sha2_password"]) {
        const { user, password } = gate.passwords.issue(devin, "orders-prod");
        const options = { port: gate.port, user, password, database: "orders-prod", plugin };
        const client = await WireClient.connect(options);
        assert.equal((await client.query("SELECT 1"))[0]![0], 1);
        client.close();
        const again = await WireClient.connect(options).catch((error) => error);
        assert.ok(again instanceof WireError);
        assert.equal(again.reply.code, 1045);
        assert.equal(again.reply.state, "28000");
        const other = gate.passwords.issue(devin, "elsewhere");
        const wrong = await WireClient.connect({ ...options, ...other, database: "orders-prod" }).catch((e) =>
          e
        );
        assert.match(wrong.message, /wrong, used, expired, or for another target/);
        // Nobody learns which names exist: one that was never issued hears the same, as do a wrong and a used one.
        const unused = gate.passwords.issue(devin, "orders-prod");
        const guesses = [
          { user: "nobody-bcdfghjk", password },
          { user: unused.user, password: "guess" },
          { user, password },
        ];
        const answers = await Promise.all(
          guesses.map((guess) => WireClient.connect({ ...options, ...guess }).catch((error) => error)),
        );
        assert.deepEqual(answers.map(({ reply }) => reply), answers.map(() => wrong.reply));
      }
    }),
);

testNeeding(
  [mariadbHere, "mariadb"],
  "a token as the password, over TLS, from clients with either default plugin",
  async () => {
    const authority = createAuthority();
    await withGate({ tls: authority.issue() }, async (gate) => {
      const token = "aaa.bbb.ccc";
      for (
        const plugin of [[], ["--default-auth=mysql_clear_password"], [
          "--default-auth=caching_sha2_password",
        ]]
      ) {
        const { stdout, stderr } = await cli(
          gate,
          "-udevin",
          `-p${token}`,
          "-Dorders-prod",
          "--ssl",
          ...plugin,
        );
        assert.equal(stdout.trim(), "in", stderr);
      }
      const connection = await mysql2.createConnection({
        host: "127.0.0.1",
        port: gate.port,
        user: "devin",
        password: token,
        database: "orders-prod",
        ssl: { ca: authority.certificate },
      });
      await connection.query("SELECT 1");
      await connection.end();
      const plain = await cli(gate, "-udevin", `-p${token}`, "-Dorders-prod", "--skip-ssl");
      assert.match(plain.stderr, /ERROR 1045 \(28000\).*sign in at https/);
    });
  },
);

testNeeding(
  [mariadbHere, mysqlHere, "mariadb"],
  "a token without TLS, by the same machine's clients: sealed with RSA, and never in any other form",
  () =>
    withGate({}, async (gate) => {
      const token = "aaa.bbb.ccc";
      const account = ["-utoken", `-p${token}`, "-Dorders-prod"];
      const mariadb = await cli(gate, ...account, "--skip-ssl", "--default-auth=caching_sha2_password");
      assert.equal(mariadb.stdout.trim(), "in", mariadb.stderr);
      const mysql = async (...options: string[]) =>
        await run([
          ...await mysqlProgram("mysql"),
          ...["-h127.0.0.1", `-P${gate.port}`, "--ssl-mode=DISABLED", ...options, "-Ne", "SELECT 'in'"],
        ]);
      const asked = await mysql(...account, "--get-server-public-key");
      assert.equal(asked.stdout.trim(), "in", asked.stderr);
      // MySQL's own client seals a password only for a key that it may ask for.
      assert.match((await mysql(...account)).stderr, /Authentication requires secure connection/);
      const connection = await mysql2.createConnection({
        host: "127.0.0.1",
        port: gate.port,
        user: "token",
        password: token,
        database: "orders-prod",
      });
      await connection.query("SELECT 1");
      await connection.end();
      assert.equal(gate.sessions.length, 3);
      // A wrong one gets as far and no farther; what is not sealed at all does not count.
      const wrong = await mysql("-utoken", "-pwrong", "-Dorders-prod", "--get-server-public-key");
      assert.match(wrong.stderr, /ERROR 1045/);
      for (const said of [Buffer.from(`${token}\0`), new Uint8Array(256).fill(7), new Uint8Array(0)]) {
        await assert.rejects(
          WireClient.connect({
            ...{ port: gate.port, user: "token", password: "x", database: "orders-prod" },
            fully: () => said,
          }),
          /not sealed with Postern's RSA key/,
        );
      }
      assert.equal(gate.sessions.length, 3);
    }),
);

testNeeding(
  [mariadbHere, "mariadb"],
  "the link comes with the first error, and the next connection waits for the browser",
  () =>
    withGate({}, async (gate) => {
      const first = await cli(gate, "-udevin", "-Dorders-prod");
      assert.equal(first.code, 1);
      assert.match(
        first.stderr,
        /ERROR 1045 \(28000\): Postern: sign in at https:\/\/postern\.test\/connect\/1 \(code K7QP-1\) within 2 minutes, then connect again/,
      );
      const waiting = cli(gate, "-udevin", "-Dorders-prod", "-pleft-over");
      gate.signIns[0]!.confirm();
      const waited = await waiting;
      assert.equal(waited.stdout.trim(), "in", waited.stderr);
      // A pool's other connections come within seconds.
      assert.equal((await cli(gate, "-udevin", "-Dorders-prod")).stdout.trim(), "in");
      assert.equal(gate.signIns.length, 1);
      assert.match((await cli(gate, "-ueve", "-Dorders-prod")).stderr, /connect\/2/);
      assert.match((await cli(gate, "-udevin", "-Dorders-prod/other")).stderr, /connect\/3/);
      gate.signIns[1]!.reject();
      assert.match((await cli(gate, "-ueve", "-Dorders-prod")).stderr, /connect\/4/);
      assert.ok(gate.logs.every(({ fields }) => !JSON.stringify(fields).includes("/connect/")));
    }),
);

testNeeding([mariadbHere], "a confirmed sign-in is shared for its time and no longer", () => {
  let now = Date.now();
  const links = { claimMs: 60_000, shareMs: 30_000, pendingMax: 10, clock: () => now };
  return withGate({ mysql: { links } }, async (gate) => {
    const options = { port: gate.port, user: "devin", database: "orders-prod" };
    await assert.rejects(WireClient.connect(options), /connect\/1/);
    gate.signIns[0]!.confirm();
    (await WireClient.connect(options)).close();
    now += 29_000;
    (await WireClient.connect(options)).close();
    await assert.rejects(WireClient.connect({ ...options, application: "another" }), /connect\/2/);
    now += 2_000;
    await assert.rejects(WireClient.connect(options), /connect\/3/);
    gate.signIns[2]!.confirm();
    await new Promise((resolve) => setTimeout(resolve, 20));
    now += 61_000;
    await assert.rejects(WireClient.connect(options), /connect\/4/);
  });
});

testNeeding(
  [mariadbHere],
  "the target by schema, by user with @ or %, and none",
  () =>
    withGate({}, async (gate) => {
      const named = async (user: string, database: string) => {
        const { user: name, password } = gate.passwords.issue(devin, "orders-prod");
        const client = await WireClient.connect({
          port: gate.port,
          user: user.replace("devin", name),
          password,
          database,
        });
        const rows = await client.query("SELECT DATABASE()");
        client.close();
        return new TextDecoder().decode(rows.at(-2)!.subarray(1));
      };
      assert.equal(await named("devin", "orders-prod"), "app");
      assert.equal(await named("devin@orders-prod", ""), "app");
      assert.equal(await named("devin%orders-prod", ""), "app");
      assert.equal(await named("devin%orders-prod", "orders-prod"), "app");
      assert.equal(await named("devin", "orders-prod/information_schema"), "information_schema");
      assert.equal(await named("devin@orders-prod", "information_schema"), "information_schema");
      const none = await WireClient.connect({ port: gate.port, user: "devin" }).catch((error) => error);
      assert.equal(none.reply.code, 1049);
      assert.match(none.message, /names no target.*-D TARGET/);
      const unknown = await WireClient.connect({ port: gate.port, user: "devin", database: "nope" }).catch((
        e,
      ) => e);
      assert.equal(unknown.reply.code, 1049);
      assert.match(unknown.message, /There is no target "nope" here/);
    }),
);

testNeeding([mariadbHere], "a listener that requires TLS says so, and takes no password before", async () => {
  const authority = createAuthority();
  await withGate({ tls: authority.issue(), tlsRequired: true }, async (gate) => {
    const refused = await WireClient.connect({ port: gate.port, user: "devin", database: "orders-prod" })
      .catch((error) => error);
    assert.equal(refused.reply.code, 3159);
    assert.match(refused.message, /over TLS only.*--ssl/);
  });
});

testNeeding(
  [mariadbHere],
  "a target with ed25519, one over TLS, and one that refuses the account",
  async () => {
    for (
      const database of [{ auth: "ed25519" }, { tls: "required" }, {
        auth: "ed25519",
        tls: "required",
      }] as const
    ) {
      await withGate({ database }, async (gate) => {
        const { user, password } = gate.passwords.issue(devin, "orders-prod");
        const client = await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" });
        assert.equal((await client.query("SELECT 1"))[0]![0], 1);
        client.close();
      });
    }
    await withGate({ account: { user: "app", password: "wrong" } }, async (gate) => {
      const { user, password } = gate.passwords.issue(devin, "orders-prod");
      const options = { port: gate.port, user, password, database: "orders-prod" };
      const refused = await WireClient.connect(options).catch((error) => error);
      assert.equal(refused.reply.code, 1429);
      assert.match(refused.message, /could not sign in at the target "orders-prod"/);
      assert.doesNotMatch(refused.message, /127\.0\.0\.1|wrong/);
      assert.ok(gate.logs.some(({ fields }) => /1045 \(28000\) Access denied/.test(String(fields.cause))));
      assert.notEqual(gate.sessions[0]!.closed, null);
    });
  },
);

testNeeding(
  [mariadbHere],
  "a client that says nothing, or nonsense, is told and let go",
  () =>
    withGate({ limits: { startupTimeoutMs: 300 } }, async (gate) => {
      const silent = await WireClient.greeted(gate.port);
      silent.channel.reader.expect(2);
      assert.match(errorOf(await silent.receive()).message, /took longer than 300 ms/);
      const garbage = await WireClient.greeted(gate.port);
      await garbage.channel.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
      garbage.channel.reader.expect(2);
      const { code } = errorOf(await garbage.receive());
      assert.ok(code === 1153 || code === 1156);
      const early = await WireClient.greeted(gate.port);
      early.close();
    }),
);
