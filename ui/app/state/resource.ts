/** Something the API gives, as signals: the last answer, the last failure, and whether it is being asked for. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { type ApiError, asApiError } from "./api.ts";

export interface Resource<T> {
  readonly data: ReadonlySignal<T | null>;
  /** Of the last try; the data of an earlier one stays. */
  readonly error: ReadonlySignal<ApiError | null>;
  readonly busy: ReadonlySignal<boolean>;
  /** Asks again. While an answer is under way, once more after it, however often it is called. */
  reload(): Promise<void>;
  set(data: T): void;
}

export function resource<T>(load: () => Promise<T>): Resource<T> {
  const data = signal<T | null>(null);
  const error = signal<ApiError | null>(null);
  const busy = signal(false);
  let again = false;
  const reload = async () => {
    if (busy.value) {
      again = true;
      return;
    }
    busy.value = true;
    do {
      // Calls during the wait set it.
      again = false;
      try {
        data.value = await load();
        error.value = null;
      } catch (thrown) {
        error.value = asApiError(thrown);
      }
    } while (again);
    busy.value = false;
  };
  return {
    data,
    error,
    busy,
    reload,
    set: (value) => {
      data.value = value;
      error.value = null;
    },
  };
}

/** A resource of one component's own, asked for at once and again where the key changes. */
export function useResource<T>(key: string, load: () => Promise<T>): Resource<T> {
  const it = useMemo(() => resource(load), [key]);
  useEffect(() => {
    it.reload();
  }, [it]);
  return it;
}
