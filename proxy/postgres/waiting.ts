/** What people read while they wait: for their sign-in, for an approval; and when the wait ends. */
import { PosternError } from "../../policy/errors.ts";
import type { AccessWait } from "../../policy/grant_ports.ts";
import type { Hold, SignIn } from "../../policy/ports.ts";
import { notice, sqlState, toClient } from "./errors.ts";

/** `14:03:20 UTC (2 min)` */
export function untilText(deadlineAt: number, now: number): string {
  const seconds = Math.max(0, Math.round((deadlineAt - now) / 1000));
  const left = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `${new Date(deadlineAt).toISOString().slice(11, 19)} UTC (${left})`;
}

export function signInNotice(target: string, signIn: SignIn, now: number): Uint8Array {
  return notice(
    `sign in to reach ${target}`,
    `${signIn.url}   (code ${signIn.code})`,
    `Open the link in a browser; waiting until ${untilText(signIn.deadlineAt, now)}`,
  );
}

export function accessNotice({ standing, url }: AccessWait, now: number): Uint8Array {
  const { message, hint, deadlineAt } = standing;
  return notice(message, url, `${hint}; waiting until ${untilText(deadlineAt, now)}`);
}

export function holdNotice(hold: Hold, now: number, inTransaction: boolean): Uint8Array {
  const { rule, reason, deadlineAt } = hold.request;
  const locks = inTransaction ? "; the open transaction keeps its locks meanwhile" : "";
  return notice(
    `this statement waits for approval by ${hold.forWhom}`,
    `${hold.url}   (rule: ${rule}${reason === "" ? "" : `; ${reason}`})`,
    `Waiting until ${untilText(deadlineAt, now)}; cancel the statement to withdraw it${locks}`,
  );
}

/** Nothing to wait for: an earlier approval covers this. */
export function passNotice(hold: Hold): Uint8Array {
  return notice(
    `this statement is ${hold.passes ?? "approved"}`,
    `${hold.url}   (rule: ${hold.request.rule})`,
    "",
  );
}

/** The cancel came while the statement's record was being written. */
export function cancelledUnsent(): PosternError {
  return new PosternError(
    "ApprovalRequired",
    "canceling statement due to user request; it was recorded and not sent",
  );
}

/** The cancel came while Postern was still reading a long text. Not recorded: what it is was not known. */
export function cancelledUnread(): Uint8Array {
  const what =
    "canceling statement due to user request; Postern had not understood it yet, and it was not sent";
  return toClient(new PosternError("ApprovalRequired", what), { sqlState: sqlState.queryCanceled });
}

export interface HoldRefusal {
  readonly error: PosternError;
  readonly sqlState?: string;
}

/** Why a held statement does not run after all. */
export function refusalAfter(
  hold: Hold,
  outcome: Awaited<Hold["outcome"]>,
  cancelled: boolean,
): HoldRefusal {
  const { rule } = hold.request;
  const { state, by, reason } = outcome;
  const because = reason === "" ? "" : `: ${reason}`;
  if (cancelled) {
    return {
      error: new PosternError(
        "ApprovalRequired",
        // The decision stands in the record: a cancel that comes after it takes nothing of it back.
        `canceling statement due to user request; ${
          state === "approved" ? "it was approved and not sent" : "its approval is withdrawn"
        }`,
        {
          rule,
        },
      ),
      sqlState: sqlState.queryCanceled,
    };
  }
  switch (state) {
    case "denied":
      return {
        error: new PosternError(
          "ApprovalRequired",
          `${by || "An approver"} denied this statement${because}`,
          {
            rule,
            hint: `Talk to them, or change the statement; the request is kept at ${hold.url}`,
          },
        ),
      };
    case "expired":
      return {
        error: new PosternError("ApprovalRequired", `Nobody approved this statement in time${because}`, {
          rule,
          hint: `It was waiting for ${hold.forWhom}; send it again when somebody is there`,
        }),
      };
    default:
      return {
        error: new PosternError("ApprovalRequired", `The request for approval was withdrawn${because}`, {
          rule,
        }),
      };
  }
}
