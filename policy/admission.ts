/** Admission: whether somebody who has signed in gets in now; and the sessions that came of it. */
import { sessionRefused, sessionStarted } from "./audit/events.ts";
import { everWrites, mayConnect } from "./decide.ts";
import { asPosternError, PosternError } from "./errors.ts";
import type { Policy } from "./in_force.ts";
import type { LiveSession } from "./live.ts";
import type { ConnectionAttempt, Journal, LiveSessions, Session } from "./ports.ts";
import { GatedSession, randomId, type SessionDeps, type SessionPlace } from "./session.ts";
import type { Identity, Target } from "./types.ts";

/** Where a connection wants to go, as it was resolved. */
export interface Destination {
  readonly target: Target;
  readonly database: string;
}

export class Admission implements LiveSessions {
  readonly #sessions = new Map<string, GatedSession>();
  /** Whose admission is under way: they count towards the limit before they have a session. */
  readonly #admitting: Identity[] = [];

  constructor(private readonly deps: SessionDeps) {
    deps.inForce.watch((policy) => this.#review(policy));
  }

  /** Records `session.started` durably; or `session.refused`, and rejects. */
  async admit(
    attempt: ConnectionAttempt,
    identity: Identity,
    { target, database }: Destination,
  ): Promise<Session> {
    const { journal } = this.deps;
    const objection = this.#objection(identity, target);
    if (objection !== null) throw recordRefusal(journal, attempt, target.name, identity, objection);
    this.#admitting.push(identity);
    try {
      await this.deps.catalogs.load(target, database);
      const place = this.#place(attempt, identity, { target, database });
      await journal.append(sessionStarted({ ...place, policy: this.deps.inForce.current.digest }));
      return this.#open(place);
    } catch (error) {
      throw recordRefusal(journal, attempt, target.name, identity, asPosternError(error));
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

  list(): readonly LiveSession[] {
    return [...this.#sessions.values()].map((session) => session.live());
  }

  endAll(reason: PosternError): void {
    for (const session of this.#sessions.values()) session.terminate(reason);
  }

  #place(
    attempt: ConnectionAttempt,
    identity: Identity,
    { target, database }: Destination,
  ): SessionPlace {
    const { client } = attempt;
    const where = { target, database, clientAddress: client.address };
    return {
      id: randomId(),
      identity,
      target,
      database,
      client,
      readOnly: !everWrites(identity, where, this.deps.inForce.current.rules),
    };
  }

  /** A new policy may have closed a target, or closed it to somebody: their sessions end now. */
  #review({ targets }: Policy): void {
    for (const session of this.#sessions.values()) {
      const { name } = session.target;
      const target = targets.get(name);
      if (target !== undefined && mayConnect(session.identity, target)) continue;
      session.terminate(
        new PosternError("PolicyDenied", `The policy changed: it no longer lets you use ${name}`, {
          rule: target === undefined ? "targets" : `targets.${name}.groups`,
          hint: "Ask whoever runs Postern if you still need access",
        }),
      );
    }
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
    if (mine >= this.deps.inForce.current.limits.sessionsPerPersonMax) {
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

  #open(place: SessionPlace): GatedSession {
    const { clock, inForce } = this.deps;
    const until = Math.min(place.identity.expiresAt, clock() + inForce.current.limits.sessionTimeMs);
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
}

export const attempted = (attempt: ConnectionAttempt) => ({
  client: attempt.client,
  protocol: attempt.protocol,
  requested: attempt.database,
});

/** Notes the refusal and gives the error back, to throw. `target` is null for one that is not configured. */
export function recordRefusal(
  journal: Pick<Journal, "note">,
  attempt: ConnectionAttempt,
  target: string | null,
  identity: Identity | null,
  error: PosternError,
): PosternError {
  const { code, rule = "", message: reason } = error;
  journal.note(sessionRefused(target, attempted(attempt), identity, { code, rule, reason }));
  return error;
}

export function samePerson(
  one: Pick<Identity, "issuer" | "subject">,
  other: Pick<Identity, "issuer" | "subject">,
): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}
