/** Function calls as written: arguments, ORDER BY, FILTER and OVER. */
import type { Node, WindowDef } from "libpg-query";
import { as, constantText, type NodeOf, strings } from "./ast.ts";
import { rowMember } from "./column_refs.ts";
import { value } from "./expressions.ts";
import { type Argument, call, isKnownFunction } from "./functions.ts";
import type { Scope } from "./scope.ts";
import { judgeSetting, pathOfText } from "./settings.ts";
import { pure, type Value } from "./taint.ts";
import { predicate, type Walk } from "./walk.ts";

export function funcCall(node: NodeOf<"FuncCall">, walk: Walk, scope: Scope): Value {
  const names = strings(node.funcname);
  const name = names.at(-1) ?? "";
  const args: Argument[] = (node.args ?? []).map((arg) => ({
    ...value(arg, walk, scope),
    constant: constantText(as(arg, "NamedArgExpr")?.arg ?? arg),
    named: as(arg, "NamedArgExpr") !== undefined,
  }));
  modifiers(node, walk, scope);
  if (isSetConfig(names)) return setConfig(node.args ?? [], args, walk);
  const [only] = args;
  if (args.length === 1 && only?.row !== undefined && !isKnownFunction(names.at(-2) ?? null, name, walk)) {
    // `ssn(u)` is `(u).ssn`
    return rowMember(only, name, walk);
  }
  return call(names, args, walk);
}

function modifiers(node: NodeOf<"FuncCall">, walk: Walk, scope: Scope): void {
  const where = node.agg_within_group ? "WITHIN GROUP" : "ORDER BY in an aggregate";
  sortKeys(node.agg_order, walk, scope, where);
  predicate(walk, value(node.agg_filter, walk, scope), "FILTER");
  window(node.over, walk, scope);
}

export function window(over: WindowDef | undefined, walk: Walk, scope: Scope): void {
  if (over === undefined) return;
  for (const node of over.partitionClause ?? []) predicate(walk, value(node, walk, scope), "PARTITION BY");
  sortKeys(over.orderClause, walk, scope, "ORDER BY in a window");
  predicate(walk, value(over.startOffset, walk, scope), "a window's frame");
  predicate(walk, value(over.endOffset, walk, scope), "a window's frame");
}

export function sortKeys(keys: readonly Node[] | undefined, walk: Walk, scope: Scope, where: string): void {
  for (const key of keys ?? []) {
    const sort = as(key, "SortBy");
    predicate(walk, value(sort === undefined ? key : sort.node, walk, scope), where);
  }
}

function isSetConfig(names: readonly string[]): boolean {
  return names.at(-1) === "set_config" && (names.length === 1 || names.at(-2) === "pg_catalog");
}

/**
 * pg_dump's `set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = …`: whatever the setting,
 * this value either narrows what may be read, or is none that it takes.
 */
function isDumpGuard(text: string | undefined): boolean {
  return text === "view, foreign-table" || text === "view" || text === "foreign-table";
}

/** set_config(name, value, local): judged like SET, and only with constants. */
function setConfig(nodes: readonly Node[], args: readonly Argument[], walk: Walk): Value {
  walk.found.functions.add("pg_catalog.set_config");
  for (const routine of walk.catalog.routinesNamed("set_config")) {
    walk.found.object(
      `function:${routine.schema}.set_config`,
      `set_config may mean ${routine.schema}.set_config(), which nobody vouched for`,
      "Write pg_catalog.set_config",
    );
  }
  const [name, text] = args;
  const positional = nodes.length === 3 && nodes.every((node) => as(node, "NamedArgExpr") === undefined);
  if (positional && name?.taint === null && isDumpGuard(text?.constant)) return pure;
  if (!positional || name?.constant === undefined) {
    walk.found.object(
      "setting:?",
      "it changes a setting whose name is not a constant",
      "Use SET with the setting's name",
    );
    return pure;
  }
  const setting = name.constant.toLowerCase();
  const values = text?.constant === undefined
    ? null
    : setting === "search_path"
    ? pathOfText(text.constant)
    : [text.constant];
  walk.found.settings.add(setting.toLowerCase());
  walk.found.add(judgeSetting(walk, setting, values));
  const tainted = args.find((arg) => arg.taint !== null)?.taint;
  if (tainted) walk.found.maskedWrite(tainted.column, "a setting");
  return pure;
}
