/** The steps of one session: pages of what was, and what comes while it is live. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { SessionAnswer, Step, Steps } from "../../contract.ts";
import { type ApiError, asApiError, get } from "./api.ts";
import { setTime } from "./clock.ts";
import { onChange } from "./stream.ts";

export interface Replay {
  readonly session: ReadonlySignal<SessionAnswer | null>;
  readonly steps: ReadonlySignal<readonly Step[]>;
  readonly error: ReadonlySignal<ApiError | null>;
  readonly busy: ReadonlySignal<boolean>;
  /** More of the record is there and not loaded yet. */
  readonly more: ReadonlySignal<boolean>;
  readonly load: () => Promise<void>;
}

export function useReplay(id: string): Replay {
  const replay = useMemo(() => createReplay(id), [id]);
  useEffect(() => {
    replay.load();
    return onChange((change) => {
      // While pages are missing, what is new comes with the last of them.
      if (change === null || (change.session === id && !replay.more.value)) replay.load();
    });
  }, [replay]);
  return replay;
}

function createReplay(id: string): Replay {
  const session = signal<SessionAnswer | null>(null);
  const steps = signal<readonly Step[]>([]);
  const error = signal<ApiError | null>(null);
  const busy = signal(false);
  const more = signal(false);
  const path = `/api/sessions/${encodeURIComponent(id)}`;
  let again = false;

  const load = async () => {
    if (busy.value) {
      again = true;
      return;
    }
    busy.value = true;
    try {
      const answer = await get<SessionAnswer>(path);
      setTime(answer.now);
      session.value = answer;
      const last = steps.value.at(-1)?.sequence;
      const page = await get<Steps>(`${path}/events?limit=500${last === undefined ? "" : `&after=${last}`}`);
      if (page.steps.length > 0) steps.value = [...steps.value, ...page.steps];
      more.value = page.next !== null;
      error.value = null;
    } catch (thrown) {
      error.value = asApiError(thrown);
    }
    busy.value = false;
    if (again) {
      again = false;
      if (!more.value) await load();
    }
  };
  return { session, steps, error, busy, more, load };
}
