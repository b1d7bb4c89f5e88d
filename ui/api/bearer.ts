/** Programs that speak to the API with a token of the issuer's, in the place of a browser's cookie. */
import { createHash } from "node:crypto";
import { asPosternError } from "../../policy/errors.ts";
import type { AccessToken, Clock, IdentityProvider } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";
import { ACCESS_TOKEN_HEADER } from "../contract.ts";
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

/** Seconds that it lasts, and the access token, beside an ID token: `3599 OPAQUE`. Absent where it is none. */
function besideOf(c: DashboardContext, now: number): AccessToken | undefined {
  const [, seconds = "", token = ""] =
    /^(\d{1,8}) ([\w.~+/-]{1,60000}=*)$/.exec(c.req.header(ACCESS_TOKEN_HEADER) ?? "") ?? [];
  return token === "" ? undefined : { token, endsAt: now + Number(seconds) * 1000 };
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
    const beside = besideOf(c, this.clock());
    const person = await this.identity.verifyToken(token, addressOf(c), beside).catch((thrown) => {
      const error = asPosternError(thrown);
      if (error.code !== "AuthFailed") throw error;
      throw new HttpRefusal(401, "NotSignedIn", error.message, error.hint ?? "Get a new token");
    });
    const id = createHash("sha256").update(token).digest("hex");
    const known = this.#sessions.get(id);
    if (known !== undefined && isAsGood(known.identity, person)) return known;
    const session = new BrowserSession(id, person, person.expiresAt, this.clock());
    this.#sessions.set(id, session);
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= sessionsMax) break;
      this.#sessions.delete(oldest);
    }
    return session;
  }
}

const isAsGood = (known: Identity, { groups, expiresAt }: Identity): boolean =>
  known.expiresAt >= expiresAt && known.groups.join("\n") === groups.join("\n");
