/** Who has gone is in the record: other nodes on the same store hear of it, and so does the next start. */
import { dashboardAction, known } from "./audit/events.ts";
import { type Departures, type EndedSession, type Leaving, rememberedMs } from "./identity/mod.ts";
import type { Clock, Journal } from "./ports.ts";
import type { AuditEvent, EventType } from "./types.ts";

const PERSON_DEPARTED = "person.departed";

/** A person, or a session at the issuer of which nobody knew whose it is. */
type Gone = (Leaving | EndedSession) & { readonly at: number };

/** `recall` takes up what runs before this one, and other nodes, have recorded; it rejects with StoreFailed. */
export function recordDepartures(
  departures: Departures,
  journal: Pick<Journal, "note" | "follow" | "export">,
  clock: Clock,
): { recall(): Promise<void> } {
  const note = (subject: string, detail: string, departure: { issuer: string; at: number; sid?: string }) => {
    const action = { action: PERSON_DEPARTED, subject, detail, address: "", departure };
    journal.note(dashboardAction(subject, action, {}));
  };
  departures.subscribe(({ subject, issuer, reason, at, here }) => {
    if (here) note(subject, reason, { issuer, at });
  });
  departures.onSession(({ issuer, sid, at, here }) => {
    if (here) note("", "A session at the identity provider has ended", { issuer, at, sid });
  });
  const types: readonly EventType[] = ["dashboard.action"];
  journal.follow((event) => {
    const gone = departureOf(event);
    if (gone === null) return;
    if ("sid" in gone) departures.endSession(gone, gone.at);
    else departures.depart(gone, gone.at);
  }, types);
  return {
    async recall() {
      const from = clock() - rememberedMs;
      for await (const event of journal.export({ types, from, text: PERSON_DEPARTED })) {
        const gone = departureOf(event);
        if (gone === null) continue;
        if ("sid" in gone) departures.recallSession(gone, gone.at);
        else departures.recall(gone, gone.at);
      }
    },
  };
}

function departureOf(event: AuditEvent): Gone | null {
  const it = known(event);
  if (it?.type !== "dashboard.action" || it.data.action !== PERSON_DEPARTED) return null;
  const { subject, detail: reason, departure } = it.data;
  if (departure === undefined) return null;
  const { issuer, at, sid } = departure;
  return sid === undefined ? { subject, reason, issuer, at } : { issuer, sid, at };
}
