/** Signed-in browsers. Only a hash of the cookie is kept, in memory: a restart signs everybody out. */
import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";

export interface BrowserSessionLimits {
  /** Ends after this time without a request or an open event stream. */
  readonly idleMs: number;
  /** Ends after this time in any case, and never later than the identity does. */
  readonly absoluteMs: number;
  readonly perPersonMax: number;
  readonly totalMax: number;
}

export const defaultBrowserLimits: BrowserSessionLimits = {
  idleMs: 2 * 3_600_000,
  absoluteMs: 12 * 3_600_000,
  perPersonMax: 10,
  totalMax: 10_000,
};

/** How many looked-at sessions are remembered, so that one look is one audit event. */
const SEEN_MAX = 500;

export class BrowserSession {
  readonly #seen = new Map<string, number>();
  seenAt: number;

  constructor(
    readonly id: string,
    readonly identity: Identity,
    readonly expiresAt: number,
    now: number,
  ) {
    this.seenAt = now;
  }

  /** Remembers that this person saw a client's session; true where that was not so within `withinMs`. */
  sawSession(session: string, now: number, withinMs: number): boolean {
    const before = this.#seen.get(session);
    if (before !== undefined && now - before < withinMs) return false;
    this.#seen.delete(session);
    this.#seen.set(session, now);
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.keys().next().value!);
    return true;
  }

  forget(session: string): void {
    this.#seen.delete(session);
  }

  hasSeen(session: string): boolean {
    return this.#seen.has(session);
  }
}

export class BrowserSessions {
  // Oldest first, since a Map keeps the order of insertion.
  readonly #sessions = new Map<string, BrowserSession>();

  constructor(readonly clock: Clock, readonly limits: BrowserSessionLimits = defaultBrowserLimits) {}

  get size(): number {
    return this.#sessions.size;
  }

  /** A new session with a new secret of 256 bits; the oldest gives way where there are too many. */
  create(identity: Identity): { cookie: string; session: BrowserSession } {
    this.#sweep();
    const own = [...this.#sessions.values()].filter((session) => isSame(session.identity, identity));
    for (const session of own.slice(0, Math.max(0, own.length - this.limits.perPersonMax + 1))) {
      this.#sessions.delete(session.id);
    }
    if (this.#sessions.size >= this.limits.totalMax) {
      this.#sessions.delete(this.#sessions.keys().next().value!);
    }
    const now = this.clock();
    const cookie = randomBytes(32).toString("base64url");
    const expiresAt = Math.min(now + this.limits.absoluteMs, identity.expiresAt);
    const session = new BrowserSession(hashOf(cookie), identity, expiresAt, now);
    this.#sessions.set(session.id, session);
    return { cookie, session };
  }

  /** The session of a cookie, kept alive by being asked for; null for an unknown or expired one. */
  find(cookie: string | undefined): BrowserSession | null {
    if (cookie === undefined || cookie.length > 128) return null;
    const session = this.#sessions.get(hashOf(cookie));
    return session !== undefined && this.touch(session) ? session : null;
  }

  /** Keeps a session alive; false where it has ended. */
  touch(session: BrowserSession): boolean {
    if (this.#sessions.get(session.id) !== session) return false;
    if (!this.#isAlive(session)) {
      this.#sessions.delete(session.id);
      return false;
    }
    session.seenAt = this.clock();
    return true;
  }

  end(session: BrowserSession): void {
    this.#sessions.delete(session.id);
  }

  /** All of one person's, in whatever browser. */
  endOf(who: Pick<Identity, "issuer" | "subject">): void {
    for (const session of this.#sessions.values()) {
      if (isSame(session.identity, who)) this.#sessions.delete(session.id);
    }
  }

  /** Those of sign-ins that no longer count. */
  review(stays: (identity: Identity) => boolean): void {
    for (const session of this.#sessions.values()) {
      if (!stays(session.identity)) this.#sessions.delete(session.id);
    }
  }

  #isAlive(session: BrowserSession): boolean {
    const now = this.clock();
    return now < session.expiresAt && now - session.seenAt < this.limits.idleMs;
  }

  #sweep(): void {
    for (const session of this.#sessions.values()) {
      if (!this.#isAlive(session)) this.#sessions.delete(session.id);
    }
  }
}

function isSame(one: Identity, other: Pick<Identity, "issuer" | "subject">): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}

function hashOf(cookie: string): string {
  return createHash("sha256").update(cookie).digest("hex");
}
