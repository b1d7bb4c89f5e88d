/**
 * Sign-in by browser, for a protocol that can show nothing while a client waits to be let in.
 *
 * The first connection is refused at once, and its error carries the link. The next one of the same client
 * waits for the browser, or is let in where that is done. "The same" is as tight as the wire allows: address,
 * user name, target and application. Who can connect from the same address under the same name within those
 * seconds could take the sign-in instead, which the code in the browser does not show: where people share an
 * address, one-time passwords are the way.
 */
import { PosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import type { ConnectionAttempt, Gatekeeper, SignIn } from "../../policy/ports.ts";
import type { Identity } from "../../policy/types.ts";

export interface LinkSignInOptions {
  /** From the confirmation to the first connection that uses it. */
  readonly claimMs: number;
  /** From the first connection on: others of the same pool share it. */
  readonly shareMs: number;
  /** Under way at one time. */
  readonly pendingMax: number;
  readonly clock: () => number;
}

export const linkDefaults: LinkSignInOptions = {
  claimMs: 120_000,
  shareMs: 30_000,
  pendingMax: 1_000,
  clock: Date.now,
};

interface Entry {
  readonly signIn: SignIn;
  /** Set once the browser has confirmed. */
  done: { readonly identity: Identity; until: number; used: boolean } | null;
}

export class LinkSignIns {
  readonly #entries = new Map<string, Entry>();

  constructor(private readonly options: LinkSignInOptions = linkDefaults) {}

  /**
   * Resolves once the person has confirmed; rejects with AuthFailed, whose text has the link, where there was no
   * sign-in under way. `gone` rejects when the client leaves: the sign-in stays, for its next connection.
   */
  async claim(gatekeeper: Gatekeeper, attempt: ConnectionAttempt, gone: Promise<never>): Promise<Identity> {
    const key = keyOf(attempt);
    const entry = this.#current(key);
    if (entry === null) throw this.#begin(key, gatekeeper, attempt);
    if (entry.done === null) await Promise.race([entry.signIn.identity, gone]);
    const { done } = entry;
    if (done === null) throw new PosternError("AuthFailed", "the sign-in was not confirmed");
    if (!done.used) {
      done.used = true;
      done.until = this.options.clock() + this.options.shareMs;
    }
    return done.identity;
  }

  /** This client has a sign-in that it can wait for, or use. */
  underWay(attempt: ConnectionAttempt): boolean {
    return this.#current(keyOf(attempt)) !== null;
  }

  /** The error with a link for this client: one that is under way already, or a new one. */
  announce(gatekeeper: Gatekeeper, attempt: ConnectionAttempt): PosternError {
    const key = keyOf(attempt);
    const entry = this.#current(key);
    return entry === null || entry.done !== null
      ? this.#begin(key, gatekeeper, attempt)
      : this.#message(entry.signIn);
  }

  #current(key: string): Entry | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (entry.done === null || this.options.clock() < entry.done.until) return entry;
    this.#entries.delete(key);
    return null;
  }

  #begin(key: string, gatekeeper: Gatekeeper, attempt: ConnectionAttempt): PosternError {
    this.#sweep();
    if (this.#entries.size >= this.options.pendingMax) {
      return limitReached(
        "limits.signIns",
        "too many sign-ins by browser are under way",
        "Try again in a minute, or use a one-time password from the dashboard",
      );
    }
    const signIn = gatekeeper.signIn(attempt);
    const entry: Entry = { signIn, done: null };
    this.#entries.set(key, entry);
    signIn.identity.then(
      (identity) => {
        entry.done = { identity, until: this.options.clock() + this.options.claimMs, used: false };
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return this.#message(signIn);
  }

  #message(signIn: SignIn): PosternError {
    const seconds = Math.max(1, Math.round((signIn.deadlineAt - this.options.clock()) / 1000));
    const within = seconds >= 120 ? `${Math.round(seconds / 60)} minutes` : `${seconds} seconds`;
    return new PosternError(
      "AuthFailed",
      `sign in at ${signIn.url} (code ${signIn.code}) within ${within}, then connect again`,
    );
  }

  #sweep(): void {
    const now = this.options.clock();
    for (const [key, { done }] of this.#entries) {
      if (done !== null && done.until <= now) this.#entries.delete(key);
    }
  }
}

function keyOf({ client, database }: ConnectionAttempt): string {
  return JSON.stringify([client.address, client.user, database, client.application]);
}
