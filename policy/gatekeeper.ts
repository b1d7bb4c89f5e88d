/** The way in: which target, and who. Whether they may, admission.ts says. */
import type { AccessWaits } from "./access_waits.ts";
import { Admission, type AdmissionDeps, type Destination } from "./admission.ts";
import { noAccess } from "./session_ends.ts";
import { recordRefusal } from "./refusal_record.ts";
import { mayConnect } from "./decide.ts";
import { asPosternError, PosternError } from "./errors.ts";
import { GateSignIns, type SignInDeps } from "./gate_sign_ins.ts";
import type { AccessWait } from "./grant_ports.ts";
import { globMatcher } from "./glob.ts";
import type { LiveSession } from "./live.ts";
import type {
  BearerSignIns,
  ConnectionAttempt,
  Gatekeeper,
  PasswordChallenge,
  Session,
  SignIn,
} from "./ports.ts";
import type { Identity } from "./types.ts";

export type GatekeeperDeps = AdmissionDeps & SignInDeps & { readonly waits: AccessWaits };

/** The running sessions of this node. */
export interface LocalSessions {
  /** Ends a running session; false where there is none of that id. */
  end(id: string, by: string, reason: string): boolean;
  ids(): readonly string[];
  /** What each does now, the oldest first. */
  list(): readonly LiveSession[];
  /** Puts off the end of a person's sessions: how many; see SessionTimes.renew. */
  renew(identity: Identity, users: readonly string[]): number;
}

export interface GatekeeperService extends Gatekeeper, LocalSessions {
  /** Ends every session: Postern shuts down. */
  endAll(reason: PosternError): void;
}

export function createGatekeeper(deps: GatekeeperDeps): GatekeeperService {
  return new Gate(deps);
}

class Gate implements GatekeeperService {
  readonly #admission: Admission;
  readonly #signIns: GateSignIns;

  constructor(private readonly deps: GatekeeperDeps) {
    this.#signIns = new GateSignIns(deps, (attempt) => this.resolve(attempt));
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
    return this.#signIns.byBrowser(attempt);
  }

  signedIn(attempt: ConnectionAttempt): boolean {
    return this.#signIns.signedIn(attempt);
  }

  verifyPassword(attempt: ConnectionAttempt, password: string): Promise<Identity | null> {
    return this.#signIns.byPassword(attempt, password);
  }

  challenge(attempt: ConnectionAttempt): PasswordChallenge | null {
    return this.#signIns.challenge(attempt);
  }

  get bearer(): BearerSignIns {
    return this.#signIns.bearer;
  }

  access(attempt: ConnectionAttempt, identity: Identity): AccessWait | null {
    const { target } = this.resolve(attempt);
    // Who may not even ask is refused by admit(), with the reason.
    if (!mayConnect(identity, target)) return null;
    const wait = this.deps.waits.wait(attempt, identity, target);
    if (wait === null) return null;
    const refused = (error: unknown) =>
      recordRefusal(this.deps.journal, attempt, target.name, identity, asPosternError(error));
    return recordedWait(wait, refused);
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

  renew(identity: Identity, users: readonly string[]): number {
    return this.#admission.renew(identity, users);
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
}

/** Who does not get in is in the record, whether they were refused or went away. */
function recordedWait(wait: AccessWait, refused: (error: unknown) => void): AccessWait {
  let over = false;
  wait.outcome.then(() => over = true, (error) => {
    over = true;
    refused(error);
  });
  return {
    target: wait.target,
    url: wait.url,
    get standing() {
      return wait.standing;
    },
    outcome: wait.outcome,
    onChange: (listener) => wait.onChange(listener),
    abandon() {
      if (!over) refused(noAccess(wait.target));
      over = true;
      wait.abandon();
    },
  };
}
