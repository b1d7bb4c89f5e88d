/** Logout tokens: the issuer's word that somebody has signed out (OpenID Connect Back-Channel Logout 1.0, section 2.6). */
import { errors, jwtVerify } from "jose";
import type { Clock } from "../ports.ts";
import { authFailed } from "./errors.ts";
import type { Issuer } from "./issuer.ts";
import type { IdentityOptions } from "./options.ts";
import { algorithms } from "./token.ts";

const event = "http://schemas.openid.net/event/backchannel-logout";
const tokenCharsMax = 16_384;
/** Longest that one may say to be good, and that its `jti` is remembered. */
const lifetimeSecondsMax = 600;
const rememberedMax = 10_000;
const sessionsMax = 20_000;
const sidCharsMax = 256;

export interface LoggedOut {
  readonly subject: string | null;
  /** The session at the issuer; null where all of the subject's are meant. */
  readonly sid: string | null;
}

/** Sessions at the issuer whose person is remembered, for logout tokens that name nothing else. */
export class SessionSubjects {
  /** `sid` -> `sub`, oldest first. */
  readonly #subjects = new Map<string, string>();

  remember(sid: unknown, subject: string): void {
    if (!isSid(sid)) return;
    this.#subjects.set(sid, subject);
    for (const oldest of this.#subjects.keys()) {
      if (this.#subjects.size <= sessionsMax) break;
      this.#subjects.delete(oldest);
    }
  }

  of(sid: string): string | null {
    return this.#subjects.get(sid) ?? null;
  }
}

export const isSid = (sid: unknown): sid is string => typeof sid === "string" && sid.length <= sidCharsMax;

export class LogoutTokens {
  /** `jti` -> when it may be forgotten; oldest first. */
  readonly #seen = new Map<string, number>();

  constructor(
    private readonly issuer: Issuer,
    private readonly options: IdentityOptions,
    private readonly clock: Clock,
  ) {}

  /** Rejects with AuthFailed. Good once. */
  async verify(token: string): Promise<LoggedOut> {
    if (token.length > tokenCharsMax) throw bad("it is too long");
    const metadata = await this.issuer.metadata();
    const now = this.clock();
    const checks = {
      algorithms: [...algorithms],
      issuer: metadata.issuer,
      audience: this.options.clientId,
      clockTolerance: (this.options.clockSkewMs ?? 60_000) / 1000,
      currentDate: new Date(now),
      requiredClaims: ["iat", "exp", "jti", "events"],
      maxTokenAge: lifetimeSecondsMax,
    };
    const { payload, protectedHeader } = await jwtVerify(token, this.issuer.keyOf, checks).catch((error) => {
      throw error instanceof errors.JOSEError ? bad(error.code, error) : error;
    });
    const { typ } = protectedHeader;
    if (typ !== undefined && !/^((application\/)?logout\+jwt|jwt)$/i.test(typ)) {
      throw bad("its type is another");
    }
    // An ID token, which has a nonce and no such event, must never pass for one.
    if (payload.nonce !== undefined) throw bad("it has a `nonce`");
    const events = payload.events as Record<string, unknown> | null;
    if (typeof events !== "object" || events === null || typeof events[event] !== "object") {
      throw bad("it tells of no logout");
    }
    const { sub: subject, sid } = payload;
    if (typeof subject !== "string" && !isSid(sid)) throw bad("it names neither `sub` nor `sid`");
    this.#once(String(payload.jti), now);
    return { subject: subject ?? null, sid: isSid(sid) ? sid : null };
  }

  #once(jti: string, now: number): void {
    if ((this.#seen.get(jti) ?? 0) > now) throw bad("it was used before");
    this.#seen.set(jti, now + 2 * lifetimeSecondsMax * 1000);
    for (const [oldest, until] of this.#seen) {
      if (until > now && this.#seen.size <= rememberedMax) break;
      this.#seen.delete(oldest);
    }
  }
}

const bad = (why: string, cause?: unknown) =>
  authFailed(`The logout token is not good: ${why}`, "The issuer can send another", cause);
