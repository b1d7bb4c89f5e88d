/** Where SQL reaches into what the protocol keeps: prepared statements, cursors, settings. */
import { PosternError } from "../../policy/errors.ts";
import type { Judgement, SqlState, StatementFacts, StatementKind } from "../../policy/types.ts";
import { type Conversation, forget } from "./conversation.ts";
import type { Execution } from "./execution.ts";

type Judge = (text: string, state: SqlState) => Judgement;

/**
 * SQL-level EXECUTE and FETCH may name what the client made with Parse and Bind. That would run it past its
 * own verdict and masks, so only what is allowed and clean may be named.
 */
export function refersProblem(judgement: Judgement, c: Conversation, judge: Judge): PosternError | null {
  for (const { facts } of judgement.statements) {
    // Taking a name away runs nothing.
    if (facts.verb === "DEALLOCATE" || facts.verb === "CLOSE") continue;
    for (const name of facts.refers.statements) {
      const text = c.statements.get(name)?.text;
      if (text !== undefined && !harmless(judge(text, c.state))) return detour("prepared statement", name);
    }
    for (const name of facts.refers.cursors) {
      const text = c.portals.get(name)?.statement.text;
      if (text !== undefined && !harmless(judge(text, c.state))) return detour("portal", name);
    }
  }
  return null;
}

function harmless(judgement: Judgement): boolean {
  return judgement.verdict === "allow" && !judgement.tainted &&
    judgement.statements.every(({ result }) => result.kind === "clean");
}

function detour(what: string, name: string): PosternError {
  return new PosternError(
    "PolicyDenied",
    `The ${what} "${name}" was made by the protocol's own messages and cannot be used by SQL here`,
    { rule: "one way to run a statement", hint: "Use it the way it was made, or send its text" },
  );
}

/** Kinds whose statements may change what later texts mean, by themselves or by what they call. */
const stateful: ReadonlySet<StatementKind> = new Set(["session", "call", "admin", "unknown"]);

/**
 * Whether later statements must wait until this one is answered, since they may mean something else then: it
 * changes settings, or ends a transaction in which settings were changed.
 */
function changesState(judgement: Judgement, c: Conversation): boolean {
  let changes = false;
  for (const { facts } of judgement.statements) {
    if (stateful.has(facts.kind) || facts.functions.includes("pg_catalog.set_config")) {
      changes = true;
      c.settingsTouched = true;
    } else if (facts.kind === "transaction" && c.settingsTouched) changes = true;
  }
  return changes;
}

/**
 * One statement is complete: names that it took away mean nothing any more, or something else soon. Gives the
 * suspended executions that end with them.
 */
export function forgetNames(facts: StatementFacts, c: Conversation): Execution[] {
  const { verb, refers } = facts;
  const all = verb === "DISCARD ALL";
  const gone = (map: ReadonlyMap<string, unknown>, names: readonly string[]) =>
    all || names.length === 0 ? [...map.keys()] : names;
  if (all || verb === "DEALLOCATE") {
    for (const name of gone(c.statements, refers.statements)) c.statements.delete(name);
  }
  if (!all && verb !== "CLOSE") return [];
  const ended: Execution[] = [];
  for (const name of gone(c.portals, refers.cursors)) {
    const execution = c.portals.get(name)?.execution ?? null;
    if (execution !== null) ended.push(execution);
    c.portals.delete(name);
  }
  return ended;
}

/** What running a statement does to the conversation; gives the way back, where there is one. */
export function takeEffect(judgement: Judgement, c: Conversation, simple: boolean): (() => void) | null {
  c.tainted ||= judgement.tainted;
  if (changesState(judgement, c)) c.barrier = true;
  if (!simple) return null;
  // A Query ends the unnamed statement and portal.
  const undoStatement = forget(c.statements, "");
  const undoPortal = forget(c.portals, "");
  return undoStatement === null && undoPortal === null ? null : () => {
    undoPortal?.();
    undoStatement?.();
  };
}
