/** Everything that is no query and no definition: sessions, transactions, cursors, COPY, EXPLAIN, calls. */
import type { DefElem, Node, TransactionStmt, VariableSetStmt } from "libpg-query";
import { as, constantText, type NodeKind, type NodeOf, strings } from "./ast.ts";
import { value } from "./expressions.ts";
import { isKnownFunction } from "./functions.ts";
import { findRelation, relationItem } from "./relations.ts";
import { emptyScope } from "./scope.ts";
import { judgeReadOnly, judgeSetting } from "./settings.ts";
import type { Outcome } from "./statements.ts";
import { isTainted, nothing } from "./taint.ts";
import { noteType } from "./types_used.ts";
import type { Walk } from "./walk.ts";

type Utilities = { [K in NodeKind]?: (node: NodeOf<K>, walk: Walk) => Outcome };

const session = (verb: string): Outcome => ({ kind: "session", verb, shape: nothing });

const transactionVerbs: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: "BEGIN",
  TRANS_STMT_START: "START TRANSACTION",
  TRANS_STMT_COMMIT: "COMMIT",
  TRANS_STMT_ROLLBACK: "ROLLBACK",
  TRANS_STMT_SAVEPOINT: "SAVEPOINT",
  TRANS_STMT_RELEASE: "RELEASE",
  TRANS_STMT_ROLLBACK_TO: "ROLLBACK TO",
  TRANS_STMT_PREPARE: "PREPARE TRANSACTION",
  TRANS_STMT_COMMIT_PREPARED: "COMMIT PREPARED",
  TRANS_STMT_ROLLBACK_PREPARED: "ROLLBACK PREPARED",
};

function transaction(node: TransactionStmt, walk: Walk): Outcome {
  const verb = transactionVerbs[node.kind ?? ""] ?? "TRANSACTION";
  modes(node.options, walk);
  if (verb.includes("PREPARE")) {
    walk.found.object(
      "two-phase",
      `${verb} deals with a transaction that outlives the session`,
      "Use COMMIT or ROLLBACK",
    );
  }
  return { kind: "transaction", verb, shape: nothing };
}

function modes(options: readonly Node[] | undefined, walk: Walk): void {
  for (const node of options ?? []) {
    const option = as(node, "DefElem");
    if (option?.defname === "transaction_read_only") {
      walk.found.add(judgeReadOnly(constantText(option.arg) ?? "0"));
    }
  }
}

function set(node: VariableSetStmt, walk: Walk): Outcome {
  const name = node.name ?? "";
  if (node.kind === "VAR_RESET_ALL") return session("RESET ALL");
  if (node.kind === "VAR_SET_MULTI") {
    modes(node.args, walk);
    return { kind: "transaction", verb: `SET ${name}`, shape: nothing };
  }
  const given = node.kind === "VAR_SET_VALUE";
  const values = (node.args ?? []).map(constantText);
  const constants = values.filter((each) => each !== undefined);
  walk.found.settings.add(name.toLowerCase());
  walk.found.add(judgeSetting(
    walk,
    name,
    given ? (constants.length === values.length ? constants : null) : undefined,
  ));
  return session(`${node.kind === "VAR_RESET" ? "RESET" : "SET"} ${name}`);
}

function lockTable(node: NodeOf<"LockStmt">, walk: Walk): Outcome {
  // ACCESS SHARE (1) is what every SELECT takes; pg_dump asks for it by name.
  const access = node.mode === 1 ? "read" : "write";
  if (access === "write") walk.found.locks.add("LOCK TABLE");
  for (const each of node.relations ?? []) {
    const table = as(each, "RangeVar");
    const relation = table === undefined ? null : findRelation(table, walk);
    if (relation !== null) walk.found.use(relation, access);
  }
  return { kind: access, verb: "LOCK TABLE", shape: nothing };
}

function truncate(node: NodeOf<"TruncateStmt">, walk: Walk): Outcome {
  for (const each of node.relations ?? []) {
    const table = as(each, "RangeVar");
    if (table !== undefined && isTainted(relationItem(table, walk, emptyScope, "write"))) {
      walk.found.murky = true;
    }
  }
  walk.found.missingWhere = true;
  return { kind: "write", verb: "TRUNCATE", shape: nothing };
}

function doBlock(_: NodeOf<"DoStmt">, walk: Walk): Outcome {
  walk.found.murky = true;
  walk.found.object(
    "do-block",
    "DO runs a program that Postern cannot look into",
    "Send its statements one by one",
  );
  return { kind: "call", verb: "DO", shape: nothing };
}

/** A procedure is for approvers to judge; one that gives a row back may give back anything. */
function procedure(node: NodeOf<"CallStmt">, walk: Walk): Outcome {
  const { found, catalog } = walk;
  found.murky = true;
  const names = strings(node.funccall?.funcname);
  for (const arg of node.funccall?.args ?? []) {
    const { taint } = value(arg, walk, emptyScope);
    if (taint !== null) found.maskedInExpression(taint.column, "a procedure's argument");
  }
  const name = names.at(-1) ?? "";
  const schema = names.at(-2) ?? null;
  const routines = catalog.routinesNamed(name).filter((each) => schema === null || each.schema === schema);
  if (routines.length === 0 || isKnownFunction("pg_catalog", name, walk)) {
    found.object(
      `function:${names.join(".")}`,
      `it calls ${names.join(".")}(), which is not in the target's catalog as Postern read it`,
      "Check the name; a new procedure is known within a minute",
    );
  }
  for (const routine of routines) {
    const full = `${routine.schema}.${routine.name}`;
    found.functions.add(full.toLowerCase());
    if (!/[ob]/.test(routine.modes ?? "")) continue;
    found.object(
      `function:${full}`,
      `it calls ${full}(), which gives back values that Postern cannot trace`,
      `An administrator can allow it by naming function:${full} in a rule's unsafe list`,
    );
  }
  return { kind: "call", verb: "CALL", shape: nothing };
}

function listen(_: NodeOf<"ListenStmt">, walk: Walk): Outcome {
  if (walk.masks.any) {
    walk.found.object(
      "listen",
      "LISTEN brings messages of other sessions, which may hold masked values",
      "An administrator who knows what is sent can allow it by naming listen in a rule's unsafe list",
    );
  }
  return session("LISTEN");
}

function execute(node: NodeOf<"ExecuteStmt">, walk: Walk): Outcome {
  walk.found.statements.add(node.name ?? "");
  for (const param of node.params ?? []) {
    // What the prepared statement does with it is not known here.
    if (walk.masks.any) walk.found.hidden.add(param);
    const { taint } = value(param, walk, emptyScope);
    if (taint !== null) walk.found.maskedInExpression(taint.column, "a parameter of EXECUTE");
  }
  return { kind: "read", verb: "EXECUTE", shape: nothing, untraced: true };
}

function fetch(node: NodeOf<"FetchStmt">, walk: Walk): Outcome {
  walk.found.cursors.add(node.portalname ?? "");
  return { kind: "read", verb: node.ismove ? "MOVE" : "FETCH", shape: nothing, untraced: true };
}

export function noteTypes(types: readonly Node[] | undefined, walk: Walk): void {
  for (const node of types ?? []) noteType(as(node, "TypeName"), walk);
}

/** An option like `ANALYZE`, `ANALYZE on`; anything but a plain no counts as yes. */
export function isOn(option: DefElem): boolean {
  const text = as(option.arg, "String")?.sval ?? constantText(option.arg);
  const number = as(option.arg, "Integer");
  if (number !== undefined) return (number.ival ?? 0) !== 0;
  return text === undefined || !/^(off|false|0)$/i.test(text);
}

export const utilities: Utilities = {
  TransactionStmt: transaction,
  VariableSetStmt: set,
  VariableShowStmt: (node) => ({
    kind: "read",
    verb: `SHOW ${node.name ?? ""}`,
    shape: nothing,
    catalogOnly: true,
  }),
  ConstraintsSetStmt: () => ({ kind: "transaction", verb: "SET CONSTRAINTS", shape: nothing }),
  LockStmt: lockTable,
  TruncateStmt: truncate,
  DoStmt: doBlock,
  CallStmt: procedure,
  ListenStmt: listen,
  UnlistenStmt: () => session("UNLISTEN"),
  NotifyStmt: () => ({ kind: "write", verb: "NOTIFY", shape: nothing }),
  DiscardStmt: (node) => session((node.target ?? "").replace("DISCARD_", "DISCARD ")),
  ExecuteStmt: execute,
  FetchStmt: fetch,
  // Named for the protocol, which has to forget them; without a name it is all of them.
  DeallocateStmt: (node, walk) => {
    if (node.name) walk.found.statements.add(node.name);
    return session("DEALLOCATE");
  },
  ClosePortalStmt: (node, walk) => {
    if (node.portalname) walk.found.cursors.add(node.portalname);
    return session("CLOSE");
  },
};
