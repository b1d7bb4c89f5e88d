/** A session on one line: when statements ran, waited, failed and were refused. */
import { now } from "../state/clock.ts";
import { duration } from "../parts/format.ts";
import { rowLooks, type RowState, type StatementRow } from "./replay_rows.ts";
import type { Tally } from "./replay_tally.ts";

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
  readonly tally: Tally;
  /** Another number where what the tally holds is another. */
  readonly version: number;
  /** How many statements there are. */
  readonly count: number;
  readonly from: number;
  /** The end, or the last thing known where it goes on or was cut off. */
  readonly to: number | undefined;
  readonly live: boolean;
  /** The row that is played. */
  readonly played: StatementRow | undefined;
}

/** As many marks at most as the line has places, however long the session is. */
export function Strip({ tally, count, from, to: last = from, live, played }: StripProps) {
  // Only what is live moves with the clock.
  const to = live ? now.value : last;
  if (count === 0) return null;
  const span = Math.max(1, to - from);
  const place = (share: number) => Math.min(WIDTH - 1, Math.max(1, share * (WIDTH - 2) + 1)).toFixed(1);
  const x = (at: number) => place((at - from) / span);
  const counts = [...tally.totals].filter(([, count]) => count > 0).map(([state, count]) => ({
    state,
    count,
  }));
  const marks = counts.map(({ state }) => {
    const height = heights[state];
    return [
      state,
      [...tally.marks(state, span)].map((share) => `M${place(share)} ${HEIGHT}v-${height}`).join(""),
    ] as const;
  });
  const waits = [...tally.held.values()].map((row) =>
    `M${x(row.at)} ${HEIGHT - heights.approved}H${x(row.statement?.at ?? row.review?.at ?? to)}`
  ).join("");
  const words = counts.map(({ state, count }) => `${count} ${rowLooks[state].word.toLowerCase()}`).join(", ");
  return (
    <figure class="strip">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${count} statements in ${duration(span)}: ${words}`}
      >
        <path class="strip-waits" d={waits} />
        {played === undefined ? null : <path class="strip-place" d={`M${x(played.at)} 0V${HEIGHT}`} />}
        {marks.map(([state, d]) => <path key={state} class={`strip-mark ${rowLooks[state].tone}`} d={d} />)}
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
