/** The shape of a preview in the record: see policy/sql/impact.ts. */
import { z } from "zod";
import { strings } from "./common_data.ts";

const rows = z.array(z.array(z.string().nullable()).readonly()).readonly();

export const impactData = z.strictObject({
  rows: z.number().nullable(),
  plan: strings,
  tables: z.array(
    z.strictObject({
      name: z.string(),
      access: z.enum(["read", "write"]),
      rows: z.number().nullable(),
      bytes: z.number().nullable(),
      indexes: z.number(),
    }).readonly(),
  ).readonly(),
  triggers: strings,
  cascades: strings,
  locks: strings,
  warnings: strings,
  exactRows: z.number().nullable(),
  samples: z.strictObject({ columns: strings, before: rows, after: rows.nullable() }).readonly().nullable(),
  missing: strings,
}).readonly();
