/** The record with its proof, as `postern audit export` writes it, streamed. */
import { z } from "zod";
import { dashboardAction } from "../../policy/audit/events.ts";
import type { EventFilter } from "../../policy/ports.ts";
import { addressOf, cursorSchema, type DashboardContext, type DashboardDeps, queryOf } from "./http.ts";

const text = z.string().min(1).max(200);
const exportQuery = z.strictObject({
  session: text.optional(),
  person: text.optional(),
  target: text.optional(),
  from: cursorSchema.optional(),
  to: cursorSchema.optional(),
  kind: z.enum(["read", "write", "ddl", "session", "transaction", "admin", "copy", "call", "unknown"])
    .optional(),
  verdict: z.enum(["allow", "approve", "deny"]).optional(),
  table: text.optional(),
  words: z.string().min(1).max(1000).optional(),
  template: z.string().min(1).max(20_000).optional(),
  rule: text.optional(),
  format: z.enum(["jsonl", "csv"]).default("jsonl"),
});

export function exportRoute(deps: DashboardDeps) {
  return async (c: DashboardContext): Promise<Response> => {
    const { format, ...query } = queryOf(c, exportQuery);
    const filter = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
    // Recorded before the first byte leaves.
    await deps.journal.append(dashboardAction(c.get("viewer").identity.name, {
      action: "record.exported",
      subject: query.session ?? "",
      detail: JSON.stringify(filter),
      address: addressOf(c),
    }, { session: query.session ?? null, target: query.target ?? null }));
    const name = `postern-${query.session?.replace(/[^\w-]/g, "_") ?? "record"}.${format}`;
    // Pulled: what the browser does not read yet is not asked of the store.
    const lines = ReadableStream.from(deps.journal.lines(filter as EventFilter, format));
    return c.body(lines.pipeThrough(new TextEncoderStream()), 200, {
      "content-type": `${format === "csv" ? "text/csv" : "application/jsonl"}; charset=utf-8`,
      "content-disposition": `attachment; filename="${name}"`,
    });
  };
}
