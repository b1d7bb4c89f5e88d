/** Calls: what a name may mean, who vouches for it, and what becomes of masked values in it. */
import type { Routine } from "./catalog_schema.ts";
import {
  givesText,
  isVouchedBuiltin,
  isVouchedExtension,
  totalityOf,
  whyNotVouched,
  writing,
} from "./builtins.ts";
import { derived, derivedText, isScalar, isTainted, isText, pure, risky, type Value } from "./taint.ts";
import type { Walk } from "./walk.ts";

/** One argument, with the constant it is, if it is one. */
export interface Argument extends Value {
  readonly constant: string | undefined;
  /** `name => value`: its place among the arguments does not show. */
  readonly named?: boolean;
}

/** A function that a name may mean. */
interface Meaning {
  readonly builtin: boolean;
  readonly users: readonly Routine[];
}

/** Notes a call by its name, and gives its value. */
export function call(names: readonly string[], args: readonly Argument[], walk: Walk): Value {
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? names.at(-2)! : null;
  const meaning = resolveFunction(schema, name, walk);
  if (meaning.builtin) noteBuiltin(schema ?? "pg_catalog", name, walk);
  for (const routine of meaning.users) noteRoutine(routine, walk);
  if (!meaning.builtin && meaning.users.length === 0) {
    if (isCast(schema, name, args, walk)) return castValue(name, args, walk);
    noteUnknown(schema, name, walk);
  }
  const own = meaning.builtin && meaning.users.every(isVouchedRoutine);
  const tainted = args.find((arg) => arg.taint !== null)?.taint;
  if (tainted) {
    if (!own || !isTotal(name, args)) {
      walk.found.maskedInExpression(tainted.column, `the function ${names.join(".")}()`);
    }
    return { taint: givesText.has(name) ? derivedText : derived, fails: args.some((arg) => arg.fails) };
  }
  const inside = meaning.users.some((routine) => {
    const shape = walk.definitions.routine(routine.oid, walk.found);
    return shape !== null && isTainted(shape);
  });
  if (inside) return { taint: derived, fails: true };
  return own && totalityOf(name) === "all" && args.every((arg) => !arg.fails) ? pure : risky;
}

/** `inet(x)` is a cast where no function has that name. */
function isCast(schema: string | null, name: string, args: readonly Argument[], { catalog }: Walk): boolean {
  const builtin = (schema === null || schema === "pg_catalog") && catalog.builtinTypes.has(name);
  return builtin && args.length === 1 && catalog.typesNamed(name).length === 0;
}

function castValue(name: string, [arg]: readonly Argument[], walk: Walk): Value {
  const taint = arg?.taint ?? null;
  if (taint === null) return risky;
  walk.found.maskedInExpression(taint.column, `a cast to ${name}`);
  return { taint: derived, fails: false };
}

/** All that a name may mean, whatever the search_path: a user's function may come before a built-in one. */
function resolveFunction(schema: string | null, name: string, { catalog }: Walk): Meaning {
  const builtin = (schema === null || schema === "pg_catalog") &&
      (catalog.steady.has(name) || catalog.volatile.has(name)) ||
    (schema === null || schema === "information_schema") && catalog.information.has(name);
  const users = catalog.routinesNamed(name).filter((routine) => schema === null || routine.schema === schema);
  return { builtin, users };
}

export function isKnownFunction(schema: string | null, name: string, walk: Walk): boolean {
  const { builtin, users } = resolveFunction(schema, name, walk);
  return builtin || users.length > 0;
}

function noteBuiltin(schema: string, name: string, walk: Walk): void {
  const { catalog, found } = walk;
  const information = !catalog.steady.has(name) && !catalog.volatile.has(name);
  found.functions.add(`${information ? "information_schema" : schema}.${name}`);
  if (catalog.volatile.has(name)) found.volatile.add(`${schema}.${name}`);
  if (walk.masks.divisions.isCountedByFunction(name)) {
    found.object(
      `function:pg_catalog.${name}`,
      `it calls pg_catalog.${name}(), which may count the rows of a partition or an index that masked values decide about`,
      `Count the rows of the whole table; or name function:pg_catalog.${name} in a rule's unsafe list`,
    );
  }
  if (information || isVouchedBuiltin(name, catalog.steady.has(name))) {
    if (writing.has(name)) found.writes = true;
    return;
  }
  found.murky = true;
  found.object(
    `function:pg_catalog.${name}`,
    `it calls pg_catalog.${name}(): ${whyNotVouched(name)}`,
    `An administrator can allow it by naming function:pg_catalog.${name} in a rule's unsafe list`,
  );
}

export function isVouchedRoutine(routine: Routine): boolean {
  const { extension, name, volatility, language, body } = routine;
  // What CREATE TYPE … AS RANGE makes.
  if (language === "internal") return /^(multi)?range_constructor\d$/.test(body ?? "");
  return extension !== null && language !== "plpgsql" &&
    isVouchedExtension(extension, name, volatility === "v");
}

/** A user's function: nobody vouches for it but a rule that names it. */
export function noteRoutine(routine: Routine, walk: Walk): void {
  const { found } = walk;
  const full = `${routine.schema}.${routine.name}`;
  found.functions.add(full.toLowerCase());
  if (routine.volatility === "v") found.volatile.add(full.toLowerCase());
  if (isVouchedRoutine(routine)) return;
  found.murky ||= walk.masks.any;
  if (routine.volatility === "v") found.writes = true;
  found.object(
    `function:${full}`,
    `it calls ${full}(), which nobody vouched for`,
    `An administrator who knows it to be harmless can allow it by naming function:${full} in a rule's unsafe list`,
  );
}

function noteUnknown(schema: string | null, name: string, walk: Walk): void {
  const full = schema === null ? name : `${schema}.${name}`;
  walk.found.object(
    `function:${full}`,
    `it calls ${full}(), which is not in the target's catalog as Postern read it`,
    "Check the name; a new function is known within a minute, and needs a rule that names it",
  );
}

/** Whether the function returns something for every masked value, so that no error can tell values apart. */
function isTotal(name: string, args: readonly Argument[]): boolean {
  const tainted = (index: number) => args[index]?.taint !== null && args[index] !== undefined;
  const only = (allowed: (index: number) => boolean) =>
    args.every((_, index) => !tainted(index) || allowed(index));
  const totality = totalityOf(name);
  if (totality !== "all" && args.some((arg) => arg.named)) return false;
  switch (totality) {
    case "all":
      return true;
    case "first":
      return only((index) => index === 0);
    case "date":
      return only((index) => index === 1) && dateParts.has(args[0]?.constant ?? "") &&
        dateTypes.has(args[1]?.taint?.type ?? 0);
    case "values":
      return only((index) => index % 2 === 1);
    case "constants":
      return only((index) => index === 0) &&
        args.slice(1).every((arg, index) => isSafeConstant(name, index + 1, arg.constant));
    case "numbers":
      return args.every(({ taint }) => taint === null || (taint.plain && exactNumbers.has(taint.type)));
    case "scalars":
      return args.every(({ taint }) => taint === null || isScalar(taint));
    case undefined:
      return false;
  }
}

/** int2, int4, int8, numeric: their sums and averages do not overflow. */
const exactNumbers: ReadonlySet<number> = new Set([21, 23, 20, 1700]);
/** date, timestamp, timestamptz: they have all of the parts below. */
const dateTypes: ReadonlySet<number> = new Set([1082, 1114, 1184]);
const dateParts: ReadonlySet<string> = new Set(["year", "quarter", "month", "week", "day"]);

/** A constant that cannot make the function fail: an error would show whether there was a value at all. */
function isSafeConstant(name: string, index: number, constant: string | undefined): boolean {
  if (constant === undefined) return false;
  if (name === "split_part" && index === 1) return constant !== "";
  return /^[1-9]\d{0,6}$/.test(constant);
}

/** All operands are computed before. `||` and comparisons always give a result; arithmetic may overflow, patterns and JSON operators may fail. */
export function isTotalOperator(name: string, operands: readonly Value[]): boolean {
  if (name === "||") return operands.every(({ taint }) => taint === null || isText(taint));
  return ["=", "<>", "!=", "<", ">", "<=", ">="].includes(name);
}
