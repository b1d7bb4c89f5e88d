/** Names of columns -> what they mean. Where several things could be meant, all of them count. */
import { merged } from "./flow.ts";
import { objections } from "./objections.ts";
import { type Output, output, type Scope, type Source, type Touch } from "./scope.ts";
import type { Expr } from "./syntax.ts";
import type { Walk } from "./walk.ts";

type Column = Extract<Expr, { t: "column" }>;

/** What a column's name means here. An unknown one is noted, and has no flow. */
export function resolve(walk: Walk, expr: Column, scope: Scope): Output {
  walk.looked.add((expr.parts.at(-1) ?? "").toLowerCase());
  const found = find(walk, expr.parts, scope);
  if (found === null) {
    walk.unknownColumn(expr.parts.join("."));
    return output(expr.parts.at(-1) ?? "", null);
  }
  if (expr.doubleQuoted && found.flow !== null) walk.object(objections.quoting(expr.parts.join(".")));
  return found;
}

function find(walk: Walk, parts: readonly string[], from: Scope): Output | null {
  const [column = "", table, schema] = [...parts].reverse();
  const name = column.toLowerCase();
  for (let scope: Scope | null = from; scope !== null; scope = scope.outer) {
    const columns: Output[] = [];
    for (const source of scope.sources) {
      if (table !== undefined && !isMeant(walk, source, table, schema)) continue;
      const match = source.byName.get(name) ?? unlisted(walk, source, column);
      if (match !== null) columns.push(note(walk, source, match));
    }
    // Outside of its own clauses a select list is seen from the sub-queries in it.
    const seesList = table === undefined && (scope.aliases || scope !== from);
    const aliases = seesList ? scope.outputs.filter((one) => one.name.toLowerCase() === name) : [];
    const matches = [...columns, ...aliases];
    const [first, ...others] = matches;
    if (first === undefined) continue;
    if (others.length === 0) return first;
    return {
      ...output(first.name, sameFor(matches) ? first.flow : merged(matches.map(({ flow }) => flow))),
      // What is surely needed: where an alias hides a column, the column may not be read at all.
      touches: first.touches.filter((touch) =>
        others.every((one) => one.touches.some((other) => isSame(touch, other)))
      ),
      key: commonKey(aliases.length > 0 ? aliases : columns),
    };
  }
  return null;
}

/** `SELECT ssn … ORDER BY ssn`: the alias and the column are one. */
function sameFor(matches: readonly Output[]): boolean {
  return matches.every(({ flow }) => flow === matches[0]?.flow);
}

/** An alias hides the columns; columns of the same name were made equal by USING. */
function commonKey(matches: readonly Output[]): Touch | null {
  const keys = matches.map(({ key }) => key);
  const [first = null] = keys;
  const same = keys.every((key) => key === first || (key !== null && first !== null && isSame(key, first)));
  return same || matches.every(({ key }) => key !== null) ? first : null;
}

function isSame(one: Touch, other: Touch): boolean {
  return one.source === other.source && one.column === other.column;
}

function isMeant(walk: Walk, source: Source, table: string, schema: string | undefined): boolean {
  if (source.alias !== walk.model.fold(table)) return false;
  return schema === undefined || source.schema === walk.model.fold(schema);
}

/** A column that the catalog does not list may be newer than the catalog, and masked by its name. */
function unlisted(walk: Walk, source: Source, column: string): Output | null {
  if (source.open) return output(column, null);
  if (source.table === null) return null;
  const { schema, name } = source.table;
  const mask = walk.taints.mask(schema, name, column);
  if (mask === null) return null;
  walk.tainted = true;
  return output(column, { origins: new Map([[`${schema}.${name}.${column}`, mask]]), plain: true });
}

function note(walk: Walk, source: Source, column: Output): Output {
  if (source.table !== null) walk.columns.add(`${source.table.schema}.${source.table.name}.${column.name}`);
  return column;
}

/**
 * `ORDER BY 2`; null for what is no position. A parameter may be one on MariaDB, so it means all columns.
 */
export function resolvePosition(expr: Expr, scope: Scope): Output | null {
  if (expr.t === "literal" && typeof expr.value === "number") {
    return scope.outputs[expr.value - 1] ?? output("", null);
  }
  if (expr.t !== "param") return null;
  return {
    ...output("", merged(scope.outputs.map(({ flow }) => flow))),
    touches: scope.outputs.flatMap(({ touches }) => touches),
  };
}
