/** Single-key shortcuts: screens say what they understand, the help shows it. */
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { readAppearance } from "./appearance.ts";

export interface Shortcut {
  readonly key: string;
  readonly does: string;
  readonly run: () => void;
}

const active = signal<readonly (readonly Shortcut[])[]>([]);

/** Shortcuts of everything on the screen now, the innermost last. */
export function activeShortcuts(): readonly Shortcut[] {
  return active.value.flat();
}

/** From the moment it is on the screen: what can be read can be steered. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  useLayoutEffect(() => {
    active.value = [...active.peek(), shortcuts];
    return () => active.value = active.peek().filter((other) => other !== shortcuts);
  });
}

const typing = "input, textarea, select, [contenteditable]";

export function startKeys(): void {
  document.addEventListener("keydown", (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const from = event.target instanceof Element ? event.target : null;
    if (from?.closest(typing) || document.querySelector("dialog[open]")) return;
    // Enter on a link or a button is theirs.
    if (event.key === "Enter" && from?.closest("a, button, summary")) return;
    if (!readAppearance().keys && event.key !== "?") return;
    const found = activeShortcuts().findLast((shortcut) => shortcut.key === event.key);
    if (found === undefined) return;
    event.preventDefault();
    found.run();
  });
}
