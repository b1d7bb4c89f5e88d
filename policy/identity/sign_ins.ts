/** Browser sign-ins that connections wait for: the two ends meet by the secret in the link. */
import { defaultLimits, type PolicyLimits } from "../config_limits.ts";
import { PosternError } from "../errors.ts";
import { limitReached } from "../limits.ts";
import type { Clock, ConnectionAttempt, SignIn, SignInPage, SignIns } from "../ports.ts";
import type { Identity } from "../types.ts";
import { authFailed, quoted } from "./errors.ts";
import { digestOf, newCode, newSecret } from "./secrets.ts";

export interface SignInsOptions {
  /** The dashboard's address, what links start with. */
  readonly url: string;
  /** How long a client waits for its person. */
  readonly timeoutMs: () => number;
  readonly clock: Clock;
  /** Waiting at the same time, in all and from one client address: the config's defaults unless told. */
  readonly limits?: () => Pick<PolicyLimits, "signInsMax" | "signInsPerAddressMax">;
}

export interface SignInService extends SignIns {
  /** Throws LimitExceeded where too many wait. The target's name is the attempt's unless given. */
  start(attempt: ConnectionAttempt, target?: { readonly name: string }): SignIn;
  /** How many wait now. */
  readonly waiting: number;
}

export function createSignIns(options: SignInsOptions): SignInService {
  return new Waiting(options);
}

interface Entry {
  readonly page: SignInPage;
  readonly address: string;
  readonly settle: (outcome: Identity | PosternError) => void;
}

const connectAgain = "Connect again for a new link";

class Waiting implements SignInService {
  /** By the digest of the link's secret. Settled ones are gone: a link works once. */
  readonly #entries = new Map<string, Entry>();
  readonly #base: string;

  constructor(private readonly options: SignInsOptions) {
    this.#base = options.url.replace(/\/+$/, "");
  }

  get waiting(): number {
    return this.#entries.size;
  }

  start(attempt: ConnectionAttempt, target?: { readonly name: string }): SignIn {
    this.#checkLimits(attempt.client.address);
    const secret = newSecret();
    const key = digestOf(secret);
    const { clock } = this.options;
    const timeoutMs = this.options.timeoutMs();
    const page: SignInPage = {
      code: this.#freshCode(),
      target: target?.name ?? attempt.database.split("/")[0] ?? "",
      client: attempt.client,
      deadlineAt: clock() + timeoutMs,
    };
    const { promise: identity, resolve, reject } = Promise.withResolvers<Identity>();
    // A client that went away leaves nobody to hear of it.
    identity.catch(() => {});
    const settle = (outcome: Identity | PosternError) => {
      if (!this.#entries.delete(key)) return;
      clearTimeout(timer);
      if (outcome instanceof PosternError) reject(outcome);
      else resolve(outcome);
    };
    const timer = setTimeout(() => settle(expired(timeoutMs)), timeoutMs);
    this.#entries.set(key, { page, address: attempt.client.address, settle });
    return {
      url: `${this.#base}/connect/${secret}`,
      code: page.code,
      deadlineAt: page.deadlineAt,
      identity,
      abandon: () => settle(authFailed("The client went away before anybody had signed in", connectAgain)),
    };
  }

  find(secret: string): SignInPage | null {
    return this.#live(secret)?.page ?? null;
  }

  confirm(secret: string, identity: Identity): void {
    const entry = this.#mustFind(secret);
    if (identity.expiresAt <= this.options.clock()) {
      throw authFailed("Your own sign-in has expired", "Sign in to the dashboard again, then open the link");
    }
    entry.settle(identity);
  }

  reject(secret: string, by: string): void {
    this.#mustFind(secret).settle(
      authFailed(`${by} refused this connection in the browser`, "If that was a mistake, connect again"),
    );
  }

  #mustFind(secret: string): Entry {
    const entry = this.#live(secret);
    if (entry === null) {
      throw authFailed("This link is used, expired, or its client has gone away", connectAgain);
    }
    return entry;
  }

  #live(secret: string): Entry | null {
    const entry = this.#entries.get(digestOf(secret));
    return entry !== undefined && entry.page.deadlineAt > this.options.clock() ? entry : null;
  }

  /** Two connections that wait at the same time never show the same code. */
  #freshCode(): string {
    const taken = new Set([...this.#entries.values()].map((entry) => entry.page.code));
    let code = newCode();
    while (taken.has(code)) code = newCode();
    return code;
  }

  #checkLimits(address: string): void {
    const { signInsMax, signInsPerAddressMax } = (this.options.limits ?? (() => defaultLimits))();
    const mine = [...this.#entries.values()].filter((entry) => entry.address === address).length;
    if (mine >= signInsPerAddressMax) {
      throw limitReached(
        "limits.signInsPerAddress",
        `${mine} connections from ${quoted(address)} wait for a sign-in already, which is the limit`,
        "Finish or close one of them first",
      );
    }
    if (this.#entries.size >= signInsMax) {
      throw limitReached(
        "limits.signIns",
        `${this.#entries.size} connections wait for a sign-in already, which is the limit`,
        "Try again in a minute",
      );
    }
  }
}

function expired(timeoutMs: number): PosternError {
  const seconds = Math.round(timeoutMs / 1000);
  const span = seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
  return authFailed(`Nobody signed in within ${span}`, connectAgain);
}
