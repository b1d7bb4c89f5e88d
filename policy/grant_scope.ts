/** A grant's scope over a verdict: what lies outside is refused, whatever the rules say. Pure. */
import { denied, list, safeName, seen } from "./reasons.ts";
import { tableMatcher } from "./rules.ts";
import type { GrantScope } from "./grant.ts";
import type { JudgedStatement, Judgement, StatementKind } from "./types.ts";

/** They change nothing by themselves, and no client gets along without them. */
const always: ReadonlySet<StatementKind> = new Set(["session", "transaction"]);

export type ScopeFilter = (judgement: Judgement) => Judgement;

/** Compiled once for a session. The statement that lies outside decides about the whole message. */
export function scopeFilter(scope: GrantScope): ScopeFilter {
  const { kinds } = scope;
  if (kinds === null && scope.tables === null) return (judgement) => judgement;
  // Names exactly as the catalog spells them, as for rules that allow.
  const isInTables = scope.tables === null ? null : tableMatcher(scope.tables, { ignoreCase: false });
  const objection = ({ facts }: JudgedStatement): string | null => {
    if (kinds !== null && !always.has(facts.kind) && !kinds.includes(facts.kind)) {
      return `it is good for ${list(kinds)}, and this counts as ${facts.kind}`;
    }
    if (isInTables === null || facts.catalogOnly) return null;
    const outside = facts.tables.find(({ schema, name }) => !isInTables(schema, name));
    if (outside === undefined) {
      // A statement without tables passes by its kind alone, and these are not known to touch none.
      return facts.tables.length > 0 || facts.kind === "read" || always.has(facts.kind)
        ? null
        : "it is good for certain tables, and this names none";
    }
    return `${safeName(outside.schema)}.${safeName(outside.name)} is not among its tables`;
  };
  return (judgement) => {
    if (judgement.verdict === "deny") return judgement;
    for (const statement of judgement.statements) {
      const outside = objection(statement);
      if (outside !== null) return outsideOf(judgement, statement, outside);
    }
    return judgement;
  };
}

/** Whether a session under this grant may ever change anything. */
export function mayWrite({ kinds }: GrantScope): boolean {
  return kinds === null || kinds.some((kind) => kind !== "read" && !always.has(kind));
}

function outsideOf(judgement: Judgement, outside: JudgedStatement, why: string): Judgement {
  const refusal = denied(
    "grant",
    `Your access does not cover ${seen(outside.facts)}: ${why}`,
    "Ask for access that covers it, in the dashboard or with `postern access`",
  );
  const statements = judgement.statements.map((one) => one === outside ? { ...one, ...refusal } : one);
  return { ...refusal, tainted: judgement.tainted, statements };
}
