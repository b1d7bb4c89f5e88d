/** What approvals say where something is not done. */
import { limitReached } from "../limits.ts";
import { PosternError } from "../errors.ts";
import type { ApprovalRequest } from "../types.ts";

export function tooMany(limit: number): PosternError {
  return limitReached(
    "limits.pendingApprovals",
    `${limit} statements wait for approval already (limits.pendingApprovals)`,
    "Try again when some of them are decided",
  );
}

/** `link` is the request's. */
export function usedUp(rule: string, link: string): PosternError {
  return new PosternError("ApprovalRequired", "This approval was used already, or is over", {
    rule,
    hint: `Send the statement again to ask for another approval; the request was ${link}`,
  });
}

/** An approver chose others of the statements asked for with it; `link` is the request's. */
export function leftOut({ rule, reviews, part }: ApprovalRequest, link: string): PosternError {
  const said = reviews.filter(({ approve }) => approve).at(-1);
  const until = new Date(part?.until ?? 0).toISOString().slice(11, 16);
  return new PosternError(
    "PolicyDenied",
    `${said?.by ?? "An approver"} left this statement out of what was approved in advance` +
      (said?.reason ? `: ${said.reason}` : ""),
    {
      rule,
      hint:
        `Ask in advance again, or send it after ${until} UTC to ask for it alone; the request was ${link}`,
    },
  );
}

export function noReason(): PosternError {
  return new PosternError("PolicyDenied", "Refusing needs a reason: the requester sees it", {
    hint: "Write in a few words why, or what to do instead",
  });
}

/** It cannot be decided any more. */
export function gone(request: ApprovalRequest | null): PosternError {
  if (request === null) return new PosternError("PolicyDenied", "There is no such request");
  const how = request.state === "pending" ? "is being decided just now" : `is ${request.state} already`;
  return new PosternError(
    "PolicyDenied",
    `This request ${how}${request.outcome ? `: ${request.outcome}` : ""}`,
    { hint: "Nothing more is to be done here" },
  );
}
