/** The parts of a session that need no wire: plans, state, gate, links, kills. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { PosternError } from "../../../policy/errors.ts";
import type { ConnectionAttempt, Gatekeeper, Hold, Session } from "../../../policy/ports.ts";
import type { Identity, JudgedStatement, Judgement, StatementRun } from "../../../policy/types.ts";
import { decodeColumn, encodeColumn } from "../../../proxy/mysql/columns.ts";
import { toClient, withoutText } from "../../../proxy/mysql/errors.ts";
import { Gate } from "../../../proxy/mysql/gate.ts";
import { LinkSignIns } from "../../../proxy/mysql/link_sign_ins.ts";
import { type LiveConnection, LiveConnections, parseKill } from "../../../proxy/mysql/live.ts";
import { JudgedPlan } from "../../../proxy/mysql/plan.ts";
import { Refused } from "../../../proxy/mysql/refused.ts";
import { decodeError, encodeError } from "../../../proxy/mysql/replies.ts";
import { SessionState } from "../../../proxy/mysql/state.ts";
import { withDiagnostics } from "../../../proxy/mysql/diagnostics.ts";

const facts = (verb: string, kind: JudgedStatement["facts"]["kind"] = "read", tables: string[] = []) => ({
  dialect: "mysql",
  kind,
  verb,
  tables: tables.map((name) => ({ schema: "app", name, access: "read" as const })),
  columns: [],
  functions: [],
  missingWhere: false,
  catalogOnly: false,
  masked: [],
  maskedLiterals: [],
  maskedParameters: [],
  unsafe: [],
  refers: { statements: [], cursors: [] },
});

function statement(verb: string, more: Partial<JudgedStatement> = {}): JudgedStatement {
  const result = { kind: "clean" as const };
  const kind = verb === "CALL" ? "call" as const : "read" as const;
  return {
    facts: facts(verb, kind),
    verdict: "allow",
    rule: "r",
    reason: "",
    hint: "",
    terms: null,
    result,
    tainted: false,
    ...more,
  };
}

function judgement(...statements: JudgedStatement[]): Judgement {
  const tainted = statements.some((one) => one.tainted);
  return { verdict: "allow", rule: "r", reason: "", hint: "", terms: null, tainted, statements };
}

const mask = { column: "a.b.c", mask: { kind: "null" as const } };
const masked = { result: { kind: "columns" as const, masks: [mask] }, tainted: true };

Deno.test("results go with their statements: one each, and as many as it likes for a CALL", () => {
  const plan = new JudgedPlan(
    judgement(statement("SELECT"), statement("CALL"), statement("SELECT", masked)),
    () => null,
  );
  assert.deepEqual(plan.start(2), [null, null]);
  plan.end(true);
  for (let set = 0; set < 3; set++) {
    assert.deepEqual(plan.start(1), [null]);
    plan.end(true);
  }
  plan.end(false);
  assert.deepEqual(plan.start(1), [mask]);
  plan.end(true);
  assert.throws(() => plan.start(1), /belongs to no statement/);
  const clean = new JudgedPlan(judgement(statement("SELECT")), () => mask);
  clean.start(1);
  clean.end(true);
  assert.deepEqual(clean.start(3), [null, null, null]);
  const column = {
    schema: "a",
    table: "x",
    originTable: "b",
    name: "n",
    originName: "c",
    collation: 45,
    length: 1,
    type: 253,
    flags: 0,
    decimals: 0,
  };
  const asSent = (one: typeof column) => decodeColumn(encodeColumn(one));
  assert.equal(clean.ofColumn(asSent(column)), mask);
  assert.equal(clean.ofColumn(asSent({ ...column, originName: "" })), null);
  assert.equal(clean.ofColumn(asSent({ ...column, originTable: "" })), null);
});

Deno.test("diagnostics of a tainted statement stay withheld until another statement reads a table", () => {
  const show = judgement(statement("SHOW WARNINGS"));
  assert.equal(withDiagnostics(show, "SHOW WARNINGS", false), show);
  const held = withDiagnostics(show, "SHOW WARNINGS", true);
  assert.equal(held.statements[0]!.result.kind, "columns");
  assert.equal(held.verdict, "allow");
  assert.equal(withDiagnostics(show, "show count(*) warnings;", true), show);
  const together = withDiagnostics(
    judgement(statement("SELECT", masked), statement("SHOW ERRORS")),
    "SELECT; SHOW ERRORS",
    false,
  );
  assert.equal(together.statements[1]!.tainted, true);
  assert.equal(
    withDiagnostics(judgement(statement("GET DIAGNOSTICS")), "GET DIAGNOSTICS", true).verdict,
    "deny",
  );
});

Deno.test("state: the same object until something that counts changes", () => {
  const start = { sqlMode: "ANSI", characterSet: "utf8mb4", version: "9.7", schema: "app" };
  const state = new SessionState(start, "mysql");
  const before = state.sql;
  state.apply(3, null);
  assert.ok(state.inTransaction);
  state.apply(2, { variables: new Map([["time_zone", "UTC"], ["sql_mode", "ANSI"]]), schema: "app" });
  assert.equal(state.sql, before);
  state.apply(2, { variables: new Map([["character_set_client", "gbk"]]), schema: null });
  assert.notEqual(state.sql, before);
  assert.equal(before.character_set_client, "utf8mb4");
  assert.equal(state.charset, null);
  state.restart(start);
  assert.equal(state.charset, "utf8");
});

const run = (verdict: Judgement["verdict"]): StatementRun => ({
  text: "UPDATE t",
  parameters: [],
  judgement: { ...judgement(statement("UPDATE")), verdict, reason: "because", hint: "do that" },
  state: {},
  inTransaction: false,
});

function gateOf(session: Partial<Session>) {
  const judge = () => judgement(statement("UPDATE"));
  return new Gate({ record: () => Promise.resolve("id"), judge, ...session } as Session);
}

function holdOf() {
  const { promise, resolve } = Promise.withResolvers<Awaited<Hold["outcome"]>>();
  const withdrawn: string[] = [];
  const hold = {
    request: { id: "r1" },
    url: "https://x.test/r1",
    forWhom: "a member of g",
    outcome: promise,
    withdraw: (reason: string) => {
      withdrawn.push(reason);
      resolve({ state: "withdrawn", by: "", reason });
    },
  } as unknown as Hold;
  return { hold, resolve, withdrawn };
}

Deno.test("gate: nothing passes unrecorded, refused, undecided, or once the connection has ended", async () => {
  assert.equal(await gateOf({}).pass(run("allow")), "id");
  await assert.rejects(async () => await gateOf({}).pass(run("deny")), Refused);
  assert.equal(await gateOf({ record: () => "at once" }).pass(run("allow")), "at once");
  const failing = gateOf({ record: () => Promise.reject(new PosternError("StoreFailed", "full")) });
  const throwing = gateOf({
    record: () => {
      throw new PosternError("StoreFailed", "full");
    },
  });
  await assert.rejects(async () => await throwing.pass(run("allow")), Refused);
  assert.equal(throwing.interrupt("nothing is being recorded"), false);
  for (const verdict of ["allow", "deny"] as const) {
    const refused = await Promise.resolve(failing.pass(run(verdict))).catch((error) => error);
    assert.ok(refused instanceof Refused && refused.reason.code === "StoreFailed");
  }
  const { hold, resolve } = holdOf();
  const approved = gateOf({
    hold: () => Promise.resolve(hold),
    record: (_, approval) => Promise.resolve(`by ${approval}`),
  });
  const passing = approved.pass(run("approve"));
  await Promise.resolve();
  resolve({ state: "approved", by: "ada", reason: "" });
  assert.equal(await passing, "by r1");
  assert.equal(approved.interrupt("nobody waits"), false);
  const late = holdOf();
  late.resolve({ state: "approved", by: "ada", reason: "" });
  const refused = gateOf({
    hold: () => Promise.resolve(late.hold),
    judge: () => ({ ...judgement(statement("UPDATE")), verdict: "deny", reason: "not any more" }),
  });
  await assert.rejects(async () => await refused.pass(run("approve")), /not any more/);
  for (const early of [true, false]) {
    const other = holdOf();
    const gate = gateOf({ hold: () => Promise.resolve(other.hold) });
    const ended = new PosternError("Internal", "the client left");
    if (early) gate.end(ended);
    const waiting = Promise.resolve(gate.pass(run("approve")));
    waiting.catch(() => {});
    await new Promise((done) => setTimeout(done, 1));
    if (!early) gate.end(ended);
    await assert.rejects(waiting, ended);
    assert.equal(other.withdrawn[0], "the client left");
  }
});

const attempt = (user: string, more: Partial<ConnectionAttempt["client"]> = {}): ConnectionAttempt => ({
  protocol: "mysql",
  database: "orders",
  client: { address: "10.0.0.1", port: 1, application: "cli", user, tls: null, ...more },
});

Deno.test("links: one per client, told again while it is pending, waited for once", async () => {
  let now = 0;
  const pending: PromiseWithResolvers<Identity>[] = [];
  const gatekeeper = {
    signIn: () => {
      const settled = Promise.withResolvers<Identity>();
      settled.promise.catch(() => {});
      pending.push(settled);
      return {
        url: `https://x.test/${pending.length}`,
        code: "AB-1",
        deadlineAt: now + 120_000,
        identity: settled.promise,
        abandon: () => {},
      };
    },
  } as unknown as Gatekeeper;
  const links = new LinkSignIns({ claimMs: 1000, shareMs: 100, pendingMax: 2, clock: () => now });
  const never = new Promise<never>(() => {});
  await assert.rejects(
    links.claim(gatekeeper, attempt("devin"), never),
    /x\.test\/1 \(code AB-1\) within 2 minutes/,
  );
  assert.match(links.announce(gatekeeper, attempt("devin")).message, /x\.test\/1/);
  assert.ok(links.underWay(attempt("devin")));
  assert.ok(!links.underWay(attempt("devin", { address: "10.0.0.2" })));
  const gone = Promise.withResolvers<never>();
  const left = links.claim(gatekeeper, attempt("devin"), gone.promise);
  gone.reject(new Error("left"));
  await assert.rejects(left, /left/);
  await assert.rejects(links.claim(gatekeeper, attempt("eve"), never), /x\.test\/2/);
  await assert.rejects(links.claim(gatekeeper, attempt("kim"), never), { code: "LimitExceeded" });
  const person = { name: "devin" } as Identity;
  const waiting = links.claim(gatekeeper, attempt("devin"), never);
  pending[0]!.resolve(person);
  assert.equal(await waiting, person);
  now = 99;
  assert.equal(await links.claim(gatekeeper, attempt("devin"), never), person);
  now = 101;
  assert.ok(!links.underWay(attempt("devin")));
});

Deno.test("KILL is recognised by its whole text, and everything else is left to the rules", () => {
  const kills: [string, string, number][] = [
    ["KILL QUERY 42", "QUERY", 42],
    ["kill 42", "CONNECTION", 42],
    [" /* x */ Kill Connection 7 ; ", "CONNECTION", 7],
    ["KILL HARD QUERY 1", "QUERY", 1],
  ];
  for (const [text, kind, id] of kills) assert.deepEqual(parseKill(text), { kind, id });
  const others = [
    "KILL QUERY 1; DROP TABLE t",
    "KILL QUERY 1 -- x",
    "KILL QUERY ID 5",
    "KILL USER x",
    "/*!KILL 1*/",
    "KILL QUERY @x",
    "KILL QUERY 12345678901",
    `KILL QUERY 1${" ".repeat(300)}`,
  ];
  for (const text of others) assert.equal(parseKill(text), null, text);
});

Deno.test("connections are found by the greeting's id for their address and user, by either id for their person", () => {
  const live = new LiveConnections();
  const identity = { issuer: "i", subject: "s" } as Identity;
  const greetingId = live.reserve();
  const one = {
    greetingId,
    address: "a",
    user: "u",
    identity,
    target: "t",
    threadId: 5,
    kill: () => Promise.resolve(),
  } satisfies LiveConnection;
  assert.equal(live.ofGreeting(greetingId, "a", "u"), null);
  live.add(one);
  assert.equal(live.ofGreeting(greetingId, "a", "u"), one);
  assert.equal(live.ofGreeting(greetingId, "b", "u"), null);
  assert.equal(live.ofGreeting(5, "a", "u"), null);
  assert.equal(live.ofPerson(5, identity, "t"), one);
  assert.equal(live.ofPerson(5, identity, "other"), null);
  assert.equal(live.ofPerson(greetingId, { ...identity, subject: "x" }, "t"), null);
  assert.ok(live.someOf("a", "u") && !live.someOf("a", "v"));
  live.remove(greetingId);
  assert.ok(!live.someOf("a", "u"));
});

Deno.test("every error of Postern's has a number, an SQLSTATE, and fits what clients keep", () => {
  const codes = [
    "ProtocolViolation",
    "LimitExceeded",
    "AuthFailed",
    "PolicyDenied",
    "ApprovalRequired",
    "TargetUnavailable",
    "StoreFailed",
    "Internal",
  ] as const;
  for (const code of codes) {
    const text = decodeError(
      toClient(new PosternError(code, "é".repeat(600), { rule: "r", hint: "h" })),
      512,
    );
    assert.ok(text.code > 1000 && /^[0-9A-Z]{5}$/.test(text.state));
    assert.ok(Buffer.byteLength(text.message) <= 500);
    assert.doesNotMatch(text.message, /\ufffd/);
  }
  const told = decodeError(toClient(new PosternError("PolicyDenied", "no", { rule: "r", hint: "h" })), 512);
  assert.equal(told.message, "Postern: no. [rule: r] Hint: h");
  assert.doesNotMatch(withoutText({ code: 1062, state: "23000", message: "secret" }).message, /secret/);
  assert.equal(decodeError(encodeError({ code: 1, state: "HY000", message: "m" }), 512).message, "m");
});
