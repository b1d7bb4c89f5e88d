/** What the store promises, on each database that it runs on. */
import assert from "node:assert/strict";
import { openJournal } from "../../policy/store/journal.ts";
import { exportRecord } from "../../policy/audit/commands.ts";
import { sessionEnded, statementJudged } from "../../policy/audit/events.ts";
import { verifyLines } from "../../policy/audit/verify.ts";
import { PosternError } from "../../policy/errors.ts";
import type { EvidenceJournal } from "../../policy/ports.ts";
import type { AuditEvent } from "../../policy/types.ts";
import { about, identity, oneOfEach, request, run } from "../unit/audit/samples.ts";
import { approvalDecided, approvalRequested, approvalWithdrawn } from "../../policy/audit/events.ts";
import { collect, smallEvent, storeFolder } from "../support/journals.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";

/** Opens the same store again after the one before was closed. */
type Open = (options?: { clock?: () => number }) => Promise<EvidenceJournal>;

async function embedded(body: (open: Open) => Promise<void>): Promise<void> {
  const { folder, remove } = await storeFolder();
  try {
    await body((options) => openJournal({ ...options, folder }));
  } finally {
    await remove();
  }
}

async function byUrl(body: (open: Open) => Promise<void>): Promise<void> {
  const database = await startPostgresql();
  const folder = await Deno.makeTempDir({ prefix: "postern-store-" });
  try {
    const { user, password, host, port, database: name } = database;
    const url = `postgres://${user}:${password}@${host}:${port}/${name}`;
    await body((options) => openJournal({ ...options, folder, url }));
  } finally {
    await database.close();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the store on the embedded database", (t) => embedded((open) => contract(t, open)));

testNeeding(
  [postgresqlHere],
  "the store on a PostgreSQL by URL",
  (t) => byUrl((open) => contract(t, open)),
);

const twice = (drafts: ReturnType<typeof oneOfEach>) => [...drafts, ...oneOfEach("2")];

async function contract(t: Deno.TestContext, open: Open): Promise<void> {
  let now = 1_750_000_000_000;
  let journal = await open({ clock: () => now++ });
  const heard: AuditEvent[] = [];
  const stop = journal.subscribe((event) => heard.push(event));
  const appended: AuditEvent[] = [];
  const step = (name: string, fn: () => Promise<void>) => t.step(name, fn);

  await step("appends resolve in order, each with its place in the chain", async () => {
    appended.push(...await Promise.all(twice(oneOfEach("1")).map((draft) => journal.append(draft))));
    assert.deepEqual(appended.map((event) => event.sequence), appended.map((_, i) => i + 1));
    appended.slice(1).forEach((event, i) => assert.equal(event.previous, appended[i]!.hash));
    assert.deepEqual(heard, appended, "listeners hear the same, in the same order");
  });

  await step("what was appended reads back as it was", async () => {
    assert.deepEqual(await journal.events({}), appended);
    assert.deepEqual(await collect(journal.export({})), appended);
  });

  await step("filters find what they name, in order, after a sequence, up to a limit", async () => {
    const sequences = async (filter: Parameters<EvidenceJournal["events"]>[0]) =>
      (await journal.events(filter)).map((event) => event.sequence);
    const expected = (wanted: (event: AuditEvent) => boolean) =>
      appended.filter(wanted).map((event) => event.sequence);
    assert.deepEqual(await sequences({ session: "session-2" }), expected((e) => e.session === "session-2"));
    assert.deepEqual(await sequences({ person: identity.name }), expected((e) => e.person === identity.name));
    assert.deepEqual(await sequences({ target: "orders-prod" }), expected((e) => e.target === "orders-prod"));
    assert.deepEqual(
      await sequences({ types: ["session.ended", "statement.finished"] }),
      expected((e) => e.type === "session.ended" || e.type === "statement.finished"),
    );
    assert.deepEqual(await sequences({ types: [] }), []);
    const [from, to] = [appended[3]!.at, appended[6]!.at];
    assert.deepEqual(await sequences({ from, to }), [4, 5, 6, 7]);
    assert.deepEqual(await sequences({ from: from - 0.5, to: to + 0.5 }), [4, 5, 6, 7]);
    assert.deepEqual(await sequences({ from: -Infinity, to: Infinity }), expected(() => true));
    assert.deepEqual(await sequences({ after: 5, limit: 3 }), [6, 7, 8]);
    assert.deepEqual(await sequences({ limit: 0 }), []);
    assert.deepEqual(await sequences({ text: "LOWER($1)" }), expected((e) => e.data.text === run.text));
    assert.deepEqual(
      await sequences({ text: `-- \u202e\u0000"'` }),
      expected((e) => e.data.text === run.text),
    );
    assert.deepEqual(await sequences({ text: "not in any" }), []);
    const statements = ["approval.requested", "statement.judged"];
    const ofStatements = expected((e) => statements.includes(e.type));
    assert.deepEqual(await sequences({ kind: "write" }), ofStatements);
    assert.deepEqual(await sequences({ kind: "ddl" }), []);
    assert.deepEqual(await sequences({ verdict: "approve" }), expected((e) => e.type === "statement.judged"));
    assert.deepEqual(await sequences({ table: "customers" }), ofStatements);
    assert.deepEqual(await sequences({ table: "public.customers", verdict: "deny" }), []);
    assert.deepEqual(await sequences({ table: 'x","schema":"public' }), []);
    assert.deepEqual(await sequences({ person: "'; DROP TABLE events; --" }), []);
    assert.deepEqual(await sequences({ session: "session-1\0", text: "%" }), []);
  });

  await step("sessions carry who, where and how much", async () => {
    const session = await journal.session("session-1");
    const started = appended.find((event) => event.type === "session.started")!;
    const ended = appended.find((event) => event.type === "session.ended")!;
    assert.deepEqual(session, {
      id: "session-1",
      person: identity.name,
      target: "orders-prod",
      database: "orders",
      client: started.data.client as never,
      method: "browser",
      startedAt: started.at,
      endedAt: ended.at,
      endReason: "the client left",
      statements: 1,
      denied: 0,
      held: 1,
      grant: null,
    });
    assert.equal(await journal.session("none"), null);
  });

  await step("statements are counted in the batch that starts their session, and after its end", async () => {
    const judged = (verdict: "allow" | "deny") => {
      const judgement = { ...run.judgement, verdict };
      return statementJudged({ ...about, session: "session-3" }, {
        id: crypto.randomUUID(),
        run: { ...run, judgement },
        policy: "p",
      });
    };
    const started = oneOfEach("3").find((draft) => draft.type === "session.started")!;
    await Promise.all(
      [
        started,
        judged("allow"),
        judged("deny"),
        sessionEnded(started, "left"),
        sessionEnded(started, "again"),
      ]
        .map((draft) => journal.append(draft)),
    );
    await journal.append(judged("deny"));
    const session = await journal.session("session-3");
    assert.deepEqual([session?.statements, session?.denied, session?.held], [3, 2, 0]);
    assert.equal(session?.endedAt !== null, true);
  });

  await step(
    "sessions come newest first, page by page, and none of one millisecond is lost between",
    async () => {
      const still = now;
      const frozen = oneOfEach("x").find((draft) => draft.type === "session.started")!;
      for (const id of ["4", "5", "6", "7"]) {
        now = still;
        await journal.append({ ...frozen, session: `session-${id}`, person: "noor@example.com" });
      }
      const first = await journal.sessions({ limit: 2 });
      assert.deepEqual(first.map((one) => one.id).sort(), [
        "session-4",
        "session-5",
        "session-6",
        "session-7",
      ]);
      const second = await journal.sessions({ limit: 2, before: first.at(-1)!.startedAt });
      assert.deepEqual(second.map((one) => one.id), ["session-3", "session-2"]);
      assert.equal((await journal.sessions({ limit: 50, person: "noor@example.com" })).length, 4);
      assert.equal((await journal.sessions({ limit: 50, target: "elsewhere" })).length, 0);
      for (const id of ["4", "5", "6", "7"]) {
        await journal.append(
          sessionEnded({ session: `session-${id}` }, "x"),
        );
      }
    },
  );

  await step("an unused approval is found by its digest, and used by one alone", async () => {
    const asked = { ...request, id: "u-1", session: "session-3", digest: "d".repeat(64) };
    const granted = { scope: "once", until: 900, statementsMax: 1 } as const;
    const approved = { ...asked, state: "approved", granted } as const;
    for (const draft of [approvalRequested(asked), approvalDecided(approved)]) await journal.append(draft);
    assert.equal(await journal.usableApproval(asked.digest, 900), null, "it is over by then");
    assert.equal((await journal.usableApproval(asked.digest, 899))?.id, "u-1");
    assert.deepEqual((await journal.unusedApprovals(asked.person, 1)).map(({ id }) => id), ["u-1"]);
    const use = { id: "u-1", digest: asked.digest, at: 500, session: "s" };
    assert.equal(await journal.useApproval({ ...use, digest: "another" }), false);
    assert.equal(await journal.useApproval({ ...use, at: 900 }), false);
    const raced = await Promise.all(
      ["s", "t", "u", "v"].map((session) => journal.useApproval({ ...use, session })),
    );
    assert.deepEqual(raced, [true, false, false, false]);
    assert.equal(await journal.usableApproval(asked.digest, 500), null);
    assert.deepEqual((await journal.approval("u-1"))?.used, { at: 500, session: "s" });

    const part = { of: "r-1", until: 900 };
    const leftOut = { ...asked, id: "u-3", digest: "e".repeat(64), part };
    const denied = { ...leftOut, state: "denied", outcome: "left out" } as const;
    for (const draft of [approvalRequested(leftOut), approvalDecided(denied)]) await journal.append(draft);
    assert.equal((await journal.leftOut(leftOut.digest, 899))?.id, "u-3");
    assert.equal(await journal.leftOut(leftOut.digest, 900), null, "its time is over");
    assert.equal(await journal.leftOut(asked.digest, 1), null);
    // Asked for before and decided after: the later decision counts.
    const said = { by: "noor@example.com", approve: true, reason: "", at: leftOut.requestedAt + 5 };
    const anew = { ...leftOut, id: "u-4", requestedAt: leftOut.requestedAt - 1, part: null };
    const changes = { ...anew, state: "approved", reviews: [said], granted } as const;
    for (const draft of [approvalRequested(anew), approvalDecided(changes)]) await journal.append(draft);
    assert.equal(await journal.leftOut(leftOut.digest, 899), null, "it was approved since");
    assert.equal(await journal.useApproval({ ...use, id: "u-4", digest: leftOut.digest }), true);
    assert.equal(await journal.leftOut(leftOut.digest, 899), null, "used or not");
    const again = { ...denied, id: "u-5", reviews: [{ ...said, at: said.at + 1 }] };
    for (const draft of [approvalRequested({ ...leftOut, id: "u-5" }), approvalDecided(again)]) {
      await journal.append(draft);
    }
    assert.equal((await journal.leftOut(leftOut.digest, 899))?.id, "u-5", "left out again");

    const ended = { ...asked, id: "u-2" };
    const withdrawn = { ...approved, id: "u-2", state: "withdrawn", outcome: "access ended" } as const;
    const drafts = [
      approvalRequested(ended),
      approvalDecided({ ...approved, id: "u-2" }),
      approvalWithdrawn(withdrawn),
    ];
    for (const draft of drafts) await journal.append(draft);
    assert.equal(await journal.useApproval({ ...use, id: "u-2" }), false);
  });

  await step("approvals follow their events", async () => {
    const asked = { ...request, id: "a-1", session: "session-3" };
    const review = { by: "noor@example.com", approve: true, reason: "", at: 5 };
    await journal.append(approvalRequested(asked));
    assert.deepEqual(await journal.approval("a-1"), asked);
    const half = { ...asked, quorum: 2, reviews: [review] };
    const done = {
      ...half,
      state: "approved",
      reviews: [review, { ...review, by: "ola@example.com" }],
    } as const;
    await Promise.all([approvalDecided(half), approvalDecided(done)].map((draft) => journal.append(draft)));
    assert.deepEqual(await journal.approval("a-1"), { ...asked, state: "approved", reviews: done.reviews });
    const gone = { ...asked, id: "a-2", requestedAt: asked.requestedAt + 1 };
    const ended = { ...gone, state: "withdrawn", outcome: "Ctrl-C" } as const;
    await Promise.all(
      [approvalRequested(gone), approvalWithdrawn(ended)].map((draft) => journal.append(draft)),
    );
    assert.deepEqual(await journal.approval("a-2"), ended);
    assert.equal(await journal.approval("none"), null);
    assert.deepEqual((await journal.approvals({ limit: 1 })).map((one) => one.id), ["a-2"]);
    const older = await journal.approvals({ limit: 10, before: gone.requestedAt });
    assert.ok(older.some((one) => one.id === "a-1") && !older.some((one) => one.id === "a-2"));
  });

  await step(
    "names with line breaks, NUL and half characters are recorded as they are, and found",
    async () => {
      const person = 'O\'Neil\n\u0000\ud800 "x" \\N \u0001';
      const { sequence } = await journal.append({
        ...smallEvent("odd\n\u0001"),
        person,
        session: "",
        target: "",
      });
      const [event] = await journal.events({ after: sequence - 1 });
      assert.equal(event?.person, person.toWellFormed());
      assert.equal(event?.session, "");
      assert.deepEqual((await journal.events({ person })).map((one) => one.sequence), [sequence]);
    },
  );

  await step("a text of 10 MB is recorded, and paged alone", async () => {
    const before = await journal.append(smallEvent("before"));
    await Promise.all(
      [1, 2, 3].map((i) => journal.append(smallEvent(`big ${i}`, String(i).repeat(10_000_000)))),
    );
    const found = await journal.events({ after: before.sequence });
    assert.deepEqual(found.map((event) => (event.data.detail as string).length), [1e7, 1e7, 1e7]);
  });

  await step("one bad event fails alone", async () => {
    const noJson = { ...smallEvent("x"), data: { a: 1n as unknown as number } };
    const results = await Promise.allSettled([
      journal.append(smallEvent("one")),
      journal.append(noJson),
      journal.append(smallEvent("two")),
    ]);
    assert.deepEqual(results.map((one) => one.status), ["fulfilled", "rejected", "fulfilled"]);
  });

  await step("a listener that stopped hears nothing more, and one that throws disturbs nobody", async () => {
    const count = heard.length;
    stop();
    const unsubscribe = journal.subscribe(() => {
      throw new Error("a listener's own fault");
    });
    await journal.append(smallEvent("unheard"));
    unsubscribe();
    assert.equal(heard.length, count);
  });

  await step("a note is recorded although nobody waits, and before what is appended after it", async () => {
    journal.note(smallEvent("noted"));
    const { sequence } = await journal.append(smallEvent("after the note"));
    const [noted] = await journal.events({ after: sequence - 2, limit: 1 });
    assert.equal(noted?.data.subject, "noted");
  });

  await step("whole and filtered exports verify, also while events go on coming", async () => {
    for (
      const filter of [{}, { session: "session-2" }, { types: ["session.started"] }, { text: "lower" }, {
        verdict: "approve",
        table: "customers",
      }] as const
    ) {
      const more = Array.from({ length: 50 }, (_, i) => journal.append(smallEvent(String(i))));
      let text = "";
      await exportRecord(journal, filter, (piece) => void (text += piece));
      await Promise.all(more);
      const found = await verifyLines(text.split("\n").slice(0, -1));
      assert.equal(found.ok, true, found.ok ? "" : `line ${found.line}: ${found.problem}`);
    }
  });

  const { sequence: last } = await journal.append(smallEvent("last before the stop"));

  await step("after closing, appends are refused, and closing again does nothing", async () => {
    const waiting = journal.append(smallEvent("under way"));
    await Promise.all([journal.close(), journal.close()]);
    assert.equal((await waiting).sequence, last + 1);
    await assert.rejects(
      journal.append(smallEvent("too late")),
      (error) => error instanceof PosternError && error.code === "StoreFailed",
    );
    journal.note(smallEvent("too late"));
    await assert.rejects(journal.events({}), /closed/);
  });

  await step("opened again, everything is there, and the chain goes on", async () => {
    journal = await open();
    const event = await journal.append(smallEvent("first after the start"));
    assert.equal(event.sequence, last + 2);
    assert.equal((await journal.session("session-1"))?.statements, 1);
    const found = await verifyLines((await collect(journal.lines({}))).map((line) => line.slice(0, -1)));
    assert.ok(found.ok && found.heads > 0, "the head signed at the stop is in the export");
  });

  await journal.close();
}
