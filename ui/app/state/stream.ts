/** The event stream: tells listeners that something changed. The browser reconnects and names what it has. */
import { signal } from "@preact/signals";
import type { Change } from "../../contract.ts";

export type StreamState = "connecting" | "live" | "offline";

export const streamState = signal<StreamState>("connecting");

type Listener = (change: Change | null) => void;

const listeners = new Set<Listener>();
let source: EventSource | null = null;
let last = "";

/** Called with each change, and with null where anything may have changed. Returns the way to stop. */
export function onChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A busy gateway has many events a second; a list need not follow each. */
const CALM_MS = 1000;

/** Calls `refresh` soon after sessions change, at most once a second. Returns the way to stop. */
export function calmly(refresh: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = onChange((change) => {
    if (change !== null && change.session === null) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      refresh();
    }, change === null || change.type.startsWith("session.") ? 100 : CALM_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}

/** How long to wait after the browser has given up, as it does for an answer that is not a stream. */
const RETRY_MS = 5000;

export function openStream(onRefused: () => void): void {
  closeStream();
  const opened = new EventSource(last === "" ? "/api/stream" : `/api/stream?after=${last}`);
  source = opened;
  opened.addEventListener("hello", () => {
    streamState.value = "live";
    tell(null);
  });
  opened.addEventListener("reset", () => tell(null));
  opened.addEventListener("change", (event: MessageEvent<string>) => {
    last = event.lastEventId;
    tell(JSON.parse(event.data));
  });
  opened.onerror = () => {
    if (source !== opened) return;
    streamState.value = "offline";
    if (opened.readyState !== EventSource.CLOSED) return;
    onRefused();
    setTimeout(() => {
      if (source === opened) openStream(onRefused);
    }, RETRY_MS);
  };
}

export function closeStream(): void {
  source?.close();
  source = null;
}

function tell(change: Change | null): void {
  for (const listener of listeners) listener(change);
}
