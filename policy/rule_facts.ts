/**
 * What a rule says of a statement beside its kind, tables, columns and functions: verbs, settings, locks,
 * operators, and functions by their volatility. */
import { anyGlob } from "./glob.ts";
import type { Rule } from "./rules.ts";
import type { Fit } from "./situation.ts";
import type { StatementFacts } from "./types.ts";

export type FactsMatcher = (facts: StatementFacts) => Fit;

/**
 * null where the rule says nothing of them. An `allow` needs every setting, lock, … to be listed, and at least one;
 * a `deny` needs one; an `approve` that fits some asks on top of what later rules say.
 */
export function factsMatcher({ what = {}, then }: Rule): FactsMatcher | null {
  const matchers: FactsMatcher[] = [];
  if (what.verbs !== undefined && what.verbs.length > 0) {
    const verb = anyGlob(what.verbs, { ignoreCase: true });
    matchers.push((facts) => verb(facts.verb) ? "fully" : "no");
  }
  for (const key of ["settings", "locks", "volatile", "operators"] as const) {
    const globs = what[key];
    if (globs === undefined || globs.length === 0) continue;
    const matches = anyGlob(globs, { ignoreCase: true });
    matchers.push((facts) => listed(facts[key] ?? [], matches, then));
  }
  if (matchers.length === 0) return null;
  return (facts) => {
    const fits = matchers.map((matcher) => matcher(facts));
    return fits.includes("no") ? "no" : fits.includes("partly") ? "partly" : "fully";
  };
}

function listed(names: readonly string[], matches: (name: string) => boolean, then: Rule["then"]): Fit {
  const count = names.filter(matches).length;
  if (count === 0) return "no";
  if (count === names.length || then === "deny") return "fully";
  return then === "allow" ? "no" : "partly";
}
