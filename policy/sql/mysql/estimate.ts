/**
 * What MySQL's or MariaDB's planner expects of a statement. Neither has a plan for any value of a parameter, as
 * PostgreSQL has: a statement with parameters has no estimate.
 */
import type { Estimate, EstimateInput } from "../dialect.ts";
import { before, explain } from "./impact_rows.ts";
import { flavourOf } from "./mode.ts";

type Steps = readonly (readonly (string | null)[])[];

/** Columns of a plan as a table: MariaDB's, and MySQL's with partitions and what is filtered. */
const columns = { mariadb: { count: 10, rows: 8 }, mysql: { count: 12, rows: 9 } } as const;

/** Parameters have no value yet, and a plan for NULL would be one for no rows. */
export async function estimateOf(input: EstimateInput): Promise<Estimate | null> {
  const { target, query, text, state } = input;
  if (text.includes("?")) return null;
  const database = state.schema ?? input.database;
  // A READ ONLY session would not even explain a change; EXPLAIN changes nothing.
  const settings = before(input).filter((one) => !one.endsWith("READ ONLY"));
  const flavour = (state.flavour ?? flavourOf(state.version ?? "")) === "mysql" ? "mysql" : "mariadb";
  const steps = await query(target, database, `${explain(input)} ${text}`, settings);
  if (steps.some((step) => step.length !== columns[flavour].count)) return null;
  const rows = rowsOf(steps, columns[flavour].rows);
  if (rows === null) return null;
  const asked = { ...input, database, settings };
  return { rows, cost: await (flavour === "mysql" ? mysqlCost(asked) : mariadbCost(asked, steps)) };
}

/**
 * Joined tables multiply, parts of a UNION and sub-queries add up: more rather than less. null where a table is
 * named and nothing is said of its rows, as for INSERT … VALUES.
 */
function rowsOf(steps: Steps, at: number): number | null {
  const bySelect = new Map<string, number>();
  for (const step of steps) {
    const [select, rows] = [step[0] ?? "", step[at] ?? null];
    if (rows !== null) bySelect.set(select, (bySelect.get(select) ?? 1) * Number(rows));
  }
  if (bySelect.size === 0 && steps.some(([, , table]) => (table ?? null) !== null)) return null;
  return Math.min([...bySelect.values()].reduce((sum, rows) => sum + rows, 0), Number.MAX_SAFE_INTEGER);
}

interface Asked extends EstimateInput {
  readonly settings: readonly string[];
}

/** MySQL has it in its plan as JSON: of version 8 for the whole, of version 9 in the uppermost step that has one. */
async function mysqlCost({ target, database, query, text, settings }: Asked): Promise<number | null> {
  const rows = await query(target, database, `EXPLAIN FORMAT=JSON ${text}`, settings);
  return finite(costWithin(JSON.parse(rows[0]?.[0] ?? "null")));
}

interface PlanStep {
  readonly query_block?: { readonly cost_info?: { readonly query_cost?: string } };
  readonly query_plan?: PlanStep;
  readonly estimated_total_cost?: number;
  readonly inputs?: readonly PlanStep[];
}

/** The inputs of a step without a cost of its own add up. */
function costWithin(step: PlanStep | null): number {
  const own = step?.query_block?.cost_info?.query_cost ?? step?.estimated_total_cost;
  if (own !== undefined) return Number(own);
  if (step?.query_plan !== undefined) return costWithin(step.query_plan);
  const inputs = step?.inputs ?? [];
  return inputs.length === 0 ? NaN : inputs.reduce((sum, input) => sum + costWithin(input), 0);
}

/**
 * MariaDB 11 has it in its plan as JSON. Earlier ones keep that of the last SELECT without sub-queries and UNION in
 * a counter of the session, and 0 for what they looked up at once; UPDATE and DELETE leave it as it was.
 */
async function mariadbCost(
  { target, database, query, text, settings }: Asked,
  steps: Steps,
): Promise<number | null> {
  const rows = await query(target, database, `EXPLAIN FORMAT=JSON ${text}`, settings);
  const plan = JSON.parse(rows[0]?.[0] ?? "null") as { query_block?: { cost?: number } } | null;
  const own = finite(Number(plan?.query_block?.cost ?? NaN));
  const simple = steps.every(([select, kind]) => select === "1" && kind === "SIMPLE");
  if (own !== null || !simple || !/^\s*(?:SELECT|INSERT|REPLACE)\b/i.test(text)) return own;
  const counter = await query(target, database, "SHOW SESSION STATUS LIKE 'Last_query_cost'", [
    ...settings,
    `EXPLAIN ${text}`,
  ]);
  const last = finite(Number(counter[0]?.[1] ?? NaN));
  return last === 0 ? null : last;
}

const finite = (value: number): number | null => Number.isFinite(value) ? value : null;
