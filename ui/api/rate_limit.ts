/** How many requests one address may make in a minute: a program that runs wild must not keep approvers out. */
import type { MiddlewareHandler } from "hono";
import { limitReached } from "../../policy/limits.ts";
import type { Clock } from "../../policy/ports.ts";
import { addressOf, type DashboardEnv } from "./http.ts";

const windowMs = 60_000;
/** Addresses that are counted at a time; past that the oldest count is forgotten. */
const addressesMax = 10_000;

interface Count {
  readonly since: number;
  requests: number;
}

/** Answers 429 with `retry-after` for what is over the limit; the app's own files do not count. */
export function rateLimit(perMinute: number, clock: Clock): MiddlewareHandler<DashboardEnv> {
  const counts = new Map<string, Count>();
  return async (c, next) => {
    if (!c.req.path.startsWith("/assets/")) {
      const now = clock();
      const address = addressOf(c);
      let count = counts.get(address);
      if (count === undefined || now - count.since >= windowMs || now < count.since) {
        counts.delete(address);
        counts.set(address, count = { since: now, requests: 0 });
        for (const oldest of counts.keys()) {
          if (counts.size <= addressesMax) break;
          counts.delete(oldest);
        }
      }
      if (++count.requests > perMinute) {
        const seconds = Math.ceil((count.since + windowMs - now) / 1000);
        c.header("retry-after", String(seconds));
        throw limitReached(
          "dashboard.limits.requestsPerMinute",
          `Your address made more than ${perMinute} requests in a minute (dashboard.limits.requestsPerMinute)`,
          `Try again in ${seconds} s`,
        );
      }
    }
    await next();
  };
}
