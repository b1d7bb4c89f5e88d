/** One session: who and where, a time line, and every statement in order with what became of it. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { SessionAnswer, SessionRow } from "../../contract.ts";
import { Badge, Failure, FocusHeading, Loading, Time } from "../parts/basics.tsx";
import { count, counted, duration, zone } from "../parts/format.ts";
import { LoadMore } from "../parts/blocks.tsx";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { type Replay, useReplay } from "../state/replay.ts";
import { EndDialog } from "./end_session.tsx";
import { Entries } from "./replay_entries.tsx";
import { IntegrityBadge } from "./integrity.tsx";
import { Player } from "./player.tsx";
import { type RowFilter, rowFilters, type StatementRow } from "./replay_rows.ts";
import { isFiltered, placeOf, ReplayView } from "./replay_view.ts";
import { SessionState } from "./sessions.tsx";
import { Strip } from "./strip.tsx";

export function ReplayScreen({ id }: { id: string }) {
  const replay = useReplay(id);
  const answer = replay.session.value;
  const error = replay.error.value;
  if (answer === null) {
    return (
      <section class="page wide">
        <h1 class="visually-hidden">Session</h1>
        {error ? <Failure error={error} retry={replay.load} /> : <Loading lines={8} />}
      </section>
    );
  }
  return (
    <section class="page wide">
      {error ? <Failure error={error} retry={replay.load} /> : null}
      <Head answer={answer} onEnded={replay.load} />
      <Record replay={replay} session={answer.session} />
    </section>
  );
}

/** What let it in for a time. */
function GrantFact({ session: { grant } }: Pick<SessionAnswer, "session">) {
  if (grant === null) return null;
  return (
    <li>
      <a href={`/access/${grant.id}`}>
        {grant.breakGlass ? <Badge tone="error" icon="warn">break-glass</Badge> : "by a grant"}
      </a>
    </li>
  );
}

function Head({ answer, onEnded }: { answer: SessionAnswer; onEnded: () => void }) {
  const [ending, setEnding] = useState(false);
  const { session, may } = answer;
  const { client } = session;
  return (
    <header class="replay-head">
      <div>
        <FocusHeading subject={session.id}>
          <Marked text={`${session.person} on ${session.target}`} />
        </FocusHeading>
        <ul class="inline-facts">
          <li>
            <SessionState session={session} />
          </li>
          <li>
            <Time at={session.startedAt} />
            {session.endedAt === null ? null : ` for ${duration(session.endedAt - session.startedAt)}`}
          </li>
          <li>
            database <Marked text={session.database} />
          </li>
          <li>
            <Marked text={client.application || "unnamed application"} /> at {client.address},{" "}
            {client.tls ?? "without TLS"}
          </li>
          <li>{counted(session.statements, "statement")}</li>
          <GrantFact session={session} />
          {session.endReason
            ? (
              <li>
                <Marked text={session.endReason} />
              </li>
            )
            : null}
        </ul>
      </div>
      <IntegrityBadge session={session.id} />
      <div class="replay-actions">
        {may.export
          ? (
            <a class="button" href={`/api/audit/export?session=${encodeURIComponent(session.id)}`} download>
              {icons.download}
              Export as JSON Lines
            </a>
          )
          : null}
        {may.end
          ? (
            <button type="button" class="button deny" onClick={() => setEnding(true)}>
              {icons.stop}
              End session
            </button>
          )
          : null}
      </div>
      {ending
        ? (
          <EndDialog
            ending={{ session }}
            onClose={() => setEnding(false)}
            onEnded={() => {
              setEnding(false);
              onEnded();
            }}
          />
        )
        : null}
    </header>
  );
}

const filterNames: Readonly<Record<RowFilter, string>> = {
  all: "All",
  writes: "Changes",
  held: "Held",
  denied: "Refused",
  failed: "Errors",
};

/** What is drawn, kept up with what has come; what was typed is looked for slice by slice. */
function useView(replay: Replay, session: SessionRow, filter: RowFilter, text: string): ReplayView {
  const view = useMemo(() => new ReplayView(session.startedAt), [session.id]);
  const [, goOn] = useState(0);
  // What has come draws this anew.
  replay.loaded.value;
  const wanted = { filter, text, live: session.live };
  const done = view.update(replay.steps, wanted);
  useEffect(() => {
    if (done) return;
    const frame = requestAnimationFrame(() => goOn((slices) => slices + 1));
    return () => cancelAnimationFrame(frame);
  }, [done, view.version]);
  // What is looked for may be in what has not come yet.
  const filtered = isFiltered(wanted);
  useEffect(() => {
    if (filtered && replay.more.value) replay.loadOn();
  }, [filtered]);
  return view;
}

function Record({ replay, session }: { replay: Replay; session: SessionRow }) {
  const [filter, setFilter] = useState<RowFilter>("all");
  const [text, setText] = useState("");
  const opened = useSignal<ReadonlySet<string>>(new Set());
  const current = useSignal<string | null>(null);
  const view = useView(replay, session, filter, text);
  const { shown, statements, version } = view;
  useLinked(replay, view.rows.statements, opened, current);
  const all = view.rows.statements;
  return (
    <>
      <Strip
        tally={view.tally}
        version={version}
        count={all.length}
        from={session.startedAt}
        to={session.endedAt ?? replay.steps.at(-1)?.at}
        live={session.live}
        played={all[placeOf(all, current.value)]}
      />
      <Player
        rows={statements}
        version={version}
        from={session.startedAt}
        live={session.live}
        current={current}
        onStart={() => replay.more.value && replay.loadOn()}
      />
      <div class="replay-filters">
        <Chips counts={[...view.tally.fitting]} filter={filter} setFilter={setFilter} />
        <label class="field inline">
          <span class="visually-hidden">Find in statements</span>
          <input
            type="search"
            placeholder="Find in statements and tables"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
      </div>
      {shown.length === 0
        ? (
          <p class="none">
            {replay.busy.value
              ? "Loading…"
              : isFiltered({ filter, text })
              ? "No statement fits."
              : "Nothing has been run yet."}
          </p>
        )
        : <Entries rows={shown} version={version} session={session} opened={opened} current={current} />}
      {replay.more.value
        ? (
          <LoadMore load={replay.load} busy={replay.busy.value} failed={replay.error.value !== null}>
            Load the following statements
          </LoadMore>
        )
        : null}
      <p class="zone">Times are in {zone()}. Offsets count from the session's start.</p>
    </>
  );
}

/** The statement that the address names by its place in the record: loaded as far as it, opened, and shown. */
function useLinked(
  replay: Replay,
  rows: readonly StatementRow[],
  opened: Signal<ReadonlySet<string>>,
  current: Signal<string | null>,
): void {
  const wanted = useMemo(() => Number(/^#(\d{1,15})$/.exec(location.hash)?.[1] ?? 0), []);
  const found = useSignal(wanted === 0);
  useEffect(() => {
    if (wanted > 0) replay.loadOn((steps) => (steps.at(-1)?.sequence ?? 0) >= wanted);
  }, []);
  useEffect(() => {
    if (found.value) return;
    const row = rows.findLast((row) => Number(row.key) === wanted || row.statement?.sequence === wanted);
    if (row === undefined) return;
    found.value = true;
    opened.value = new Set([...opened.value, row.key]);
    current.value = row.key;
  }, [replay.loaded.value]);
}

interface ChipsProps {
  /** By places of `rowFilters`. */
  readonly counts: readonly number[];
  readonly filter: RowFilter;
  readonly setFilter: (filter: RowFilter) => void;
}

function Chips({ counts, filter, setFilter }: ChipsProps) {
  return (
    <div class="chips" role="group" aria-label="Show">
      {rowFilters.map((id, at) => (
        <button
          key={id}
          type="button"
          class="chip"
          aria-pressed={filter === id}
          onClick={() => setFilter(id)}
        >
          {filterNames[id]}
          <span class="chip-count">{count(counts[at]!)}</span>
        </button>
      ))}
    </div>
  );
}
