/** The record as JSON Lines, streamed: each line is an event as it is in the chain. */
import { z } from "zod";
import { dashboardAction } from "../../policy/audit/events.ts";
import type { EventFilter } from "../../policy/ports.ts";
import type { AuditEvent } from "../../policy/types.ts";
import { addressOf, cursorSchema, type DashboardContext, type DashboardDeps, queryOf } from "./http.ts";

const text = z.string().min(1).max(200);
const exportQuery = z.strictObject({
  session: text.optional(),
  person: text.optional(),
  target: text.optional(),
  from: cursorSchema.optional(),
  to: cursorSchema.optional(),
});

export function exportRoute(deps: DashboardDeps) {
  return async (c: DashboardContext): Promise<Response> => {
    const query = queryOf(c, exportQuery);
    const filter = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
    // Recorded before the first byte leaves.
    await deps.journal.append(dashboardAction(c.get("viewer").identity.name, {
      action: "record.exported",
      subject: query.session ?? "",
      detail: JSON.stringify(filter),
      address: addressOf(c),
    }, { session: query.session ?? null, target: query.target ?? null }));
    const name = `postern-${query.session?.replace(/[^\w-]/g, "_") ?? "record"}.jsonl`;
    return c.body(linesOf(deps.journal.export(filter as EventFilter)), 200, {
      "content-type": "application/jsonl; charset=utf-8",
      "content-disposition": `attachment; filename="${name}"`,
    });
  };
}

/** A pulled stream: what the browser does not read yet is not asked of the store. */
function linesOf(events: AsyncIterable<AuditEvent>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = events[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
