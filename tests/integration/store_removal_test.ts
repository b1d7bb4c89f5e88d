/** Retention and erasure: contents go, the chain stays, and nothing goes without an event that says so. */
import assert from "node:assert/strict";
import { approvalRequested, statementJudged } from "../../policy/audit/events.ts";
import { resultRecorded } from "../../policy/audit/result_events.ts";
import { report } from "../../policy/audit/commands.ts";
import { Retention } from "../../policy/audit/retention.ts";
import { verifyLines } from "../../policy/audit/verify.ts";
import { openJournal } from "../../policy/store/journal.ts";
import type { Database, Row } from "../../policy/store/database.ts";
import { openEmbedded } from "../../policy/store/embedded_database.ts";
import { openUrl } from "../../policy/store/url_database.ts";
import type { EvidenceJournal } from "../../policy/ports.ts";
import { about, identity, oneOfEach, request, run } from "../unit/audit/samples.ts";
import { collect, smallEvent, storeFolder } from "../support/journals.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

const customer = "Boris Brandt of 12 Elm Street";

async function fill(journal: EvidenceJournal): Promise<void> {
  const mentions = { ...run, text: `UPDATE customers SET note = '${customer}' WHERE id = 7` };
  const other = { ...about, person: "noor@example.com", session: "session-9", target: "shop-dev" };
  const drafts = [
    ...oneOfEach("1"),
    statementJudged(other, { id: "s-9", run: mentions, policy: "p" }),
    resultRecorded(other, "s-9", [{
      columns: [{ name: "note", masked: false }],
      rows: [[customer], [null]],
      more: false,
    }]),
    approvalRequested({ ...request, id: "a-9", person: other.person, text: mentions.text }),
    statementJudged(other, { id: "s-10", run: { ...run, text: "SELECT 1", parameters: [] }, policy: "p" }),
    smallEvent("looked"),
  ];
  for (const draft of drafts) await journal.append(draft);
}

const verified = async (journal: EvidenceJournal, filter = {}) =>
  await verifyLines((await collect(journal.lines(filter))).map((line) => line.slice(0, -1)));

async function contract(open: () => Promise<EvidenceJournal>): Promise<void> {
  let journal = await open();
  await fill(journal);
  const whole = await journal.events({});
  assert.equal((await journal.search({ text: "boris", limit: 10 })).hits.length, 1);

  assert.equal(await journal.remove({ kind: "erased", text: customer, by: "ops", reason: "request 12" }), 3);
  assert.deepEqual((await journal.search({ text: "boris", limit: 10 })).hits, []);
  assert.deepEqual(await journal.events({ text: "Boris" }), []);
  assert.equal((await journal.approval("a-9"))?.text, "(erased)");
  const [said] = await journal.events({ types: ["record.erased"] });
  assert.deepEqual([said?.data.events, said?.data.reason], [3, "request 12"]);
  const after = await verified(journal);
  assert.ok(after.ok && after.removed === 3 && after.unexplained === 0, JSON.stringify(after));
  assert.match(report(after).text, /3 contents erased or retired, as the record says/);
  const left = new Map((await journal.events({})).map((event) => [event.sequence, event.hash]));
  const gone = whole.filter(({ sequence }) => !left.has(sequence));
  assert.equal(gone.length, 3);
  for (const event of whole) {
    if (!gone.includes(event)) {
      assert.equal(left.get(event.sequence), event.hash, "the others are as they were");
    }
  }
  const filtered = await verified(journal, { session: "session-1" });
  assert.equal(filtered.ok, true, JSON.stringify(filtered));

  const count = await journal.remove({
    kind: "erased",
    person: identity.name,
    by: "ops",
    reason: "has left",
  });
  assert.ok(count > 5);
  assert.deepEqual(await journal.events({ person: identity.name }), []);
  assert.deepEqual(await journal.events({ text: identity.name }), []);
  assert.equal((await journal.session("session-1"))?.person, "(erased)");
  assert.equal((await journal.session("session-1"))?.client.address, "");
  assert.deepEqual((await journal.search({ person: identity.name, limit: 10 })).hits, []);
  const exported = (await collect(journal.lines({}))).join("");
  assert.ok(!exported.includes(identity.name) && !exported.includes(customer));
  assert.equal(
    await journal.remove({ kind: "erased", person: identity.name, by: "ops", reason: "again" }),
    0,
  );

  const retired = await journal.remove({
    kind: "retired",
    target: "shop-dev",
    before: Date.now() + 1000,
    by: "retention",
    reason: "older than it is kept",
  });
  assert.equal(retired, 1);
  assert.deepEqual(await journal.events({ target: "shop-dev", types: ["statement.judged"] }), []);
  await journal.close();

  journal = await open();
  try {
    const again = await verified(journal);
    assert.ok(
      again.ok && again.removed === 3 + count + retired && again.unexplained === 0,
      JSON.stringify(again),
    );
    await journal.append(smallEvent("the record goes on"));
    assert.equal((await verified(journal)).ok, true);
  } finally {
    await journal.close();
  }
}

Deno.test("contents that are erased or retired are gone, and the chain verifies, on the embedded database", async () => {
  const { folder, remove } = await storeFolder();
  try {
    await contract(() => openJournal({ folder }));
    const files: string[] = [];
    for await (const path of walk(folder)) {
      if (new TextDecoder("latin1").decode(await Deno.readFile(path)).includes(customer)) files.push(path);
    }
    assert.deepEqual(
      files.filter((path) => !/pg_wal|spool/.test(path)),
      [],
      "not in the database's files either",
    );

    const db = await openEmbedded(`${folder}/store`);
    await db.script([
      `UPDATE events SET digest = encode(sha256(convert_to(content, 'UTF8')), 'hex'), content = ''
       WHERE content <> '' AND sequence = (SELECT max(sequence) - 3 FROM events WHERE content <> '')`,
    ]);
    await db.close();
    const journal = await openJournal({ folder }).catch((error) => String(error));
    if (typeof journal === "string") {
      assert.match(journal, /changed outside Postern/);
      return;
    }
    try {
      const found = await verified(journal);
      assert.ok(
        !found.ok && /no event says that it was erased or retired/.test(found.problem),
        JSON.stringify(found),
      );
    } finally {
      await journal.close();
    }
  } finally {
    await remove();
  }
});

Deno.test("retention takes out what each target's rule says, by time, and leaves the rest", async () => {
  const { folder, remove } = await storeFolder();
  try {
    let now = Date.UTC(2026, 0, 1);
    const journal = await openJournal({ folder, clock: () => now });
    try {
      const rules = [{ targets: ["*-dev"], keep: 30 * day }, { targets: ["shop-*"], keep: 90 * day }];
      const targets = ["shop-dev", "shop-prod", "other"];
      const ran = async () => {
        for (const target of targets) {
          await journal.append(
            statementJudged({ ...about, target }, { id: `s-${now}-${target}`, run, policy: "p" }),
          );
        }
      };
      await ran();
      now += 60 * day;
      await ran();
      const retention = new Retention({
        rules,
        targets: () => targets,
        journal,
        clock: () => now,
        log: () => {},
      });
      const left = async () =>
        (await journal.events({ types: ["statement.judged"] })).map(({ target }) => target).sort();
      assert.equal(await retention.apply(), 1);
      assert.deepEqual(await left(), ["other", "other", "shop-dev", "shop-prod", "shop-prod"]);
      now += 60 * day;
      assert.equal(await retention.apply(), 2);
      assert.deepEqual(await left(), ["other", "other", "shop-prod"]);
      assert.equal(await retention.apply(), 0);
      await retention.close();
      const found = await verified(journal);
      assert.ok(found.ok && found.removed === 3, JSON.stringify(found));
    } finally {
      await journal.close();
    }
  } finally {
    await remove();
  }
});

/** Three months, one after the other, on either database; `look` asks the database itself while nothing is open. */
async function partsContract(
  open: (clock: () => number) => Promise<EvidenceJournal>,
  look: (sql: string) => Promise<readonly Row[]>,
): Promise<void> {
  let now = Date.UTC(2026, 0, 20);
  let journal = await open(() => now);
  const record = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const filler = Array.from({ length: 100 }, (_, j) => `${i}-${j}-${now}`).join(" ");
      const draft = { id: `s-${now}-${i}`, run: { ...run, text: `SELECT '${filler}'` }, policy: "p" };
      await journal.append(statementJudged(about, draft));
    }
  };
  await record(200);
  now = Date.UTC(2026, 1, 1);
  await record(200);
  await journal.close();
  // A start in a later month, with a clock that goes back a little afterwards.
  now = Date.UTC(2026, 3, 2);
  journal = await open(() => now);
  await record(2);
  now = Date.UTC(2026, 2, 30);
  await record(1);
  await journal.close();
  const parts = async () =>
    new Map(
      (await look(
        `SELECT tableoid::regclass::text, count(*)::text, min(sequence)::text, max(sequence)::text,
           pg_table_size(tableoid)::text FROM events GROUP BY tableoid ORDER BY 1`,
      )).map(([name, ...rest]) => [name!, rest.map(Number) as [number, number, number, number]]),
    );
  const before = await parts();
  assert.deepEqual([...before.keys()], ["events_2026_01", "events_2026_02", "events_2026_04"]);
  const bounds = [...before.values()];
  for (const [i, [count, first, last]] of bounds.entries()) {
    assert.equal(last - first + 1, count);
    if (i > 0) assert.equal(first, bounds[i - 1]![2] + 1, "no place is missing between two parts");
  }

  journal = await open(() => now);
  const taken = await journal.remove({
    ...{ kind: "retired", target: about.target!, before: Date.UTC(2026, 1, 1) },
    ...{ by: "retention", reason: "older than it is kept" },
  });
  assert.equal(taken, 200);
  const found = await verified(journal);
  assert.ok(found.ok && found.removed === 200, JSON.stringify(found));
  await journal.close();
  const after = await parts();
  const size = (all: Awaited<ReturnType<typeof parts>>, name: string) => all.get(name)![3];
  assert.ok(
    size(after, "events_2026_01") < size(before, "events_2026_01") / 2,
    `its room is given back: ${size(after, "events_2026_01")}`,
  );
  assert.equal(
    size(after, "events_2026_02"),
    size(before, "events_2026_02"),
    "the next month is not touched",
  );
}

Deno.test("the record is kept in parts by month, on the embedded database", async () => {
  const { folder, remove } = await storeFolder();
  try {
    await partsContract(
      (clock) => openJournal({ folder, clock }),
      (sql) => asked(openEmbedded(`${folder}/store`), sql),
    );
  } finally {
    await remove();
  }
});

const day = 86_400_000;

async function* walk(folder: string): AsyncIterable<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* walk(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

testNeeding([postgresqlHere], "the same on a PostgreSQL by URL", async () => {
  for (const each of ["removal", "parts"] as const) {
    const database = await startPostgresql();
    const folder = await Deno.makeTempDir({ prefix: "postern-removal-" });
    const { user, password, host, port, database: name } = database;
    const url = `postgres://${user}:${password}@${host}:${port}/${name}`;
    try {
      if (each === "removal") await contract(() => openJournal({ folder, url }));
      else {await partsContract((clock) =>
          openJournal({ folder, url, clock }), (sql) =>
          asked(openUrl(url), sql));}
    } finally {
      await database.close();
      await Deno.remove(folder, { recursive: true });
    }
  }
});

async function asked(opening: Promise<Database>, sql: string): Promise<readonly Row[]> {
  const db = await opening;
  try {
    return await db.query({ text: sql, values: [] });
  } finally {
    await db.close();
  }
}
