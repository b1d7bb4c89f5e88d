/** What somebody is told when a session ends, or soon will. */
import { PosternError } from "./errors.ts";
import type { SessionNotice } from "./grant_ports.ts";

export function takenForLost(): PosternError {
  return new PosternError(
    "StoreFailed",
    "This Postern was cut off from its store, and another ended this session",
    {
      rule: "store.nodeTimeout",
      hint: "Connect again",
    },
  );
}

export function accessOver(target: string, why: string): PosternError {
  return new PosternError("PolicyDenied", `Your access to ${target} has ended: ${why}`, {
    rule: "grant",
    hint: "Ask for it again, in the dashboard or with `postern access`",
  });
}

export function noAccess(target: string): PosternError {
  return new PosternError("PolicyDenied", `You have no access to ${target} now`, {
    rule: `targets.${target}.access`,
    hint: "Ask for it, in the dashboard or with `postern access`",
  });
}

export function endsSoon(target: string, at: number, now: number): SessionNotice {
  const seconds = Math.round((at - now) / 1000);
  const left = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return {
    message: `your access to ${target} ends in ${left}, and this session with it`,
    detail: `It ends at ${new Date(at).toISOString().slice(11, 19)} UTC`,
    hint: "Finish what is open; ask for access again where you need longer",
  };
}
