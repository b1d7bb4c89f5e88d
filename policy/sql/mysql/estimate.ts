/** What MySQL's or MariaDB's planner expects of a statement. */
import type { Estimate, EstimateInput } from "../dialect.ts";
import { before } from "./impact_rows.ts";

/** Parameters have no value yet, and a plan for NULL would be one for no rows. */
export async function estimateOf(input: EstimateInput): Promise<Estimate | null> {
  const { target, query, text, state } = input;
  if (text.includes("?")) return null;
  const database = state.schema ?? input.database;
  // A READ ONLY session would not even explain a change; EXPLAIN changes nothing.
  const settings = before(input).filter((one) => !one.endsWith("READ ONLY"));
  const steps = await query(target, database, `EXPLAIN ${text}`, settings);
  const rows = rowsOf(steps);
  return rows === null ? null : { rows, cost: await costOf(input, database, settings) };
}

/**
 * Joined tables multiply, parts of a UNION and sub-queries add up: more rather than less. null where a table is
 * named and nothing is said of its rows, as for INSERT … VALUES.
 */
function rowsOf(steps: readonly (readonly (string | null)[])[]): number | null {
  const bySelect = new Map<string, number>();
  for (const step of steps) {
    const [select, rows] = [step[0] ?? "", step[step.length >= 12 ? 9 : 8] ?? null];
    if (rows !== null) bySelect.set(select, (bySelect.get(select) ?? 1) * Number(rows));
  }
  if (bySelect.size === 0 && steps.some(([, , table]) => (table ?? null) !== null)) return null;
  return Math.min([...bySelect.values()].reduce((sum, rows) => sum + rows, 0), Number.MAX_SAFE_INTEGER);
}

/** MySQL's own; MariaDB of before version 11 tells none. */
async function costOf(
  { target, query, text }: EstimateInput,
  database: string,
  settings: readonly string[],
): Promise<number | null> {
  const rows = await query(target, database, `EXPLAIN FORMAT=JSON ${text}`, settings);
  const plan: unknown = JSON.parse(rows[0]?.[0] ?? "null");
  const { query_block: block, query_plan: tree } = plan as {
    query_block?: { cost_info?: { query_cost?: string }; cost?: number };
    query_plan?: { estimated_total_cost?: number };
  };
  const cost = Number(block?.cost_info?.query_cost ?? block?.cost ?? tree?.estimated_total_cost ?? NaN);
  return Number.isFinite(cost) ? cost : null;
}
