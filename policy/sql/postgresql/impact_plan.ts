/** PostgreSQL's plan in words: what is read how, and about how many rows. Conditions stay out: they hold values. */
import { z } from "zod";
import { counted, type ImpactInput, type Part } from "../impact.ts";
import type { Estimate, EstimateInput } from "../dialect.ts";
import { prepared } from "./impact_sql.ts";

interface PlanNode {
  readonly "Node Type": string;
  readonly Operation?: string | undefined;
  readonly Schema?: string | undefined;
  readonly "Relation Name"?: string | undefined;
  readonly "Index Name"?: string | undefined;
  readonly "Join Type"?: string | undefined;
  readonly "Plan Rows"?: number | undefined;
  readonly "Total Cost"?: number | undefined;
  readonly Plans?: readonly PlanNode[] | undefined;
}

const planNode: z.ZodType<PlanNode> = z.lazy(() =>
  z.object({
    "Node Type": z.string(),
    Operation: z.string().optional(),
    Schema: z.string().optional(),
    "Relation Name": z.string().optional(),
    "Index Name": z.string().optional(),
    "Join Type": z.string().optional(),
    "Plan Rows": z.number().optional(),
    "Total Cost": z.number().optional(),
    Plans: z.array(planNode).optional(),
  })
);
const planSchema = z.array(z.object({ Plan: planNode })).min(1);

async function planned(
  { target, database, query, text }: EstimateInput,
  parameters: ImpactInput["parameters"],
  before: readonly string[],
): Promise<PlanNode> {
  const { prepare, run } = prepared(text, parameters);
  const rows = await query(target, database, `EXPLAIN (FORMAT JSON) ${run}`, [...before, prepare]);
  const [first] = planSchema.parse(JSON.parse(rows.map(([line]) => line ?? "").join("\n")));
  return first!.Plan;
}

export async function plannedCost(
  input: EstimateInput,
  parameters: ImpactInput["parameters"],
  before: readonly string[],
): Promise<Estimate | null> {
  const plan = await planned(input, parameters, before);
  const rows = rowsOf(plan);
  return rows === null ? null : { rows, cost: plan["Total Cost"] ?? null };
}

export async function planPart(input: ImpactInput, before: readonly string[]): Promise<Part> {
  const plan = await planned(input, input.parameters, before);
  const lines: string[] = [];
  const warnings: string[] = [];
  describe(plan, 0, lines, warnings);
  return { rows: rowsOf(plan), plan: lines, warnings };
}

/** A change's own node says 0 rows where nothing is returned: what it changes is what comes from below. */
function rowsOf(plan: PlanNode): number | null {
  if (plan["Node Type"] !== "ModifyTable") return plan["Plan Rows"] ?? null;
  const below = (plan.Plans ?? []).map((one) => one["Plan Rows"] ?? 0);
  return below.length === 0 ? null : below.reduce((sum, one) => sum + one, 0);
}

const nodesMax = 60;

function describe(node: PlanNode, depth: number, lines: string[], warnings: string[]): void {
  if (lines.length >= nodesMax) return;
  lines.push(`${"  ".repeat(depth)}${words(node)}`);
  const rows = node["Plan Rows"] ?? 0;
  if (node["Node Type"] === "Seq Scan" && rows >= 10_000) {
    warnings.push(`it reads all of ${relation(node)}, and takes about ${counted(rows)} rows of it`);
  }
  for (const below of node.Plans ?? []) describe(below, depth + 1, lines, warnings);
}

const relation = (node: PlanNode) => node["Relation Name"] ?? "a table";

function words(node: PlanNode): string {
  const type = node["Node Type"];
  const about = `about ${counted(node["Plan Rows"] ?? 0)} rows`;
  const index = node["Index Name"] ?? "an index";
  switch (type) {
    case "ModifyTable":
      return `${node.Operation ?? "Change"} ${relation(node)}`;
    case "Seq Scan":
      return `read the whole of ${relation(node)} for ${about}`;
    case "Index Scan":
    case "Index Only Scan":
      return `find ${about} of ${relation(node)} by the index ${index}`;
    case "Bitmap Heap Scan":
      return `read ${about} of ${relation(node)} where indexes point`;
    case "Bitmap Index Scan":
      return `look in the index ${index} for ${about}`;
    case "Nested Loop":
    case "Hash Join":
    case "Merge Join":
      return `join (${type}) into ${about}`;
    case "Result":
    case "Values Scan":
      return `take values: ${about}`;
    default:
      return `${type}: ${about}`;
  }
}
