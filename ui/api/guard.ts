/** What holds for every request: response headers, the right host, the right origin, a session, a role. */
import { getCookie } from "hono/cookie";
import type { MiddlewareHandler } from "hono";
import type { Role } from "../contract.ts";
import { bearerOf, type BearerSessions } from "./bearer.ts";
import type { BrowserSessions } from "./browser_sessions.ts";
import { type DashboardContext, type DashboardEnv, HttpRefusal } from "./http.ts";
import type { Route } from "./routes.ts";
import { hasRole, type RoleGroups, viewerOf } from "./roles.ts";

/** `public`: no sign-in. `engineer`: everyone signed in. Otherwise one of the roles. */
export type Access = "public" | readonly [Role, ...Role[]];

/** A header that only a script of the same origin can set: a form or an image of another site cannot. */
export const REQUEST_HEADER = "postern-request";

/** Where the issuer calls, by itself: what it says is signed, and needs no other proof of where it comes from. */
export const BACKCHANNEL_PATH = "/auth/backchannel-logout";

/** Names of cookies; `__Host-` binds them to this host and to https, where the dashboard has it. */
export function cookieNames(url: URL): { readonly session: string; readonly flow: string } {
  const prefix = url.protocol === "https:" ? "__Host-" : "";
  return { session: `${prefix}postern-session`, flow: `${prefix}postern-flow` };
}

export function cookieOptions(url: URL) {
  return { httpOnly: true, sameSite: "Lax", secure: url.protocol === "https:", path: "/" } as const;
}

const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Headers of every answer; `no-store` unless the route says otherwise. */
export function securityHeaders(url: URL): MiddlewareHandler<DashboardEnv> {
  return async (c, next) => {
    await next();
    const { headers } = c.res;
    headers.set("content-security-policy", csp);
    headers.set("x-content-type-options", "nosniff");
    headers.set("referrer-policy", "no-referrer");
    headers.set("cross-origin-opener-policy", "same-origin");
    headers.set("cross-origin-resource-policy", "same-origin");
    headers.set("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    headers.set("x-frame-options", "DENY");
    if (url.protocol === "https:") headers.set("strict-transport-security", "max-age=31536000");
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  };
}

/** Refuses another host's name (DNS rebinding); health checks may come by address. */
export function rightHost(url: URL): MiddlewareHandler<DashboardEnv> {
  return async (c, next) => {
    // Behind HTTP/2 the name is in the URL that Deno builds from `:authority`.
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    if (c.req.path !== "/healthz" && host.toLowerCase() !== url.host) {
      throw new HttpRefusal(
        421,
        "MisdirectedRequest",
        "This dashboard does not answer to that host name",
        `Open ${url.origin}`,
      );
    }
    await next();
  };
}

/** Refuses what another site caused: every state change, and every read of the API. */
export function rightOrigin(url: URL): MiddlewareHandler<DashboardEnv> {
  return async (c, next) => {
    const changes = c.req.method !== "GET" && c.req.method !== "HEAD";
    // No other site's page can make a browser send this header: such a request comes from a program.
    const byProgram = bearerOf(c) !== null || c.req.path === BACKCHANNEL_PATH;
    if (!byProgram && (changes || c.req.path.startsWith("/api/"))) {
      const origin = c.req.header("origin");
      const site = c.req.header("sec-fetch-site");
      const foreign = (origin !== undefined && origin !== url.origin) ||
        (site !== undefined && site !== "same-origin" && (changes || site !== "none"));
      const unproven = changes && ((origin ?? site) === undefined || c.req.header(REQUEST_HEADER) !== "1");
      if (foreign || unproven) {
        throw new HttpRefusal(
          403,
          "CrossSite",
          "This request did not come from the dashboard's own pages",
          `Open ${url.origin} and do it there`,
        );
      }
    }
    await next();
  };
}

export interface GuardDeps {
  readonly sessions: BrowserSessions;
  readonly bearers: BearerSessions;
  readonly roles: () => RoleGroups;
  readonly url: URL;
}

/** Finds the session, and refuses who is not signed in or lacks every role that the route wants. */
export function admitted(
  { access, bearer, services }: Pick<Route, "access" | "bearer" | "services">,
  deps: GuardDeps,
): MiddlewareHandler<DashboardEnv> {
  const { session: name } = cookieNames(deps.url);
  return async (c, next) => {
    if (access !== "public") {
      const token = bearerOf(c);
      if (token !== null && bearer !== true) throw noTokens();
      const session = token === null
        ? deps.sessions.find(getCookie(c, name))
        : await deps.bearers.of(c, token);
      if (session === null) throw notSignedIn();
      if (session.identity.method === "service" && services !== true) throw notForServices();
      const viewer = viewerOf(session.identity, deps.roles());
      if (!hasRole(viewer, access)) throw wrongRole(access);
      c.set("session", session);
      c.set("viewer", viewer);
    }
    await next();
  };
}

export function notSignedIn(): HttpRefusal {
  return new HttpRefusal(401, "NotSignedIn", "You are not signed in, or your session has ended", "Sign in");
}

function notForServices(): HttpRefusal {
  return new HttpRefusal(
    403,
    "Forbidden",
    "This is for people: a service account may ask what it reaches, and for one-time passwords",
    "Let a person do it",
  );
}

function noTokens(): HttpRefusal {
  return new HttpRefusal(
    401,
    "NotForTokens",
    "This is for the dashboard in a browser: it takes no token",
    "Open the dashboard and sign in there",
  );
}

function wrongRole(access: readonly Role[]): HttpRefusal {
  return new HttpRefusal(
    403,
    "Forbidden",
    `This needs the role ${access.join(" or ")}`,
    "Roles come from your groups at the identity provider; ask whoever runs Postern",
  );
}

/** The session of a request to a public route, where there is one. */
export function sessionOf(c: DashboardContext, sessions: BrowserSessions, url: URL) {
  return sessions.find(getCookie(c, cookieNames(url).session));
}
