/** Start-up, sign-in, cancel, and every way that a connection can end, against a real PostgreSQL. */
import assert from "node:assert/strict";
import { PosternError } from "../../policy/errors.ts";
import { createAuthority } from "../support/certificates.ts";
import { type Postgresql, postgresql18Here, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { missing, testNeeding } from "../support/programs.ts";
import { runPsql, startPsql } from "../support/psql.ts";
import {
  bytesOf,
  cancelRequest,
  fieldsOf,
  gssRequest,
  int32,
  RawPostgres,
  say,
  sslRequest,
  startup,
  valuesOf,
} from "../support/raw_postgres.ts";
import { runsAtPostgresql } from "../support/running.ts";
import { person, type ScriptedVerdict } from "../support/scripted_gatekeeper.ts";
import {
  type ScriptedProxy,
  type ScriptedProxyOptions,
  startScriptedProxy,
  targetOf,
} from "../support/scripted_proxy.ts";
import { startTlsRelay } from "../support/tls_relay.ts";

const tables = "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'one')";
let server: Postgresql | null = null;
Deno.test.beforeAll(async () => {
  if (missing([postgresqlHere]) === null) server = await startPostgresql({ sql: tables });
});
Deno.test.afterAll(async () => await server?.close());

function judge(statement: string): ScriptedVerdict {
  if (/^update/i.test(statement)) return { verdict: "approve", rule: "writes" };
  return {};
}

type World = Awaited<ReturnType<typeof startScriptedProxy>>;

function within(name: string, over: Partial<ScriptedProxyOptions>, run: (world: World) => Promise<void>) {
  testNeeding([postgresqlHere], name, async () => {
    const world = await startScriptedProxy({ target: targetOf(server!, "postgresql"), judge, ...over });
    try {
      await run(world);
    } finally {
      await world.close();
    }
  });
}

const connection = (world: World, more = "") =>
  `host=127.0.0.1 port=${world.port} user=me dbname=demo ${more}`;

/** Waits until it holds; fails after a minute. */
async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`never happened: ${what}`);
}

async function refusal(world: World, first: Uint8Array): Promise<Record<string, string>> {
  const client = await RawPostgres.open(world.port);
  await client.send(first);
  const messages = await client.rest();
  client.close();
  const error = messages.find(({ type }) => type === "E");
  assert.ok(error, `no error among ${messages.map(({ type }) => type)}`);
  return fieldsOf(error);
}

within("start-up: what cannot be is answered with a clear error", {}, async (world) => {
  const wanted: [Uint8Array, RegExp, string][] = [
    [bytesOf(int32(4)), /length is impossible/, "08P01"],
    [bytesOf("GET / HTTP/1.1\r\n\r\n"), /limit/, "54000"],
    [bytesOf(int32(20_000), int32(196_608)), /20000 bytes/, "54000"],
    [startup({ database: "demo" }), /no user/, "08P01"],
    [startup({ user: "me", database: "other" }), /no target "other"/, "28000"],
    [startup({ user: "me", database: "demo", replication: "database" }), /Replication/, "28000"],
    [
      startup({ user: "me", database: "demo", options: "-c standard_conforming_strings=off" }),
      /standard_conforming/,
      "28000",
    ],
    [startup({ user: "me", database: "demo", default_transaction_read_only: "off" }), /read_only/, "28000"],
    [startup({ user: "me", database: "demo", client_encoding: "LATIN1" }), /LATIN1/, "28000"],
    [startup({ user: "me", database: "demo" }, 131_072), /protocol 2\.0/, "08P01"],
    [bytesOf(sslRequest, startup({ user: "me", database: "demo" })), /behind its request/, "08P01"],
    [bytesOf(int32(13), int32(196_608), "user\0"), /ends too early|without its end/, "08P01"],
  ];
  for (const [packet, text, code] of wanted) {
    const error = await refusal(world, packet);
    assert.match(error.M ?? "", text);
    assert.equal(error.C, code);
    assert.equal(error.S, "FATAL");
  }
  assert.equal(world.gatekeeper.attempts.length, 0, "no sign-in was begun");
});

within(
  "start-up: protocol 3.2 with its long cancel key; newer ones and unknown options are negotiated down",
  {},
  async (world) => {
    const client = await RawPostgres.open(world.port);
    await client.send(startup({ user: "me", database: "demo", "_pq_.grease": "1" }, 196_608 + 9999));
    const first = await client.next();
    assert.equal(first?.type, "v");
    assert.deepEqual(first.body, bytesOf(int32(196_610), int32(1), "_pq_.grease\0"));
    const messages = await client.until("Z");
    assert.match(messages.map(({ type }) => type).join(""), /^RNS+KZ$/);
    const key = messages.find(({ type }) => type === "K")!.body;
    assert.equal(key.length, 4 + 32);
    await client.send(say.query("SELECT pg_sleep(60)"));
    await runsAtPostgresql(server!, "SELECT pg_sleep(60)");
    const cancel = await RawPostgres.open(world.port);
    await cancel.send(cancelRequest(new DataView(key.buffer, key.byteOffset).getInt32(0), key.subarray(4)));
    await cancel.rest();
    cancel.close();
    assert.equal(fieldsOf((await client.until("Z")).find(({ type }) => type === "E")!).C, "57014");
    client.close();
    const plain = await RawPostgres.open(world.port);
    await plain.send(startup({ user: "me", database: "demo" }, 196_610));
    assert.match((await plain.until("Z")).map(({ type }) => type).join(""), /^RNS+KZ$/);
    plain.close();
  },
);

within("start-up: GSS and SSL requests in either order, slow packets, byte by byte", {}, async (world) => {
  for (const requests of [[sslRequest, gssRequest], [gssRequest, sslRequest], [gssRequest]]) {
    const client = await RawPostgres.open(world.port);
    for (const request of requests) {
      await client.send(request);
      assert.equal(await client.byte(), "N");
    }
    for (
      const byte of startup({
        user: "me",
        database: "demo",
        options: "-c statement_timeout=5s -c DateStyle=ISO",
      })
    ) {
      await client.send(new Uint8Array([byte]));
    }
    assert.match((await client.until("Z")).map(({ type }) => type).join(""), /^RNS+KZ$/);
    assert.deepEqual(valuesOf((await client.ask(say.query("SHOW statement_timeout"))).messages[1]!), ["5s"]);
    client.close();
  }
});

within(
  "a client that is too slow is told so; a port scan and a health check hear nothing and are no sign-ins",
  {
    limits: { startup: 300 },
  },
  async (world) => {
    const slow = await RawPostgres.open(world.port);
    await slow.send(bytesOf(int32(50)));
    assert.match(fieldsOf((await slow.rest())[0]!).M ?? "", /took too long/);
    slow.close();
    const silent = await RawPostgres.open(world.port);
    assert.deepEqual(await silent.rest(), []);
    silent.close();
    const health = await RawPostgres.open(world.port);
    await health.send(startup({ user: "health", database: "demo" }));
    assert.equal((await health.next())?.type, "R");
    health.close();
    await eventually("all are gone", () => world.proxy.connections() === 0);
    assert.equal(world.gatekeeper.attempts.length, 0);
  },
);

within("sign-in: waiting is shown, going away abandons it, a refusal is told", {
  signIn: ({ client }) =>
    client.user === "refused"
      ? Promise.reject(new PosternError("AuthFailed", "The sign-in was rejected", { hint: "Ask again" }))
      : new Promise(() => {}),
}, async (world) => {
  const psql = startPsql({ connection: connection(world) });
  await psql.expect("sign in to reach demo");
  await psql.expect("https://postern.test/connect/abc");
  await psql.expect("code K7QP-42");
  await psql.interrupt();
  await psql.ended;
  await psql.close();
  await eventually("it is abandoned", () => world.gatekeeper.abandoned === 1);
  const { stderr, code } = await runPsql({
    connection: connection(world).replace("user=me", "user=refused"),
    args: ["-c", "SELECT 1"],
  });
  assert.equal(code, 2);
  assert.match(stderr, /FATAL: {2}Postern: The sign-in was rejected/);
  assert.equal(world.gatekeeper.sessions.length, 0);
});

within("who may not come in is told before anything reaches the target", {
  admit: () => {
    throw new PosternError("PolicyDenied", "eve may not connect to demo", { rule: "targets.demo.groups" });
  },
  target: {
    ...targetOf({ host: "127.0.0.1", port: 1, user: "x", password: "x", database: "x" }, "postgresql"),
  },
}, async (world) => {
  const { stderr } = await runPsql({ connection: connection(world), args: ["-c", "SELECT 1"] });
  assert.match(stderr, /eve may not connect to demo/);
  assert.match(stderr, /targets\.demo\.groups/);
});

within("a target that is down, or refuses the account, is named without its secrets", {}, async (world) => {
  await world.close();
  for (
    const over of [{ port: 1 }, { account: { user: "app", password: "wrong" } }, {
      tls: { mode: "require" as const },
    }]
  ) {
    const other = await startScriptedProxy({ target: targetOf(server!, "postgresql", over), judge });
    const { stderr } = await runPsql({ connection: connection(other), args: ["-c", "SELECT 1"] });
    assert.match(
      stderr,
      /FATAL: {2}Postern: The target "demo" (cannot be reached|refused Postern's account|does not offer TLS)/,
    );
    assert.doesNotMatch(stderr, /wrong|127\.0\.0\.1:1\b/);
    assert.equal(other.gatekeeper.sessions[0]?.closedBecause !== null, true);
    await other.close();
  }
});

within("the target sees who is there, and its own pid is the client's", { readOnly: true }, async (world) => {
  const client = await RawPostgres.ready(world.port, { application_name: "tool", TimeZone: "Asia/Tokyo" });
  const ask = async (sql: string) => valuesOf((await client.ask(say.query(sql))).messages[1]!)[0];
  assert.equal(
    await ask("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"),
    "tool devin@example.test s1",
  );
  assert.equal(await ask("SELECT pg_backend_pid()"), String(client.pid));
  assert.equal(await ask("SHOW default_transaction_read_only"), "on");
  assert.equal(await ask("SHOW TimeZone"), "Asia/Tokyo");
  assert.equal(client.parameters.TimeZone, "Asia/Tokyo");
  assert.equal(
    fieldsOf((await client.ask(say.query("INSERT INTO t VALUES (9, 'x')"))).messages[0]!).C,
    "25006",
  );
  client.close();
});

within("cancel: during a result, during a hold, with a wrong key, when idle", {}, async (world) => {
  const client = await RawPostgres.ready(world.port);
  const cancel = async (secret: Uint8Array) => {
    const other = await RawPostgres.open(world.port);
    await other.send(cancelRequest(client.pid, secret));
    assert.deepEqual(await other.rest(), [], "a cancel is never answered");
    other.close();
  };
  await cancel(client.secret);
  await client.send(say.query("SELECT pg_sleep(0.5), 'survives'"));
  await cancel(new Uint8Array(client.secret.map((byte) => byte ^ 1)));
  assert.equal((await client.until("Z")).map(({ type }) => type).join(""), "TDCZ");
  await client.send(say.query("SELECT pg_sleep(60)"));
  await runsAtPostgresql(server!, "SELECT pg_sleep(60)");
  await cancel(client.secret);
  const messages = await client.until("Z");
  assert.equal(fieldsOf(messages.find(({ type }) => type === "E")!).C, "57014");
  const next = world.gatekeeper.nextHold();
  await client.send(say.query("UPDATE t SET name = 'x' WHERE id = 1"));
  const hold = await next;
  assert.equal((await client.next())?.type, "N");
  await cancel(client.secret);
  const refused = await client.until("Z");
  assert.equal(refused.map(({ type }) => type).join(""), "EZ");
  assert.equal(fieldsOf(refused[0]!).C, "57014");
  assert.equal(hold.state, "withdrawn");
  assert.equal((await client.ask(say.query("SELECT 1"))).types, "TDCZ");
  client.close();
});

within("Ctrl-C in psql withdraws a held statement, and the session goes on", {}, async (world) => {
  const psql = startPsql({ connection: connection(world) });
  await psql.expect("demo=");
  const next = world.gatekeeper.nextHold();
  await psql.send("UPDATE t SET name = 'held' WHERE id = 1;");
  await psql.expect("waits for approval by the group db-approvers");
  await next;
  await psql.interrupt();
  await psql.expect("canceling statement due to user request");
  const again = world.gatekeeper.nextHold();
  await psql.send("UPDATE t SET name = 'approved' WHERE id = 1;");
  (await again).settle("approved");
  await psql.expect("UPDATE 1");
  await psql.close();
});

within("held: notices come again, another client goes on, going away withdraws", {
  limits: { holdNotice: 100 },
}, async (world) => {
  const client = await RawPostgres.ready(world.port);
  const next = world.gatekeeper.nextHold();
  await client.send(say.query("BEGIN"));
  await client.until("Z");
  await client.send(say.query("UPDATE t SET name = 'x' WHERE id = 1"));
  const hold = await next;
  assert.equal(hold.run.inTransaction, true);
  for (let count = 0; count < 3; count++) assert.equal((await client.next())?.type, "N");
  const other = await RawPostgres.ready(world.port);
  assert.equal((await other.ask(say.query("SELECT 1"))).types, "TDCZ");
  other.close();
  hold.settle("expired");
  const messages = await client.until("Z");
  assert.equal(String.fromCharCode(...messages.at(-1)!.body), "E", "the target aborted the transaction");
  await client.ask(say.query("ROLLBACK"));
  const second = world.gatekeeper.nextHold();
  await client.send(say.query("UPDATE t SET name = 'y' WHERE id = 1"));
  const gone = await second;
  client.close();
  await eventually("it is withdrawn", () => gone.state === "withdrawn");
  await eventually("both are gone", () => world.proxy.connections() === 0);
});

within(
  "a client that vanishes in the middle of a statement has it cancelled at the target",
  {},
  async (world) => {
    const client = await RawPostgres.ready(world.port);
    await client.send(say.query("SELECT pg_sleep(3600)"));
    const running = () =>
      server!.query(
        "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(3600)' AND state = 'active'",
      );
    await eventually("it runs", async () => (await running()).length === 1);
    client.close();
    await eventually("it stopped", async () => (await running()).length === 0);
    await eventually(
      "it is recorded",
      () => world.gatekeeper.records.at(-1)?.outcome?.error?.code === "57P01",
    );
    assert.equal(world.gatekeeper.sessions[0]?.closedBecause, "the client disconnected");
  },
);

within("what a client sent before its goodbye is still carried out", {}, async (world) => {
  const client = await RawPostgres.ready(world.port);
  await client.send(say.query("INSERT INTO t VALUES (77, 'parting')"), say.terminate());
  client.close();
  await eventually(
    "the row is there",
    async () => (await server!.query("SELECT 1 FROM t WHERE id = 77")).length === 1,
  );
  await eventually("it is closed", () => world.proxy.connections() === 0);
});

within("an ended session says 57P01 and closes both sides", {}, async (world) => {
  const client = await RawPostgres.ready(world.port);
  world.gatekeeper.sessions[0]?.end.abort(
    new PosternError("PolicyDenied", "ada ended this session", { rule: "dashboard" }),
  );
  const error = fieldsOf((await client.rest())[0]!);
  assert.equal(error.C, "57P01");
  assert.match(error.M ?? "", /ada ended this session/);
  client.close();
});

within("a killed backend, and one that is ended by an admin", {}, async (world) => {
  const client = await RawPostgres.ready(world.port);
  await server!.query(`SELECT pg_terminate_backend(${client.pid})`, { superuser: true });
  const messages = await client.rest();
  assert.equal(fieldsOf(messages[0]!).C, "57P01");
  client.close();
  assert.equal(world.gatekeeper.sessions[0]?.closedBecause, "the target ended the connection");
});

within("idle for too long", { limits: { idle: 300 } }, async (world) => {
  const client = await RawPostgres.ready(world.port);
  assert.equal(fieldsOf((await client.rest())[0]!).C, "57P05");
  client.close();
});

within("shutdown drains, then says 57P01", {}, async (world) => {
  const client = await RawPostgres.ready(world.port);
  const closing = world.proxy.close(200);
  assert.equal((await client.ask(say.query("SELECT 'still served'"))).types, "TDCZ");
  const error = fieldsOf((await client.rest())[0]!);
  assert.equal(error.C, "57P01");
  client.close();
  await closing;
});

within(
  "connection caps: the one too many is told",
  { limits: { connections: 2, connectionsPerAddress: 1 } },
  async (world) => {
    const one = await RawPostgres.ready(world.port);
    const two = await RawPostgres.open(world.port);
    const error = fieldsOf((await two.rest())[0]!);
    assert.equal(error.C, "53300");
    assert.match(error.D ?? "", /connectionsPerAddress/);
    one.close();
    two.close();
  },
);

within("a statement that cannot be recorded is refused, in either protocol", {
  record: (run) =>
    /unrecorded/.test(run.text)
      ? Promise.reject(new PosternError("StoreFailed", "The store is full"))
      : Promise.resolve(),
}, async (world) => {
  const client = await RawPostgres.ready(world.port);
  const simple = await client.ask(say.query("INSERT INTO t VALUES (500, 'unrecorded')"));
  assert.equal(simple.types, "EZ");
  assert.equal(fieldsOf(simple.messages[0]!).C, "58030");
  const extended = await client.ask(
    say.parse("", "INSERT INTO t VALUES (501, 'unrecorded')"),
    say.bind("", ""),
    say.execute(""),
    say.sync(),
  );
  assert.equal(extended.types, "1EZ");
  assert.deepEqual(await server!.query("SELECT 1 FROM t WHERE id >= 500"), []);
  client.close();
});

testNeeding(
  [postgresqlHere, "psql"],
  "TLS: sslmode from prefer to verify-full, direct TLS, plain text refused",
  async () => {
    const authority = createAuthority();
    const own = authority.issue();
    const world = await startScriptedProxy({
      target: targetOf(server!, "postgresql"),
      signIn: () => Promise.resolve(person()),
      tls: { certificate: own.certificate, key: own.key, required: true },
    });
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/ca.crt`, authority.certificate);
      for (const mode of ["prefer", "require", "verify-ca", "verify-full"]) {
        const { stdout, stderr } = await runPsql({
          connection: connection(world, `sslmode=${mode} sslrootcert=${folder}/ca.crt`),
          args: ["-Atc", "SELECT 41 + 1"],
        });
        assert.equal(stdout.trim(), "42", stderr);
      }
      assert.equal(world.gatekeeper.attempts.at(-1)?.client.tls, "TLSv1.3");
      const plain = await runPsql({
        connection: connection(world, "sslmode=disable"),
        args: ["-c", "SELECT 1"],
      });
      assert.match(plain.stderr, /encrypted connections only[\s\S]*sslmode=require/);
      const direct = await Deno.connectTls({
        hostname: "127.0.0.1",
        port: world.port,
        caCerts: [authority.certificate],
        alpnProtocols: ["postgresql"],
      });
      const client = new RawPostgres(direct);
      await client.send(startup({ user: "me", database: "demo" }));
      assert.match((await client.until("Z")).map(({ type }) => type).join(""), /^RNS+KZ$/);
      client.close();
      const noAlpn = await Deno.connectTls({
        hostname: "127.0.0.1",
        port: world.port,
        caCerts: [authority.certificate],
      });
      const refused = new RawPostgres(noAlpn);
      await refused.send(startup({ user: "me", database: "demo" }));
      assert.match(fieldsOf((await refused.rest())[0]!).M ?? "", /ALPN/);
      refused.close();
    } finally {
      await world.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);

testNeeding(
  [postgresqlHere, postgresql18Here],
  "targets: TLS from the first byte (PostgreSQL 18), checked by name; an older one is told",
  async (t) => {
    type Body = (world: ScriptedProxy, target: Postgresql) => Promise<void>;
    const open = async (version: 15 | 18, body: Body) => {
      const target = await startPostgresql({ version, auth: "scram-sha-256", tls: "required" });
      const tls = { mode: "verify-full" as const, ca: target.tls!.ca, direct: true };
      const world = await startScriptedProxy({ target: targetOf(target, "postgresql", { tls }) });
      try {
        await body(world, target);
      } finally {
        await world.close();
        await target.close();
      }
    };
    await t.step("18 takes it, for sessions and for a cancel", () =>
      open(18, async (world, target) => {
        const client = await RawPostgres.ready(world.port);
        const { messages } = await client.ask(
          say.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
        );
        assert.deepEqual(valuesOf(messages[1]!), ["t"]);
        await client.send(say.query("SELECT pg_sleep(60)"));
        await runsAtPostgresql(target, "SELECT pg_sleep(60)");
        const cancel = await RawPostgres.open(world.port);
        await cancel.send(cancelRequest(client.pid, client.secret));
        await cancel.rest();
        cancel.close();
        assert.equal(fieldsOf((await client.until("Z")).find(({ type }) => type === "E")!).C, "57014");
        client.close();
      }));
    await t.step(
      "15 does not, and the client is told so without the target's address",
      () =>
        open(15, async (world) => {
          const client = await RawPostgres.open(world.port);
          await client.send(startup({ user: "me", database: "demo" }));
          const { M } = fieldsOf((await client.until("E")).at(-1)!);
          assert.match(M!, /The TLS handshake with the target "demo" failed|closed the connection/);
          client.close();
        }),
    );
  },
);

testNeeding(
  [postgresqlHere],
  "targets: trust, clear text over TLS, md5, SCRAM with channel binding, client certificates",
  async (t) => {
    const cases: [Parameters<typeof startPostgresql>[0], "disable" | "require" | "verify-full", boolean][] = [
      [{ auth: "trust" }, "disable", false],
      [{ auth: "md5" }, "disable", false],
      [{ auth: "password", tls: true }, "require", false],
      [{ auth: "scram-sha-256", tls: "required" }, "verify-full", false],
      [{ auth: "cert", tls: true }, "verify-full", true],
    ];
    for (const [options, mode, certificate] of cases) {
      await t.step(`${options?.auth}, ${mode}`, async () => {
        const target = await startPostgresql(options);
        const world = await startScriptedProxy({
          target: targetOf(target, "postgresql", {
            tls: {
              mode,
              ...(target.tls === null ? {} : { ca: target.tls.ca }),
              ...(certificate && target.tls
                ? { certificate: target.tls.certificate, key: target.tls.key }
                : {}),
            },
          }),
        });
        try {
          const client = await RawPostgres.ready(world.port);
          const { messages } = await client.ask(
            say.query("SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)"),
          );
          assert.deepEqual(valuesOf(messages[1]!), [mode === "disable" ? "f" : "t"]);
          // A cancel takes the same way in.
          await client.send(say.query("SELECT pg_sleep(60)"));
          await runsAtPostgresql(target, "SELECT pg_sleep(60)");
          const cancel = await RawPostgres.open(world.port);
          await cancel.send(cancelRequest(client.pid, client.secret));
          await cancel.rest();
          cancel.close();
          assert.equal(fieldsOf((await client.until("Z")).find(({ type }) => type === "E")!).C, "57014");
          client.close();
        } finally {
          await world.close();
          await target.close();
        }
      });
    }
    await t.step("clear text without TLS is not sent; a wrong CA is not trusted", async () => {
      const plain = await startPostgresql({ auth: "password" });
      const world = await startScriptedProxy({ target: targetOf(plain, "postgresql") });
      assert.match((await refusal(world, startup({ user: "me", database: "demo" }))).M ?? "", /clear text/);
      await world.close();
      await plain.close();
      const secure = await startPostgresql({ tls: true });
      const other = await startScriptedProxy({
        target: targetOf(secure, "postgresql", {
          tls: { mode: "verify-ca", ca: createAuthority().certificate },
        }),
      });
      assert.match(
        (await refusal(other, startup({ user: "me", database: "demo" }))).M ?? "",
        /TLS handshake/,
      );
      await other.close();
      await secure.close();
    });
  },
);

testNeeding(
  [postgresqlHere],
  "targets: whoever ends TLS in between cannot pass the sign-in on, though nobody checked their certificate",
  async () => {
    const target = await startPostgresql({ auth: "scram-sha-256", tls: "required" });
    const direct = targetOf(target, "postgresql", { tls: { mode: "require" } });
    const relay = await startTlsRelay(direct, createAuthority().issue());
    const through = await startScriptedProxy({ target: { ...direct, port: relay.port } });
    const beside = await startScriptedProxy({ target: direct });
    try {
      const { M } = await refusal(through, startup({ user: "me", database: "demo" }));
      assert.match(M ?? "", /refused Postern's account \(28000\)/);
      assert.match(relay.heard(), /SCRAM-SHA-256-PLUS\0/);
      assert.match(await target.readLog(), /SCRAM channel binding check failed/);
      (await RawPostgres.ready(beside.port)).close();
    } finally {
      await through.close();
      await beside.close();
      relay.close();
      await target.close();
    }
  },
);
