/** The config's `dashboard:` section. */
import { z } from "zod";
import { address, duration, tlsPair } from "../../policy/config_values.ts";
import { defaultBrowserLimits } from "./browser_sessions.ts";
import { dashboardLimitsSchema } from "./limits.ts";

const origin = z.string().transform((text, context) => {
  const url = URL.parse(text);
  const plain = url !== null && url.pathname === "/" && !url.search && !url.hash && !url.username;
  if (!plain || !/^https?:$/.test(url.protocol)) {
    context.addIssue({
      code: "custom",
      message: "must be http:// or https:// with a host and no path: links and cookies belong to it",
    });
    return z.NEVER;
  }
  return url.origin;
});

export const dashboardSchema = z.strictObject({
  listen: address,
  /** What links start with; no slash at the end. */
  url: origin,
  tls: tlsPair({}).optional(),
  limits: dashboardLimitsSchema.prefault({}),
  /** When browsers must sign in again: after this time without use, and after this time in any case. */
  sessions: z.strictObject({
    idle: duration("1m", "30d").default(defaultBrowserLimits.idleMs),
    absolute: duration("1m", "30d").default(defaultBrowserLimits.absoluteMs),
  }).default({ idle: defaultBrowserLimits.idleMs, absolute: defaultBrowserLimits.absoluteMs }),
});
export type DashboardConfig = z.output<typeof dashboardSchema>;
