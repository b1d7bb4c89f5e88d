/** Long lists: rows come in blocks, and a block far from the window is only as tall as it was. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const BLOCK_ROWS = 50;

/** How far outside of the window a block is drawn already. */
const MARGIN = "1200px";

interface BlocksProps<T> {
  /** The same list may have grown since: rows that are the same objects are not drawn anew. */
  readonly rows: readonly T[];
  /** Another number where the list has grown or changed. */
  readonly version: number;
  readonly keyOf: (row: T) => string;
  /** All rows are drawn anew where this is another function. */
  readonly render: (row: T) => ComponentChildren;
  /** Of a row before it was ever drawn, in pixels. */
  readonly usualHeight: number;
  readonly class: string;
  /** The key of the row to bring into the window, and whether a row is it, or has it within. */
  readonly show?: { readonly key: string | null; readonly isIn: (row: T, key: string) => boolean };
}

interface Drawn<T> {
  readonly rows: readonly T[];
  readonly render: unknown;
  readonly kept: boolean;
  readonly element: ComponentChildren;
}

export function Blocks<T>({ rows, keyOf, render, usualHeight, class: name, show }: BlocksProps<T>) {
  const before = useRef<readonly Drawn<T>[]>([]);
  const wanted = show?.key ?? null;
  const place = show === undefined || wanted === null
    ? -1
    : Math.floor(rows.findIndex((row) => show.isIn(row, wanted)) / BLOCK_ROWS);
  const drawn: Drawn<T>[] = [];
  for (let at = 0; at * BLOCK_ROWS < rows.length; at++) {
    const known = before.current[at];
    const kept = at === place;
    if (known?.render === render && known.kept === kept && isSame(known.rows, rows, at * BLOCK_ROWS)) {
      drawn.push(known);
      continue;
    }
    const block = rows.slice(at * BLOCK_ROWS, (at + 1) * BLOCK_ROWS);
    const element = (
      <Block
        key={keyOf(block[0]!)}
        class={name}
        height={block.length * usualHeight}
        near={at < 2}
        kept={kept}
      >
        {() => block.map(render)}
      </Block>
    );
    drawn.push({ rows: block, render, kept, element });
  }
  before.current = drawn;
  useEffect(() => {
    if (place >= 0) bringIntoWindow(document.querySelector(`[data-key="${CSS.escape(wanted ?? "")}"]`));
  }, [place, wanted]);
  return <>{drawn.map(({ element }) => element)}</>;
}

/** Whether a block is what stands at this place of the rows. */
function isSame<T>(block: readonly T[], rows: readonly T[], from: number): boolean {
  return block.length === Math.min(BLOCK_ROWS, rows.length - from) &&
    block.every((row, at) => row === rows[from + at]);
}

/** Where it is not seen already: what one reads must not jump. */
function bringIntoWindow(element: Element | null): void {
  const rect = element?.getBoundingClientRect();
  if (rect === undefined || rect.top >= 0 && rect.bottom <= innerHeight - 80) return;
  element?.scrollIntoView({ block: "center" });
}

interface BlockProps {
  readonly class: string;
  readonly height: number;
  readonly near: boolean;
  /** Drawn wherever the window is. */
  readonly kept: boolean;
  readonly children: () => ComponentChildren;
}

function Block({ class: name, height, near: nearAtFirst, kept, children }: BlockProps) {
  const list = useRef<HTMLOListElement>(null);
  const lastHeight = useRef<number | null>(null);
  const [near, setNear] = useState(nearAtFirst);
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    return watch(element, (entry) => {
      // Whoever uses the keyboard keeps what has the focus.
      const holdsFocus = element.contains(document.activeElement);
      if (!entry.isIntersecting) lastHeight.current = entry.boundingClientRect.height;
      setNear(entry.isIntersecting || holdsFocus);
    });
  }, []);
  if (near || kept) return <ol ref={list} class={name}>{children()}</ol>;
  return <ol ref={list} class={name} style={{ height: `${lastHeight.current ?? height}px` }} />;
}

type Seen = (entry: IntersectionObserverEntry) => void;
const watched = new Map<Element, Seen>();
let observer: IntersectionObserver | null = null;

/** One observer for all blocks: thousands of them would each be asked in every frame. */
function watch(element: Element, seen: Seen): () => void {
  observer ??= new IntersectionObserver((entries) => {
    for (const entry of entries) watched.get(entry.target)?.(entry);
  }, { rootMargin: MARGIN });
  watched.set(element, seen);
  observer.observe(element);
  return () => {
    watched.delete(element);
    observer?.unobserve(element);
  };
}

interface LoadMoreProps {
  readonly load: () => void;
  readonly busy: boolean;
  /** The last try failed: the next one waits for the button. */
  readonly failed: boolean;
  readonly children: ComponentChildren;
}

/** Loads when its place comes near the window, and offers the same as a button. */
export function LoadMore({ load, busy, failed, children }: LoadMoreProps) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (busy || failed) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) load();
    }, { rootMargin: MARGIN });
    if (button.current) observer.observe(button.current);
    return () => observer.disconnect();
  }, [busy, failed, load]);
  return (
    <button ref={button} type="button" class="button more" disabled={busy} onClick={load}>{children}</button>
  );
}
