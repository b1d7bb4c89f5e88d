/** A list that comes by pages, as signals: what came so far, and whether there is more. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { type ApiError, asApiError } from "./api.ts";

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: number | null;
}

export interface Pages<T> {
  readonly items: ReadonlySignal<readonly T[] | null>;
  readonly error: ReadonlySignal<ApiError | null>;
  readonly busy: ReadonlySignal<boolean>;
  readonly more: ReadonlySignal<boolean>;
  readonly loadMore: () => Promise<void>;
  /** Asks for the first page again and puts it in place of the old items that it covers. */
  readonly refresh: () => Promise<void>;
}

export interface PagesOptions<T> {
  /** A page; the first where the cursor is null. */
  readonly load: (cursor: number | null) => Promise<Page<T>>;
  readonly idOf: (item: T) => string;
}

export function usePages<T>(key: string, options: PagesOptions<T>): Pages<T> {
  const pages = useMemo(() => createPages(options), [key]);
  useEffect(() => {
    pages.loadMore();
  }, [pages]);
  return pages;
}

function createPages<T>({ load, idOf }: PagesOptions<T>): Pages<T> {
  const items = signal<readonly T[] | null>(null);
  const error = signal<ApiError | null>(null);
  const busy = signal(false);
  const more = signal(false);
  let cursor: number | null = null;
  let refreshAgain = false;

  const guarded = async (work: () => Promise<void>) => {
    busy.value = true;
    try {
      await work();
      error.value = null;
    } catch (thrown) {
      error.value = asApiError(thrown);
    }
    busy.value = false;
    if (refreshAgain) {
      refreshAgain = false;
      await refresh();
    }
  };

  const loadMore = async () => {
    if (busy.value) return;
    await guarded(async () => {
      const page = await load(cursor);
      const known = new Set((items.value ?? []).map(idOf));
      items.value = [...items.value ?? [], ...page.items.filter((item) => !known.has(idOf(item)))];
      cursor = page.next;
      more.value = page.next !== null;
    });
  };

  const refresh = async () => {
    if (busy.value) {
      refreshAgain = true;
      return;
    }
    if (items.value === null) return loadMore();
    await guarded(async () => {
      const page = await load(null);
      const fresh = new Set(page.items.map(idOf));
      const kept = (items.value ?? []).filter((item) => !fresh.has(idOf(item)));
      items.value = page.next === null ? page.items : [...page.items, ...kept];
    });
  };

  return { items, error, busy, more, loadMore, refresh };
}
