/** What the record holds of somebody who was not let in. */
import { sessionRefused } from "./audit/events.ts";
import type { PosternError } from "./errors.ts";
import type { ConnectionAttempt, Journal } from "./ports.ts";
import type { Identity } from "./types.ts";

/** What a client said. */
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
