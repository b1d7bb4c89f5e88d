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

export class AuthRoutes {
  readonly #base: URL;
  readonly #callback: URL;
  readonly #names: ReturnType<typeof cookieNames>;

  constructor(private readonly deps: DashboardDeps, private readonly sessions: BrowserSessions) {
    this.#base = new URL(deps.url);
    this.#callback = new URL("/auth/callback", this.#base);
    this.#names = cookieNames(this.#base);
  }

  readonly login = async (c: DashboardContext): Promise<Response> => {
    const next = localPath(c.req.query("next"));
    if (sessionOf(c, this.sessions, this.#base) !== null) return c.redirect(next);
    const issuer = c.req.query("issuer");
    const issuers = this.deps.identity.choices?.() ?? [];
    if (issuer === undefined && issuers.length > 1) {
      return c.html(this.deps.assets.page({ choice: { issuers, next } }));
    }
    try {
      const { url, flow } = await this.deps.identity.begin(this.#callback.href, issuer);
      const value = Buffer.from(JSON.stringify({ flow, next })).toString("base64url");
      const name = this.#flowCookie(new URL(url).searchParams.get("state"));
      setCookie(c, name, value, { ...cookieOptions(this.#base), maxAge: FLOW_SECONDS });
      return c.redirect(url);
    } catch (error) {
      this.deps.log("warn", "a dashboard sign-in could not begin", { error: String(error) });
      return this.#failed(c, error);
    }
  };

  readonly callback = async (c: DashboardContext): Promise<Response> => {
    const name = this.#flowCookie(c.req.query("state") ?? null);
    const started = readFlow(getCookie(c, name));
    deleteCookie(c, name, cookieOptions(this.#base));
    try {
      if (started === null) {
        throw new PosternError("AuthFailed", "This sign-in was not begun in this browser, or took too long", {
          hint: "Sign in again",
        });
      }
      await this.#signIn(c, started.flow);
      return c.redirect(localPath(started.next));
    } catch (error) {
      this.deps.log("warn", "a dashboard sign-in failed", { error: String(error) });
      const reason = refusalOf(error).body.error.message;
      this.deps.journal.note(
        dashboardSignIn(null, { succeeded: false, groups: [], address: addressOf(c), reason }),
      );
      return this.#failed(c, error);
    }
  };

  readonly logout = (c: DashboardContext): Response => {
    // Everywhere: who signs out on one machine may have left another one open.
    this.sessions.endOf(c.get("session").identity);
    deleteCookie(c, this.#names.session, cookieOptions(this.#base));
    return c.json({ done: true });
  };

  /** Back-channel logout: the issuer itself calls, with a token that it has signed, and no browser. */
  readonly loggedOut = async (c: DashboardContext): Promise<Response> => {
    const { logout_token: token } = await c.req.parseBody();
    try {
      if (typeof token !== "string") throw new PosternError("AuthFailed", "There is no logout_token");
      if (this.deps.identity.loggedOut === undefined) {
        throw new PosternError("AuthFailed", "Not offered here");
      }
      await this.deps.identity.loggedOut(token);
      return c.body(null, 200);
    } catch (error) {
      const { message } = refusalOf(error).body.error;
      this.deps.log("warn", "a logout token was refused", { reason: message });
      return c.json({ error: "invalid_request", error_description: message }, 400);
    }
  };

  async #signIn(c: DashboardContext, flow: string): Promise<void> {
    // The public address, not the one that a proxy in front may have made of it.
    const returned = new URL(this.#callback);
    returned.search = new URL(c.req.url).search;
    const identity = await this.deps.identity.complete(returned, flow);
    await this.deps.journal.append(dashboardSignIn(identity.name, {
      succeeded: true,
      groups: [...identity.groups],
      address: addressOf(c),
      reason: "",
    }));
    // A new secret at every sign-in; what the browser had before ends.
    const previous = sessionOf(c, this.sessions, this.#base);
    if (previous !== null) this.sessions.end(previous);
    setCookie(c, this.#names.session, this.sessions.create(identity).cookie, cookieOptions(this.#base));
  }

  /** A cookie per attempt, so that two tabs signing in do not disturb each other. */
  #flowCookie(state: string | null): string {
    return `${this.#names.flow}-${createHash("sha256").update(state ?? "").digest("hex").slice(0, 16)}`;
  }

  /** What failed, on the sign-in page. */
  #failed(c: DashboardContext, thrown: unknown): Response | Promise<Response> {
    const { status, body } = refusalOf(thrown);
    const problem = { message: body.error.message, hint: body.error.hint ?? "Try again" };
    return c.html(this.deps.assets.page({ problem }), status as 403);
  }
}

function readFlow(cookie: string | undefined): { flow: string; next: string } | null {
  if (cookie === undefined) return null;
  try {
    return flowSchema.parse(JSON.parse(Buffer.from(cookie, "base64url").toString()));
  } catch {
    return null;
  }
}
