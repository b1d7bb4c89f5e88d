/** The held statements that this person may see, kept current by the event stream. */
import { computed, signal } from "@preact/signals";
import type { RequestCard, Requests } from "../../contract.ts";
import { accessToDecide } from "./access.ts";
import { get } from "./api.ts";
import { now, setTime } from "./clock.ts";
import { hasRole } from "./me.ts";
import { resource } from "./resource.ts";

export const requests = resource<Requests>(async () => {
  const answer = await get<Requests>("/api/requests");
  setTime(answer.now);
  return answer;
});

/** Oldest deadline first. What is past its deadline goes without waiting for the event. */
export const pending = computed<readonly RequestCard[]>(() =>
  (requests.data.value?.requests ?? []).filter((request) => request.deadlineAt > now.value)
);

export const toDecide = computed(() => pending.value.filter((request) => request.refusal === null));
export const mine = computed(() => pending.value.filter((request) => request.mine));
export const others = computed(() =>
  pending.value.filter((request) => request.refusal !== null && !request.mine)
);

/** What the badge and the title count: decisions for who makes some, else what waits of one's own. */
export const waitingCount = computed(() => {
  const deciding = toDecide.value.length + accessToDecide.value.length;
  return hasRole("approver", "admin") || deciding > 0 ? deciding : mine.value.length;
});

/** In the order in which the list shows them. */
export const listed = computed(() => [...toDecide.value, ...mine.value, ...others.value]);

/** What a screen reader is told, politely. */
export const announcement = signal("");

let knownIds: ReadonlySet<string> | null = null;

/** The requests that were not there at the last call, for announcements; none at the first. */
export function newlyArrived(): readonly RequestCard[] {
  const before = knownIds;
  if (requests.data.value === null) return [];
  knownIds = new Set(pending.value.map((request) => request.id));
  return before === null ? [] : toDecide.value.filter((request) => !before.has(request.id));
}
