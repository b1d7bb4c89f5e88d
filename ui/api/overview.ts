/** The overview: for auditors and admins, who see everything it counts. */
import { z } from "zod";
import { HOURS_MAX, type OverviewFigures } from "../../policy/overview.ts";
import type { Overview } from "../contract.ts";
import { cursorSchema, type DashboardContext, type DashboardDeps, queryOf } from "./http.ts";

/** `from`: where the day begins for whoever asks, epoch milliseconds. */
const overviewQuery = z.strictObject({ from: cursorSchema });

/** However many look, the store counts once in this time. */
const FRESH_MS = 10_000;

const HOUR_MS = 3_600_000;

export function overviewRoute({ journal, live, approvals, health, clock }: DashboardDeps) {
  const known = new Map<number, { readonly at: number; readonly figures: Promise<OverviewFigures> }>();

  const figuresOf = (from: number): Promise<OverviewFigures> => {
    const now = clock();
    for (const [key, { at }] of known) if (now - at > FRESH_MS || now < at) known.delete(key);
    let found = known.get(from);
    if (found === undefined) {
      known.set(from, found = { at: now, figures: journal.overview({ from, to: now + 1 }) });
      found.figures.catch(() => known.delete(from));
    }
    return found.figures;
  };

  return async (c: DashboardContext): Promise<Response> => {
    const asked = queryOf(c, overviewQuery).from;
    const now = clock();
    const from = Math.min(now, Math.max(asked, now - HOURS_MAX * HOUR_MS));
    const [figures, parts] = await Promise.all([figuresOf(from), health.check()]);
    const body: Overview = {
      ...figures,
      hours: [...figures.hours],
      unusual: figures.unusual.map((one) => one.kind === "hour" ? { ...one, usual: [...one.usual] } : one),
      now,
      from,
      live: (await live.ids()).length,
      waiting: approvals.pending().length,
      health: { ...parts, parts: parts.parts.map((part) => ({ ...part })) },
    };
    return c.json(body);
  };
}
