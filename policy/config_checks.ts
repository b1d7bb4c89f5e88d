/**
 * What holds between the parts of a config. Works on the plain data, so that these findings appear together
 * with those of the schema: everything here is read with care, since nothing of it is known to be well formed.
 */
import { nearest } from "./config_issues.ts";
import type { Path } from "./config_source.ts";
import { globMatcher, hasWildcard } from "./glob.ts";

export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly severity: "error" | "warning";
}

export type Check = (data: unknown) => readonly Finding[];

type Map = Readonly<Record<string, unknown>>;

const mapOf = (value: unknown): Map =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Map : {};
const listOf = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : [];
const textsOf = (value: unknown): readonly string[] =>
  listOf(value).filter((one): one is string => typeof one === "string");

/** Names, targets and approvers of rules and masks, and rules that nothing can reach. */
export const policyChecks: Check = (data) => {
  const config = mapOf(data);
  const targets = Object.keys(mapOf(config.targets));
  const approvers = textsOf(mapOf(config.roles).approver);
  const rules = listOf(config.rules).map(mapOf);
  return [
    ...rules.flatMap((rule, at) => [
      ...duplicateName(rules, at),
      ...unknownTargets(mapOf(rule.where).targets, targets, ["rules", at, "where", "targets"]),
      ...approverFindings(rule, ["rules", at], approvers),
      ...coveredBy(rules, at),
    ]),
    ...listOf(config.masks).flatMap((mask, at) =>
      unknownTargets(mapOf(mask).targets, targets, ["masks", at, "targets"])
    ),
    ...targets.flatMap((name) =>
      listOf(mapOf(mapOf(config.targets)[name]).access).map(mapOf).flatMap((rule, at) =>
        approverFindings(rule, ["targets", name, "access", at], approvers)
      )
    ),
    ...(config === data && config.rules === undefined && approvers.length === 0
      ? [{
        path: ["roles"],
        message: "approver is required: without rules, writes wait for this group",
        severity: "error" as const,
      }]
      : []),
  ];
};

function duplicateName(rules: readonly Map[], at: number): Finding[] {
  const name = rules[at]?.name;
  const first = rules.findIndex((rule) => rule.name === name);
  if (typeof name !== "string" || first === at) return [];
  const message = `is also the name of rules[${first}]; names tell rules apart in messages and the record`;
  return [{ path: ["rules", at, "name"], message, severity: "error" }];
}

function unknownTargets(patterns: unknown, targets: readonly string[], path: Path): Finding[] {
  return listOf(patterns).flatMap((pattern, at) => {
    if (typeof pattern !== "string" || targets.some(globMatcher(pattern))) return [];
    const near = hasWildcard(pattern) ? null : nearest(pattern, targets);
    const hint = near === null ? "" : `; did you mean "${near}"?`;
    return [{
      path: [...path, at],
      message: `names no target of this config${hint}`,
      severity: "error" as const,
    }];
  });
}

function approverFindings(rule: Map, path: Path, fallback: readonly string[]): Finding[] {
  if (rule.then === "approve") {
    if (rule.approvers !== undefined || fallback.length > 0) return [];
    const message = "approvers is required: say who approves, or name groups in roles.approver";
    return [{ path, message, severity: "error" }];
  }
  if (!["allow", "deny", "grant"].includes(String(rule.then))) return [];
  return ["approvers", "deadline"].filter((key) => rule[key] !== undefined).map((key) => ({
    path: [...path, key],
    message: `has no effect: the rule does not say "then: approve"`,
    severity: "warning" as const,
  }));
}

/** Only what is certain: an earlier rule without conditions of its own that fits whatever this one fits. */
function coveredBy(rules: readonly Map[], at: number): Finding[] {
  const rule = rules[at] ?? {};
  const by = rules.slice(0, at).findIndex((earlier) => covers(earlier, rule, rules));
  if (by < 0) return [];
  const name = rules[by]?.name;
  const shown = typeof name === "string" ? `"${name}"` : `rules[${by}]`;
  return [{
    path: ["rules", at],
    message: `can never decide: the rule ${shown} before it fits whatever it fits`,
    severity: "warning",
  }];
}

function covers(earlier: Map, later: Map, rules: readonly Map[]): boolean {
  const [before, after] = [mapOf(earlier.what), mapOf(later.what)];
  if (earlier.when !== undefined || earlier.if !== undefined) return false;
  const narrower = [
    before.columns,
    before.functions,
    before.verbs,
    before.settings,
    before.locks,
    before.volatile,
    before.operators,
  ];
  if (narrower.some((list) => listOf(list).length > 0)) return false;
  if (earlier.then !== later.then) {
    // Letters' case does not count alike, and for a denial a table's use counts beside the statement's kind.
    if (listOf(before.tables).length > 0 || before.kinds !== undefined) return false;
  }
  return coversDanger(earlier, later, rules) && includes(before.kinds, after.kinds) &&
    includes(before.tables, after.tables) && coversWho(earlier.who, later.who) &&
    ["targets", "databases", "environments", "clients"].every((key) =>
      includes(mapOf(earlier.where)[key], mapOf(later.where)[key])
    );
}

/** A permissive rule leaves what it does not name (unsafe codes, a missing WHERE) to those after it. */
function coversDanger(earlier: Map, later: Map, rules: readonly Map[]): boolean {
  const [before, after] = [mapOf(earlier.what), mapOf(later.what)];
  const permissive = earlier.then !== "deny";
  if (listOf(before.unsafe).length > 0 || (permissive && listOf(after.unsafe).length > 0)) return false;
  if (before.missingWhere !== undefined) return before.missingWhere === after.missingWhere;
  if (!permissive || after.missingWhere === false) return true;
  if (after.missingWhere === true) return false;
  if (later.then !== "deny") return true;
  const what = rules.map((rule) => mapOf(rule.what));
  return !what.some(({ missingWhere, unsafe }) => missingWhere === true || listOf(unsafe).length > 0);
}

function coversWho(earlier: unknown, later: unknown): boolean {
  if (earlier === undefined) return true;
  if (later === undefined) return false;
  return ["groups", "users"].every((key) => {
    const all = textsOf(mapOf(earlier)[key]);
    return all.includes("*") || textsOf(mapOf(later)[key]).every((one) => all.includes(one));
  });
}

/** Whether a list that restricts nothing, or at least all of the other, stands first. */
function includes(earlier: unknown, later: unknown): boolean {
  const [all, some] = [textsOf(earlier), textsOf(later)];
  if (all.length === 0 || all.includes("*")) return true;
  return some.length > 0 && some.every((one) => all.includes(one));
}
