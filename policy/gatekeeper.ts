/** The way in: which target, who, whether they may; and the sessions that came of it. */
import type { ApprovalService } from "./approval.ts";
import { sessionRefused, sessionStarted, signInFailed, signInSucceeded } from "./audit/events.ts";
import type { Catalogs } from "./catalogs.ts";
import { type CompiledRules, everWrites, mayConnect } from "./decide.ts";
import { asPosternError, PosternError } from "./errors.ts";
import { globMatcher } from "./glob.ts";
import { attemptOf, type OneTimePasswords } from "./identity/mod.ts";
import type { MaskSet } from "./masking.ts";
import type {
  Clock,
  ConnectionAttempt,
  Gatekeeper,
  Journal,
  LiveSessions,
  PasswordChallenge,
  Session,
  SignIn,
} from "./ports.ts";
import type { Recorder } from "./recorder.ts";
import { GatedSession, randomId } from "./session.ts";
import type { Identity, Target } from "./types.ts";

export interface GatekeeperDeps {
  readonly targets: readonly Target[];
  readonly rules: CompiledRules;
  /** The masks that count for these groups on this target. */
  readonly masksFor: (groups: readonly string[], target: string) => MaskSet;
  /** Digest of the rules and masks, for the record. */
  readonly policy: string;
  readonly limits: { readonly sessionsPerPersonMax: number; readonly sessionTimeMs: number };
  readonly journal: Journal;
  readonly recorder: Recorder;
  readonly approvals: ApprovalService;
  readonly catalogs: Catalogs;
  readonly startSignIn: (attempt: ConnectionAttempt, target: Target) => SignIn;
  readonly verifyPassword: Gatekeeper["verifyPassword"];
  readonly passwords: OneTimePasswords;
  readonly clock: Clock;
}

export interface GatekeeperService extends Gatekeeper, LiveSessions {
  /** Ends every session: Postern shuts down. */
  endAll(reason: PosternError): void;
}

export function createGatekeeper(deps: GatekeeperDeps): GatekeeperService {
  return new Gate(deps);
}

const attempted = (attempt: ConnectionAttempt) => ({
  client: attempt.client,
  protocol: attempt.protocol,
  requested: attempt.database,
});

class Gate implements GatekeeperService {
  readonly #sessions = new Map<string, GatedSession>();
  /** Whose admission is under way: they count towards the limit before they have a session. */
  readonly #admitting: Identity[] = [];
  readonly #targets: ReadonlyMap<string, Target>;

  constructor(private readonly deps: GatekeeperDeps) {
    this.#targets = new Map(deps.targets.map((target) => [target.name, target]));
  }

  resolve(attempt: ConnectionAttempt): { target: Target; database: string } {
    const slash = attempt.database.indexOf("/");
    const name = slash < 0 ? attempt.database : attempt.database.slice(0, slash);
    const asked = slash < 0 ? "" : attempt.database.slice(slash + 1);
    const target = this.#targets.get(name);
    if (target === undefined || target.protocol !== attempt.protocol) {
      throw this.#refused(
        attempt,
        name,
        null,
        new PosternError("PolicyDenied", `There is no target "${name}" here`, {
          rule: "targets",
          hint:
            "Name the target as the database, as in dbname=TARGET; the dashboard lists those that you may reach",
        }),
      );
    }
    const database = asked === "" ? target.database : asked;
    const allowed = database === target.database ||
      target.databases?.some((glob) => globMatcher(glob)(database));
    if (allowed !== true) {
      throw this.#refused(
        attempt,
        name,
        null,
        new PosternError(
          "PolicyDenied",
          `The target "${name}" does not offer the database "${database}"`,
          {
            rule: `targets.${name}.databases`,
            hint: `Connect to "${name}" alone for its database "${target.database}"`,
          },
        ),
      );
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
    const { target, database } = this.resolve(attempt);
    const objection = this.#objection(identity, target);
    if (objection !== null) throw this.#refused(attempt, target.name, identity, objection);
    this.#admitting.push(identity);
    try {
      await this.deps.catalogs.load(target, database);
      const place = {
        id: randomId(),
        identity,
        target,
        database,
        client: attempt.client,
        masks: this.deps.masksFor(identity.groups, target.name),
        readOnly: !everWrites(
          identity,
          { target, database, clientAddress: attempt.client.address },
          this.deps.rules,
        ),
      };
      await this.deps.journal.append(sessionStarted({ ...place, policy: this.deps.policy }));
      return this.#open(place);
    } catch (error) {
      throw this.#refused(attempt, target.name, identity, asPosternError(error));
    } finally {
      this.#admitting.splice(this.#admitting.indexOf(identity), 1);
    }
  }

  ids(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  end(id: string, by: string, reason: string): boolean {
    const session = this.#sessions.get(id);
    session?.terminate(
      new PosternError("PolicyDenied", `${by} ended this session${reason === "" ? "" : `: ${reason}`}`, {
        rule: "dashboard",
        hint: "Connect again if you still need access",
      }),
    );
    return session !== undefined;
  }

  endAll(reason: PosternError): void {
    for (const session of this.#sessions.values()) session.terminate(reason);
  }

  /** Why this person does not get in there now; null where they do. */
  #objection(identity: Identity, target: Target): PosternError | null {
    if (!mayConnect(identity, target)) {
      const groups = target.groups.join(", ");
      return new PosternError(
        "PolicyDenied",
        `${identity.name} may not connect to ${target.name}: it is for members of ${groups}`,
        {
          rule: `targets.${target.name}.groups`,
          hint: "Ask for membership of one of these groups, then sign in again",
        },
      );
    }
    const open = [...this.#sessions.values()].map((session) => session.identity);
    const mine = [...open, ...this.#admitting].filter((other) => samePerson(other, identity)).length;
    if (mine >= this.deps.limits.sessionsPerPersonMax) {
      return new PosternError(
        "LimitExceeded",
        `${identity.name} has ${mine} sessions open, which is the limit (limits.sessionsPerPerson)`,
        { rule: "limits.sessionsPerPerson", hint: "Close one of them, or end it in the dashboard" },
      );
    }
    if (identity.expiresAt <= this.deps.clock()) {
      return new PosternError("AuthFailed", "The sign-in has expired", {
        hint: "Connect again to sign in anew",
      });
    }
    return null;
  }

  #open(place: ConstructorParameters<typeof GatedSession>[1]): GatedSession {
    const { clock, limits } = this.deps;
    const until = Math.min(place.identity.expiresAt, clock() + limits.sessionTimeMs);
    const session: GatedSession = new GatedSession(this.deps, place, () => {
      clearTimeout(timer);
      this.#sessions.delete(place.id);
    });
    // setTimeout takes at most 2^31 - 1 ms; a later end is checked again then.
    const check = (): void => {
      const left = until - clock();
      if (left > 0) timer = setTimeout(check, Math.min(left, 2 ** 31 - 1));
      else {
        session.terminate(
          new PosternError("AuthFailed", "Your access has ended: the sign-in was good until now", {
            rule: "limits.sessionTime",
            hint: "Connect again to sign in anew",
          }),
        );
      }
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    check();
    this.#sessions.set(place.id, session);
    return session;
  }

  #refused(
    attempt: ConnectionAttempt,
    target: string,
    identity: Identity | null,
    error: PosternError,
  ): PosternError {
    this.deps.journal.note(
      sessionRefused(this.#targets.has(target) ? target : null, attempted(attempt), identity, {
        code: error.code,
        rule: error.rule ?? "",
        reason: error.message,
      }),
    );
    return error;
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

function samePerson(one: Identity, other: Identity): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}
