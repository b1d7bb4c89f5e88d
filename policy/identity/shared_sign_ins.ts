/**
 * A pool asks once. A GUI opens ten connections at a time, a driver refills its pool: connections of one user
 * name, client address, application and database share one link while it waits, and for a short window after.
 */
import type { Clock, ConnectionAttempt, SignIn } from "../ports.ts";
import type { Identity, Target } from "../types.ts";

type Start = (attempt: ConnectionAttempt, target: Target) => SignIn;

interface Shared {
  readonly signIn: SignIn;
  waiting: number;
  confirmed: { readonly identity: Identity; readonly until: number } | null;
}

export interface SharedSignIns {
  readonly start: Start;
  /** Whether `start` would give one that is settled already. */
  readonly knows: (attempt: ConnectionAttempt) => boolean;
}

/** Who may share: the same name, from the same place, by the same program and transport, to the same database. */
function poolOf({ protocol, database, client }: ConnectionAttempt): string {
  const { address, user, application, tls } = client;
  return JSON.stringify([protocol, database, address, user, application, tls !== null]);
}

/** `windowMs` counts from the confirmation; 0 shares nothing. */
export function shareSignIns(
  start: Start,
  { windowMs, clock }: { windowMs: () => number; clock: Clock },
): SharedSignIns {
  const pools = new Map<string, Shared>();

  const open = (key: string, attempt: ConnectionAttempt, target: Target): Shared => {
    const pool: Shared = { signIn: start(attempt, target), waiting: 0, confirmed: null };
    pools.set(key, pool);
    pool.signIn.identity.then((identity) => {
      pool.confirmed = { identity, until: clock() + windowMs() };
    }, () => pools.delete(key));
    return pool;
  };

  const sweep = () => {
    for (const [key, { confirmed }] of pools) {
      if (confirmed !== null && confirmed.until <= clock()) pools.delete(key);
    }
  };

  const startShared: Start = (attempt, target) => {
    sweep();
    if (windowMs() === 0) return start(attempt, target);
    const key = poolOf(attempt);
    const known = pools.get(key);
    if (known?.confirmed) {
      return {
        ...known.signIn,
        identity: Promise.resolve(known.confirmed.identity),
        settled: true,
        abandon: () => {},
      };
    }
    const pool = known ?? open(key, attempt, target);
    pool.waiting++;
    let left = false;
    return {
      ...pool.signIn,
      // The link dies with the last connection that waits for it.
      abandon: () => {
        if (left) return;
        left = true;
        if (--pool.waiting === 0) pool.signIn.abandon();
      },
    };
  };

  return {
    start: startShared,
    knows: (attempt) => {
      sweep();
      return windowMs() > 0 && pools.get(poolOf(attempt))?.confirmed != null;
    },
  };
}
