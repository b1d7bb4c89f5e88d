/** Passwords that are made for one connection: bound to a target, good for minutes, used once, kept as verifiers. */
import type { Buffer } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import { PosternError } from "../errors.ts";
import { defaultLimits, type PolicyLimits } from "../config_limits.ts";
import { limitReached } from "../limits.ts";
import type { Clock } from "../ports.ts";
import type { Identity } from "../types.ts";
import { AttemptLimiter } from "./attempt_limiter.ts";
import { authFailed } from "./errors.ts";
import { minute } from "./options.ts";
import { endsInSuffix, newPassword, newSuffix } from "./secrets.ts";
import { type PasswordVerifiers, provesPassword, scramIterations, verifiersOf } from "./verifiers.ts";

export interface OneTimePasswordsOptions {
  readonly clock: Clock;
  /** Default 5 minutes. */
  readonly lifetimeMs?: number;
  /** Read at each use; those of the config's defaults unless told. */
  readonly limits?: () => PasswordLimits;
}

export type PasswordLimits = Pick<
  PolicyLimits,
  | "oneTimePasswordsMax"
  | "oneTimePasswordsPerPersonMax"
  | "failedSignInsPerAddressMax"
  | "failedSignInsPerUserMax"
>;

export interface IssuedPassword {
  /** The user name to connect with; it finds the password. */
  readonly user: string;
  /** Shown once, kept nowhere. */
  readonly password: string;
  readonly target: string;
  readonly expiresAt: number;
}

/** Who tries, where to, from where. */
export interface PasswordAttempt {
  readonly user: string;
  readonly target: string;
  readonly address: string;
}

/**
 * A sign-in by password under way. For a user that does not exist the verifiers are made up, always the
 * same for the same name, so that nobody learns which names exist.
 */
export interface PasswordChallenge {
  readonly verifiers: PasswordVerifiers;
  /** The wire has seen the proof. Uses the password up; throws AuthFailed where it has gone meanwhile. */
  succeed(): Identity;
  /** The proof was wrong: counts towards the limits. The error to show, the same for every reason. */
  fail(): PosternError;
}

interface Entry {
  readonly user: string;
  readonly identity: Identity;
  readonly target: string;
  readonly verifiers: PasswordVerifiers;
  readonly expiresAt: number;
}

const wrong = () =>
  authFailed(
    "The user name or the one-time password is wrong, used, expired, or for another target",
    "Get a new one from the dashboard, or with `postern connect`",
  );

/**
 * Whether a client with this user name is asked for a one-time password. By the form of the name alone: what
 * was issued, used or never heard of takes the same way, so that nobody learns which names exist.
 */
export const namesOneTimePassword = endsInSuffix;

export class OneTimePasswords {
  /** By user name, oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #perAddress: AttemptLimiter;
  readonly #perUser: AttemptLimiter;
  readonly #decoyKey = randomBytes(32);
  readonly #limits: () => PasswordLimits;

  constructor(private readonly options: OneTimePasswordsOptions) {
    const { clock, limits = () => defaultLimits } = options;
    this.#limits = limits;
    this.#perAddress = new AttemptLimiter(
      "limits.failedSignInsPerAddress",
      "from this address",
      () => limits().failedSignInsPerAddressMax,
      clock,
    );
    this.#perUser = new AttemptLimiter(
      "limits.failedSignInsPerUser",
      "for this user",
      () => limits().failedSignInsPerUserMax,
      clock,
    );
  }

  /** Throws LimitExceeded where the person, or everybody together, has too many unused. */
  issue(identity: Identity, target: string): IssuedPassword {
    this.#sweep();
    this.#checkLimits(identity);
    const now = this.options.clock();
    const expiresAt = Math.min(now + (this.options.lifetimeMs ?? 5 * minute), identity.expiresAt);
    if (expiresAt <= now) throw authFailed("Your own sign-in has expired", "Sign in to the dashboard again");
    const password = newPassword();
    const stem = identity.name.split("@")[0]?.toLowerCase().replace(/[^a-z0-9]/g, "").slice(0, 16) || "user";
    const user = `${stem}-${newSuffix()}`;
    this.#entries.set(user, {
      user,
      identity,
      target,
      verifiers: verifiersOf(password, this.#salt(user)),
      expiresAt,
    });
    return { user, password, target, expiresAt };
  }

  /** For the wire: what to challenge with. Throws LimitExceeded after too many failures. */
  challenge(attempt: PasswordAttempt): PasswordChallenge {
    this.#perAddress.check(attempt.address);
    this.#perUser.check(attempt.user);
    const entry = this.#find(attempt);
    return {
      verifiers: entry?.verifiers ?? this.#decoy(attempt.user),
      succeed: () => {
        // Once: of two connections with the same password, the one that proves it first has it.
        if (entry === null || this.#find(attempt) !== entry) throw this.#failed(attempt);
        this.#entries.delete(entry.user);
        return { ...entry.identity, method: "one-time-password" };
      },
      fail: () => this.#failed(attempt),
    };
  }

  /** For a password in the clear. Rejects guesses with AuthFailed, too many of them with LimitExceeded. */
  verify(attempt: PasswordAttempt, password: string): Identity {
    const challenge = this.challenge(attempt);
    if (!provesPassword(challenge.verifiers, password)) throw challenge.fail();
    return challenge.succeed();
  }

  /** Those of sign-ins that no longer count. */
  review(stays: (identity: Identity) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (!stays(entry.identity)) this.#entries.delete(entry.user);
    }
  }

  /** Nobody was told it after all: it takes no place. */
  withdraw({ user }: Pick<IssuedPassword, "user">): void {
    this.#entries.delete(user);
  }

  /** The person has left: none of their passwords works any more. */
  revoke(identity: Pick<Identity, "issuer" | "subject">): void {
    for (const entry of this.#entries.values()) if (isOf(entry, identity)) this.#entries.delete(entry.user);
  }

  #find({ user, target }: PasswordAttempt): Entry | null {
    const entry = this.#entries.get(user);
    const live = entry !== undefined && entry.target === target && entry.expiresAt > this.options.clock();
    return live ? entry : null;
  }

  #failed(attempt: PasswordAttempt): PosternError {
    this.#perAddress.fail(attempt.address);
    this.#perUser.fail(attempt.user);
    return wrong();
  }

  /** As cheap to find as real ones, so that the time an answer takes does not tell them apart. */
  #decoy(user: string): PasswordVerifiers {
    const made = (label: string) => this.#made(label, user);
    return {
      scram: {
        salt: this.#salt(user),
        iterations: scramIterations,
        storedKey: made("stored"),
        serverKey: made("server"),
      },
      doubleSha1: made("sha1").subarray(0, 20),
      doubleSha256: made("sha256"),
    };
  }

  /** One for each name, whatever becomes of its password: a salt that changed would tell that it was used. */
  #salt(user: string): Uint8Array {
    return this.#made("salt", user).subarray(0, 16);
  }

  #made(label: string, user: string): Buffer {
    return createHmac("sha256", this.#decoyKey).update(`${label}:${user}`).digest();
  }

  #checkLimits(identity: Identity): void {
    const { oneTimePasswordsMax, oneTimePasswordsPerPersonMax } = this.#limits();
    const mine = [...this.#entries.values()].filter((entry) => isOf(entry, identity)).length;
    const hint = "Use one of them, or wait until they expire";
    if (mine >= oneTimePasswordsPerPersonMax) {
      const said = `${mine} one-time passwords of yours wait unused (limits.oneTimePasswordsPerPerson)`;
      throw limitReached("limits.oneTimePasswordsPerPerson", said, hint);
    }
    if (this.#entries.size >= oneTimePasswordsMax) {
      const said = `${this.#entries.size} one-time passwords wait unused (limits.oneTimePasswords)`;
      throw limitReached("limits.oneTimePasswords", said, hint);
    }
  }

  #sweep(): void {
    const now = this.options.clock();
    for (const entry of this.#entries.values()) if (entry.expiresAt <= now) this.#entries.delete(entry.user);
  }
}

const isOf = (entry: Entry, { issuer, subject }: Pick<Identity, "issuer" | "subject">): boolean =>
  entry.identity.issuer === issuer && entry.identity.subject === subject;
