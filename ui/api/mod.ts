/** The dashboard: an HTTP application over policy's ports, and the listener that serves it. */
import { Hono } from "hono";
import { BearerSessions } from "./bearer.ts";
import { BrowserSessions, defaultBrowserLimits } from "./browser_sessions.ts";
import { admitted, rightHost, rightOrigin, securityHeaders } from "./guard.ts";
import { type DashboardDeps, type DashboardEnv, notFound, refusalOf } from "./http.ts";
import { type DashboardListener, defaultFrontLimits, type HttpListener, listenHttp } from "./listener.ts";
import { rateLimit } from "./rate_limit.ts";
import { type Route, routesOf } from "./routes.ts";
import { wholeBody } from "./limits.ts";
import { defaultStreamLimits, EventStreams } from "./stream.ts";

export { loadAssets } from "./assets.ts";
export { type DashboardConfig, dashboardSchema } from "./config.ts";
export type { DashboardDeps } from "./http.ts";
export type { DashboardListener } from "./listener.ts";
export type { RoleGroups } from "./roles.ts";

export interface Dashboard {
  readonly app: Hono<DashboardEnv>;
  readonly routes: readonly Route[];
  readonly sessions: BrowserSessions;
  readonly streams: EventStreams;
}

/** The application without a listener. Call `streams.close()` when done with it. */
export function createDashboard(deps: DashboardDeps): Dashboard {
  const url = new URL(deps.url);
  const sessions = new BrowserSessions(deps.clock, { ...defaultBrowserLimits, ...deps.sessionLimits });
  deps.departures?.subscribe((who) => sessions.endOf(who));
  deps.departures?.onReview((stays) => sessions.review(stays));
  const streams = new EventStreams(deps, sessions, {
    ...defaultStreamLimits,
    perSessionMax: deps.limits.eventStreams,
    totalMax: deps.limits.eventStreamsInAll,
  });
  const routes = routesOf(deps, sessions, streams);
  const app = new Hono<DashboardEnv>();

  app.onError((thrown, c) => {
    const { status, body } = refusalOf(thrown);
    if (status >= 500) {
      const cause = thrown.cause ?? thrown;
      deps.log("error", "a dashboard request failed", { path: c.req.routePath, error: String(cause) });
    }
    return c.json(body, status as 500);
  });
  app.notFound((c) => {
    if (c.req.method === "GET" && !c.req.path.startsWith("/api/")) return c.html(deps.assets.page(), 404);
    return c.json(refusalOf(notFound("route")).body, 404);
  });
  app.use(securityHeaders(url), rightHost(url), rateLimit(deps.limits.requestsPerMinute, deps.clock));
  app.use(rightOrigin(url));
  app.use(wholeBody(deps.limits));
  const bearers = new BearerSessions(deps.identity, deps.clock);
  const guard = { sessions, bearers, roles: () => deps.roles, url };
  for (const route of routes) app.on(route.method, route.path, admitted(route, guard), route.handle);

  return { app, routes, sessions, streams };
}

export interface RunningDashboard extends Pick<HttpListener, "port" | "setTls"> {
  readonly url: string;
  /** Ends event streams, lets requests under way finish, and stops listening. */
  close(): Promise<void>;
}

/** Serves the dashboard. Throws `Deno.errors.AddrInUse` for a taken port. */
export function startDashboard(deps: DashboardDeps, at: DashboardListener): RunningDashboard {
  const { app, streams } = createDashboard(deps);
  try {
    const { connections, connectionsPerAddress, arrival } = deps.limits;
    const limits = {
      ...defaultFrontLimits,
      connectionsMax: connections,
      connectionsPerAddressMax: connectionsPerAddress,
      arrivalMs: arrival,
    };
    const listener = listenHttp(app, { limits, ...at }, deps.log);
    return {
      url: deps.url,
      port: listener.port,
      setTls: (tls) => listener.setTls(tls),
      async close() {
        streams.close();
        await listener.close();
      },
    };
  } catch (error) {
    streams.close();
    throw error;
  }
}
