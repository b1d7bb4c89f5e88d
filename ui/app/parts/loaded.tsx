/** What a screen asks for, in every state: on its way, failed beside what an earlier answer gave, empty, there. */
import type { ComponentChildren } from "preact";
import type { Pages } from "../state/pages.ts";
import type { Resource } from "../state/resource.ts";
import { Failure, Loading } from "./basics.tsx";
import { LoadMore } from "./blocks.tsx";

interface LoadedProps<T> {
  readonly it: Pick<Resource<T>, "data" | "error" | "reload">;
  /** About as many as the answer will have. */
  readonly lines: number;
  readonly children: (data: T) => ComponentChildren;
}

export function Loaded<T>({ it, lines, children }: LoadedProps<T>) {
  const data = it.data.value;
  const error = it.error.value;
  return (
    <>
      {error ? <Failure error={error} retry={it.reload} /> : null}
      {data !== null ? children(data) : error ? null : <Loading lines={lines} />}
    </>
  );
}

interface LoadedPagesProps<T> {
  readonly pages: Pages<T>;
  /** In place of no items at all. */
  readonly empty: ComponentChildren;
  /** The words of the button for the next page. */
  readonly further: string;
  readonly children: (items: readonly T[]) => ComponentChildren;
}

export function LoadedPages<T>({ pages, empty, further, children }: LoadedPagesProps<T>) {
  const { items: data, error, more, refresh, loadMore, busy } = pages;
  return (
    <>
      <Loaded it={{ data, error, reload: refresh }} lines={6}>
        {(items) => items.length === 0 && !more.value ? empty : children(items)}
      </Loaded>
      {more.value
        ? (
          <LoadMore load={loadMore} busy={busy.value} failed={error.value !== null}>
            {further}
          </LoadMore>
        )
        : null}
    </>
  );
}
