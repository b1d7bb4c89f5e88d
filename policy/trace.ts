/**
 * Why a statement got its verdict: every rule in order, which of them fit, and what kept the others from it. For
 * people who ask; decide() alone decides, and this is computed beside it, with the same matchers, on demand.
 */
import type { CompiledRules, Place } from "./decide.ts";
import { whatWords, whenWords, whereWords, whoWords } from "./rule_words.ts";
import type { CompiledRule } from "./rules.ts";
import { type Aspect, misfits, type Part, partsOf, Situation } from "./situation.ts";
import type { Identity, StatementFacts, Verdict } from "./types.ts";

/**
 * `decides`: the first that fits in full, for every table or for `tables`. `asks`: it asks for approval, and those
 * after it speak as well. `unmet`: it does not fit, for `why`. `after`: all was decided before it.
 */
export interface RuleTrace {
  readonly rule: string;
  readonly then: Verdict;
  readonly fit: "decides" | "asks" | "unmet" | "after";
  /** Of the tables that it speaks for; empty for all of them, or where there are none. */
  readonly tables: readonly string[];
  readonly why: readonly string[];
}

/** `at` in epoch milliseconds. Not for the hot path. */
export function traceOf(
  facts: StatementFacts,
  who: Identity,
  where: Place,
  at: number,
  rules: CompiledRules,
): RuleTrace[] {
  const situation = new Situation(facts, who, where, at, { statements: 1, estimate: null });
  const parts = partsOf(facts);
  const open = new Set(parts);
  return rules.rules.map((candidate) => {
    const { name: rule, then } = candidate.rule;
    if (open.size === 0) return { rule, then, fit: "after", tables: [], why: [] };
    const outer = outside(candidate, who, where, at);
    if (outer.length > 0) return { rule, then, fit: "unmet", tables: [], why: outer };
    const fitting: Part[] = [];
    const why = new Set<string>();
    let asks = false;
    for (const part of open) {
      const found = misfits(candidate, part, situation);
      if (found.fit === "no") {
        for (const aspect of found.aspects) why.add(because(aspect, candidate, part, facts));
        continue;
      }
      fitting.push(part);
      if (found.fit === "partly") asks = true;
    }
    if (fitting.length === 0) return { rule, then, fit: "unmet", tables: [], why: [...why] };
    const all = fitting.length === parts.length;
    if (!asks) { for (const part of fitting) open.delete(part); }
    return {
      rule,
      then,
      fit: asks ? "asks" : "decides",
      tables: all
        ? []
        : fitting.flatMap(({ table }) => table === null ? [] : [`${table.schema}.${table.name}`]),
      why: [...why],
    };
  });
}

function outside(candidate: CompiledRule, who: Identity, where: Place, at: number): string[] {
  const { rule } = candidate;
  return [
    ...(candidate.who(who) ? [] : [`it is for ${lower(whoWords(rule))}`]),
    ...(candidate.where(where) ? [] : [`it holds ${whereWords(rule)}`]),
    ...(candidate.when(at) ? [] : [`it holds ${whenWords(rule) ?? ""}`]),
  ];
}

const lower = (text: string) => text.startsWith("Members") ? `m${text.slice(1)}` : text;

function because(aspect: Aspect, { rule }: CompiledRule, part: Part, facts: StatementFacts): string {
  const table = part.table === null ? "no table" : `${part.table.schema}.${part.table.name}`;
  switch (aspect) {
    case "kind":
      return `it is for ${whatWords({ ...rule, what: { kinds: rule.what?.kinds ?? [] } })}, and this is ${
        part.kinds.join(" or ")
      }`;
    case "facts":
      return "it is for statements with other effects than this one's";
    case "danger":
      return rule.what?.missingWhere === true && !facts.missingWhere
        ? "it is for statements without a restricting WHERE, and this has one"
        : rule.what?.unsafe !== undefined
        ? `it is for ${rule.what.unsafe.join(" or ")}, and this has ${
          facts.unsafe.map(({ code }) => code).join(", ") || "nothing of the kind"
        }`
        : facts.missingWhere
        ? "it does not name statements without a restricting WHERE"
        : `it does not name ${facts.unsafe.map(({ code }) => code).join(", ")}`;
    case "table":
      return `it is for the tables ${(rule.what?.tables ?? []).join(", ")}, and this touches ${table}`;
    case "function":
      return `it is for the functions ${(rule.what?.functions ?? []).join(", ")}, and this calls ${
        facts.functions.join(", ") || "none"
      }`;
    case "column":
      return `it is for the columns ${
        (rule.what?.columns ?? []).join(", ")
      }, which do not fit those of ${table}`;
    case "condition":
      return `its condition is not met: ${rule.if ?? ""}`;
  }
}
