/** Plays a session: statement after statement in its own rhythm, faster, or step by step. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { counted, duration, offset } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { useShortcuts } from "../state/keys.ts";
import { announcement } from "../state/requests.ts";
import { endOf, rowLooks, type StatementRow, stateOf, textOf } from "./replay_rows.ts";
import { placeOf } from "./replay_view.ts";

const speeds = [1, 2, 4, 8, 16] as const;

/** A pause is never longer than this when played: it is named, and passed over. */
const PAUSE_MS_MAX = 3000;

interface PlayerProps {
  /** Of the session, or those of them that fit the filter. */
  readonly rows: readonly StatementRow[];
  /** Another number where what the list holds is another. */
  readonly version: number;
  readonly from: number;
  readonly live: boolean;
  /** The key of the row that is played; null where nothing is. */
  readonly current: Signal<string | null>;
  /** All of the session is needed. */
  readonly onStart: () => void;
}

export function Player(props: PlayerProps) {
  const { rows, from, live, current, onStart } = props;
  const { speed, playing, at, go, toggle, step } = usePlayer(props);
  const row = rows[at];
  const next = rows[at + 1];
  if (rows.length === 0) return null;
  return (
    <div class="player" role="group" aria-label="Player">
      <button type="button" class="button small" onClick={() => step(-1)} aria-label="Step back">
        {icons.back}
      </button>
      <button type="button" class="button approve small player-toggle" onClick={toggle}>
        {playing.value ? icons.pause : icons.play}
        {playing.value ? "Pause" : "Play"}
      </button>
      <button type="button" class="button small" onClick={() => step(1)} aria-label="Step on">
        {icons.chevron}
      </button>
      <label class="player-speed">
        <span class="visually-hidden">Speed</span>
        <select
          value={String(speed.value)}
          onChange={(event) => speed.value = Number(event.currentTarget.value)}
        >
          {speeds.map((one) => <option key={one} value={one}>{one}×</option>)}
        </select>
      </label>
      <input
        type="range"
        class="player-place"
        aria-label="Statement"
        aria-valuetext={row === undefined ? "Not started" : spoken(row, live)}
        min={0}
        max={rows.length}
        value={at + 1}
        onInput={(event) => {
          onStart();
          const to = Number(event.currentTarget.value);
          if (to === 0) current.value = null;
          else go(to - 1, false);
        }}
      />
      <span class="player-time">
        {row === undefined ? counted(rows.length, "statement") : `${at + 1} of ${rows.length}`}
        <span class="cell-note">{row === undefined ? "not started" : offset(row.at - from)}</span>
      </span>
      {playing.value && row !== undefined && next !== undefined &&
          next.at - endOf(row) > PAUSE_MS_MAX * speed.value
        ? <span class="player-pause">passing over {duration(next.at - endOf(row))} without a statement</span>
        : null}
    </div>
  );
}

/** What is played, how fast, and the ways to move. */
function usePlayer({ rows, live, current, onStart }: PlayerProps) {
  const speed = useSignal<number>(1);
  const playing = useSignal(false);
  const at = placeOf(rows, current.value);
  const row = rows[at];
  const next = rows[at + 1];

  const go = (to: number, speak: boolean) => {
    const target = rows[Math.min(rows.length - 1, Math.max(0, to))];
    if (target === undefined) return;
    current.value = target.key;
    if (speak) announcement.value = spoken(target, live);
  };
  const toggle = () => {
    if (playing.value) {
      playing.value = false;
      return;
    }
    onStart();
    playing.value = true;
    // From the start again where it is at its end.
    if (row === undefined || next === undefined) go(0, false);
  };
  const step = (by: number) => {
    onStart();
    playing.value = false;
    go(at < 0 && by < 0 ? rows.length - 1 : at + by, true);
  };

  useEffect(() => {
    if (!playing.value || row === undefined) return;
    if (next === undefined) {
      playing.value = live;
      return;
    }
    const pause = Math.max(0, next.at - row.at);
    const wait = Math.max(20, Math.min(pause / speed.value, PAUSE_MS_MAX));
    const timer = setTimeout(() => current.value = next.key, wait);
    return () => clearTimeout(timer);
  }, [playing.value, speed.value, row, next]);

  useShortcuts(useMemo(() => [
    { key: "p", does: "Play the session, or pause", run: toggle },
    { key: "n", does: "Step to the next statement", run: () => step(1) },
    { key: "b", does: "Step back a statement", run: () => step(-1) },
  ], [rows, rows.length, at, playing.value]));
  return { speed, playing, at, go, toggle, step };
}

function spoken(row: StatementRow, live: boolean): string {
  return `${rowLooks[stateOf(row, live)].word}: ${textOf(row).slice(0, 120)}`;
}
