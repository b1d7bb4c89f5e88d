/** Long lists: rows come in blocks, and a block far from the window is only as tall as it was. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

const BLOCK_ROWS = 100;

/** How far outside of the window a block is drawn already. */
const MARGIN = "1200px";

interface BlocksProps<T> {
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly render: (row: T) => ComponentChildren;
  /** Of a row before it was ever drawn, in pixels. */
  readonly usualHeight: number;
  readonly class: string;
  /** The key of the row to bring into the window, and whether a row is it, or has it within. */
  readonly show?: { readonly key: string | null; readonly isIn: (row: T, key: string) => boolean };
}

export function Blocks<T>({ rows, keyOf, render, usualHeight, class: name, show }: BlocksProps<T>) {
  const blocks: (readonly T[])[] = [];
  const wanted = show?.key ?? null;
  for (let at = 0; at < rows.length; at += BLOCK_ROWS) blocks.push(rows.slice(at, at + BLOCK_ROWS));
  const isWanted = (block: readonly T[]) =>
    show !== undefined && wanted !== null && block.some((row) => show.isIn(row, wanted));
  const place = useMemo(() => blocks.findIndex(isWanted), [rows, wanted]);
  useEffect(() => {
    if (place >= 0) bringIntoWindow(document.querySelector(`[data-key="${CSS.escape(wanted ?? "")}"]`));
  }, [place, wanted]);
  return (
    <>
      {blocks.map((block, at) => (
        <Block
          key={keyOf(block[0]!)}
          class={name}
          height={block.length * usualHeight}
          near={at < 2}
          kept={at === place}
        >
          {() => block.map(render)}
        </Block>
      ))}
    </>
  );
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
    const observer = new IntersectionObserver((entries) => {
      const entry = entries.at(-1)!;
      // Whoever uses the keyboard keeps what has the focus.
      const holdsFocus = list.current?.contains(document.activeElement) ?? false;
      if (!entry.isIntersecting) lastHeight.current = entry.boundingClientRect.height;
      setNear(entry.isIntersecting || holdsFocus);
    }, { rootMargin: MARGIN });
    if (list.current) observer.observe(list.current);
    return () => observer.disconnect();
  }, []);
  if (near || kept) return <ol ref={list} class={name}>{children()}</ol>;
  return <ol ref={list} class={name} style={{ height: `${lastHeight.current ?? height}px` }} />;
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
