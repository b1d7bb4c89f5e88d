/** What people and machines look at, started from the config: the dashboard, and the address of probes and metrics. */
import type { z } from "zod";
import type { HealthCheck } from "../../policy/health.ts";
import type { Metrics } from "../../policy/metrics.ts";
import { loadAssets } from "./assets.ts";
import type { DashboardConfig } from "./config.ts";
import type { DashboardDeps } from "./http.ts";
import { type RunningDashboard, startDashboard } from "./mod.ts";
import { type opsSchema, startOps } from "./ops.ts";

export interface UiConfig {
  readonly dashboard: DashboardConfig;
  readonly metrics?: z.output<typeof opsSchema> | undefined;
}

/** The dashboard's dependencies, less what the config says. */
export type UiDeps =
  & Omit<DashboardDeps, "assets" | "url" | "limits" | "sessionLimits">
  & { readonly metrics: Metrics; readonly health: HealthCheck };

export const dashboardTls = ({ dashboard: { tls } }: UiConfig) =>
  tls === undefined ? undefined : { ...tls, key: tls.key.reveal() };

/** Rejects with what Deno.serve throws, `Deno.errors.AddrInUse` for a taken port; nothing listens then. */
export async function startUi(config: UiConfig, deps: UiDeps): Promise<RunningDashboard> {
  const { listen, url, sessions, limits } = config.dashboard;
  const tls = dashboardTls(config);
  // Getters stay getters: who has which role may change under a running dashboard.
  const dashboardDeps: DashboardDeps = Object.defineProperties(
    {
      url,
      assets: await loadAssets(),
      sessionLimits: { idleMs: sessions.idle, absoluteMs: sessions.absolute },
      limits,
    } as DashboardDeps,
    Object.getOwnPropertyDescriptors(deps),
  );
  const dashboard = startDashboard(
    dashboardDeps,
    { hostname: listen.host, port: listen.port, ...(tls === undefined ? {} : { tls }) },
  );
  try {
    const ops = config.metrics === undefined ? null : startOps(deps, config.metrics);
    return {
      ...dashboard,
      async close() {
        await Promise.all([ops?.close(), dashboard.close()]);
        deps.metrics.close();
      },
    };
  } catch (error) {
    await dashboard.close();
    throw error;
  }
}
