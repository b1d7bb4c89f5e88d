/** What a replay draws is the same, whether its steps came at once or page by page. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Step } from "../../../ui/contract.ts";
import { folded } from "../../../ui/app/screens/replay_folds.ts";
import {
  fits,
  GAP_MS,
  rowFilters,
  rowsOf,
  type StatementRow,
  stateOf,
} from "../../../ui/app/screens/replay_rows.ts";
import { placeOf, ReplayView } from "../../../ui/app/screens/replay_view.ts";
import { Tally } from "../../../ui/app/screens/replay_tally.ts";

type Deed = "ran" | "failed" | "catalog" | "refused" | "open" | "late" | "held" | "note" | "pause";

/** A session of these deeds; outcomes of what stayed open come with "late", decisions a few steps after. */
function stepsOf(deeds: readonly Deed[]): Step[] {
  const steps: Step[] = [];
  const open: string[] = [];
  let at = 1000;
  const place = () => ({ sequence: steps.length + 1, at: at += 10 });
  const judged = (statement: string, parts: Partial<Extract<Step, { step: "statement" }>> = {}): Step => ({
    ...place(),
    step: "statement",
    statement,
    text: `SELECT ${statement}`,
    textLength: 20,
    parameters: [],
    verdict: "allow",
    forwarded: true,
    rule: "r",
    reason: "",
    kind: statement.endsWith("7") ? "write" : "read",
    verbs: [],
    tables: [],
    masked: [],
    missingWhere: false,
    inTransaction: false,
    catalogOnly: false,
    approval: null,
    waitedMs: null,
    ...parts,
  });
  const outcome = (statement: string, failed = false): Step => ({
    ...place(),
    step: "outcome",
    statement,
    rows: 1,
    bytes: 1,
    sent: 1,
    tag: "",
    error: failed ? { code: "X", message: "" } : null,
    durationMs: 1,
  });
  for (const [number, deed] of deeds.entries()) {
    const id = `s${number}`;
    if (deed === "pause") at += GAP_MS;
    else if (deed === "note") {
      steps.push({ ...place(), step: "note", type: "x", person: "", text: "" });
    } else if (deed === "late") {
      const oldest = open.shift();
      if (oldest !== undefined) steps.push(outcome(oldest));
    } else if (deed === "held") {
      const text = { text: id, textLength: id.length, verbs: [], rule: "r", deadlineAt: 0 };
      steps.push({ ...place(), step: "held", request: id, ...text });
      steps.push({ ...place(), step: "review", request: id, state: "approved", reviews: [], outcome: "" });
      steps.push(judged(id, { verdict: "approve", approval: id }));
      open.push(id);
    } else if (deed === "open") {
      steps.push(judged(id));
      open.push(id);
    } else if (deed === "refused") steps.push(judged(id, { verdict: "deny", forwarded: false }));
    else {
      steps.push(judged(id, { catalogOnly: deed === "catalog" }));
      steps.push(outcome(id, deed === "failed"));
    }
  }
  return steps;
}

const deed = fc.constantFrom<Deed>(
  ...["ran", "failed", "catalog", "catalog", "refused", "open", "late", "held", "note", "pause"] as const,
);

Deno.test("lists, filters and counts are the same page by page as all at once", () => {
  fc.assert(fc.property(
    fc.array(deed, { maxLength: 60 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
    fc.constantFrom(...rowFilters),
    fc.constantFrom("", "7", "select s1"),
    fc.boolean(),
    (deeds, pages, filter, text, endsLate) => {
      const all = stepsOf(deeds);
      const plain = new ReplayView(0);
      const sought = new ReplayView(0);
      const grown: Step[] = [];
      for (let page = 0; grown.length < all.length; page++) {
        grown.push(...all.slice(grown.length, grown.length + pages[page % pages.length]!));
        const live = endsLate && grown.length < all.length;
        plain.update(grown, { filter: "all", text: "", live });
        sought.update(grown, { filter, text, live });
      }
      const rows = rowsOf(all);
      assert.deepEqual(plain.shown, folded(rows));
      const statements = rows.filter((row): row is StatementRow => row.row === "statement");
      const wanted = statements.filter((row) => fits(row, filter, text, false));
      assert.deepEqual(sought.statements, wanted);
      for (const [at, row] of wanted.entries()) assert.equal(placeOf(sought.statements, row.key), at);
      assert.equal(placeOf(wanted, "0"), -1);
      const counts = rowFilters.map((one) => statements.filter((row) => fits(row, one, "", false)).length);
      assert.deepEqual(plain.tally.fitting, counts);
      for (const [state, count] of plain.tally.totals) {
        assert.equal(count, statements.filter((row) => stateOf(row, false) === state).length);
      }
    },
  ));
});

Deno.test("a long session is looked through slice by slice", () => {
  const steps = stepsOf(Array.from({ length: 12_000 }, () => "open"));
  const view = new ReplayView(0);
  const wanted = { filter: "all", text: "s11999", live: false } as const;
  const done = [1, 2, 3].map(() => view.update(steps, wanted));
  assert.deepEqual(done, [false, false, true]);
  assert.equal(view.shown.length, 1);
});

Deno.test("a session of any length has a bounded number of marks, at their share of the time", () => {
  const tally = new Tally(5000);
  const [row] = rowsOf(stepsOf(["open"])) as StatementRow[];
  const span = 40_000_000;
  for (let at = 0; at < 40_000; at++) tally.count(at, { ...row!, at: 5000 + at * 1000 }, false);
  const marks = [...tally.marks("ran", span)];
  assert.ok(marks.length <= 1024 && marks.length >= 512, `${marks.length} marks`);
  assert.equal(marks[0], 0);
  assert.ok(Math.abs(marks.at(-1)! - 1) < 1 / 256, String(marks.at(-1)));
  assert.equal(tally.totals.get("ran"), 40_000);
});
