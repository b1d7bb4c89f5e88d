/** Cancels at awkward moments: while a record is written, racing an approval, under load. Never a later statement's. */
import assert from "node:assert/strict";
import { type Postgresql, postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { missing, testNeeding } from "../support/programs.ts";
import { bytesOf, cancelRequest, fieldsOf, RawPostgres, say, valuesOf } from "../support/raw_postgres.ts";
import type { ScriptedVerdict } from "../support/scripted_gatekeeper.ts";
import { type ScriptedProxy, startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";

let server: Postgresql | null = null;
let proxy: ScriptedProxy | null = null;
/** A statement with `slowly` in it: its record is begun, and waits. */
let [begun, recording] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];

const judge = (text: string): ScriptedVerdict => /^update/i.test(text) ? { verdict: "approve" } : {};

Deno.test.beforeAll(async () => {
  if (missing([postgresqlHere]) !== null) return;
  server = await startPostgresql({
    sql: "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)",
  });
  proxy = await startScriptedProxy({
    target: targetOf(server, "postgresql"),
    judge,
    record: ({ text }) => {
      if (!/slowly/.test(text)) return Promise.resolve();
      begun.resolve();
      return recording.promise;
    },
  });
});
Deno.test.afterAll(async () => {
  await proxy?.close();
  await server?.close();
});

async function cancel(client: RawPostgres, behind = new Uint8Array(0)): Promise<void> {
  const other = await RawPostgres.open(proxy!.port);
  await other.send(bytesOf(cancelRequest(client.pid, client.secret), behind));
  assert.deepEqual(await other.rest(), [], "a cancel is never answered");
  other.close();
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !await holds(); tries++) {
    assert.ok(tries < 6000, "it never happened");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const typesOf = (messages: readonly { type: string }[]) => messages.map(({ type }) => type).join("");

testNeeding(
  [postgresqlHere],
  "a cancel while the record is being written: the statement is recorded and never sent",
  async () => {
    const client = await RawPostgres.ready(proxy!.port);
    const insert = (id: number) => `INSERT INTO t VALUES (${id}, 0) /* slowly */`;
    const cases: [number, Uint8Array[], string][] = [
      [100, [say.query(insert(100))], "EZ"],
      [101, [say.parse("", insert(101)), say.bind("", ""), say.execute(""), say.sync()], "1EZ"],
      [
        102,
        [
          ...[say.parse("", "SELECT 'earlier'"), say.bind("", ""), say.execute("")],
          ...[say.parse("", insert(102)), say.bind("", ""), say.execute("")],
          ...[say.parse("", "SELECT 'skipped'"), say.bind("", ""), say.execute(""), say.sync()],
        ],
        "12DC1EZ",
      ],
    ];
    for (const [id, frames, answer] of cases) {
      [begun, recording] = [Promise.withResolvers(), Promise.withResolvers()];
      await client.send(...frames);
      await begun.promise;
      await cancel(client);
      recording.resolve();
      const messages = await client.until("Z");
      assert.equal(typesOf(messages), answer);
      assert.equal(fieldsOf(messages.find(({ type }) => type === "E")!).C, "57014");
      const record = proxy!.gatekeeper.records.find(({ run }) => run.text === insert(id));
      assert.equal(record?.outcome?.error?.code, "57014");
      assert.deepEqual(await server!.query(`SELECT 1 FROM t WHERE id = ${id}`), []);
      assert.equal((await client.ask(say.query("SELECT 1"))).types, "TDCZ");
    }
    client.close();
  },
);

testNeeding(
  [postgresqlHere],
  "a cancel that races with an approval: the statement ran once or not at all, and everybody says the same",
  async () => {
    const client = await RawPostgres.ready(proxy!.port);
    const { gatekeeper } = proxy!;
    let ran = 0;
    const outcomes = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const next = gatekeeper.nextHold();
      await client.send(say.query("UPDATE t SET n = n + 1 WHERE id = 1"));
      const hold = await next;
      const approve = async () => {
        for (let turns = round % 8; turns > 0; turns--) await Promise.resolve();
        if (round % 3 === 0) await new Promise((resolve) => setTimeout(resolve, round % 5));
        hold.settle("approved");
      };
      await Promise.all(round % 2 === 0 ? [cancel(client), approve()] : [approve(), cancel(client)]);
      const messages = (await client.until("Z")).filter(({ type }) => type !== "N");
      const types = typesOf(messages);
      outcomes.add(types);
      assert.match(types, /^(CZ|EZ)$/);
      if (types === "CZ") ran++;
      else assert.equal(fieldsOf(messages[0]!).C, "57014");
      const { messages: [, row] } = await client.ask(say.query("SELECT n FROM t WHERE id = 1"));
      assert.deepEqual(valuesOf(row!), [String(ran)], "client and target disagree");
    }
    const approved = gatekeeper.records.filter(({ approval }) => approval !== undefined);
    assert.equal(approved.filter(({ outcome }) => outcome?.error === null).length, ran);
    client.close();
  },
);

testNeeding(
  [postgresqlHere],
  "cancels under load hit the statement that runs, and never one that comes after it",
  async () => {
    await Promise.all(Array.from({ length: 16 }, async (_, at) => {
      const client = await RawPostgres.ready(proxy!.port);
      for (let round = 0; round < 15; round++) {
        await client.send(say.query("SELECT pg_sleep(0.02)"));
        await new Promise((resolve) => setTimeout(resolve, (at * 7 + round * 3) % 30));
        const [answer] = await Promise.all([client.until("Z"), cancel(client)]);
        assert.match(typesOf(answer), /^(TDCZ|T?EZ)$/);
        const error = answer.find(({ type }) => type === "E");
        if (error !== undefined) assert.equal(fieldsOf(error).C, "57014");
        // The cancel is settled once its connection closed: what comes now is not its business.
        for (let after = 0; after < 3; after++) {
          const { types, messages } = await client.ask(say.query(`SELECT ${round}, pg_sleep(0.001)`));
          assert.equal(types, "TDCZ");
          assert.equal(valuesOf(messages[1]!)[0], String(round));
        }
      }
      client.close();
    }));
  },
);

testNeeding(
  [postgresqlHere],
  "bytes behind a CancelRequest, keys of another length and pids of others do nothing",
  async () => {
    const client = await RawPostgres.ready(proxy!.port);
    const victim = await RawPostgres.ready(proxy!.port);
    await client.send(say.query("SELECT pg_sleep(0.6), 'survives'"));
    await until(() => proxy!.gatekeeper.texts.includes("SELECT pg_sleep(0.6), 'survives'"));
    for (
      const secret of [
        victim.secret,
        new Uint8Array(32),
        new Uint8Array(256),
        client.secret.map((b) => b ^ 128),
      ]
    ) {
      const other = await RawPostgres.open(proxy!.port);
      await other.send(cancelRequest(client.pid, secret));
      assert.deepEqual(await other.rest(), []);
      other.close();
    }
    assert.equal(typesOf(await client.until("Z")), "TDCZ");
    await client.send(say.query("SELECT pg_sleep(60)"));
    await until(async () =>
      (await server!.query("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")).length > 0
    );
    await cancel(client, say.query("DROP TABLE t"));
    assert.equal(fieldsOf((await client.until("Z")).find(({ type }) => type === "E")!).C, "57014");
    assert.equal(proxy!.gatekeeper.texts.includes("DROP TABLE t"), false);
    client.close();
    victim.close();
  },
);
