/** Programs that speak to the API with a token of the issuer's, in the place of a browser's cookie. */
import { createHash } from "node:crypto";
import { asPosternError } from "../../policy/errors.ts";
import type { Clock, IdentityProvider } from "../../policy/ports.ts";
import { BrowserSession } from "./browser_sessions.ts";
import { addressOf, type DashboardContext, HttpRefusal } from "./http.ts";

/** How many tokens' looks at sessions are remembered, so that one look is one audit event. */
const sessionsMax = 1000;

/** The token of a request that brings one; null for a browser's. */
export function bearerOf(c: DashboardContext): string | null {
  const header = c.req.header("authorization");
  if (header === undefined) return null;
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(header)?.[1] ?? "";
}

export class BearerSessions {
  /** By the digest of the token; oldest first. */
  readonly #sessions = new Map<string, BrowserSession>();

  constructor(
    private readonly identity: Pick<IdentityProvider, "verifyToken">,
    private readonly clock: Clock,
  ) {}

  /** Verified anew at each request. Rejects with HttpRefusal 401, or what else the verification says. */
  async of(c: DashboardContext, token: string): Promise<BrowserSession> {
    const person = await this.identity.verifyToken(token, addressOf(c)).catch((thrown) => {
      const error = asPosternError(thrown);
      if (error.code !== "AuthFailed") throw error;
      throw new HttpRefusal(401, "NotSignedIn", error.message, error.hint ?? "Get a new token");
    });
    const id = createHash("sha256").update(token).digest("hex");
    const known = this.#sessions.get(id);
    if (known !== undefined && known.identity.groups.join("\n") === person.groups.join("\n")) return known;
    const session = new BrowserSession(id, person, person.expiresAt, this.clock());
    this.#sessions.set(id, session);
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= sessionsMax) break;
      this.#sessions.delete(oldest);
    }
    return session;
  }
}
