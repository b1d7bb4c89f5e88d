/** Admission: whether somebody who has signed in gets in now; and the sessions that came of it. */
import type { Accounts } from "./accounts.ts";
import { samePerson } from "./approval/people.ts";
import { sessionEnded, sessionStarted } from "./audit/events.ts";
import { everWrites, isFor, mayConnect } from "./decide.ts";
import { asPosternError, PosternError } from "./errors.ts";
import { limitReached } from "./limits.ts";
import { type Grant, isActive } from "./grant.ts";
import { mayWrite } from "./grant_scope.ts";
import type { Grants } from "./grants.ts";
import { departed, type Departures, noLongerKnown } from "./identity/mod.ts";
import { recordRefusal } from "./refusal_record.ts";
import type { Policy } from "./in_force.ts";
import type { LiveSession } from "./live.ts";
import type { LocalSessions } from "./gatekeeper.ts";
import type { ConnectionAttempt, Session } from "./ports.ts";
import { randomId } from "./random_id.ts";
import { accessOver, noAccess, takenForLost } from "./session_ends.ts";
import { SessionTimes } from "./session_times.ts";
import { GatedSession, type SessionDeps, type SessionPlace } from "./session.ts";
import type { Identity, Target } from "./types.ts";

export interface AdmissionDeps extends SessionDeps {
  readonly grants: Pick<Grants, "active" | "book">;
  readonly accounts: Pick<Accounts, "nameFor" | "create" | "drop">;
  readonly departures: Departures;
}

/** Where a connection wants to go, as it was resolved. */
export interface Destination {
  readonly target: Target;
  readonly database: string;
}

export class Admission implements LocalSessions {
  readonly #sessions = new Map<string, GatedSession>();
  /** Whose admission is under way: they count towards the limit before they have a session. */
  readonly #admitting: Identity[] = [];
  readonly #times: SessionTimes;

  constructor(private readonly deps: AdmissionDeps) {
    this.#times = new SessionTimes(deps);
    deps.inForce.watch((policy) => this.#review(policy));
    deps.departures.subscribe(({ issuer, subject, reason }) => {
      for (const session of this.#sessions.values()) {
        if (samePerson(session.identity, { issuer, subject })) session.terminate(departed(reason));
      }
    });
    deps.departures.onReview((stays) => {
      for (const session of this.#sessions.values()) {
        if (!stays(session.identity)) session.terminate(noLongerKnown(session.identity));
      }
    });
    // By a node that took this one for lost: what the record says is over is over.
    deps.journal.follow(({ session }) => {
      this.#sessions.get(session ?? "")?.terminate(takenForLost());
    }, ["session.ended"]);
    deps.grants.book.onChange((grant) => {
      if (!isActive(grant, deps.clock())) this.#endUnder(grant);
    });
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
      return this.#open(await this.#begin(this.#place(attempt, identity, { target, database })));
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

  renew(identity: Identity, users: readonly string[]): number {
    return this.#times.renew(identity, users);
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
    const found = this.deps.grants.active(identity, target);
    const grant = found === null ? null : {
      id: found.id,
      breakGlass: found.breakGlass,
      endsAt: found.endsAt ?? 0,
      scope: found.scope,
    };
    if (grant === null && needsGrant(target)) throw noAccess(target.name);
    return {
      id: randomId(),
      identity,
      target,
      database,
      client,
      readOnly: !everWrites(identity, where, this.deps.inForce.current.rules) ||
        (grant !== null && !mayWrite(grant.scope)),
      grant,
      account: null,
    };
  }

  /** A new policy may have closed a target, or closed it to somebody: their sessions end now. */
  #review({ targets }: Policy): void {
    for (const session of this.#sessions.values()) {
      const { name } = session.target;
      const target = targets.get(name);
      const opened = target !== undefined && this.deps.grants.active(session.identity, target) !== null;
      const stays = target !== undefined && mayConnect(session.identity, target) && !needsGrant(target);
      if (opened || stays) continue;
      session.terminate(
        new PosternError("PolicyDenied", `The policy changed: it no longer lets you use ${name}`, {
          rule: target === undefined ? "targets" : `targets.${name}.groups`,
          hint: "Ask whoever runs Postern if you still need access",
        }),
      );
    }
  }

  /** The grant is over: so are the sessions that it let in. */
  #endUnder(grant: Grant): void {
    for (const session of this.#sessions.values()) {
      if (session.grant?.id === grant.id) session.terminate(accessOver(grant.target, grant.outcome));
    }
  }

  /** Why this person does not get in there now; null where they do. */
  #objection(identity: Identity, target: Target): PosternError | null {
    const gone = this.deps.departures.objection(identity);
    if (gone !== null) return gone;
    if (!isFor(identity, target)) {
      return new PosternError("PolicyDenied", `${identity.name} is not bound to ${target.name}`, {
        rule: "identity.services",
        hint: `It reaches ${identity.targets?.join(", ")}; whoever runs Postern can change that`,
      });
    }
    const granted = this.deps.grants.active(identity, target) !== null;
    if (!granted && !mayConnect(identity, target)) {
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
    const { memoryBytesMax } = this.deps.inForce.current.limits;
    if (Deno.memoryUsage().rss > memoryBytesMax) {
      return limitReached(
        "limits.memory",
        `Postern is short of memory and lets nobody in (limits.memory: ${
          Math.round(memoryBytesMax / 1024 ** 2)
        } MB)`,
        "Try again in a moment, then tell whoever runs Postern",
      );
    }
    const open = [...this.#sessions.values()].map((session) => session.identity);
    const mine = [...open, ...this.#admitting].filter((other) => samePerson(other, identity)).length;
    if (mine >= this.deps.inForce.current.limits.sessionsPerPersonMax) {
      return limitReached(
        "limits.sessionsPerPerson",
        `${identity.name} has ${mine} sessions open, which is the limit (limits.sessionsPerPerson)`,
        "Close one of them, or end it in the dashboard",
      );
    }
    if (identity.expiresAt <= this.deps.clock()) {
      return new PosternError("AuthFailed", "The sign-in has expired", {
        hint: "Connect again to sign in anew",
      });
    }
    return null;
  }

  /** Its start is in the record before its account is made: see accounts.ts. */
  async #begin(place: SessionPlace): Promise<SessionPlace> {
    const { accounts, journal, inForce } = this.deps;
    const holder = holderOf(place);
    const name = await accounts.nameFor(holder);
    const target = name === null ? place.target : { ...place.target, account: { user: name } };
    await journal.record(sessionStarted({ ...place, target, policy: inForce.current.digest }));
    if (name === null) return place;
    try {
      return { ...place, account: await accounts.create(holder, name, this.#times.endOf(place).at) };
    } catch (error) {
      const about = { person: holder.person, session: holder.session, target: target.name };
      journal.note(sessionEnded(about, `no account on the target: ${asPosternError(error).message}`));
      throw error;
    }
  }

  #open(place: SessionPlace): GatedSession {
    const { grants } = this.deps;
    const session = new GatedSession(this.deps, place, () => {
      this.#times.stop(place.id);
      this.#sessions.delete(place.id);
      if (place.account !== null) this.deps.accounts.drop(holderOf(place), place.account.user);
    });
    this.#times.start(place, session);
    this.#sessions.set(place.id, session);
    // It may have been revoked while the session's start was being recorded.
    if (place.grant !== null && grants.active(place.identity, place.target) === null) {
      session.terminate(accessOver(place.target.name, "it was ended"));
    }
    return session;
  }
}

const holderOf = ({ id, identity, target }: SessionPlace) => ({ session: id, person: identity.name, target });

const needsGrant = ({ access }: Target): boolean => (access?.rules ?? []).length > 0;
