/** A day at the gate, counted by the store: who came at an hour unusual for them, and how far the counts reach. */
import assert from "node:assert/strict";
import { sessionEnded, sessionStarted, statementJudged } from "../../policy/audit/events.ts";
import { client, identity, run, target } from "../unit/audit/samples.ts";
import { withJournal } from "../support/journals.ts";

const hourMs = 3_600_000;
const midnight = Date.UTC(2026, 4, 20);
const clock = { now: 0 };

Deno.test("an unusual hour names the person, the hour and their usual ones, once for all its sessions", () =>
  withJournal(async (journal) => {
    let count = 0;
    const came = async (name: string, at: number) => {
      clock.now = at;
      const id = `s${++count}`;
      const who = { ...identity, name };
      const session = { id, identity: who, client, target, database: "orders", readOnly: false, policy: "p" };
      await journal.append(sessionStarted(session));
      await journal.append(sessionEnded({ session: id, person: name, target: target.name }, "done"));
      return id;
    };
    for (let day = 1; day <= 6; day++) {
      for (const hour of [9, 11, 14]) await came("devin", midnight - day * 24 * hourMs + hour * hourMs);
      await came("noor", midnight - day * 24 * hourMs + 23 * hourMs);
      await came("noor", midnight - day * 24 * hourMs);
    }
    await came("mia", midnight - 24 * hourMs);
    const first = await came("devin", midnight + 3 * hourMs + 60_000);
    await came("devin", midnight + 3 * hourMs + 120_000);
    // An hour beside a usual one is usual; whoever is new has no usual hours; midnight is beside 23.
    await came("devin", midnight + 10 * hourMs);
    await came("mia", midnight + 4 * hourMs);
    await came("noor", midnight + hourMs);

    const { unusual } = await journal.overview({ from: midnight, to: midnight + 24 * hourMs });
    assert.deepEqual(unusual.filter(({ kind }) => kind === "hour"), [{
      kind: "hour",
      person: "devin",
      at: midnight + 3 * hourMs + 60_000,
      sessions: 2,
      session: first,
      target: target.name,
      usual: [9, 11, 14],
    }]);
  }, { clock: () => clock.now }));

Deno.test("the counts say how far behind the record they are, and reach it", () =>
  withJournal(async (journal) => {
    clock.now = midnight;
    const about = { person: "mia", session: "s", target: "shop" };
    const drafts = Array.from(
      { length: 3000 },
      (_, at) => statementJudged(about, { id: `s${at}`, run, policy: "p" }),
    );
    await Promise.all(drafts.map((draft) => journal.append(draft)));
    const day = { from: midnight, to: midnight + 1 };
    const allowed = (figures: Awaited<ReturnType<typeof journal.overview>>) =>
      figures.hours.reduce((sum, { allowed, held, refused }) => sum + allowed + held + refused, 0);
    for (;;) {
      const figures = await journal.overview(day);
      const { events, countedTo } = figures.behind;
      // Each count is of what was counted, and says what was not: they never add up to less than the record.
      assert.ok(allowed(figures) + events >= 3000, `${allowed(figures)} and ${events}`);
      assert.ok(countedTo === null || countedTo === midnight);
      if (events > 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      assert.equal(allowed(figures), 3000);
      assert.equal(countedTo, midnight);
      break;
    }
  }, { clock: () => clock.now }));
