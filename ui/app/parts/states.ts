/** How states look and are called, everywhere alike. */
import type { ApprovalState } from "../../contract.ts";
import type { Tone } from "./basics.tsx";
import type { IconName } from "./icons.tsx";

export interface Look {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly word: string;
}

/** Of a statement by its verdict, and whether it went to the target. */
export function verdictLooks(verdict: "allow" | "approve" | "deny", forwarded: boolean): Look {
  if (verdict === "deny") return { tone: "deny", icon: "deny", word: "Refused" };
  if (verdict === "allow") return { tone: "allow", icon: "allow", word: "Allowed" };
  return forwarded
    ? { tone: "allow", icon: "allow", word: "Approved" }
    : { tone: "deny", icon: "hold", word: "Not approved" };
}

/** What a rule does, and a verdict that nothing has followed. */
export const thenLooks: Readonly<Record<"allow" | "approve" | "deny", Look>> = {
  allow: { tone: "allow", icon: "allow", word: "Passes" },
  approve: { tone: "hold", icon: "hold", word: "Waits for approval" },
  deny: { tone: "deny", icon: "deny", word: "Refused" },
};

export const requestLooks: Readonly<Record<ApprovalState, Look>> = {
  pending: { tone: "hold", icon: "hold", word: "Waiting" },
  approved: { tone: "allow", icon: "allow", word: "Approved" },
  denied: { tone: "deny", icon: "deny", word: "Denied" },
  expired: { tone: "quiet", icon: "hold", word: "Expired" },
  withdrawn: { tone: "quiet", icon: "back", word: "Withdrawn" },
};
