/**
 * A connection whose other end is gone without a word: what is sent is lost on the way, and no answer comes, for as
 * long as the system tries (a quarter of an hour and more). How long a statement may take cannot tell it from one that
 * is well, for some take minutes; so another connection asks the database whether it still works on it.
 */
import type { Database, Statement } from "./database.ts";

/** A statement that waits for so long is looked into, and again after as long. */
const LOOK_MS = 4_000;
/** So many looks, one after the other, must find that nobody works on the same statement. */
const LOOKS = 2;

/**
 * What the database's own end of each connection is told, so that it lets go of one that is half open, too: of what it
 * holds (the record's lock among it) and of its place. Seconds and milliseconds, as PostgreSQL has them.
 */
export const letGoOfLost = {
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 3,
  tcp_user_timeout: 20_000,
  idle_in_transaction_session_timeout: 15_000,
} as const;

/** A connection as it is looked into. */
export interface Watched {
  /** The database's number of it. */
  readonly pid: string;
  /** A number of its own for each statement that waits for its answer; null where none does. */
  readonly waitingFor: number | null;
  lose(why: string): void;
}

/**
 * What it says of it is not told to everybody, and may be switched off: then it counts as working until it is gone.
 * In the middle of several messages it is not idle, and waits for the next one.
 */
const works = "coalesce(state, 'active') NOT LIKE 'idle%' AND coalesce(wait_event, '') <> 'ClientRead'";

const worksOn = (pid: string): Statement => ({
  text: `SELECT count(*)::text FROM pg_stat_activity WHERE pid = $1::int4 AND ${works}`,
  values: [pid],
});

/** It may have a transaction open, and the record's lock; what is between may answer for the lost end for ever. */
const endsOf = (pid: string): Statement => ({
  text: `SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
         WHERE pid = $1::int4 AND application_name LIKE 'postern store%' AND NOT (${works})`,
  values: [pid],
});

/** Looks after the connection that `current` gives, by what `apart` is told; gives the way to stop. */
export function watchHalfOpen(apart: Database["apart"], current: () => Watched | null): () => void {
  let seen: { readonly line: Watched; readonly waitingFor: number } | null = null;
  let idle = 0;
  const look = async () => {
    const line = current();
    const waitingFor = line?.waitingFor ?? null;
    const before = seen;
    seen = line === null || waitingFor === null ? null : { line, waitingFor };
    if (seen === null || before?.line !== seen.line || before.waitingFor !== seen.waitingFor) {
      return void (idle = 0);
    }
    const [row] = await apart.query(worksOn(seen.line.pid));
    idle = row?.[0] === "0" ? idle + 1 : 0;
    if (idle < LOOKS || seen.line.waitingFor !== seen.waitingFor) return;
    const { pid } = seen.line;
    seen.line.lose("the database does not work on what it was sent, and its answer does not come");
    await apart.query(endsOf(pid));
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    // Where the other connection fails, too, nothing is known: the next look tells.
    look().catch(() => idle = 0).finally(() => looking = false);
  }, LOOK_MS);
  return () => clearInterval(timer);
}
