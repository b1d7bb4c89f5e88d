/** The impact of a statement on PostgreSQL: EXPLAIN (never ANALYZE), and what the catalog says of its tables. */
import { counted, gather, type Impact, type ImpactInput, type Part } from "../impact.ts";
import type { Estimate, EstimateInput } from "../dialect.ts";
import { parsePath } from "./catalog.ts";
import { parse } from "./parser.ts";
import { kindOf, type NodeKind } from "./ast.ts";
import { locksOf } from "./impact_locks.ts";
import { plannedCost, planPart } from "./impact_plan.ts";
import { countPart, samplesPart } from "./impact_rows.ts";
import { tablesPart } from "./impact_tables.ts";
import { name } from "./impact_sql.ts";

const explained: ReadonlySet<NodeKind> = new Set<NodeKind>([
  "SelectStmt",
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
]);

export async function impactOf(input: ImpactInput): Promise<Impact> {
  const parsed = parse(input.text);
  const statements = "error" in parsed ? [] : parsed.statements;
  const [first, ...others] = statements;
  const node = first?.stmt;
  const parts: { name: string; of: () => Promise<Part> | Part }[] = [
    { name: "its tables", of: () => tablesPart(input, before(input)) },
  ];
  if (node === undefined || others.length > 0) {
    const why = `the message holds ${statements.length} statements; send them one by one for a plan`;
    return { ...await gather(input, parts), missing: [`the plan: ${why}`] };
  }
  const plain = explained.has(kindOf(node));
  if (plain) parts.push({ name: "the plan", of: () => planPart(input, before(input)) });
  parts.push({ name: "locks", of: () => locksOf(node, input.facts) });
  const { count, samples } = input.wants;
  if (plain && count) {
    parts.push({
      name: "the exact count",
      of: () => countPart(input, before(input), node),
    });
  }
  if (plain && samples > 0) {
    parts.push({ name: "sample rows", of: () => samplesPart(input, before(input), node) });
  }
  return rewritesSized(await gather(input, parts));
}

/** By a plan that holds for any parameters. */
export async function estimateOf(input: EstimateInput): Promise<Estimate | null> {
  const settings = [...before(input), "SET plan_cache_mode = force_generic_plan"];
  const count = Math.max(
    0,
    ...Array.from(input.text.matchAll(/\$(\d{1,5})/g), ([, number]) => Number(number)),
  );
  const parameters = Array.from({ length: count }, () => ({ text: null, type: "unknown", bytes: 0 }));
  return await plannedCost(input, parameters, settings);
}

/** A rewrite or a scan under a lock is as long as the table is large. */
function rewritesSized(impact: Impact): Impact {
  const largest = Math.max(0, ...impact.tables.map(({ rows }) => rows ?? 0));
  if (largest === 0) return impact;
  return {
    ...impact,
    warnings: impact.warnings.map((one) =>
      /rewrites|scans|builds/.test(one) ? `${one} (about ${counted(largest)} rows)` : one
    ),
  };
}

/** Settings of the preview's own connection: the statement's search_path, and limits that end it soon. */
function before({ state, target }: Pick<ImpactInput, "state" | "target">): readonly string[] {
  const path = state.search_path;
  return [
    "SET statement_timeout = '2s'",
    "SET lock_timeout = '500ms'",
    "SET transaction_read_only = on",
    // No SELECT of set_config(): its row would stand among the answer's.
    ...(path === undefined
      ? []
      : [`SET search_path TO ${parsePath(path, target.account.user).map(name).join(", ") || "''"}`]),
  ];
}
