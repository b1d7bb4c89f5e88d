/** Access in the inbox: what waits for a decision or a review, and what runs and may be ended. */
import { accessGranted, accessToDecide, accessToReview } from "../state/access.ts";
import { GrantList } from "./access_parts.tsx";

export function AccessGroups() {
  return (
    <>
      <GrantList title="Access to decide" grants={accessToDecide.value} />
      <GrantList title="Break-glass to review" grants={accessToReview.value} />
      <GrantList title="Access that is open now" grants={accessGranted.value} />
    </>
  );
}
