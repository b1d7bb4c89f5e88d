/** A client that waits for its person: who asks is shown, and only an explicit consent lets it in. */
import { type ConnectPage, consentSchema } from "../contract.ts";
import type { BrowserSessions } from "./browser_sessions.ts";
import { sessionOf } from "./guard.ts";
import { bodyOf, type DashboardContext, type DashboardDeps, HttpRefusal } from "./http.ts";
import { clientOf } from "./views.ts";

export function connectRoutes(deps: DashboardDeps, sessions: BrowserSessions) {
  const base = new URL(deps.url);

  const secretOf = (c: DashboardContext) => c.req.param("secret") ?? "";

  const found = (c: DashboardContext) => {
    const page = deps.signIns.find(secretOf(c));
    if (page === null) {
      throw new HttpRefusal(
        410,
        "LinkGone",
        "This link was used already, has expired, or was never given out",
        "Connect again with your client: it prints a new link",
      );
    }
    return page;
  };

  return {
    /** The page itself. Without a session the sign-in comes first, and leads back here. */
    page(c: DashboardContext): Response {
      if (sessionOf(c, sessions, base) === null) {
        return c.redirect(`/auth/login?next=${encodeURIComponent(c.req.path)}`);
      }
      return c.html(deps.assets.page());
    },

    show(c: DashboardContext): Response {
      const { code, target, client, deadlineAt } = found(c);
      const body: ConnectPage = { now: deps.clock(), code, target, client: clientOf(client), deadlineAt };
      return c.json(body);
    },

    async consent(c: DashboardContext): Promise<Response> {
      const { decision } = await bodyOf(c, consentSchema);
      found(c);
      const { identity } = c.get("viewer");
      if (decision === "confirm") deps.signIns.confirm(secretOf(c), identity);
      else deps.signIns.reject(secretOf(c), identity.name);
      return c.json({ done: true });
    },
  };
}
