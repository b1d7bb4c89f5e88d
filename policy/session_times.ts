/** How long sessions last: told before their end, ended then, and put off where their person's sign-in is renewed. */
import { samePerson } from "./approval/people.ts";
import { PosternError } from "./errors.ts";
import type { PolicyInForce } from "./in_force.ts";
import { limitReached } from "./limits.ts";
import type { Clock } from "./ports.ts";
import type { GatedSession } from "./session.ts";
import type { SessionPlace } from "./session_deps.ts";
import { accessOver, endsSoon } from "./session_ends.ts";
import type { Identity } from "./types.ts";

/** How long before its end a session is told, or a quarter of the whole where that is less. */
const warningMs = 5 * 60_000;

export interface SessionTimesDeps {
  readonly clock: Clock;
  readonly inForce: Pick<PolicyInForce, "current">;
}

interface End {
  readonly at: number;
  readonly reason: () => PosternError;
}

interface Timed {
  readonly place: SessionPlace;
  readonly session: Pick<GatedSession, "terminate" | "notify">;
  readonly startedAt: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class SessionTimes {
  readonly #timed = new Map<string, Timed>();

  constructor(private readonly deps: SessionTimesDeps) {}

  /** Until `stop`. */
  start(place: SessionPlace, session: Timed["session"]): void {
    const startedAt = this.deps.clock();
    const timed: Timed = { place, session, startedAt, timer: undefined };
    this.#timed.set(place.id, timed);
    this.#await(timed, this.endOf(place));
  }

  stop(id: string): void {
    clearTimeout(this.#timed.get(id)?.timer);
    this.#timed.delete(id);
  }

  /**
   * The person has shown a newer sign-in: their sessions that came in under these user names, which are those of
   * one-time passwords, last as long as that one does, but for their other ends. Only where they still have each group
   * that they came with. How many there are.
   */
  renew(identity: Identity, users: readonly string[]): number {
    const renewed = [...this.#timed.values()].filter(({ place }) =>
      samePerson(place.identity, identity) && users.includes(place.client.user) &&
      place.identity.method === "one-time-password" && place.identity.targets === undefined &&
      place.identity.groups.every((group) => identity.groups.includes(group))
    );
    for (const timed of renewed) {
      clearTimeout(timed.timer);
      this.#await(timed, this.endOf(timed.place, timed.startedAt, identity.expiresAt));
    }
    return renewed.length;
  }

  /** Whatever comes first: the sign-in's end, the longest session, the grant's end. */
  endOf(
    { identity, grant, target }: SessionPlace,
    startedAt = this.deps.clock(),
    expiresAt = identity.expiresAt,
  ): End {
    const longest = startedAt + this.deps.inForce.current.limits.sessionTimeMs;
    const at = Math.min(expiresAt, longest);
    if (grant !== null && grant.endsAt <= at) {
      return { at: grant.endsAt, reason: () => accessOver(target.name, "its time was over") };
    }
    const hint = "Connect again to sign in anew";
    const over = "The session has reached the longest time that one may last (limits.sessionTime)";
    const reason = expiresAt <= longest
      ? () =>
        new PosternError("AuthFailed", "Your access has ended: the sign-in was good until now", { hint })
      : () => limitReached("limits.sessionTime", over, hint);
    return { at, reason };
  }

  #await(timed: Timed, end: End): void {
    const { clock } = this.deps;
    const { session, place: { target } } = timed;
    let warnAt = end.at - Math.min(warningMs, (end.at - clock()) / 4);
    // setTimeout takes at most 2^31 - 1 ms; a later end is checked again then.
    const check = (): void => {
      const now = clock();
      if (now >= end.at) return session.terminate(end.reason());
      if (now >= warnAt) {
        warnAt = Infinity;
        session.notify(endsSoon(target.name, end.at, now));
      }
      timed.timer = setTimeout(check, Math.min(Math.max(1, Math.min(end.at, warnAt) - now), 2 ** 31 - 1));
    };
    check();
  }
}
