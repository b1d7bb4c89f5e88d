/**
 * Facts + identity + place + time -> verdict. Pure and total.
 *
 * 1. The floor. A text that was not understood is denied. So is a statement with an unsafe code that no
 *    permissive (`allow` or `approve`) rule for this person and place names in `what.unsafe`, and an UPDATE or
 *    DELETE without a restricting WHERE where no such rule names `what.missingWhere`.
 * 2. The rules, in order. Each table that a statement touches is judged by the first rule that fits it, and the
 *    statement gets the strictest of these verdicts. So an `allow` must cover every table, one table that a
 *    rule denies is enough to deny, and a rule for one table never carries another one along. What no rule
 *    fits is denied. A statement without tables is judged as one thing.
 * 3. A message gets the strictest verdict of its statements.
 *
 * How the lists of `what` are read:
 * - `kinds`: the statement's kind. A table that a statement only reads while it writes another may also be
 *   covered by a rule for `read`. For `deny`, reading a table counts as `read` and writing one as `write`,
 *   whatever the statement is (COPY, CREATE TABLE AS, …).
 * - `tables`: an `allow` with tables also fits what touches none (SELECT 1) or only the system's catalogs, for
 *   kinds that change nothing; a `deny` or `approve` needs a table that was touched.
 * - `columns`, `functions`: `allow` needs all that are touched to be listed (and at least one function), `deny`
 *   needs one. An `approve` that fits only by some of them, or only by how a table is used, asks for approval
 *   on top of what later rules say.
 * - `verbs`: the statement's verb. `settings`, `locks`, `volatile`, `operators`: as `functions`.
 * - `unsafe`, `missingWhere`: a permissive rule fits such statements only if it names them.
 * - `if`: a condition that fails to evaluate counts as true for `deny` and `approve`, as false for `allow`.
 */
import { commonTerms } from "./approval/terms.ts";
import { askFirst, denied, list, offer, safeName, safeText, seen, touched } from "./reasons.ts";
import type { CompiledRule, CompiledRules, Place } from "./rules.ts";
import type { Estimate, NotUnderstood, Understood } from "./sql/dialect.ts";
import { type Fit, fitOf, type Part, partsOf, Situation } from "./situation.ts";
import type {
  ApprovalTerms,
  Identity,
  JudgedStatement,
  Judgement,
  StatementKind,
  Target,
  Verdict,
} from "./types.ts";

export { type CompiledRules, compileRules, type Place, type Rule } from "./rules.ts";

/** What deciding one statement comes to, before its facts are attached. */
type Ruling = Pick<JudgedStatement, "verdict" | "rule" | "reason" | "hint" | "terms">;

const severity: Readonly<Record<Verdict, number>> = { allow: 0, approve: 1, deny: 2 };

/** `at` in epoch milliseconds; `estimate` where one is known of a message with one statement. Pass the same `who` and `where` objects through a session: they are cache keys. */
export function decide(
  input: readonly Understood[] | NotUnderstood,
  who: Identity,
  where: Place,
  at: number,
  rules: CompiledRules,
  estimate: Estimate | null = null,
): Judgement {
  if ("refused" in input) {
    const { reason, hint } = input.refused;
    const refusal = denied("built-in: not understood", safeText(reason), safeText(hint));
    return { ...refusal, tainted: false, statements: [] };
  }
  const candidates = rules.applicable(who, where).filter((rule) => rule.when(at));
  return merge(input.map((understood) => {
    const situation = new Situation(understood.facts, who, where, at, {
      statements: input.length,
      estimate: input.length === 1 ? estimate : null,
    });
    return { ...understood, ...rulingOn(situation, candidates) };
  }));
}

/** Whether this person may connect to that target at all. */
export function mayConnect(who: Identity, target: Pick<Target, "name" | "groups">): boolean {
  return isFor(who, target) && target.groups.some((group) => who.groups.includes(group));
}

/** Whether a service account is bound to that target; people are bound to none. */
export function isFor({ targets }: Identity, { name }: Pick<Target, "name">): boolean {
  return targets === undefined || targets.includes(name);
}

const changing: readonly StatementKind[] = ["write", "ddl", "admin", "copy", "call", "unknown"];

/**
 * Whether some rule could ever let this person write there, now or at another time, with or without approval.
 * Where not, the session runs READ ONLY on the target. A rule that loosens the floor counts as one: what it
 * lets through is not known to be harmless.
 */
export function everWrites(
  who: Identity,
  where: {
    readonly target: Pick<Target, "name" | "environment">;
    readonly database: string;
    readonly clientAddress: string;
  },
  rules: CompiledRules,
): boolean {
  const { name: target, environment } = where.target;
  const { database, clientAddress } = where;
  const candidates = rules.applicable(who, { target, environment, database, clientAddress });
  return changing.some((kind) => {
    for (const candidate of candidates) {
      const fits = candidate.kinds === null || candidate.kinds.has(kind);
      if (candidate.permissive && (fits || candidate.unsafe !== null)) return true;
      if (!candidate.permissive && fits && unconditional(candidate)) return false;
    }
    return false;
  });
}

function unconditional(
  { rule, table, column, function: named, unsafe, facts, condition }: CompiledRule,
): boolean {
  return table === null && column === null && named === null && unsafe === null && facts === null &&
    condition === null &&
    rule.what?.missingWhere === undefined && rule.when === undefined;
}

function rulingOn(situation: Situation, candidates: readonly CompiledRule[]): Ruling {
  const floor = floorOf(situation, candidates);
  if (floor !== null) return floor;
  let strictest: PartRuling | null = null;
  const asking: CompiledRule[] = [];
  for (const part of partsOf(situation.facts)) {
    const ruling = partRuling(situation, part, candidates);
    if (ruling.verdict === "deny") return denial(situation, ruling, part, candidates);
    for (const rule of ruling.asking) if (!asking.includes(rule)) asking.push(rule);
    strictest ??= ruling;
  }
  const [first] = asking;
  if (first !== undefined) return approval(situation, first, asking);
  const name = strictest?.rule?.rule.name ?? "";
  return {
    verdict: "allow",
    rule: name,
    reason: `The rule "${name}" allows ${seen(situation.facts)}`,
    hint: "",
    terms: null,
  };
}

function floorOf({ facts }: Situation, candidates: readonly CompiledRule[]): Ruling | null {
  for (const { code, what, hint } of facts.unsafe) {
    if (candidates.some(({ permissive, unsafe }) => permissive && unsafe?.(code))) continue;
    const reason = `${seen(facts)} is refused: ${safeText(what)}`;
    return denied(`built-in floor: ${safeName(code)}`, reason, safeText(hint));
  }
  if (facts.missingWhere && !candidates.some(({ rule }) => rule.what?.missingWhere === true)) {
    return denied(
      "built-in floor: missing-where",
      `${seen(facts)} is refused: it has no WHERE that restricts its rows`,
      "Add a WHERE that restricts the rows, as in WHERE id = 42",
    );
  }
  return null;
}

/** What the rules say about one table: the rule that fits in full, and those that ask for approval. */
interface PartRuling {
  readonly verdict: Verdict;
  /** null where none fits. */
  readonly rule: CompiledRule | null;
  readonly asking: readonly CompiledRule[];
}

function partRuling(situation: Situation, part: Part, candidates: readonly CompiledRule[]): PartRuling {
  const asking: CompiledRule[] = [];
  for (const candidate of candidates) {
    const fit: Fit = fitOf(candidate, part, situation);
    if (fit === "no") continue;
    const { then } = candidate.rule;
    if (then === "approve") asking.push(candidate);
    if (fit === "partly") continue;
    const verdict = then === "allow" && asking.length > 0 ? "approve" : then;
    return { verdict, rule: candidate, asking };
  }
  return { verdict: "deny", rule: null, asking };
}

function denial(
  { facts, who }: Situation,
  { rule }: PartRuling,
  part: Part,
  candidates: readonly CompiledRule[],
): Ruling {
  const offered = offer(candidates);
  const missing = facts.missingWhere ? " without a WHERE that restricts its rows" : "";
  const fix = facts.missingWhere ? "Add a WHERE that restricts the rows. " : "";
  if (rule === null) {
    const uncovered = part.table !== null && facts.tables.length > 1 ? `; none covers ${touched(part)}` : "";
    return denied(
      "default-deny",
      `No rule lets ${safeName(who.name)} run ${seen(facts)}${missing}${uncovered}`,
      `${fix}${offered}`,
    );
  }
  const { name, message } = rule.rule;
  const because = message === undefined ? "" : `: ${message}`;
  return denied(name, `The rule "${name}" refuses ${seen(facts)}${missing}${because}`, `${fix}${offered}`);
}

function approval({ facts }: Situation, first: CompiledRule, asking: readonly CompiledRule[]): Ruling {
  const terms = commonTerms(asking.map(termsOf));
  const { name, message } = first.rule;
  if (terms === null) {
    const names = list(asking.map(({ rule }) => `"${rule.name}"`));
    return denied(
      name,
      `${seen(facts)} needs approval by the rules ${names}, which have no approvers in common`,
      "Ask whoever keeps the policy for a group that may approve all of it",
    );
  }
  const because = message === undefined ? "" : `: ${message}`;
  return {
    verdict: "approve",
    rule: name,
    reason: `The rule "${name}" asks for approval of ${seen(facts)}${because}`,
    hint: askFirst(terms),
    terms,
  };
}

const deadlineMsDefault = 15 * 60_000;

function termsOf({ rule }: CompiledRule): ApprovalTerms {
  const { groups = [], quorum = 1, ...more } = rule.approvers ?? {};
  return { ...more, groups, quorum, deadlineMs: rule.deadlineMs ?? deadlineMsDefault };
}

function merge(statements: readonly JudgedStatement[]): Judgement {
  const tainted = statements.some((statement) => statement.tainted);
  const [first] = statements;
  if (first === undefined) {
    const reason = "There is nothing to run";
    return { verdict: "allow", rule: "", reason, hint: "", terms: null, tainted, statements };
  }
  const strictest = statements.reduce((worst, one) =>
    severity[one.verdict] > severity[worst.verdict] ? one : worst
  );
  const { verdict, rule, reason, hint } = strictest;
  if (verdict !== "approve") return { verdict, rule, reason, hint, terms: null, tainted, statements };
  const terms = commonTerms(statements.flatMap((one) => one.terms === null ? [] : [one.terms]));
  if (terms !== null) {
    return { verdict, rule, reason, hint: askFirst(terms), terms, tainted, statements };
  }
  return {
    ...denied(
      rule,
      "The statements of this message need approval by people who have no group in common",
      "Send them one by one",
    ),
    tainted,
    statements,
  };
}
