/** Requests for access and what came of them, as far as they are this person's to decide, end or review. */
import { computed } from "@preact/signals";
import type { AccessDeskView } from "../../contract.ts";
import { get } from "./api.ts";
import { now, setTime } from "./clock.ts";
import { resource } from "./resource.ts";

export const accessDesk = resource<AccessDeskView>(async () => {
  const answer = await get<AccessDeskView>("/api/access/desk");
  setTime(answer.now);
  return answer;
});

export const accessToDecide = computed(() =>
  (accessDesk.data.value?.requests ?? []).filter(({ refusal, deadlineAt }) =>
    refusal === null && deadlineAt > now.value
  )
);
export const accessToReview = computed(() =>
  (accessDesk.data.value?.unreviewed ?? []).filter(({ may }) => may.review)
);
export const accessGranted = computed(() =>
  (accessDesk.data.value?.granted ?? []).filter(({ mine, endsAt }) => !mine && (endsAt ?? 0) > now.value)
);

/** How many of them the inbox shows. */
export const accessListed = computed(() =>
  accessToDecide.value.length + accessToReview.value.length + accessGranted.value.length
);
