/** One statement as the rules see it: its parts, and whether a rule fits one of them. See decide.ts for the meaning. */
import type { ConditionInput } from "./condition.ts";
import type { CompiledRule, Place } from "./rules.ts";
import type { Identity, RelationUse, StatementFacts, StatementKind } from "./types.ts";

/** One table that a statement touches, or the statement itself where it touches none. */
export interface Part {
  readonly table: RelationUse | null;
  /** What it counts as for every rule. */
  readonly kinds: readonly StatementKind[];
  /** What else it counts as for rules that deny, and partly for those that ask for approval. */
  readonly use: StatementKind | null;
}

/** `partly`: an approval is asked for, and the rules after it speak as well. */
export type Fit = "no" | "partly" | "fully";

/** Kinds that change nothing by themselves, so that a rule for some tables may cover those that touch none. */
const harmless: ReadonlySet<StatementKind> = new Set(["read", "session", "transaction"]);

export class Situation {
  readonly #conditions = new Map<CompiledRule, boolean | "error">();
  #columns: ColumnsByTable | null = null;

  constructor(
    readonly facts: StatementFacts,
    readonly who: Identity,
    private readonly where: Place,
    private readonly at: number,
    /** How many its message has, and what the target expects of it. */
    private readonly more: Pick<ConditionInput, "statements" | "estimate">,
  ) {}

  /** Evaluated at most once per statement. */
  condition(candidate: CompiledRule): boolean | "error" {
    if (candidate.condition === null) return true;
    let answer = this.#conditions.get(candidate);
    if (answer === undefined) {
      const { target: name, database, environment, clientAddress: address } = this.where;
      const input: ConditionInput = {
        facts: this.facts,
        ...this.more,
        identity: this.who,
        target: { name, database, environment },
        client: { address },
        at: this.at,
      };
      answer = candidate.condition(input);
      this.#conditions.set(candidate, answer);
    }
    return answer;
  }

  /** The columns of a table, and those that belong to none of the statement's tables. */
  columns(table: RelationUse | null): readonly string[] {
    const { byTable, orphans } = this.#columns ??= columnsByTable(this.facts);
    if (table === null) return orphans;
    const own = byTable.get(tableKey(table)) ?? [];
    return orphans.length === 0 ? own : [...own, ...orphans];
  }
}

interface ColumnsByTable {
  readonly byTable: ReadonlyMap<string, readonly string[]>;
  readonly orphans: readonly string[];
}

function tableKey({ schema, name }: RelationUse): string {
  return `${schema}.${name}`;
}

function columnsByTable({ tables, columns }: StatementFacts): ColumnsByTable {
  const byTable = new Map<string, string[]>(tables.map((table) => [tableKey(table), []]));
  const orphans: string[] = [];
  for (const column of columns) {
    (byTable.get(column.slice(0, Math.max(0, column.lastIndexOf(".")))) ?? orphans).push(column);
  }
  return { byTable, orphans };
}

export function partsOf(facts: StatementFacts): readonly Part[] {
  const { kind, tables } = facts;
  if (tables.length === 0) return [{ table: null, kinds: [kind], use: null }];
  const writesTables = tables.some(({ access }) => access === "write");
  return tables.map((table) => {
    if (table.access === "write") {
      // A dialect that calls it harmless while a table is written is wrong about one of them.
      return { table, kinds: harmless.has(kind) ? ["write"] : [kind], use: "write" };
    }
    return { table, kinds: writesTables ? [kind, "read"] : [kind], use: "read" };
  });
}

export function fitOf(candidate: CompiledRule, part: Part, situation: Situation): Fit {
  let fit: Fit = "fully";
  for (const check of checks) {
    const one = check(candidate, part, situation);
    if (one === "no") return "no";
    if (one === "partly") fit = "partly";
  }
  const condition = situation.condition(candidate);
  if (condition === "error") {
    if (candidate.rule.then === "approve") return "partly";
    return candidate.permissive ? "no" : fit;
  }
  return condition ? fit : "no";
}

function fitsKind({ rule, kinds }: CompiledRule, part: Part): Fit {
  if (kinds === null || part.kinds.some((kind) => kinds.has(kind))) return "fully";
  if (part.use === null || !kinds.has(part.use) || rule.then === "allow") return "no";
  return rule.then === "deny" ? "fully" : "partly";
}

function fitsDanger(candidate: CompiledRule, _part: Part, { facts }: Situation): Fit {
  const { rule, permissive, unsafe } = candidate;
  const missingWhere = rule.what?.missingWhere;
  if (missingWhere === undefined ? permissive && facts.missingWhere : missingWhere !== facts.missingWhere) {
    return "no";
  }
  if (unsafe === null) return permissive && facts.unsafe.length > 0 ? "no" : "fully";
  if (facts.unsafe.length === 0) return "no";
  const fits = permissive
    ? facts.unsafe.every(({ code }) => unsafe(code))
    : facts.unsafe.some(({ code }) => unsafe(code));
  return fits ? "fully" : "no";
}

function fitsFacts({ facts: matches }: CompiledRule, _part: Part, { facts }: Situation): Fit {
  return matches === null ? "fully" : matches(facts);
}

function fitsTable(
  { rule, table: matches }: CompiledRule,
  { table, kinds }: Part,
  { facts }: Situation,
): Fit {
  if (matches === null) return "fully";
  if (table !== null && matches(table.schema, table.name)) return "fully";
  const touchesNone = table === null || (facts.catalogOnly && table.access === "read");
  const vacuous = rule.then === "allow" && touchesNone && kinds.every((kind) => harmless.has(kind));
  return vacuous ? "fully" : "no";
}

function fitsColumns({ rule, column: matches }: CompiledRule, { table }: Part, situation: Situation): Fit {
  if (matches === null) return "fully";
  const columns = situation.columns(table);
  if (rule.then === "allow") {
    if (table !== null && !matches.table(table.schema, table.name)) return "no";
    return columns.every((column) => matches.column(column)) ? "fully" : "no";
  }
  return someOf(columns, (column) => matches.column(column), rule.then === "deny");
}

function fitsFunctions({ rule, function: matches }: CompiledRule, _part: Part, { facts }: Situation): Fit {
  if (matches === null) return "fully";
  const { functions } = facts;
  if (rule.then === "allow") return functions.length > 0 && functions.every(matches) ? "fully" : "no";
  return someOf(functions, matches, rule.then === "deny");
}

function someOf(names: readonly string[], matches: (name: string) => boolean, oneIsEnough: boolean): Fit {
  const count = names.filter(matches).length;
  if (count === 0) return "no";
  return oneIsEnough || count === names.length ? "fully" : "partly";
}

/** The cheapest first. */
const checks = [fitsKind, fitsFacts, fitsDanger, fitsTable, fitsFunctions, fitsColumns] as const;

/** What of a rule keeps it from fitting. */
export type Aspect = "kind" | "facts" | "danger" | "table" | "function" | "column" | "condition";

const aspects: readonly Aspect[] = ["kind", "facts", "danger", "table", "function", "column"];

/** The same as fitOf, and everything that does not fit instead of the first: for explanations. */
export function misfits(
  candidate: CompiledRule,
  part: Part,
  situation: Situation,
): { readonly fit: Fit; readonly aspects: readonly Aspect[] } {
  const found = checks.flatMap((check, at) =>
    check(candidate, part, situation) === "no" ? [aspects[at]!] : []
  );
  const fit = fitOf(candidate, part, situation);
  return { fit, aspects: fit === "no" && found.length === 0 ? ["condition"] : found };
}
