/** Sessions of clients, newest first; the live ones marked. */
import { useLocation } from "preact-iso";
import { useEffect, useState } from "preact/hooks";
import type { SessionRow, Sessions } from "../../contract.ts";
import { Badge, Empty, FocusHeading, Time } from "../parts/basics.tsx";
import { count, duration } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { LoadedPages } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { get } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { hasRole } from "../state/me.ts";
import { usePages } from "../state/pages.ts";
import { calmly } from "../state/stream.ts";

export function SessionsScreen() {
  const { query } = useLocation();
  const filter = new URLSearchParams();
  if (query.person) filter.set("person", query.person);
  if (query.target) filter.set("target", query.target);
  const key = filter.toString();
  const pages = usePages<SessionRow>(key, {
    load: async (cursor) => {
      const params = new URLSearchParams(filter);
      if (cursor !== null) params.set("before", String(cursor));
      const answer = await get<Sessions>(`/api/sessions?${params}`);
      setTime(answer.now);
      return { items: answer.sessions, next: answer.next };
    },
    idOf: (session) => session.id,
  });
  useEffect(() => calmly(pages.refresh), [pages]);
  return (
    <section class="page wide">
      <FocusHeading subject="sessions">
        {hasRole("approver", "auditor", "admin") ? "Sessions" : "My sessions"}
      </FocusHeading>
      {hasRole("approver", "auditor", "admin") ? <Filters key={key} filter={key} /> : null}
      <LoadedPages
        pages={pages}
        further="Show older ones"
        empty={
          <Empty title="No sessions">
            {key
              ? "None fits the filter."
              : "When somebody connects through Postern, their session shows up here."}
          </Empty>
        }
      >
        {(items) => <Table sessions={items} />}
      </LoadedPages>
    </section>
  );
}

function Filters({ filter }: { filter: string }) {
  const { query, route } = useLocation();
  const [person, setPerson] = useState(query.person ?? "");
  const [target, setTarget] = useState(query.target ?? "");
  const apply = (event: Event) => {
    event.preventDefault();
    const params = new URLSearchParams();
    if (person.trim()) params.set("person", person.trim());
    if (target.trim()) params.set("target", target.trim());
    route(params.size > 0 ? `/sessions?${params}` : "/sessions");
  };
  return (
    <form class="filters" onSubmit={apply} role="search">
      <label class="field inline">
        <span class="field-name">Person</span>
        <input
          type="text"
          value={person}
          autoComplete="off"
          spellcheck={false}
          onInput={(event) => setPerson(event.currentTarget.value)}
        />
      </label>
      <label class="field inline">
        <span class="field-name">Target</span>
        <input
          type="text"
          value={target}
          autoComplete="off"
          spellcheck={false}
          onInput={(event) => setTarget(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button small">Filter</button>
      {filter === "" ? null : <a class="button ghost small" href="/sessions">Clear</a>}
      {hasRole("auditor", "admin")
        ? (
          <a class="button small filters-export" href={`/api/audit/export?${filter}`} download>
            {icons.download}
            Export {filter === "" ? "the whole record" : "what fits"}
          </a>
        )
        : null}
    </form>
  );
}

/** Whether it is connected, has ended, or was cut off together with Postern. */
export function SessionState({ session }: { session: SessionRow }) {
  if (session.live) return <span class="live">Live</span>;
  return session.endedAt === null
    ? <Badge tone="quiet" icon="warn">Interrupted</Badge>
    : <span class="ended">Ended</span>;
}

function Table({ sessions }: { sessions: readonly SessionRow[] }) {
  return (
    <div class="table-scroll" tabIndex={0} role="group" aria-label="Sessions">
      <table class="sessions">
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Person</th>
            <th scope="col">Target</th>
            <th scope="col">Client</th>
            <th scope="col">Started</th>
            <th scope="col" class="number">Length</th>
            <th scope="col" class="number">Statements</th>
            <th scope="col" class="number">Held</th>
            <th scope="col" class="number">Denied</th>
          </tr>
        </thead>
        <tbody>{sessions.map((session) => <Row key={session.id} session={session} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ session }: { session: SessionRow }) {
  const { client } = session;
  const end = session.endedAt ?? (session.live ? now.value : null);
  return (
    <tr>
      <td data-name="State">
        <SessionState session={session} />
      </td>
      <td data-name="Person">
        <a class="row-link" href={`/sessions/${session.id}`}>
          <Marked text={session.person} />
        </a>
        {session.grant?.breakGlass ? <Badge tone="error" icon="warn">break-glass</Badge> : null}
      </td>
      <td data-name="Target">
        <Marked text={session.target} />
        <span class="cell-note">
          <Marked text={session.database} />
        </span>
      </td>
      <td data-name="Client">
        <Marked text={client.application || "unnamed"} />
        <span class="cell-note">{client.address}</span>
      </td>
      <td data-name="Started">
        <Time at={session.startedAt} />
      </td>
      <td data-name="Length" class="number">
        {end === null ? "unknown" : duration(end - session.startedAt)}
      </td>
      <td data-name="Statements" class="number">{count(session.statements)}</td>
      <td data-name="Held" class="number">{session.held > 0 ? count(session.held) : <Zero />}</td>
      <td data-name="Denied" class="number">{session.denied > 0 ? count(session.denied) : <Zero />}</td>
    </tr>
  );
}

function Zero() {
  return <span class="zero">0</span>;
}
