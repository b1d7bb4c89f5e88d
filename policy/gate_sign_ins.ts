/** The ways in, as the record tells of them: each success and each failure of each way is noted. */
import { attempted } from "./refusal_record.ts";
import { signInFailed, signInSucceeded } from "./audit/events.ts";
import { asPosternError } from "./errors.ts";
import {
  attemptOf,
  namesOneTimePassword,
  type OneTimePasswords,
  type PresentedSignIns,
} from "./identity/mod.ts";
import type {
  BearerSignIns,
  ConnectionAttempt,
  Gatekeeper,
  Journal,
  PasswordChallenge,
  SignIn,
} from "./ports.ts";
import type { SharedSignIns } from "./identity/shared_sign_ins.ts";
import type { Traces } from "./traces/ports.ts";
import type { Identity, Target } from "./types.ts";

export interface SignInDeps {
  readonly journal: Pick<Journal, "note">;
  readonly shared: SharedSignIns;
  readonly presented: PresentedSignIns;
  readonly passwords: OneTimePasswords;
  readonly traces: Traces | null;
}

/** Told how a way in ended; null where nobody traces it. */
type Traced = ((outcome: Identity | Error) => void) | null;

export class GateSignIns {
  constructor(private readonly deps: SignInDeps, private readonly resolve: Gatekeeper["resolve"]) {}

  byBrowser(attempt: ConnectionAttempt): SignIn {
    const { target } = this.resolve(attempt);
    const traced = this.#traced(attempt, target, "browser");
    const signIn = this.deps.shared.start(attempt, target);
    this.#record(attempt, target, "browser", signIn.identity, traced);
    return signIn;
  }

  signedIn(attempt: ConnectionAttempt): boolean {
    return this.deps.shared.knows(attempt);
  }

  async byPassword(attempt: ConnectionAttempt, password: string): Promise<Identity | null> {
    return await this.#recorded(attempt, "password", this.deps.presented.verifyPassword(attempt, password));
  }

  get bearer(): BearerSignIns {
    const { bearer } = this.deps.presented;
    return {
      everyone: bearer.everyone,
      discovery: () => bearer.discovery(),
      verify: (attempt, token) => this.#recorded(attempt, "token", bearer.verify(attempt, token)),
    };
  }

  challenge(attempt: ConnectionAttempt): PasswordChallenge | null {
    const { passwords } = this.deps;
    if (!namesOneTimePassword(attempt.client.user)) return null;
    const { target } = this.resolve(attempt);
    const method = "one-time password";
    const challenge = passwords.challenge(attemptOf(attempt));
    const traced = this.#traced(attempt, target, method);
    const recorded = (identity: Promise<Identity>) => this.#record(attempt, target, method, identity, traced);
    return {
      verifiers: challenge.verifiers,
      succeed: () => {
        const identity = challenge.succeed();
        recorded(Promise.resolve(identity));
        return identity;
      },
      fail: () => {
        const error = challenge.fail();
        recorded(Promise.reject(error));
        return error;
      },
    };
  }

  async #recorded<T extends Identity | null>(
    attempt: ConnectionAttempt,
    method: string,
    verified: Promise<T>,
  ): Promise<T> {
    const { target } = this.resolve(attempt);
    const traced = this.#traced(attempt, target, method);
    const identity = await verified.catch((error) => {
      this.#record(attempt, target, method, Promise.reject(error), traced);
      throw error;
    });
    if (identity !== null) this.#record(attempt, target, method, Promise.resolve(identity), traced);
    return identity;
  }

  #traced(attempt: ConnectionAttempt, target: Target, method: string): Traced {
    return this.deps.traces?.signIn(attempt, target.name, method) ?? null;
  }

  #record(
    attempt: ConnectionAttempt,
    target: Target,
    method: string,
    identity: Promise<Identity>,
    traced: Traced,
  ): void {
    if (traced !== null) identity.then(traced, traced);
    identity.then(
      (person) => this.deps.journal.note(signInSucceeded(target.name, attempted(attempt), person)),
      (thrown) => {
        const { code, message } = asPosternError(thrown);
        this.deps.journal.note(
          signInFailed({ target: target.name }, attempted(attempt), { method, code, reason: message }),
        );
      },
    );
  }
}
