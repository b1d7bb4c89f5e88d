/** Sign-in at the identity provider, and sign-out. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import { dashboardSignIn } from "../../policy/audit/events.ts";
import { PosternError } from "../../policy/errors.ts";
import type { BrowserSessions } from "./browser_sessions.ts";
import { cookieNames, cookieOptions, sessionOf } from "./guard.ts";
import { addressOf, type DashboardContext, type DashboardDeps, localPath, refusalOf } from "./http.ts";

/** How long somebody may take at the identity provider's pages. */
const FLOW_SECONDS = 600;

const flowSchema = z.strictObject({ flow: z.string(), next: z.string() });

export function authRoutes(deps: DashboardDeps, sessions: BrowserSessions) {
  const base = new URL(deps.url);
  const names = cookieNames(base);
  const callback = new URL("/auth/callback", base);

  /** A cookie per attempt, so that two tabs signing in do not disturb each other. */
  const flowCookie = (state: string | null) =>
    `${names.flow}-${createHash("sha256").update(state ?? "").digest("hex").slice(0, 16)}`;

  /** What failed, on the sign-in page. A request's own page keeps its place by `next`. */
  const failed = (c: DashboardContext, thrown: unknown) => {
    const { status, body } = refusalOf(thrown);
    const problem = { message: body.error.message, hint: body.error.hint ?? "Try again" };
    return c.html(deps.assets.page(problem), status as 403);
  };

  return {
    async login(c: DashboardContext): Promise<Response> {
      const next = localPath(c.req.query("next"));
      if (sessionOf(c, sessions, base) !== null) return c.redirect(next);
      try {
        const { url, flow } = await deps.identity.begin(callback.href);
        const value = Buffer.from(JSON.stringify({ flow, next })).toString("base64url");
        const state = new URL(url).searchParams.get("state");
        setCookie(c, flowCookie(state), value, { ...cookieOptions(base), maxAge: FLOW_SECONDS });
        return c.redirect(url);
      } catch (error) {
        deps.log("warn", "a dashboard sign-in could not begin", { error: String(error) });
        return failed(c, error);
      }
    },

    async callback(c: DashboardContext): Promise<Response> {
      const name = flowCookie(c.req.query("state") ?? null);
      const started = readFlow(getCookie(c, name));
      deleteCookie(c, name, cookieOptions(base));
      try {
        if (started === null) {
          throw new PosternError(
            "AuthFailed",
            "This sign-in was not begun in this browser, or took too long",
            {
              hint: "Sign in again",
            },
          );
        }
        // The public address, not the one that a proxy in front may have made of it.
        const returned = new URL(callback);
        returned.search = new URL(c.req.url).search;
        const identity = await deps.identity.complete(returned, started.flow);
        await deps.journal.append(dashboardSignIn(identity.name, {
          succeeded: true,
          groups: [...identity.groups],
          address: addressOf(c),
          reason: "",
        }));
        // A new secret at every sign-in; what the browser had before ends.
        const previous = sessionOf(c, sessions, base);
        if (previous !== null) sessions.end(previous);
        setCookie(c, names.session, sessions.create(identity).cookie, cookieOptions(base));
        return c.redirect(localPath(started.next));
      } catch (error) {
        const { body } = refusalOf(error);
        deps.log("warn", "a dashboard sign-in failed", { error: String(error) });
        deps.journal.note(dashboardSignIn(null, {
          succeeded: false,
          groups: [],
          address: addressOf(c),
          reason: body.error.message,
        }));
        return failed(c, error);
      }
    },

    logout(c: DashboardContext): Response {
      sessions.end(c.get("session"));
      deleteCookie(c, names.session, cookieOptions(base));
      return c.json({ done: true });
    },
  };
}

function readFlow(cookie: string | undefined): { flow: string; next: string } | null {
  if (cookie === undefined) return null;
  try {
    return flowSchema.parse(JSON.parse(Buffer.from(cookie, "base64url").toString()));
  } catch {
    return null;
  }
}
