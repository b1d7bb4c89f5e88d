import assert from "node:assert/strict";
import { canonical } from "../../../policy/audit/canonical.ts";
import { eventData } from "../../../policy/audit/event_data.ts";
import * as events from "../../../policy/audit/events.ts";
import type { AuditEvent, Judgement } from "../../../policy/types.ts";
import { about, accessOfEach, alsoHappening, oneOfEach, request, run } from "./samples.ts";

const placed = (draft: object) =>
  ({ ...draft, at: 1, sequence: 1, previous: "0".repeat(64), hash: "0".repeat(64) }) as AuditEvent;

Deno.test("each type of event has a builder, whose data has the type's shape and is JSON", () => {
  const drafts = [...oneOfEach(), ...alsoHappening(), ...accessOfEach()];
  assert.deepEqual([...new Set(drafts.map((draft) => draft.type))].sort(), Object.keys(eventData).sort());
  for (const draft of drafts) {
    const { error } = eventData[draft.type].safeParse(draft.data);
    assert.equal(error, undefined, `${draft.type}: ${error?.message}`);
    assert.deepEqual(JSON.parse(canonical(draft.data)), draft.data);
    assert.notEqual(events.known(placed(draft)), null);
  }
});

Deno.test("a target's password is in no event", () => {
  assert.ok(!JSON.stringify(oneOfEach()).includes("a secret that must not be recorded"));
});

Deno.test("an event whose data is of another shape, or whose type is unknown, is not known", () => {
  const [started] = oneOfEach();
  assert.equal(events.known(placed({ ...started, data: { version: 1 } })), null);
  assert.equal(events.known(placed({ ...started, type: "constructor" })), null);
  assert.equal(events.known(placed({ ...started, type: "statement.judged" })), null);
});

Deno.test("a statement counts as forwarded only when allowed, or when approved by a request", () => {
  const forwarded = (verdict: Judgement["verdict"], approval?: string) =>
    events.statementJudged(about, {
      id: "s",
      run: { ...run, judgement: { ...run.judgement, verdict } },
      policy: "p",
      approval: approval ?? null,
    }).data.forwarded;
  assert.equal(forwarded("allow"), true);
  assert.equal(forwarded("approve"), false);
  assert.equal(forwarded("approve", "a1"), true);
  assert.equal(forwarded("deny"), false);
  assert.equal(forwarded("deny", "a1"), false);
});

Deno.test("a message of several statements is recorded with all of their verbs and tables", () => {
  const [first] = run.judgement.statements;
  const second = {
    ...first!,
    verdict: "allow" as const,
    rule: "reads",
    facts: { ...first!.facts, kind: "read" as const, verb: "SELECT", missingWhere: true, masked: [] },
  };
  const { data } = events.statementJudged(about, {
    id: "s",
    run: { ...run, judgement: { ...run.judgement, statements: [second, first!] } },
    policy: "p",
  });
  assert.deepEqual(data.verbs, ["SELECT", "UPDATE"]);
  assert.equal(data.kind, "write", "the kind of the statement that decided");
  assert.equal(data.tables.length, 2);
  assert.deepEqual(data.functions, ["pg_catalog.lower"]);
  assert.equal(data.missingWhere, true);
});

Deno.test("an empty message is recorded as of unknown kind", () => {
  const { data } = events.statementJudged(about, {
    id: "s",
    run: { ...run, text: "", judgement: { ...run.judgement, statements: [] } },
    policy: "p",
  });
  assert.equal(data.kind, "unknown");
  assert.deepEqual(data.verbs, []);
  assert.equal(data.catalogOnly, false);
});

Deno.test("a request is recorded whole, so that the approver's view can be shown again", () => {
  const draft = events.approvalRequested(request);
  assert.deepEqual(draft.data, request);
  assert.deepEqual([draft.person, draft.session, draft.target], [
    request.person,
    request.session,
    request.target,
  ]);
});
