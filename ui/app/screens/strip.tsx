/** A session on one line: when statements ran, waited, failed and were refused. */
import { now } from "../state/clock.ts";
import { duration } from "../parts/format.ts";
import { rowLooks, type RowState, type StatementRow, stateOf } from "./replay_rows.ts";

const WIDTH = 1000;
const HEIGHT = 44;

/** How tall a mark is: what matters stands out without its colour, too. */
const heights: Readonly<Record<RowState, number>> = {
  ran: 14,
  running: 14,
  approved: 22,
  failed: 26,
  waiting: 22,
  denied: 34,
  refused: 34,
};

interface StripProps {
  readonly rows: readonly StatementRow[];
  readonly from: number;
  /** The end, or the last thing known where it goes on or was cut off. */
  readonly to: number | undefined;
  readonly live: boolean;
  /** The key of the row that is played. */
  readonly current?: string | null;
}

export function Strip({ rows, from, to: last = from, live, current = null }: StripProps) {
  // Only what is live moves with the clock.
  const to = live ? now.value : last;
  if (rows.length === 0) return null;
  const span = Math.max(1, to - from);
  const x = (at: number) => Math.min(WIDTH - 1, Math.max(1, (at - from) / span * (WIDTH - 2) + 1)).toFixed(1);
  const marks = new Map<RowState, string>();
  let waits = "";
  for (const row of rows) {
    const state = stateOf(row, live);
    marks.set(state, `${marks.get(state) ?? ""}M${x(row.at)} ${HEIGHT}v-${heights[state]}`);
    const until = row.statement?.at ?? row.review?.at ?? to;
    if (row.held) waits += `M${x(row.at)} ${HEIGHT - heights.approved}H${x(until)}`;
  }
  const played = current === null ? undefined : rows.find(({ key }) => key === current);
  const counts = [...marks].map(([state, path]) => ({ state, count: path.split("M").length - 1 }));
  const words = counts.map(({ state, count }) => `${count} ${rowLooks[state].word.toLowerCase()}`).join(", ");
  return (
    <figure class="strip">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${rows.length} statements in ${duration(span)}: ${words}`}
      >
        <path class="strip-waits" d={waits} />
        {played === undefined ? null : <path class="strip-place" d={`M${x(played.at)} 0V${HEIGHT}`} />}
        {[...marks].map(([state, d]) => (
          <path key={state} class={`strip-mark ${rowLooks[state].tone}`} d={d} />
        ))}
      </svg>
      <figcaption>
        {counts.map(({ state, count }) => (
          <span key={state} class={`strip-key ${rowLooks[state].tone}`}>
            {count} {rowLooks[state].word.toLowerCase()}
          </span>
        ))}
        <span class="strip-span">{duration(span)}</span>
      </figcaption>
    </figure>
  );
}
