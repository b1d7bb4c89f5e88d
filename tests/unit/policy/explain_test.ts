import assert from "node:assert/strict";
import fc from "fast-check";
import { compileRules } from "../../../policy/decide.ts";
import {
  answersAsJsonLines,
  answersAsText,
  explain,
  type ExplainDeps,
  readQuestions,
  supposedIdentity,
} from "../../../policy/explain.ts";
import { maskLookup } from "../../../policy/masking.ts";
import type { Catalog, NotUnderstood, Understood } from "../../../policy/sql/dialect.ts";
import type { Target } from "../../../policy/types.ts";
import { defaults, noon, statement } from "./decide_fixture.ts";

const refusal: NotUnderstood = { refused: { code: "syntax", reason: "It does not parse", hint: "Check it" } };

/** A catalog whose analyst knows a few statements by their text; several are parted by semicolons. */
function catalogOf(known: Readonly<Record<string, Understood>>): Catalog {
  return {
    json: "{}",
    readAt: 0,
    probeRole: () => "",
    analyst: () => ({
      analyse: (text) => {
        const found = text.split(";").map((one) => one.trim()).filter((one) => one !== "").map((one) =>
          Object.hasOwn(known, one) ? known[one] : undefined
        );
        return found.every((one) => one !== undefined) ? found : refusal;
      },
      maskOf: () => null,
      template: () => null,
      nameOf: () => null,
    }),
  };
}

const ssn = "public.customers.ssn";
const catalog = catalogOf({
  read: statement({ tables: ["r:public.orders"] }),
  secret: {
    ...statement({ tables: ["r:public.customers"], masked: [ssn] }),
    result: {
      kind: "columns",
      masks: [null, { column: ssn, mask: { kind: "null" } }, { column: ssn, mask: { kind: "null" } }],
    },
  },
  write: statement({ kind: "write", tables: ["w:public.orders"] }),
  drop: statement({ kind: "ddl", verb: "DROP TABLE", tables: ["w:public.orders"] }),
});

const target: Target = {
  name: "orders-prod",
  protocol: "x",
  host: "db",
  port: 1,
  database: "orders",
  environment: "production",
  groups: ["engineers"],
  tls: { mode: "disable" },
  account: { user: "app" },
};

const deps: ExplainDeps = {
  catalog,
  masks: maskLookup([], []),
  rules: compileRules(defaults),
  who: supposedIdentity("ann@example.com", ["engineers"], noon),
  target,
  database: "orders",
  clientAddress: "127.0.0.1",
  at: noon,
  state: {},
};

Deno.test("plain SQL gets an answer for each statement", () => {
  const answers = explain(readQuestions("read; write; secret"), deps);
  assert.deepEqual(
    answers.map(({ id, verdict, kind, tables, masked }) => [id, verdict, kind, tables, masked]),
    [
      ["1", "allow", "read", ["public.orders"], []],
      ["2", "approve", "write", ["public.orders"], []],
      ["3", "allow", "read", ["public.customers"], [ssn]],
    ],
  );
});

Deno.test("a text that is not understood is denied whole", () => {
  const [answer, ...more] = explain(readQuestions("read; gibberish"), deps);
  assert.deepEqual([answer?.id, answer?.verdict, answer?.kind, answer?.reason], [
    "1",
    "deny",
    "unknown",
    "It does not parse",
  ]);
  assert.deepEqual(more, []);
});

Deno.test("JSON Lines get an answer a line, the strictest of their steps", () => {
  const text = [
    '{"id": "a", "sql": "secret"}',
    "",
    '{"id": 7, "steps": ["read", "drop", "write"]}',
    '{"sql": "write; read"}',
  ].join("\r\n");
  const questions = readQuestions(text);
  assert.deepEqual(questions.problems, []);
  const lines = answersAsJsonLines(explain(questions, deps)).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(lines.map(({ id, verdict, rule, kind }) => [id, verdict, rule, kind]), [
    ["a", "allow", "reads", "read"],
    ["7", "deny", "no-schema-changes", "ddl"],
    ["4", "approve", "writes-need-approval", "write"],
  ]);
  assert.deepEqual(Object.keys(lines[0]), [
    "id",
    "verdict",
    "rule",
    "reason",
    "hint",
    "kind",
    "tables",
    "masked",
  ]);
  assert.deepEqual(lines[0].masked, [ssn]);
});

Deno.test("lines of JSON that cannot be read are named, the others are judged", () => {
  const { questions, problems } = readQuestions(
    [
      '{"id":"a","sql":"read"}',
      "{",
      "[]",
      '{"id":"b"}',
      '{"steps":[]}',
      '{"steps":[1]}',
      '{"id":{},"sql":"x"}',
    ].join("\n"),
  );
  assert.deepEqual(questions, [{ id: "a", steps: ["read"] }]);
  assert.deepEqual(problems.map(({ line }) => line), [2, 3, 4, 5, 6, 7]);
});

Deno.test("somebody who may not connect gets that for an answer", () => {
  const who = supposedIdentity("eve", ["guests"], noon);
  const [answer] = explain(readQuestions("read"), { ...deps, who });
  assert.deepEqual([answer?.verdict, answer?.rule], ["deny", "targets.orders-prod.groups"]);
});

Deno.test("the answer for people cannot steer the terminal", () => {
  const name = "a\u001b]0;x\u0007";
  const odd = catalogOf({
    odd: statement({ kind: "ddl", verb: "DROP\u001b[2J", tables: [`w:${name}.t`], masked: [`${name}.t.c`] }),
  });
  const text = answersAsText(
    explain(readQuestions('{"id":"\\u001b[1m","sql":"odd"}'), { ...deps, catalog: odd }),
  );
  assert.match(text, /DENY/);
  assert.doesNotMatch(text.replaceAll("\n", ""), /\p{Cc}/u);
});

Deno.test("any text is read and answered", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json().map((json) => `{"id":1,"sql":${json}}`)), (text) => {
    const questions = readQuestions(text);
    const answers = explain(questions, deps);
    if (questions.form === "many") assert.equal(answers.length, questions.questions.length);
    for (const { verdict } of answers) assert.ok(["allow", "approve", "deny"].includes(verdict));
  }));
});

Deno.test("what only the target's estimate could tell counts as strict, and the answer says so", () => {
  const rules = compileRules([
    { name: "small-reads", what: { kinds: ["read"] }, if: "estimate.rows < 10", then: "allow" },
  ]);
  const [answer] = explain(readQuestions("read"), { ...deps, rules });
  assert.equal(answer?.verdict, "deny");
  assert.match(answer?.hint ?? "", /estimate, which is not known here/);
});
