/** Every route with who may use it: the one table that is served, and that tests walk. */
import { accessTable } from "./access.ts";
import { AuthRoutes } from "./auth.ts";
import type { BrowserSessions } from "./browser_sessions.ts";
import { consoleRoutes } from "./console.ts";
import { connectRoutes } from "./connect.ts";
import { detectionsRoute } from "./detections.ts";
import { exportRoute } from "./export.ts";
import { type Access, BACKCHANNEL_PATH } from "./guard.ts";
import type { About, DeliveriesAnswer, Me } from "../contract.ts";
import { type DashboardContext, type DashboardDeps, notFound } from "./http.ts";
import { integrityRoute } from "./integrity.ts";
import { LiveRoutes } from "./live.ts";
import { overviewRoute } from "./overview.ts";
import { policyRoutes } from "./policy.ts";
import { ReplayRoutes } from "./replay.ts";
import { requestRoutes } from "./requests.ts";
import { searchRoute } from "./search.ts";
import type { EventStreams } from "./stream.ts";
import { submitRoute } from "./submit.ts";
import { targetRoutes } from "./targets.ts";

export interface Route {
  readonly method: "GET" | "POST";
  /** As Hono matches it. */
  readonly path: string;
  readonly access: Access;
  /** Whether a program may come with a token of the issuer's, in the place of a browser's cookie. */
  readonly bearer?: true;
  /** Whether that program may be a service account, which is nobody. */
  readonly services?: true;
  readonly handle: (c: DashboardContext) => Response | Promise<Response>;
}

const bearer = true;
const services = true;
const everyone: Access = ["engineer"];
const auditors: Access = ["auditor", "admin"];

/** Pages of the app: the same document, which asks the API for what it shows. */
const pages = [
  "/",
  "/requests/:id",
  "/history",
  "/live",
  "/access",
  "/access/:id",
  "/advance",
  "/console",
  "/overview",
  "/rules",
  "/search",
  "/sessions",
  "/sessions/:id",
  "/connect",
];

export function routesOf(
  deps: DashboardDeps,
  sessions: BrowserSessions,
  streams: EventStreams,
): readonly Route[] {
  const connect = connectRoutes(deps, sessions);
  const requests = requestRoutes(deps);
  const replay = new ReplayRoutes(deps);
  const policy = policyRoutes(deps);
  const live = new LiveRoutes(deps);
  const targets = targetRoutes(deps);
  const page = (c: DashboardContext) => c.html(deps.assets.page());
  return [
    { method: "GET", path: "/healthz", access: "public", handle: (c) => c.json({ ok: true }) },
    { method: "GET", path: "/.well-known/postern", access: "public", handle: (c) => c.json(aboutOf(deps)) },
    { method: "GET", path: "/assets/:name", access: "public", handle: (c) => assetOf(c, deps) },
    ...pages.map((path): Route => ({ method: "GET", path, access: "public", handle: page })),
    { method: "GET", path: "/connect/:secret", access: "public", handle: connect.page },
    ...authTable(new AuthRoutes(deps, sessions)),
    {
      method: "GET",
      path: "/api/me",
      access: everyone,
      bearer,
      services,
      handle: (c) => c.json(meOf(c, deps)),
    },
    { method: "GET", path: "/api/stream", access: everyone, handle: (c) => streams.open(c) },
    { method: "GET", path: "/api/connect/:secret", access: everyone, handle: connect.show },
    { method: "POST", path: "/api/connect/:secret", access: everyone, handle: connect.consent },
    { method: "GET", path: "/api/targets", access: everyone, bearer, services, handle: targets.list },
    {
      method: "POST",
      path: "/api/targets/:name/password",
      access: everyone,
      bearer,
      services,
      handle: targets.password,
    },
    ...accessTable(deps),
    { method: "GET", path: "/api/requests", access: everyone, bearer, handle: requests.list },
    { method: "POST", path: "/api/requests", access: everyone, bearer, handle: submitRoute(deps) },
    { method: "GET", path: "/api/requests/:id", access: everyone, bearer, handle: requests.one },
    { method: "GET", path: "/api/requests/:id/others", access: everyone, handle: requests.others },
    // Who may decide this very request is up to its rule: Approvals refuses everybody else.
    { method: "POST", path: "/api/requests/:id/decision", access: everyone, handle: requests.decide },
    { method: "GET", path: "/api/history", access: everyone, handle: requests.history },
    { method: "GET", path: "/api/sessions", access: everyone, bearer, handle: replay.list },
    { method: "GET", path: "/api/sessions/:id", access: everyone, handle: replay.one },
    { method: "GET", path: "/api/sessions/:id/events", access: everyone, handle: replay.steps },
    { method: "GET", path: "/api/sessions/:id/events/:sequence", access: everyone, handle: replay.text },
    { method: "GET", path: "/api/sessions/:id/results/:sequence", access: everyone, handle: replay.results },
    { method: "POST", path: "/api/sessions/renew", access: everyone, bearer, handle: targets.renew },
    // Whose session it is, and who sees it, decides.
    { method: "POST", path: "/api/sessions/:id/end", access: everyone, handle: live.endOne },
    { method: "POST", path: "/api/sessions/:id/verify", access: everyone, handle: integrityRoute(deps) },
    ...consoleTable(deps),
    { method: "GET", path: "/api/overview", access: auditors, handle: overviewRoute(deps) },
    { method: "GET", path: "/api/policy", access: everyone, handle: policy.view },
    { method: "POST", path: "/api/policy/try", access: everyone, handle: policy.tryOut },
    { method: "GET", path: "/api/live", access: everyone, handle: live.list },
    { method: "POST", path: "/api/live/end", access: everyone, handle: live.endPerson },
    { method: "GET", path: "/api/search", access: everyone, handle: searchRoute(deps) },
    { method: "GET", path: "/api/detections", access: auditors, handle: detectionsRoute(deps) },
    { method: "GET", path: "/api/deliveries", access: auditors, handle: (c) => c.json(deliveriesOf(deps)) },
    { method: "GET", path: "/api/audit/export", access: auditors, handle: exportRoute(deps) },
  ];
}

const authTable = (auth: AuthRoutes): readonly Route[] => [
  { method: "GET", path: "/auth/login", access: "public", handle: auth.login },
  { method: "GET", path: "/auth/callback", access: "public", handle: auth.callback },
  { method: "POST", path: BACKCHANNEL_PATH, access: "public", handle: auth.loggedOut },
  { method: "POST", path: "/auth/logout", access: everyone, handle: auth.logout },
];

/** For `postern login`, which knows nothing but this address. */
function aboutOf({ cli, version }: DashboardDeps): About {
  return { version, issuer: cli.issuer, clientId: cli.clientId };
}

function deliveriesOf({ deliveries, clock }: DashboardDeps): DeliveriesAnswer {
  return { now: clock(), channels: [...deliveries.states()] };
}

function consoleTable(deps: DashboardDeps): Route[] {
  const { targets, run } = consoleRoutes(deps);
  return [
    { method: "GET", path: "/api/console", access: everyone, handle: targets },
    { method: "POST", path: "/api/console/run", access: everyone, handle: run },
  ];
}

function meOf(c: DashboardContext, deps: DashboardDeps): Me {
  const { identity, roles } = c.get("viewer");
  return {
    name: identity.name,
    groups: [...identity.groups],
    roles: [...roles],
    expiresAt: c.get("session").expiresAt,
    now: deps.clock(),
    version: deps.version,
  };
}

function assetOf(c: DashboardContext, deps: DashboardDeps): Response {
  const asset = deps.assets.file(c.req.path);
  if (asset === null) throw notFound("file");
  const headers: Record<string, string> = {
    "content-type": asset.type,
    "cache-control": "public, max-age=31536000, immutable",
    etag: asset.etag,
    vary: "accept-encoding",
  };
  if (c.req.header("if-none-match") === asset.etag) return c.body(null, 304, headers);
  const accepted = c.req.header("accept-encoding") ?? "";
  const encoding = /\bbr\b/.test(accepted) ? "br" : /\bgzip\b/.test(accepted) ? "gzip" : null;
  if (encoding === null) return c.body(asset.body, 200, headers);
  return c.body(asset[encoding], 200, { ...headers, "content-encoding": encoding });
}
