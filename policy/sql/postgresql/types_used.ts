/**
 * Types, casts and operators that may run users' functions. Built-in ones are harmless; of user-defined ones it
 * matters which types the statement's values can have, since that is how PostgreSQL chooses among them.
 */
import type { TypeName } from "libpg-query";
import { as, strings } from "./ast.ts";
import { type Cast, firstUserOid, type Operator } from "./catalog.ts";
import { isVouchedRoutine, noteRoutine } from "./functions.ts";
import { parse } from "./parser.ts";
import { emptyScope } from "./scope.ts";
import { value } from "./expressions.ts";
import type { Walk } from "./walk.ts";

const textNames: ReadonlySet<string> = new Set(["text", "varchar", "bpchar", "name", "char"]);

/** Notes a type's use by a cast. Tells whether it is one of the built-in text types, not an array. */
export function noteType(type: TypeName | undefined, walk: Walk): { text: boolean; sized: boolean } {
  const names = strings(type?.names);
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? names.at(-2) : undefined;
  const users = walk.catalog.typesNamed(name).filter((found) =>
    schema === undefined || found.schema === schema
  );
  for (const user of users) {
    walk.found.types.add(user.oid);
    walk.found.castTargets.add(user.oid);
    for (const check of user.checks) noteCheck(check, walk);
  }
  const builtin = schema === undefined || schema === "pg_catalog" || schema === "information_schema";
  if (users.length === 0 && !(builtin && isBuiltinType(name, walk)) && !type?.pct_type) {
    walk.found.object(
      `type:${[...names].join(".")}`,
      `the type ${names.join(".")} is not in the target's catalog as Postern read it`,
      "Check the name; a new type is known within a minute",
    );
  }
  const plain = builtin && users.length === 0 && (type?.arrayBounds?.length ?? 0) === 0 && !type?.setof;
  // PostgreSQL writes "char", varchar and bpchar with a length as a modifier: the value may be cut.
  return { text: plain && textNames.has(name), sized: (type?.typmods?.length ?? 0) > 0 };
}

function isBuiltinType(name: string, walk: Walk): boolean {
  return walk.catalog.builtinTypes.has(name) ||
    walk.catalog.relationsNamed(name).some((relation) => relation.system);
}

/** A domain's check runs when a value is cast to it. */
function noteCheck(check: string | null, walk: Walk): void {
  if (check === null) return;
  const parsed = parse(`SELECT ${check}`);
  if ("error" in parsed) return;
  const select = as(parsed.statements[0]?.stmt, "SelectStmt");
  for (const target of select?.targetList ?? []) value(as(target, "ResTarget")?.val, walk, emptyScope);
}

/** A named operator. Without a schema, which one is meant shows only at the end: see `settleTypes`. */
export function noteOperator(names: readonly string[], walk: Walk): void {
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? names.at(-2) : undefined;
  // Of a name alone, the built-in one is among what it may mean.
  walk.found.operatorsUsed.add(`${schema ?? "pg_catalog"}.${name}`);
  if (schema === "pg_catalog") return;
  if (schema === undefined) {
    if (walk.catalog.operatorsNamed(name).length > 0) walk.found.operators.add(name);
    return;
  }
  for (const operator of walk.catalog.operatorsNamed(name)) {
    if (operator.schema === schema) noteRoutineOf(operator.routine, walk);
  }
}

function noteRoutineOf(oid: number, walk: Walk): void {
  const routine = walk.catalog.routineByOid(oid);
  if (routine !== undefined) noteRoutine(routine, walk);
}

/** Once all is walked: what operators and casts may have run, given the types that came up. */
export function settleTypes(walk: Walk): void {
  const { catalog, found } = walk;
  const possible = (type: number) => type < firstUserOid || found.types.has(type);
  const chosen = ({ types }: Operator) => {
    const own = types.filter((type) => type >= firstUserOid);
    return own.length === 0 || own.some((type) => found.types.has(type));
  };
  for (const name of found.operators) {
    for (const operator of catalog.operatorsNamed(name)) {
      if (!chosen(operator)) continue;
      found.operatorsUsed.add(`${operator.schema}.${name}`);
      noteRoutineOf(operator.routine, walk);
    }
  }
  const runs = ({ source, target, context }: Cast) => {
    if (!possible(source)) return false;
    if (context === "e") {
      return found.castTargets.has(target) || (target < firstUserOid && found.types.has(source));
    }
    return possible(target) && (context === "i" || found.writes);
  };
  for (const cast of catalog.casts) {
    const routine = catalog.routineByOid(cast.routine);
    if (routine !== undefined && !isVouchedRoutine(routine) && runs(cast)) noteRoutine(routine, walk);
  }
}
