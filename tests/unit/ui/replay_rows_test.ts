/** Steps of a session as the rows of its replay. */
import assert from "node:assert/strict";
import type { StatementStep, Step } from "../../../ui/contract.ts";
import {
  fits,
  GAP_MS,
  Rows,
  rowsOf,
  type StatementRow,
  stateOf,
} from "../../../ui/app/screens/replay_rows.ts";
import { folded } from "../../../ui/app/screens/replay_folds.ts";

let sequence = 0;

function judged(statement: string, parts: Partial<StatementStep> = {}): StatementStep {
  return {
    step: "statement",
    sequence: ++sequence,
    at: sequence * 10,
    statement,
    text: statement,
    textLength: statement.length,
    parameters: [],
    verdict: "allow",
    forwarded: true,
    rule: "reads",
    reason: "",
    kind: "read",
    verbs: ["SELECT"],
    tables: [],
    masked: [],
    missingWhere: false,
    inTransaction: false,
    catalogOnly: false,
    approval: null,
    waitedMs: null,
    ...parts,
  };
}

function outcome(statement: string, error: { code: string; message: string } | null = null): Step {
  return {
    step: "outcome",
    sequence: ++sequence,
    at: sequence * 10,
    statement,
    rows: 1,
    bytes: 1,
    sent: 1,
    tag: "",
    error,
    durationMs: 1,
  };
}

function held(request: string, text: string): Step {
  return {
    step: "held",
    sequence: ++sequence,
    at: sequence * 10,
    request,
    text,
    textLength: text.length,
    verbs: ["UPDATE"],
    rule: "writes",
    deadlineAt: 0,
  };
}

function review(request: string, state: "approved" | "denied" | "withdrawn" | "pending"): Step {
  return {
    step: "review",
    sequence: ++sequence,
    at: sequence * 10,
    request,
    state,
    reviews: [],
    outcome: "",
  };
}

const statements = (steps: Step[]) =>
  rowsOf(steps).filter((row): row is StatementRow => row.row === "statement");
const states = (steps: Step[], live = false) => statements(steps).map((row) => stateOf(row, live));

Deno.test("a statement and what became of it are one row", () => {
  const rows = statements([
    judged("a"),
    judged("b"),
    outcome("b"),
    outcome("a", { code: "42P01", message: "" }),
  ]);
  assert.deepEqual(rows.map((row) => [row.statement?.statement, stateOf(row, false)]), [["a", "failed"], [
    "b",
    "ran",
  ]]);
});

Deno.test("a held statement is one row from the wait to the result", () => {
  const asked = [held("r1", "U")];
  assert.deepEqual(states(asked, true), ["waiting"]);
  assert.deepEqual(states(asked, false), ["refused"], "nobody waits in a session that is over");
  const approved = [...asked, review("r1", "approved")];
  assert.deepEqual(states(approved, true), ["approved"]);
  const run = [...approved, judged("U", { verdict: "approve", approval: "r1" })];
  assert.deepEqual(states(run, true), ["running"]);
  assert.deepEqual(states([...run, outcome("U")], true), ["approved"]);
  assert.equal(rowsOf([...run, outcome("U")]).length, 1);
});

Deno.test("a refused statement joins the request that was refused, and no other of the same text", () => {
  const steps = [
    held("r1", "U"),
    review("r1", "denied"),
    judged("U", { verdict: "approve", forwarded: false }),
    held("r2", "U"),
    review("r2", "pending"),
    judged("V", { verdict: "deny", forwarded: false }),
  ];
  const rows = statements(steps);
  assert.deepEqual(rows.map((row) => [row.held?.step, stateOf(row, true)]), [
    ["held", "refused"],
    ["held", "waiting"],
    [undefined, "denied"],
  ]);
});

Deno.test("what belongs to nothing known does no harm", () => {
  const steps = [
    outcome("lost"),
    review("lost", "denied"),
    judged("x", { verdict: "approve", approval: "lost" }),
  ];
  assert.deepEqual(states(steps), ["approved"]);
  assert.deepEqual(rowsOf([]), []);
});

Deno.test("runs of catalog questions fold; a refused or failed one stays visible", () => {
  const quiet = (name: string) => [judged(name, { catalogOnly: true }), outcome(name)];
  const rows = folded(rowsOf([
    ...quiet("1"),
    ...quiet("2"),
    judged("a"),
    ...quiet("3"),
    judged("4", { catalogOnly: true }),
    outcome("4", { code: "X", message: "" }),
    judged("5", { catalogOnly: true, verdict: "deny", forwarded: false }),
  ]));
  assert.deepEqual(rows.map((row) => row.row), ["fold", "statement", "statement", "statement", "statement"]);
});

Deno.test("filters by kind of end and by text or table", () => {
  const [read, write] = statements([
    judged("SELECT 1"),
    judged("UPDATE x", { kind: "write", tables: [{ schema: "public", name: "orders", access: "write" }] }),
  ]);
  assert.ok(fits(read!, "all", "select", false) && !fits(read!, "writes", "", false));
  assert.ok(fits(write!, "writes", "PUBLIC.ORD", false) && !fits(write!, "all", "customers", false));
  assert.ok(
    !fits(write!, "held", "", false) && !fits(write!, "denied", "", false) &&
      !fits(write!, "failed", "", false),
  );
});

Deno.test("a long pause is a row of its own, counted from when the last statement was over", () => {
  const first = judged("first");
  const over = { ...outcome("first"), at: first.at + 20_000 };
  const second = judged("second", { at: over.at + GAP_MS });
  const third = judged("third", { at: second.at + GAP_MS - 1 });
  const shown = folded(rowsOf([first, over, second, third]));
  assert.deepEqual(
    shown.map((row) => row.row === "gap" ? row.ms : row.row),
    ["statement", GAP_MS, "statement", "statement"],
  );
});

Deno.test("a row that an outcome changes is another object, so that it is drawn anew", () => {
  const rows = new Rows();
  const steps: Step[] = [judged("later")];
  assert.deepEqual(rows.take(steps), { from: 0, statements: [0] });
  const [before] = rows.all;
  steps.push(outcome("later"));
  assert.deepEqual(rows.take(steps), { from: 0, statements: [0] });
  const [after, ...more] = rows.all;
  assert.equal(more.length, 0);
  assert.notEqual(after, before);
  assert.equal((after as StatementRow).outcome?.rows, 1);
  assert.equal((before as StatementRow).outcome, null);
  assert.deepEqual(rows.take(steps), { from: null, statements: [] }, "nothing is new");
});
