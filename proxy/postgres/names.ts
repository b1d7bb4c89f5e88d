/** Where SQL reaches into what the protocol keeps: prepared statements, cursors, settings. */
import type { Judgement, StatementKind } from "../../policy/types.ts";
import { type Conversation, forget } from "./conversation.ts";
import type { Execution } from "./execution.ts";
import { forgetKept, type KeptQueries, keyOf } from "./kept.ts";

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
 * The statement that is being answered is complete: it kept a query, or took names away, which mean nothing any
 * more, or something else soon. Gives the suspended executions that end with them.
 */
export function settleNames({ statement, source, index }: Execution, c: Conversation): Execution[] {
  if (statement === undefined) return [];
  const { keeps, facts: { verb, refers } } = statement;
  if (keeps !== undefined) {
    c.kept.set(keyOf(keeps.what, keeps.name), { ...source, index, lasts: keeps.lasts });
  }
  forgetKept(statement.facts, c.kept);
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

/** No transaction is open: only cursors WITH HOLD are left. */
export function endCursors(kept: KeptQueries): void {
  for (const [key, { lasts }] of kept) if (!lasts) kept.delete(key);
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
