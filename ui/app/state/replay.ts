/** The steps of one session: pages of what was, and what comes while it is live. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { SessionAnswer, Step, Steps } from "../../contract.ts";
import { type ApiError, asApiError, get } from "./api.ts";
import { setTime } from "./clock.ts";
import { onChange } from "./stream.ts";

export interface Replay {
  readonly session: ReadonlySignal<SessionAnswer | null>;
  /** What has come so far, in order: one list that grows at its end, never copied; `loaded` says how far. */
  readonly steps: readonly Step[];
  readonly loaded: ReadonlySignal<number>;
  readonly error: ReadonlySignal<ApiError | null>;
  readonly busy: ReadonlySignal<boolean>;
  /** More of the record is there and not loaded yet. */
  readonly more: ReadonlySignal<boolean>;
  readonly load: () => Promise<void>;
  /** Page after page until nothing is missing, or `enough` says so. Stops at a failure, and when left. */
  readonly loadOn: (enough?: (steps: readonly Step[]) => boolean) => Promise<void>;
}

/** Steps of one answer: few enough that taking them in is not felt. */
const PAGE_STEPS = 1000;

/** So many steps come by themselves; of a longer session the rest comes when it is needed. */
const STEPS_AT_ONCE = 10_000;

export function useReplay(id: string): Replay {
  const replay = useMemo(() => createReplay(id), [id]);
  useEffect(() => {
    replay.loadOn((steps) => steps.length >= STEPS_AT_ONCE);
    const stop = onChange((change) => {
      // While pages are missing, what is new comes with the last of them.
      if (change === null || (change.session === id && !replay.more.value)) replay.load();
    });
    return () => {
      stop();
      replay.leave();
    };
  }, [replay]);
  return replay;
}

function createReplay(id: string): Replay & { leave(): void } {
  const session = signal<SessionAnswer | null>(null);
  const steps: Step[] = [];
  const loaded = signal(0);
  const error = signal<ApiError | null>(null);
  const busy = signal(false);
  const more = signal(false);
  const path = `/api/sessions/${encodeURIComponent(id)}`;
  let again = false;
  let left = false;
  let idle: Promise<void> = Promise.resolve();

  const lookAtSession = async () => {
    const answer = await get<SessionAnswer>(path);
    setTime(answer.now);
    // What is drawn of it is drawn again only where it is another.
    if (JSON.stringify(answer) !== JSON.stringify({ ...session.value, now: answer.now })) {
      session.value = answer;
    }
  };

  const page = async () => {
    const goesOn = more.value;
    try {
      if (!goesOn || session.value === null) await lookAtSession();
      const last = steps.at(-1)?.sequence;
      const query = `limit=${PAGE_STEPS}${last === undefined ? "" : `&after=${last}`}`;
      const found = await get<Steps>(`${path}/events?${query}`);
      steps.push(...found.steps);
      loaded.value = steps.length;
      more.value = found.next !== null;
      error.value = null;
      // What became of the session while its pages came.
      if (goesOn && !more.value) again = true;
    } catch (thrown) {
      error.value = asApiError(thrown);
    }
  };

  const load = async () => {
    if (busy.value) {
      again = true;
      return;
    }
    busy.value = true;
    idle = page();
    await idle;
    busy.value = false;
    if (again) {
      again = false;
      if (!more.value) await load();
    }
  };

  const loadOn: Replay["loadOn"] = async (enough = () => false) => {
    do {
      if (busy.value) await idle;
      else await load();
    } while (more.value && error.value === null && !left && !enough(steps));
  };

  return { session, steps, loaded, error, busy, more, load, loadOn, leave: () => left = true };
}
