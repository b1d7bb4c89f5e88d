/** For machines that watch Postern: metrics and probes, on an address of their own. No sign-in: bind it where only they are. */
import { Hono } from "hono";
import { z } from "zod";
import type { HealthCheck } from "../../policy/health.ts";
import type { Log } from "../../policy/log.ts";
import type { Metrics } from "../../policy/metrics.ts";
import { address } from "../../policy/config_values.ts";
import { type HttpListener, listenHttp } from "./listener.ts";

export const opsSchema = z.strictObject({
  /** Where `/metrics`, `/healthz` and `/readyz` are served, in plain HTTP. */
  listen: address,
});

export interface OpsDeps {
  readonly metrics: Metrics;
  readonly health: HealthCheck;
  readonly log: Log;
}

export function opsApp({ metrics, health }: Pick<OpsDeps, "metrics" | "health">): Hono {
  const app = new Hono();
  app.get(
    "/metrics",
    async (c) => c.body(await metrics.text(), 200, { "content-type": metrics.contentType }),
  );
  app.get("/healthz", (c) => c.json({ ok: true }));
  app.get("/readyz", async (c) => {
    const answer = await health.check();
    return c.json(answer, answer.ready ? 200 : 503);
  });
  return app;
}

/** Throws what Deno.serve throws, `Deno.errors.AddrInUse` for a taken port. */
export function startOps(
  deps: OpsDeps,
  { listen: { host: hostname, port } }: z.output<typeof opsSchema>,
): HttpListener {
  return listenHttp(opsApp(deps), { hostname, port }, deps.log);
}
