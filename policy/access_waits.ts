/**
 * Clients at the door of a target that they have no access to yet. A pool asks once: connections of one person,
 * address, user name, application and target share one wait and one link, and one grant lets all of them in.
 */
import { samePerson } from "./approval/people.ts";
import { PosternError } from "./errors.ts";
import type { Grant } from "./grant.ts";
import type { AccessWait } from "./grant_ports.ts";
import type { Grants } from "./grants.ts";
import type { Clock, ConnectionAttempt } from "./ports.ts";
import { randomId } from "./random_id.ts";
import type { Identity, Target } from "./types.ts";

export interface AccessWaitsDeps {
  readonly grants: Pick<Grants, "active" | "abandon" | "open" | "book">;
  /** What links start with, without a slash at the end. */
  readonly url: string;
  /** How long a client waits for its person to ask. */
  readonly waitMs: () => number;
  readonly clock: Clock;
}

/** One wait that the connections of a pool share. */
interface Door {
  readonly id: string;
  readonly identity: Identity;
  readonly target: Target;
  readonly settled: PromiseWithResolvers<void>;
  readonly listeners: Set<() => void>;
  waiting: number;
  /** The request under way. `own`: it came through this door's link. */
  request: { readonly grant: Grant; readonly own: boolean } | null;
  deadlineAt: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class AccessWaits {
  readonly #doors = new Map<string, Door>();

  constructor(private readonly deps: AccessWaitsDeps) {
    deps.grants.book.onChange((grant, wait) => this.#changed(grant, wait));
  }

  /** null where this person may go in now. */
  wait(attempt: ConnectionAttempt, identity: Identity, target: Target): AccessWait | null {
    if ((target.access?.rules ?? []).length === 0) return null;
    if (this.deps.grants.active(identity, target) !== null) return null;
    const { address, user, application } = attempt.client;
    const key = JSON.stringify([identity.issuer, identity.subject, target.name, address, user, application]);
    const door = this.#doors.get(key) ?? this.#openDoor(key, identity, target);
    door.waiting++;
    let left = false;
    const { url } = this.deps;
    return {
      target: target.name,
      url: `${url}/access?target=${encodeURIComponent(target.name)}&wait=${door.id}`,
      get standing() {
        return standingOf(door);
      },
      outcome: door.settled.promise,
      onChange: (listener) => void door.listeners.add(listener),
      abandon: () => {
        if (left) return;
        left = true;
        if (--door.waiting > 0) return;
        this.#close(key, door);
        if (door.request?.own === true) this.deps.grants.abandon(door.request.grant.id);
      },
    };
  }

  #openDoor(key: string, identity: Identity, target: Target): Door {
    const { clock, waitMs, grants } = this.deps;
    const pending = grants.open().find((grant) =>
      grant.state === "requested" && isFor(grant, identity, target)
    );
    const door: Door = {
      id: randomId(),
      identity,
      target,
      settled: Promise.withResolvers<void>(),
      listeners: new Set(),
      waiting: 0,
      request: pending === undefined ? null : { grant: pending, own: false },
      deadlineAt: Math.max(clock() + waitMs(), pending?.deadlineAt ?? 0),
      timer: undefined,
    };
    door.settled.promise.catch(() => {}).finally(() => this.#close(key, door));
    this.#doors.set(key, door);
    this.#arm(door);
    return door;
  }

  #arm(door: Door): void {
    clearTimeout(door.timer);
    const left = Math.max(0, door.deadlineAt - this.deps.clock());
    door.timer = setTimeout(() => door.settled.reject(tooLate(door)), Math.min(left, 2 ** 31 - 1));
  }

  #close(key: string, door: Door): void {
    clearTimeout(door.timer);
    if (this.#doors.get(key) === door) this.#doors.delete(key);
  }

  #changed(grant: Grant, wait: string | null): void {
    for (const door of this.#doors.values()) {
      if (isFor(grant, door.identity, door.target)) this.#tell(door, grant, door.id === wait);
    }
  }

  #tell(door: Door, grant: Grant, own: boolean): void {
    if (grant.state === "requested") {
      door.request = {
        grant,
        own: own || (door.request?.own === true && door.request.grant.id === grant.id),
      };
      door.deadlineAt = Math.max(door.deadlineAt, grant.deadlineAt);
      this.#arm(door);
      for (const listener of door.listeners) listener();
    } else if (this.deps.grants.active(door.identity, door.target) !== null) door.settled.resolve();
    else if (grant.state === "granted") {
      door.request = { grant, own: false };
      for (const listener of door.listeners) listener();
    } else if (door.request?.grant.id === grant.id) door.settled.reject(notGranted(grant));
  }
}

function isFor(grant: Grant, identity: Identity, target: Target): boolean {
  return grant.target === target.name && samePerson(grant, identity);
}

function standingOf({ request, target, deadlineAt }: Door): AccessWait["standing"] {
  if (request === null) {
    return {
      asked: false,
      message: `you have no access to ${target.name} now`,
      hint: "Open the link to ask for it, with a reason and for how long",
      deadlineAt,
    };
  }
  const { approvers, quorum, reviews, rule, state, startsAt } = request.grant;
  if (state === "granted") {
    return {
      asked: true,
      message: `your access to ${target.name} begins at ${
        new Date(startsAt ?? 0).toISOString().slice(0, 19)
      }Z`,
      hint: "Connect again then",
      deadlineAt,
    };
  }
  const who = `${quorum > 1 ? `${quorum} members` : "a member"} of ${approvers.join(" or ")}`;
  const so = quorum > 1 ? `; ${reviews.length} of ${quorum} agreed` : "";
  return {
    asked: true,
    message: `your request for access to ${target.name} waits for ${who}`,
    hint: `By the rule "${rule}"${so}`,
    deadlineAt,
  };
}

function notGranted({ target, outcome, state }: Grant): PosternError {
  return new PosternError("PolicyDenied", `Access to ${target} was ${state}: ${outcome}`, {
    rule: "access",
    hint: "Talk to them, or ask again for less",
  });
}

function tooLate({ target, request }: Door): PosternError {
  const what = request === null ? "Nobody asked for access" : "Nobody decided about the access";
  return new PosternError("PolicyDenied", `${what} to ${target.name} in time`, {
    rule: `targets.${target.name}.access`,
    hint: "Ask in the dashboard or with `postern access`, then connect again",
  });
}
