/** Who has gone is in the record: other nodes on the same store hear of it, and so does the next start. */
import { dashboardAction, known } from "./audit/events.ts";
import { type Departures, type Leaving, rememberedMs } from "./identity/mod.ts";
import type { Clock, Journal } from "./ports.ts";
import type { AuditEvent, EventType } from "./types.ts";

const PERSON_DEPARTED = "person.departed";

/** `recall` takes up what runs before this one, and other nodes, have recorded; it rejects with StoreFailed. */
export function recordDepartures(
  departures: Departures,
  journal: Pick<Journal, "note" | "follow" | "export">,
  clock: Clock,
): { recall(): Promise<void> } {
  departures.subscribe(({ subject, issuer, reason, at, here }) => {
    if (!here) return;
    const departure = { issuer, at };
    const action = { action: PERSON_DEPARTED, subject, detail: reason, address: "", departure };
    journal.note(dashboardAction(subject, action, {}));
  });
  const types: readonly EventType[] = ["dashboard.action"];
  journal.follow((event) => {
    const gone = departureOf(event);
    if (gone !== null) departures.depart(gone, gone.at);
  }, types);
  return {
    async recall() {
      const from = clock() - rememberedMs;
      for await (const event of journal.export({ types, from, text: PERSON_DEPARTED })) {
        const gone = departureOf(event);
        if (gone !== null) departures.recall(gone, gone.at);
      }
    },
  };
}

function departureOf(event: AuditEvent): Leaving & { readonly at: number } | null {
  const it = known(event);
  if (it?.type !== "dashboard.action" || it.data.action !== PERSON_DEPARTED) return null;
  const { subject, detail: reason, departure } = it.data;
  return departure === undefined ? null : { subject, reason, ...departure };
}
