/**
 * Limits that somebody ran into. Each is one error with one name, which is its key in the config, and is counted
 * where it is made: in the process, like everything that is measured of it.
 */
import { PosternError, type PosternErrorDetail } from "./errors.ts";

/** By their keys in the config. */
export const limitNames = [
  "listen.limits.connections",
  "listen.limits.connectionsPerAddress",
  "listen.limits.startup",
  "listen.limits.startupMessage",
  "listen.limits.idle",
  "listen.limits.unread",
  "listen.limits.statement",
  "listen.limits.preparedStatements",
  "listen.limits.maskedRow",
  "listen.limits.resultRows",
  "listen.limits.resultBytes",
  "limits.sessionsPerPerson",
  "limits.sessionTime",
  "limits.memory",
  "limits.descriptors",
  "limits.pendingApprovals",
  "limits.accessRequestsPerPerson",
  "limits.signIns",
  "limits.signInsPerAddress",
  "limits.failedSignInsPerAddress",
  "limits.failedSignInsPerUser",
  "limits.oneTimePasswords",
  "limits.oneTimePasswordsPerPerson",
  "dashboard.limits.requestsPerMinute",
  "dashboard.limits.connections",
  "dashboard.limits.connectionsPerAddress",
  "dashboard.limits.arrival",
  "dashboard.limits.body",
  "dashboard.limits.eventStreams",
  "dashboard.limits.eventStreamsInAll",
  "dashboard.limits.recordChecks",
  "dashboard.limits.consoleStatements",
] as const;

export type LimitName = (typeof limitNames)[number];

export const isLimitName = (name: string): name is LimitName =>
  (limitNames as readonly string[]).includes(name);

const hits = new Map<LimitName, number>();

/** Since the process began. */
export const limitHits: ReadonlyMap<LimitName, number> = hits;

/** The error to tell whoever ran into it. Counts it: to be made once for each time. */
export function limitReached(
  name: LimitName,
  message: string,
  hint: string,
  more: Pick<PosternErrorDetail, "cause"> = {},
): PosternError {
  hits.set(name, (hits.get(name) ?? 0) + 1);
  return new PosternError("LimitExceeded", message, { rule: name, hint, ...more });
}
