/** Checks a session's part of the record, on demand: the very check that `postern audit verify` makes of an export. */
import { dashboardAction } from "../../policy/audit/events.ts";
import { limitReached } from "../../policy/limits.ts";
import { verifyLines } from "../../policy/audit/verify.ts";
import { askIntegritySchema, type Integrity } from "../contract.ts";
import { addressOf, bodyOf, type DashboardContext, type DashboardDeps, notFound } from "./http.ts";
import { seesSession } from "./replay.ts";

async function* plain(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) yield line.replace(/\n$/, "");
}

export function integrityRoute(deps: DashboardDeps) {
  let running = 0;
  return async (c: DashboardContext): Promise<Response> => {
    await bodyOf(c, askIntegritySchema);
    const viewer = c.get("viewer");
    const session = await deps.journal.session(c.req.param("id") ?? "");
    if (session === null || !await seesSession(deps, viewer, session)) throw notFound("session");
    if (running >= deps.limits.recordChecks) {
      throw limitReached(
        "dashboard.limits.recordChecks",
        "Other checks of the record are under way (dashboard.limits.recordChecks)",
        "Try again soon",
      );
    }
    running++;
    try {
      const found = await verifyLines(plain(deps.journal.lines({ session: session.id })));
      const body: Integrity = found.ok
        ? {
          at: found.at,
          ok: true,
          events: found.events,
          between: found.skipped,
          heads: found.heads,
          first: found.first,
          last: found.last,
          key: found.key,
          problem: null,
          sequence: null,
        }
        : {
          at: deps.clock(),
          ok: false,
          events: found.events,
          between: 0,
          heads: 0,
          first: null,
          last: null,
          key: null,
          problem: found.problem,
          sequence: found.sequence,
        };
      await deps.journal.append(dashboardAction(viewer.identity.name, {
        action: found.ok ? "record.verified" : "record.found-bad",
        subject: session.id,
        detail: found.ok ? `${found.events} events` : found.problem.slice(0, 500),
        address: addressOf(c),
      }, { session: session.id, target: session.target }));
      return c.json(body);
    } finally {
      running--;
    }
  };
}
