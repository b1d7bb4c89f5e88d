/** The config's `dashboard:` section. */
import { z } from "zod";
import { defaultBrowserLimits } from "./browser_sessions.ts";

const listenSchema = z.string().transform((text, context) => {
  const [, hostname, digits] = /^(\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (hostname === undefined || port > 65_535) {
    context.addIssue({ code: "custom", message: "must be address:port, such as 127.0.0.1:8443" });
    return z.NEVER;
  }
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port };
});

const urlSchema = z.string().transform((text, context) => {
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

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const durationSchema = z.string().regex(/^\d{1,6}[smhd]$/, "must be a duration such as 30m or 12h").transform(
  (text) => Number(text.slice(0, -1)) * units[text.slice(-1) as keyof typeof units],
).refine((ms) => ms >= 60_000, "must be at least a minute");

/** Where a secret or a certificate is read from; resolved by whoever reads the config. */
const referenceSchema = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
]);

export const dashboardSchema = z.strictObject({
  listen: listenSchema,
  /** What links start with; no slash at the end. */
  url: urlSchema,
  tls: z.strictObject({ certificate: referenceSchema, key: referenceSchema }).optional(),
  /** When browsers must sign in again: after this time without use, and after this time in any case. */
  sessions: z.strictObject({
    idle: durationSchema.default(defaultBrowserLimits.idleMs),
    absolute: durationSchema.default(defaultBrowserLimits.absoluteMs),
  }).default({ idle: defaultBrowserLimits.idleMs, absolute: defaultBrowserLimits.absoluteMs }),
});
export type DashboardConfig = z.infer<typeof dashboardSchema>;
