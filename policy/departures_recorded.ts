/** Who has gone is in the record, and so other nodes on the same store hear of it. */
import { dashboardAction, known } from "./audit/events.ts";
import type { Departures } from "./identity/mod.ts";
import type { Journal } from "./ports.ts";

const PERSON_DEPARTED = "person.departed";

export function recordDepartures(departures: Departures, journal: Pick<Journal, "note" | "follow">): void {
  departures.subscribe(({ subject, issuer, reason, at, here }) => {
    if (!here) return;
    const departure = { issuer, at };
    const action = { action: PERSON_DEPARTED, subject, detail: reason, address: "", departure };
    journal.note(dashboardAction(subject, action, {}));
  });
  journal.follow((event) => {
    const it = known(event);
    if (it?.type !== "dashboard.action" || it.data.action !== PERSON_DEPARTED) return;
    const { subject, detail: reason, departure } = it.data;
    if (departure === undefined) return;
    departures.depart({ issuer: departure.issuer, subject, reason }, departure.at);
  }, ["dashboard.action"]);
}
