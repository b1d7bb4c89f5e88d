/** Large results, slow readers, and ends that die at any moment: constant memory, clear errors, nothing left over. */
import assert from "node:assert/strict";
import { liveBytes } from "../support/memory.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { fieldsOf, message, RawPostgres, say, valuesOf } from "../support/raw_postgres.ts";
import type { ScriptedVerdict } from "../support/scripted_gatekeeper.ts";
import { type ScriptedProxyOptions, startScriptedProxy, targetOf } from "../support/scripted_proxy.ts";

const megabyte = 1024 * 1024;
/** With POSTERN_TEST_HEAVY set: a 2 GB result, a 900 MB value, a COPY of 1 GB. Minutes, and memory for the target. */
const heavy = Boolean(Deno.env.get("POSTERN_TEST_HEAVY"));
const size = heavy
  ? { rows: 2_000, valueMegabytes: 900, copyLines: 10_000 }
  : { rows: 300, valueMegabytes: 250, copyLines: 1_000 };
const masked = {
  kind: "columns" as const,
  masks: [{ column: "t.secret", mask: { kind: "partial" as const, keepFirst: 0, keepLast: 4 } }],
};

function judge(statement: string): ScriptedVerdict {
  if (/secret/.test(statement)) return { result: masked, tainted: true };
  return {};
}

async function world(
  over: Partial<ScriptedProxyOptions>,
  run: (
    proxy: Awaited<ReturnType<typeof startScriptedProxy>>,
    server: Awaited<ReturnType<typeof startPostgresql>>,
  ) => Promise<void>,
) {
  const server = await startPostgresql({});
  const proxy = await startScriptedProxy({ target: targetOf(server, "postgresql"), judge, ...over });
  try {
    await run(proxy, server);
  } finally {
    await proxy.close();
    await server.close();
  }
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`never happened: ${what}`);
}

/** The lesser of two looks: what was on its way at the first has arrived by the second. */
async function settledBytes(): Promise<number> {
  let least = Infinity;
  for (let look = 0; look < 2; look++) {
    least = Math.min(least, liveBytes());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return least;
}

/** Reads and forgets. `live` is the most memory in use at four stops in the second half, where what is assembled shows. */
async function drain(connection: Deno.Conn, bytesAbout: number) {
  const chunk = new Uint8Array(65_536);
  const stops = [0.5, 0.65, 0.8, 0.95].map((part) => part * bytesAbout);
  let bytes = 0;
  let live = 0;
  for (;;) {
    const count = await connection.read(chunk);
    if (count === null) break;
    bytes += count;
    // ReadyForQuery: the value itself is all x.
    if (bytes > bytesAbout && chunk[count - 6] === 0x5a) break;
    if (bytes > (stops[0] ?? Infinity)) {
      stops.shift();
      live = Math.max(live, await settledBytes());
    }
  }
  return { bytes, live };
}

testNeeding(
  [postgresqlHere],
  "a reader that does not read, a long result and a huge value cost no memory",
  async () => {
    await world({}, async (proxy) => {
      const client = await RawPostgres.ready(proxy.port);
      const before = liveBytes();
      const more = (live: number) => Math.round((live - before) / megabyte);
      await client.send(say.query("SELECT repeat('y', 1000000) FROM generate_series(1, 60)"));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.ok(more(liveBytes()) < 20, `${more(liveBytes())} MB more while nobody reads`);
      assert.equal((await client.until("Z")).length, 63);
      await client.send(say.query(`SELECT repeat('x', 1000000) FROM generate_series(1, ${size.rows})`));
      const result = await drain(client.connection, size.rows * 1_000_000);
      assert.ok(more(result.live) < 80, `${more(result.live)} MB more in a result of ${size.rows} MB`);
      await client.send(say.query(`SELECT repeat('x', ${size.valueMegabytes} * 1024 * 1024)`));
      const value = await drain(client.connection, size.valueMegabytes * megabyte);
      assert.ok(more(value.live) < 80, `${more(value.live)} MB more in a value of ${size.valueMegabytes} MB`);
      if (heavy) {
        console.log(
          `${result.bytes} and ${value.bytes} bytes, ${more(result.live)} and ${more(value.live)} MB more`,
        );
      }
      client.close();
      const outcomes = proxy.gatekeeper.records.slice(-2).map(({ outcome }) => outcome?.tag);
      assert.deepEqual(outcomes, [`SELECT ${size.rows}`, "SELECT 1"]);
    });
  },
);

testNeeding(
  [postgresqlHere],
  "what is too large to judge or to mask is refused by its limit, and the session goes on",
  async () => {
    await world({ limits: { statement: megabyte, maskedRow: megabyte } }, async (proxy) => {
      const client = await RawPostgres.ready(proxy.port);
      const long = `SELECT '${"x".repeat(10 * megabyte)}'`;
      const simple = await client.ask(say.query(long));
      assert.equal(simple.types, "EZ");
      assert.equal(fieldsOf(simple.messages[0]!).C, "54000");
      assert.match(fieldsOf(simple.messages[0]!).M ?? "", /listen\.limits\.statement: 1048576/);
      const parsed = await client.ask(say.parse("", long), say.bind("", ""), say.execute(""), say.sync());
      assert.equal(parsed.types, "EZ");
      const bound = await client.ask(
        say.parse("", "SELECT $1"),
        say.bind("", "", ["y".repeat(2 * megabyte)]),
        say.execute(""),
        say.sync(),
      );
      assert.equal(bound.types, "1EZ");
      const row = await client.ask(say.query(`SELECT repeat('s', 5000000) AS secret`));
      assert.equal(row.types, "TEZ");
      assert.match(fieldsOf(row.messages[1]!).M ?? "", /listen\.limits\.maskedRow/);
      const rows = await client.ask(
        say.query(
          `SELECT secret FROM (VALUES ('small-0001'), (repeat('s', 5000000)), ('small-0002')) v (secret)`,
        ),
      );
      assert.equal(rows.types, "TDEZ", "and nothing of what follows it");
      assert.deepEqual(valuesOf((await client.ask(say.query("SELECT 'still here'"))).messages[1]!), [
        "still here",
      ]);
      // Unmasked rows of any size pass.
      assert.equal((await client.ask(say.query("SELECT repeat('s', 5000000)"))).types, "TDCZ");
      client.close();
    });
  },
);

testNeeding([postgresqlHere], "a large COPY IN, with a target that is slow to take it", async () => {
  await world({}, async (proxy) => {
    const client = await RawPostgres.ready(proxy.port);
    await client.ask(say.query("CREATE TABLE c (body text)"));
    await client.send(say.query("COPY c FROM STDIN"));
    await client.until("G");
    const before = liveBytes();
    let live = Infinity;
    const line = message("d", `${"z".repeat(99_999)}\n`);
    for (let count = 0; count < size.copyLines; count++) {
      await client.send(line);
      if (count > 300 && count % 40 === 0) live = Math.min(live, liveBytes());
    }
    await client.send(say.copyDone());
    assert.equal((await client.until("Z")).map(({ type }) => type).join(""), "CZ");
    assert.ok(live - before < 30 * megabyte, `${(live - before) / megabyte} MB more`);
    assert.deepEqual(valuesOf((await client.ask(say.query("SELECT count(*) FROM c"))).messages[1]!), [
      String(size.copyLines),
    ]);
    assert.equal(
      proxy.gatekeeper.records.find(({ run }) => /COPY/.test(run.text))?.outcome?.rows,
      size.copyLines,
    );
    client.close();
  });
});

testNeeding(
  [postgresqlHere],
  "the target crashes in the middle of a result, and between statements",
  async () => {
    await world({}, async (proxy, server) => {
      const streaming = await RawPostgres.ready(proxy.port);
      const quiet = await RawPostgres.ready(proxy.port);
      await streaming.send(
        say.query("SELECT repeat('r', 100), pg_sleep(0.01) FROM generate_series(1, 100000)"),
      );
      assert.equal((await streaming.next())?.type, "T");
      await server.crash();
      for (const client of [streaming, quiet]) {
        const last = (await client.rest()).at(-1);
        // By the target's own last words, or by Postern's where it had none.
        if (last?.type === "E") assert.match(fieldsOf(last).C ?? "", /^(57P0[12]|08006)$/);
        client.close();
      }
      await eventually("both are gone", () => proxy.proxy.connections() === 0);
      assert.match(proxy.gatekeeper.records[0]?.outcome?.error?.code ?? "", /^(57P0[12]|08006)$/);
    });
  },
);

testNeeding([postgresqlHere], "clients that vanish at any point leave nothing behind", async () => {
  await world({}, async (proxy, server) => {
    const moments: ((client: RawPostgres) => Promise<void>)[] = [
      (client) => client.send(say.query("SELECT repeat('r', 1000) FROM generate_series(1, 1000000)")),
      (client) => client.send(say.query("CREATE TEMP TABLE c (a text)"), say.query("COPY c FROM STDIN")),
      async (client) => {
        await client.ask(say.query("CREATE TEMP TABLE c (a text)"));
        await client.send(say.query("COPY c FROM STDIN"));
        await client.until("G");
        await client.send(message("d", "half of a li").subarray(0, 9));
      },
      (client) => client.send(say.parse("", "SELECT 1"), say.bind("", "")),
      (client) => client.send(say.query("SELECT 1").subarray(0, 7)),
      (client) => client.send(say.query("BEGIN"), say.query("SELECT pg_sleep(60)")),
    ];
    for (const moment of moments) {
      const client = await RawPostgres.ready(proxy.port);
      await moment(client);
      client.close();
    }
    await eventually("all are gone", () => proxy.proxy.connections() === 0);
    for (let tries = 0; tries < 3000; tries++) {
      const left = await server.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE '%devin%'");
      if (left.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(tries < 2999, "backends stay behind");
    }
    assert.deepEqual(proxy.warnings, []);
  });
});

testNeeding(
  [postgresqlHere],
  "errors and notices of tainted statements say nothing but their code",
  async () => {
    await world({}, async (proxy) => {
      const client = await RawPostgres.ready(proxy.port);
      await client.ask(say.query("CREATE TEMP TABLE t (secret text); INSERT INTO t VALUES ('078-05-1120')"));
      const failed = await client.ask(say.query("SELECT secret::int FROM t"));
      const error = fieldsOf(failed.messages.find(({ type }) => type === "E")!);
      assert.equal(error.C, "22P02");
      assert.doesNotMatch(JSON.stringify(error), /078/);
      const record = proxy.gatekeeper.records.at(-1);
      assert.doesNotMatch(JSON.stringify(record?.outcome), /078/);
      await client.ask(say.query("BEGIN"));
      await client.ask(say.query("SELECT secret FROM t"));
      // In the same transaction a later error may tell of it: a deferred constraint, a trigger's notice.
      const later = await client.ask(
        say.query(
          "DO $$ BEGIN RAISE NOTICE 'value 078-05-1120'; RAISE EXCEPTION 'value 078-05-1120'; END $$",
        ),
      );
      assert.equal(later.types, "NEZ");
      for (const said of later.messages.slice(0, 2)) {
        assert.doesNotMatch(JSON.stringify(fieldsOf(said)), /078/);
      }
      await client.ask(say.query("ROLLBACK"));
      const clean = await client.ask(say.query("SELECT 1/0"));
      assert.match(fieldsOf(clean.messages[0]!).M ?? "", /division by zero/);
      client.close();
    });
  },
);

testNeeding(
  [postgresqlHere],
  "a backend killed at any moment: an error, an end, and nothing left behind",
  async () => {
    const recorded = Promise.withResolvers<void>();
    const judged = (text: string): ScriptedVerdict =>
      /^update/i.test(text) ? { verdict: "approve" } : judge(text);
    await world({
      judge: judged,
      record: ({ text }) => /slowly/.test(text) ? recorded.promise : Promise.resolve(),
    }, async (proxy, server) => {
      await server.query("CREATE TABLE k (id int); INSERT INTO k VALUES (1)");
      type Moment = (client: RawPostgres) => Promise<unknown>;
      const moments: Record<string, Moment> = {
        "between statements": () => Promise.resolve(),
        "in a transaction": (client) => client.ask(say.query("BEGIN")),
        "while it works": (client) => client.send(say.query("SELECT pg_sleep(600)")),
        "in a result that nobody reads": (client) =>
          client.send(say.query("SELECT repeat('r', 100000) FROM generate_series(1, 2000)")),
        "while a statement is held": async (client) => {
          const next = proxy.gatekeeper.nextHold();
          await client.send(say.query("UPDATE k SET id = 2"));
          await next;
        },
        "while a record is written": (client) => client.send(say.query("SELECT 'slowly'")),
        "in COPY IN": async (client) => {
          await client.send(say.query("COPY k FROM STDIN"));
          await client.until("G");
          await client.send(message("d", "1\n").subarray(0, 6));
        },
        "in COPY OUT": (client) =>
          client.send(say.query("COPY (SELECT repeat('r', 100000) FROM generate_series(1, 2000)) TO STDOUT")),
        "in a pipeline before its Sync": (client) =>
          client.send(say.parse("", "SELECT 1"), say.bind("", ""), say.execute(""), say.flush()),
      };
      for (const [when, moment] of Object.entries(moments)) {
        const client = await RawPostgres.ready(proxy.port);
        await moment(client);
        await server.query(`SELECT pg_terminate_backend(${client.pid})`, { superuser: true });
        const last = (await client.rest()).at(-1);
        // In the middle of a message there is no place for an error: the connection is cut.
        if (last?.type === "E") assert.match(fieldsOf(last).C ?? "", /^(57P01|08006)$/, when);
        client.close();
        if (when === "while a record is written") recorded.resolve();
      }
      await eventually("all are gone", () => proxy.proxy.connections() === 0);
      assert.deepEqual(proxy.gatekeeper.holds.map(({ state }) => state), ["withdrawn"]);
      await eventually(
        "every statement has its end",
        () => proxy.gatekeeper.records.every(({ outcome }) => outcome !== null),
      );
      assert.deepEqual(await server.query("SELECT id FROM k"), [{ id: 1 }]);
    });
  },
);
