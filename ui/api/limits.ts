/** The config's `dashboard.limits`. */
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { duration, size } from "../../policy/config_values.ts";
import { limitReached } from "../../policy/limits.ts";
import type { DashboardEnv } from "./http.ts";

const count = (usual: number, max = 100_000) => z.int().min(1).max(max).default(usual);

export const dashboardLimitsSchema = z.strictObject({
  /** Of one address; people behind one proxy share it. */
  requestsPerMinute: z.int().min(10).max(1_000_000).default(1200),
  connections: count(1000),
  connectionsPerAddress: count(200),
  /** Of a request, its body included; the connection is cut then. */
  arrival: duration("1s", "5m").default(10_000),
  /** Of a request. */
  body: size("1KB", "16MB").default(64 * 1024),
  /** Of one sign-in. */
  eventStreams: count(20, 1000),
  eventStreamsInAll: count(1000),
  /** Each reads everything between a session's first and last event: a few at a time are enough. */
  recordChecks: count(2, 100),
  /** Of one person. */
  consoleStatements: count(4, 100),
});

export type DashboardLimits = z.output<typeof dashboardLimitsSchema>;

/** Where nothing is said. */
export const defaultDashboardLimits: DashboardLimits = dashboardLimitsSchema.parse({});

/** Refuses a body that is too large, and one that does not come in time. */
export function wholeBody({ body, arrival }: DashboardLimits): MiddlewareHandler<DashboardEnv> {
  const tooLarge = bodyLimit({
    maxSize: body,
    onError: () => {
      throw limitReached(
        "dashboard.limits.body",
        `A request's body may have at most ${body} bytes (dashboard.limits.body)`,
        "Send less at once",
      );
    },
  });
  return async (c, next) => {
    if (c.req.raw.body !== null) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() =>
          reject(limitReached(
            "dashboard.limits.arrival",
            `The request did not come to its end within ${arrival} ms (dashboard.limits.arrival)`,
            "Send it again",
          )), arrival);
      });
      // Read once, and kept for the route. One of no announced length is read by the check of its size already.
      const whole = Promise.resolve(tooLarge(c, async () => void await c.req.arrayBuffer()));
      // It may fail later, when nobody waits for it any more.
      whole.catch(() => {});
      try {
        await Promise.race([whole, late]);
      } finally {
        clearTimeout(timer);
      }
    }
    await next();
  };
}
