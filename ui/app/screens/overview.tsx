/** Today at the gate: how much passed, waited and was refused, what is unusual, and whether every part works. */
import { useEffect, useMemo } from "preact/hooks";
import type { ComponentChildren } from "preact";
import type { Overview, Unusual } from "../../contract.ts";
import { Badge, FocusHeading, Time } from "../parts/basics.tsx";
import { count, counted, duration, hourOf, hoursText, zone } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { get } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { useResource } from "../state/resource.ts";
import { DetectionsPart } from "./detections.tsx";
import { HourChart } from "./hour_chart.tsx";

/** Figures of a day need not follow every statement. */
const REFRESH_MS = 15_000;

function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

export function OverviewScreen() {
  const from = useMemo(() => midnight(now.peek()), []);
  const it = useResource<Overview>("overview", async () => {
    const answer = await get<Overview>(`/api/overview?from=${from}`);
    setTime(answer.now);
    return answer;
  });
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) it.reload();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [it]);
  return (
    <section class="page wide">
      <FocusHeading subject="overview">Today</FocusHeading>
      <Loaded it={it} lines={6}>
        {(day) => (
          <>
            <Day day={day} />
            <DetectionsPart />
          </>
        )}
      </Loaded>
    </section>
  );
}

function Day({ day }: { day: Overview }) {
  const sum = (of: "allowed" | "held" | "refused") => day.hours.reduce((all, hour) => all + hour[of], 0);
  const { holds } = day;
  const statements = sum("allowed") + sum("held") + sum("refused");
  return (
    <>
      <dl class="tiles">
        <Tile name="Sessions" value={count(day.sessions)} href="/live">
          {counted(day.people, "person", "people")}, {day.live} live now
        </Tile>
        <Tile name="Statements" value={count(statements)} href="/search?span=1d">
          {count(sum("allowed"))} allowed
        </Tile>
        <Tile name="Held" value={count(holds.asked)} href="/history">
          {holds.medianWaitMs === null
            ? `${day.waiting} waiting now`
            : `median wait ${duration(holds.medianWaitMs)}, ${day.waiting} waiting now`}
        </Tile>
        <Tile name="Refused" value={count(sum("refused"))} href="/search?span=1d&verdict=deny">
          {holds.denied > 0 ? `and ${counted(holds.denied, "hold")} denied` : "by a rule or the floor"}
        </Tile>
        <Tile name="Masked" value={count(day.masked)}>
          statements touched masked columns
        </Tile>
      </dl>
      <Behind day={day} />
      <HourChart hours={day.hours} from={day.from} />
      <div class="overview-halves">
        <section aria-label="Unusual">
          <h2 class="section">Unusual</h2>
          {day.unusual.length === 0 ? <p class="none">Nothing stands out today.</p> : (
            <ul class="unusual">
              {day.unusual.map((one, at) => (
                <li key={at}>
                  <Odd one={one} from={day.from} />
                </li>
              ))}
            </ul>
          )}
        </section>
        <Parts day={day} />
      </div>
      <p class="zone">
        The day begins at midnight, {zone()}. Masked columns and large results are looked for in the newest
        {" "}
        {count(day.lookedAt)} events.
      </p>
    </>
  );
}

/** What is counted in the search index, where that has not caught up with the record. */
function Behind({ day: { behind: { events, countedTo } } }: { day: Overview }) {
  if (events === 0) return null;
  return (
    <p class="notice hold" role="status">
      {icons.warn}
      <span>
        Statements are counted {countedTo === null ? "from none yet" : (
          <>
            up to <Time at={countedTo} />
          </>
        )}: {counted(events, "event")} of the record {events === 1 ? "is" : "are"} still to be counted.
      </span>
    </p>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly href?: string;
  readonly children: ComponentChildren;
}

function Tile({ name, value, href, children }: TileProps) {
  return (
    <div class="tile">
      <dt>{href === undefined ? name : <a href={href}>{name}</a>}</dt>
      <dd>
        <span class="tile-value">{value}</span>
        <span class="cell-note">{children}</span>
      </dd>
    </div>
  );
}

const oddWords: Readonly<Record<Unusual["kind"], string>> = {
  "first-time": "First time",
  hour: "Unusual hour",
  rows: "Many rows",
  refusals: "Many refusals",
};

const ascending = (one: number, other: number): number => one - other;

function Odd({ one, from }: { one: Unusual; from: number }) {
  // Where the day does not begin at midnight: what is usual is counted from there.
  const firstHour = new Date(from).getHours();
  return (
    <>
      <Badge tone={one.kind === "refusals" ? "deny" : "info"}>{oddWords[one.kind]}</Badge>
      <span>
        <a href={hrefOf(one)}>
          <Marked text={one.person} />
        </a>{" "}
        {one.kind === "refusals"
          ? `was refused ${counted(one.refusals, "statement")}`
          : one.kind === "rows"
          ? (
            <>
              had {counted(one.rows, "row")} from <Marked text={one.target} />
            </>
          )
          : one.kind === "hour"
          ? (
            <>
              {hourOf(one.at)}, usually{" "}
              {hoursText(one.usual.map((hour) => (hour + firstHour) % 24).sort(ascending))}:{" "}
              {counted(one.sessions, "session")}, the first on <Marked text={one.target} />
            </>
          )
          : (
            <>
              connected to <Marked text={one.target} /> for the first time
            </>
          )}
      </span>
    </>
  );
}

function hrefOf(one: Unusual): string {
  if (one.kind !== "refusals") return `/sessions/${one.session}`;
  return `/search?${new URLSearchParams({ span: "1d", verdict: "deny", person: one.person })}`;
}

function Parts({ day }: { day: Overview }) {
  const { parts, at } = day.health;
  return (
    <section aria-label="Health">
      <h2 class="section">Health</h2>
      <ul class="parts-health">
        {parts.map((part) => (
          <li key={part.name}>
            <Badge tone={part.ok ? "allow" : part.vital ? "deny" : "hold"} icon={part.ok ? "allow" : "warn"}>
              {part.ok ? "Works" : part.vital ? "Down" : "Trouble"}
            </Badge>
            <span>
              <strong>
                <Marked text={part.name} />
              </strong>
              {part.detail
                ? (
                  <span class="cell-note">
                    <Marked text={part.detail} />
                  </span>
                )
                : null}
            </span>
          </li>
        ))}
      </ul>
      <p class="cell-note">
        Asked <Time at={at} />.
      </p>
    </section>
  );
}
