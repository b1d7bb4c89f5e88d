/** Who runs what now: every connected client by its person, what waits and what runs, and the way to end it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Live, LiveSession } from "../../contract/live.ts";
import { Badge, Empty, FocusHeading, Time } from "../parts/basics.tsx";
import { bytes, count, counted, duration, left } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { Preview } from "../parts/statement.tsx";
import { get } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { hasRole } from "../state/me.ts";
import { type Resource, useResource } from "../state/resource.ts";
import { calmly } from "../state/stream.ts";
import { EndDialog, type Ending } from "./end_session.tsx";

/** How often rows so far are asked for while something runs. */
const POLL_MS = 2000;

export function LiveScreen() {
  const it = useResource<Live>("live", async () => {
    const answer = await get<Live>("/api/live");
    setTime(answer.now);
    return answer;
  });
  useEffect(() => calmly(it.reload), [it]);
  usePolling(it);
  const wide = hasRole("approver", "auditor", "admin");
  return (
    <section class="page wide">
      <FocusHeading subject="live">{wide ? "Live" : "My live sessions"}</FocusHeading>
      <Loaded it={it} lines={5}>
        {({ sessions }) =>
          sessions.length === 0
            ? (
              <Empty title="Nobody is connected">
                {wide
                  ? "A session that you may see shows up here by itself, with what it runs."
                  : "Your sessions show up here while they are connected."}
              </Empty>
            )
            : <Sessions sessions={sessions} onEnded={it.reload} />}
      </Loaded>
    </section>
  );
}

/** Rows so far come without an event: they are asked for while something runs, and somebody looks. */
function usePolling(it: Resource<Live>): void {
  const runs = it.data.value?.sessions.some(({ current }) => current?.state === "running") ?? false;
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => {
      if (!document.hidden) it.reload();
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [it, runs]);
}

type State = "running" | "waiting" | "idle";

const stateOf = ({ current }: LiveSession): State => current?.state ?? "idle";

const filters: readonly { readonly id: State | "all"; readonly name: string }[] = [
  { id: "all", name: "All" },
  { id: "running", name: "Running" },
  { id: "waiting", name: "Waiting" },
  { id: "idle", name: "Idle" },
];

function Sessions({ sessions, onEnded }: { sessions: readonly LiveSession[]; onEnded: () => void }) {
  const [filter, setFilter] = useState<State | "all">("all");
  const [text, setText] = useState("");
  const [ending, setEnding] = useState<Ending | null>(null);
  const shown = sessions.filter((session) =>
    (filter === "all" || stateOf(session) === filter) && fits(session, text)
  );
  // By name, so that nothing moves under the hand that is about to end something.
  const people = useMemo(
    () => [...Map.groupBy(shown, ({ person }) => person)].sort(([a], [b]) => a < b ? -1 : 1),
    [sessions, filter, text],
  );
  return (
    <>
      <div class="replay-filters">
        <div class="chips" role="group" aria-label="Show">
          {filters.map(({ id, name }) => (
            <button
              key={id}
              type="button"
              class="chip"
              aria-pressed={filter === id}
              onClick={() => setFilter(id)}
            >
              {name}
              <span class="chip-count">
                {count(sessions.filter((session) => id === "all" || stateOf(session) === id).length)}
              </span>
            </button>
          ))}
        </div>
        <label class="field inline">
          <span class="visually-hidden">Find a person, target or statement</span>
          <input
            type="search"
            placeholder="Person, target or statement"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
      </div>
      {people.length === 0 ? <p class="none">No session fits.</p> : null}
      {people.map(([person, theirs]) => (
        <Person key={person} person={person} sessions={theirs} onEnd={setEnding} />
      ))}
      {ending === null ? null : (
        <EndDialog
          ending={ending}
          onClose={() => setEnding(null)}
          onEnded={() => {
            setEnding(null);
            onEnded();
          }}
        />
      )}
    </>
  );
}

function fits({ person, target, current, client }: LiveSession, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return [person, target, current?.preview ?? "", client.application, client.address]
    .some((one) => one.toLowerCase().includes(wanted));
}

interface PersonProps {
  readonly person: string;
  readonly sessions: readonly LiveSession[];
  readonly onEnd: (ending: Ending) => void;
}

function Person({ person, sessions, onEnd }: PersonProps) {
  const endable = sessions.filter(({ mayEnd }) => mayEnd);
  const mine = sessions[0]?.mine ?? false;
  return (
    <section class="live-person" aria-label={person}>
      <header class="live-head">
        <h2 class="live-name">
          <Marked text={person} />
          {mine ? <span class="field-note">you</span> : null}
        </h2>
        <span class="live-count">{counted(sessions.length, "session")}</span>
        {endable.length > 1
          ? (
            <button
              type="button"
              class="button ghost small"
              onClick={() => onEnd({ person, targets: endable.map(({ target }) => target) })}
            >
              {icons.stop}
              End all {endable.length}
              <span class="visually-hidden">sessions of {person}</span>
            </button>
          )
          : null}
      </header>
      <ul class="live-rows">
        {sessions.map((session) => (
          <li key={session.id} class={`live-row ${stateOf(session)}`}>
            <Row session={session} onEnd={onEnd} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Row({ session, onEnd }: { session: LiveSession; onEnd: (ending: Ending) => void }) {
  const { current, client } = session;
  return (
    <>
      <span class="live-state">
        <StateBadge session={session} />
      </span>
      <span class="live-where">
        <a class="row-name" href={`/sessions/${session.id}`}>
          <Marked text={session.target} />
        </a>
        <span class="cell-note">
          <Marked text={`${client.application || "unnamed"} at ${client.address}`} />, since{" "}
          <Time at={session.startedAt} />
        </span>
      </span>
      <span class="live-what">
        {current === null
          ? (
            <span class="cell-note">
              {session.statements === 0
                ? "has run nothing yet"
                : `idle after ${counted(session.statements, "statement")}`}
            </span>
          )
          : (
            <>
              <Preview text={current.preview} whole={current.textLength} />
              <span class="cell-note">
                {current.state === "waiting"
                  ? (
                    <>
                      waits for an approval, <a href={`/requests/${current.id}`}>open its request</a>
                    </>
                  )
                  : progressOf(session)}
              </span>
            </>
          )}
      </span>
      <span class="live-do">
        <a class="button ghost small" href={`/sessions/${session.id}`}>
          Follow
          <span class="visually-hidden">{`${session.person} on ${session.target}`}</span>
        </a>
        {session.mayEnd
          ? (
            <button type="button" class="button ghost small" onClick={() => onEnd({ session })}>
              {icons.stop}
              End
              <span class="visually-hidden">{`the session of ${session.person} on ${session.target}`}</span>
            </button>
          )
          : null}
      </span>
    </>
  );
}

function StateBadge({ session }: { session: LiveSession }) {
  const { current } = session;
  if (current === null) return <Badge tone="quiet">Idle</Badge>;
  const spent = now.value - current.since;
  return current.state === "waiting"
    ? <Badge tone="hold" icon="hold">Waiting {left(spent)}</Badge>
    : <Badge tone="info" icon="running">Running {spent < 60_000 ? duration(spent) : left(spent)}</Badge>;
}

function progressOf({ current }: LiveSession): string {
  if (current === null) return "";
  const { rows, bytes: size, behind } = current;
  const parts = [
    rows === null ? "" : `${counted(rows, "row")} so far`,
    size !== null && size > 0 ? bytes(size) : "",
    behind > 0 ? `${counted(behind, "statement")} behind it` : "",
  ];
  return parts.filter(Boolean).join(", ");
}
