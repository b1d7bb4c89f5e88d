/** One statement's run from the dashboard: what has come back so far, as signals. */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { ConsoleEvent, ConsoleRun } from "../../contract.ts";
import { ApiError, asApiError, refusalOf } from "./api.ts";

export interface ConsoleResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** The target's own word, and how many rows there were; null before its end. */
  readonly tag: { readonly tag: string; readonly rows: number } | null;
}

type Told = Extract<ConsoleEvent, { kind: "notice" | "error" }>;

export interface Run {
  readonly startedAt: number;
  readonly target: string;
  /** Requests of one's own that waited before it was started. */
  readonly before: ReadonlySet<string>;
  readonly results: ReadonlySignal<readonly ConsoleResult[]>;
  readonly told: ReadonlySignal<readonly Told[]>;
  readonly running: ReadonlySignal<boolean>;
  readonly failure: ReadonlySignal<ApiError | null>;
  cancel(): void;
}

export function startRun(ask: ConsoleRun, before: ReadonlySet<string>): Run {
  const results = signal<readonly ConsoleResult[]>([]);
  const told = signal<readonly Told[]>([]);
  const running = signal(true);
  const failure = signal<ApiError | null>(null);
  const aborter = new AbortController();
  let cancelled = false;

  const change = (part: (last: ConsoleResult) => ConsoleResult) => {
    const last = results.value.at(-1);
    const open = last !== undefined && last.tag === null ? last : null;
    const before = open === null ? results.value : results.value.slice(0, -1);
    results.value = [...before, part(open ?? { columns: [], rows: [], tag: null })];
  };
  const take = (event: ConsoleEvent): boolean => {
    if (event.kind === "columns") change((last) => ({ ...last, columns: event.names }));
    else if (event.kind === "rows") change((last) => ({ ...last, rows: [...last.rows, ...event.rows] }));
    else if (event.kind === "tag") change((last) => ({ ...last, tag: { tag: event.tag, rows: event.rows } }));
    else if (event.kind !== "end") told.value = [...told.value, event];
    return event.kind === "end" || event.kind === "error";
  };

  const read = async () => {
    try {
      let ended = false;
      for await (const event of eventsOf(ask, aborter.signal)) if (take(event)) ended = true;
      if (!ended) {
        throw new ApiError(0, "CutOff", "The answer was cut off", "Look into your sessions for its end");
      }
    } catch (thrown) {
      failure.value = cancelled
        ? new ApiError(0, "Cancelled", "You cancelled it", "Your session's record says how far it came")
        : asApiError(thrown);
    }
    running.value = false;
  };
  read();
  return {
    startedAt: Date.now(),
    target: ask.target,
    before,
    results,
    told,
    running,
    failure,
    cancel() {
      cancelled = true;
      aborter.abort();
    },
  };
}

async function* eventsOf(ask: ConsoleRun, signal: AbortSignal): AsyncIterable<ConsoleEvent> {
  const response = await fetch("/api/console/run", {
    method: "POST",
    body: JSON.stringify(ask),
    headers: { "content-type": "application/json", "postern-request": "1" },
    credentials: "same-origin",
    signal,
  });
  if (!response.ok || response.body === null) throw await refusalOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}
