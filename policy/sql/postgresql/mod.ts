/** PostgreSQL: its own parser, its catalog, lineage through both. */
import { PosternError } from "../../errors.ts";
import type { Catalog, Dialect } from "../dialect.ts";
import { PostgresqlAnalyst } from "./analyst.ts";
import { CatalogIndex } from "./catalog.ts";
import { catalogSchema } from "./catalog_schema.ts";
import { mark, type Section, sections } from "./catalog_sql.ts";
import { estimateOf, impactOf } from "./impact.ts";
import { split, startState } from "./split.ts";
import { probeAnswer, probeRole, probeText } from "./probe.ts";
import { postgresqlColours } from "./colours.ts";
import { loadParser } from "./parser.ts";

export const postgresqlDialect: Dialect = {
  id: "postgresql",
  ready: loadParser,
  colours: postgresqlColours,
  probe: probeText,
  probeAnswer,

  async readCatalog(target, database, query) {
    const data: Record<string, unknown> = { dialect: "postgresql", format: 1, readAt: Date.now() };
    for (const section of Object.keys(sections) as Section[]) {
      const rows = await query(target, database, sections[section]);
      data[section] = JSON.parse(rows[0]?.[0] ?? "null");
    }
    return catalogOf(data);
  },

  async catalogMark(target, database, query) {
    const rows = await query(target, database, mark);
    return rows[0]?.[0] ?? "";
  },

  impact: impactOf,
  estimate: estimateOf,
  startState,
  split,

  catalogFromJson(json) {
    let data: unknown;
    try {
      data = JSON.parse(json);
    } catch (cause) {
      throw new PosternError("Internal", "The catalog is no JSON", {
        cause,
        hint: "Write it anew with postern catalog",
      });
    }
    return catalogOf(data);
  },
};

function catalogOf(data: unknown): Catalog {
  const parsed = catalogSchema.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new PosternError(
      "Internal",
      `The catalog has an unexpected shape at ${issue?.path.join(".") ?? "its top"}`,
      {
        cause: parsed.error,
        hint: "Write it anew with postern catalog",
      },
    );
  }
  const index = new CatalogIndex(parsed.data);
  return {
    get json() {
      return JSON.stringify(data);
    },
    readAt: parsed.data.readAt,
    analyst: (_key, masks) => new PostgresqlAnalyst(index, masks),
    probeRole: (masks, role) => probeRole(index, new PostgresqlAnalyst(index, masks), role),
  };
}
