/** How states look and are called, everywhere alike. */
import type { ApprovalState } from "../../contract.ts";
import type { Tone } from "./basics.tsx";
import type { IconName } from "./icons.tsx";

export interface Look {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly word: string;
}

export const requestLooks: Readonly<Record<ApprovalState, Look>> = {
  pending: { tone: "hold", icon: "hold", word: "Waiting" },
  approved: { tone: "allow", icon: "allow", word: "Approved" },
  denied: { tone: "deny", icon: "deny", word: "Denied" },
  expired: { tone: "quiet", icon: "hold", word: "Expired" },
  withdrawn: { tone: "quiet", icon: "back", word: "Withdrawn" },
};
