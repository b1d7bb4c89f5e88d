/** Access in the inbox: what waits for a decision or a review, and what runs and may be ended. */
import type { GrantView } from "../../contract.ts";
import { accessGranted, accessToDecide, accessToReview } from "../state/access.ts";
import { GrantCard } from "./access_parts.tsx";

export function AccessGroups() {
  return (
    <>
      <Group title="Access to decide" grants={accessToDecide.value} />
      <Group title="Break-glass to review" grants={accessToReview.value} />
      <Group title="Access that is open now" grants={accessGranted.value} />
    </>
  );
}

function Group({ title, grants }: { title: string; grants: readonly GrantView[] }) {
  if (grants.length === 0) return null;
  return (
    <section class="group">
      <h2 class="group-title">
        {title} <span class="group-count">{grants.length}</span>
      </h2>
      <ul class="cards">
        {grants.map((grant) => (
          <li key={grant.id}>
            <GrantCard grant={grant} />
          </li>
        ))}
      </ul>
    </section>
  );
}
