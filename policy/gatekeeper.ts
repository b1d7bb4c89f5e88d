/** The way in: which target, and who. Whether they may, admission.ts says. */
import { Admission, attempted, type Destination, recordRefusal } from "./admission.ts";
import { signInFailed, signInSucceeded } from "./audit/events.ts";
import { asPosternError, PosternError } from "./errors.ts";
import { globMatcher } from "./glob.ts";
import type { LiveSession } from "./live.ts";
import { attemptOf, type OneTimePasswords } from "./identity/mod.ts";
import type {
  ConnectionAttempt,
  Gatekeeper,
  LiveSessions,
  PasswordChallenge,
  Session,
  SignIn,
} from "./ports.ts";
import type { SessionDeps } from "./session.ts";
import type { Identity, Target } from "./types.ts";

export interface GatekeeperDeps extends SessionDeps {
  readonly startSignIn: (attempt: ConnectionAttempt, target: Target) => SignIn;
  readonly verifyPassword: Gatekeeper["verifyPassword"];
  readonly passwords: OneTimePasswords;
}

export interface GatekeeperService extends Gatekeeper, LiveSessions {
  /** Ends every session: Postern shuts down. */
  endAll(reason: PosternError): void;
}

export function createGatekeeper(deps: GatekeeperDeps): GatekeeperService {
  return new Gate(deps);
}

class Gate implements GatekeeperService {
  readonly #admission: Admission;

  constructor(private readonly deps: GatekeeperDeps) {
    this.#admission = new Admission(deps);
  }

  resolve(attempt: ConnectionAttempt): Destination {
    const slash = attempt.database.indexOf("/");
    const name = slash < 0 ? attempt.database : attempt.database.slice(0, slash);
    const asked = slash < 0 ? "" : attempt.database.slice(slash + 1);
    const target = this.deps.inForce.current.targets.get(name);
    if (target === undefined || target.protocol !== attempt.protocol) {
      throw this.#unresolved(attempt, target?.name ?? null, {
        message: `There is no target "${name}" here`,
        rule: "targets",
        hint:
          "Name the target as the database, as in dbname=TARGET; the dashboard lists those that you may reach",
      });
    }
    const database = asked === "" ? target.database : asked;
    const allowed = database === target.database ||
      target.databases?.some((glob) => globMatcher(glob)(database));
    if (allowed !== true) {
      throw this.#unresolved(attempt, name, {
        message: `The target "${name}" does not offer the database "${database}"`,
        rule: `targets.${name}.databases`,
        hint: `Connect to "${name}" alone for its database "${target.database}"`,
      });
    }
    return { target, database };
  }

  signIn(attempt: ConnectionAttempt): SignIn {
    const { target } = this.resolve(attempt);
    const signIn = this.deps.startSignIn(attempt, target);
    this.#recordSignIn(attempt, target, "browser", signIn.identity);
    return signIn;
  }

  async verifyPassword(attempt: ConnectionAttempt, password: string): Promise<Identity | null> {
    const { target } = this.resolve(attempt);
    const verified = this.deps.verifyPassword(attempt, password);
    const identity = await verified.catch((error) => {
      this.#recordSignIn(attempt, target, "password", Promise.reject(error));
      throw error;
    });
    if (identity !== null) this.#recordSignIn(attempt, target, "password", Promise.resolve(identity));
    return identity;
  }

  challenge(attempt: ConnectionAttempt): PasswordChallenge | null {
    const { passwords } = this.deps;
    if (!passwords.has(attempt.client.user)) return null;
    const { target } = this.resolve(attempt);
    const challenge = passwords.challenge(attemptOf(attempt));
    const recorded = (identity: Promise<Identity>) =>
      this.#recordSignIn(attempt, target, "one-time password", identity);
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

  async admit(attempt: ConnectionAttempt, identity: Identity): Promise<Session> {
    return await this.#admission.admit(attempt, identity, this.resolve(attempt));
  }

  ids(): readonly string[] {
    return this.#admission.ids();
  }

  list(): readonly LiveSession[] {
    return this.#admission.list();
  }

  end(id: string, by: string, reason: string): boolean {
    return this.#admission.end(id, by, reason);
  }

  endAll(reason: PosternError): void {
    this.#admission.endAll(reason);
  }

  #unresolved(
    attempt: ConnectionAttempt,
    target: string | null,
    { message, rule, hint }: { message: string; rule: string; hint: string },
  ): PosternError {
    const error = new PosternError("PolicyDenied", message, { rule, hint });
    return recordRefusal(this.deps.journal, attempt, target, null, error);
  }

  #recordSignIn(
    attempt: ConnectionAttempt,
    target: Target,
    method: string,
    identity: Promise<Identity>,
  ): void {
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
