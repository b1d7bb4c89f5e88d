/** What Postern counts and measures of itself, in the Prometheus text format. Names and labels are stable. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { eventData } from "./audit/event_data.ts";
import { known } from "./audit/events.ts";
import { limitHits, limitNames } from "./limits.ts";
import type { Clock, Meter } from "./ports.ts";
import type { JudgedData } from "./session_events.ts";
import type { Traces } from "./traces/ports.ts";
import type { AuditEvent, EventType, StatementOutcome } from "./types.ts";

/** Asked at each scrape. */
export interface MetricSources {
  readonly sessions: () => number;
  readonly connections: () => number;
  readonly pendingApprovals: () => number;
  /** Events that are acknowledged and not in the database yet. */
  readonly storeBacklog: () => number;
  /** null where traces are off. */
  readonly spans: Pick<Traces, "counts"> | null;
}

const secondsShort = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
const secondsLong = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600];
const secondsHeld = [1, 5, 15, 30, 60, 120, 300, 900, 3600, 14_400];

/** What `observe` is to be told of. */
export const observed: readonly EventType[] = (Object.keys(eventData) as EventType[]).filter((type) =>
  type !== "statement.judged" && type !== "statement.finished"
);

/** How often the event loop is asked how late it is. */
const LOOP_INTERVAL_MS = 500;

/** Of one target's statements. */
interface Tally {
  /** By kind and verdict, a line feed between them. */
  readonly judged: Map<string, number>;
  forwarded: number;
  masked: number;
  finished: number;
  /** Of those, with an event of their own. */
  ends: number;
  failed: number;
  bytes: number;
}

export class Metrics implements Meter {
  readonly #registry = new Registry();
  /** When a pending request was asked for, by its id: epoch milliseconds. */
  readonly #requested = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  /** Since the last scrape. The library's counters look their labels up anew each time, which statements are too many for. */
  readonly #tallies = new Map<string, Tally>();

  readonly #events = this.#counter("postern_events_total", "Events made durable in the record", ["type"]);
  readonly #statements = this.#counter("postern_statements_total", "Statements judged", ["kind", "verdict"]);
  readonly #forwarded = this.#counter("postern_statements_forwarded_total", "Statements sent to a target", [
    "target",
  ]);
  readonly #failed = this.#counter("postern_statements_failed_total", "Statements that a target refused", [
    "target",
  ]);
  readonly #masked = this.#counter(
    "postern_statements_masked_total",
    "Statements that touched a masked column",
    ["target"],
  );
  readonly #signIns = this.#counter("postern_sign_ins_total", "Sign-ins of clients", ["result"]);
  readonly #refused = this.#counter("postern_sessions_refused_total", "Connections refused after sign-in", [
    "code",
    "rule",
  ]);
  readonly #rows = this.#counter("postern_result_bytes_total", "Bytes of results sent to clients", [
    "target",
  ]);
  readonly #duration = this.#histogram(
    "postern_statement_seconds",
    "From a statement's way to the target to the end of its result",
    secondsLong,
    ["target"],
  );
  readonly #held = this.#histogram(
    "postern_hold_seconds",
    "How long a statement waited for a person",
    secondsHeld,
    ["outcome"],
  );
  readonly #judged = this.#histogram(
    "postern_judge_seconds",
    "What judging added to a statement",
    secondsShort,
    [],
  );
  readonly #recorded = this.#histogram(
    "postern_record_seconds",
    "What recording added to a statement before it was forwarded, holds left out",
    secondsShort,
    [],
  );
  readonly #loop = this.#histogram(
    "postern_event_loop_delay_seconds",
    "How late a timer of the event loop was",
    secondsShort,
    [],
  );

  constructor(sources: MetricSources, private readonly clock: Clock) {
    this.#gauge("postern_sessions", "Sessions that run", sources.sessions);
    this.#gauge("postern_connections", "Client connections being served", sources.connections);
    this.#gauge("postern_pending_approvals", "Statements that wait for a person", sources.pendingApprovals);
    this.#gauge(
      "postern_store_backlog_events",
      "Events that are durable and not in the database yet",
      sources.storeBacklog,
    );
    this.#gauge("process_resident_memory_bytes", "Resident memory", () => Deno.memoryUsage().rss);
    this.#gauge("process_heap_bytes", "Memory of the JavaScript heap", () => Deno.memoryUsage().heapUsed);
    new Counter({
      name: "postern_limits_reached_total",
      help: "Times that somebody ran into a limit, by its key in the config",
      labelNames: ["limit"],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const limit of limitNames) this.inc({ limit }, limitHits.get(limit) ?? 0);
      },
    });
    const { spans } = sources;
    if (spans !== null) this.#countSpans(spans);
    const startedAt = clock() / 1000;
    this.#gauge("process_start_time_seconds", "When it started, seconds since the epoch", () => startedAt);
    let due = performance.now() + LOOP_INTERVAL_MS;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#loop.observe(Math.max(0, now - due) / 1000);
      due = now + LOOP_INTERVAL_MS;
    }, LOOP_INTERVAL_MS);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  #countSpans(spans: Pick<Traces, "counts">): void {
    new Counter({
      name: "postern_spans_total",
      help: "Spans of traces: made, taken by the collector, and given up because it did not take them",
      labelNames: ["result"],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [result, count] of Object.entries(spans.counts)) this.inc({ result }, count);
      },
    });
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  text(): Promise<string> {
    this.#count();
    return this.#registry.metrics();
  }

  judged(ms: number): void {
    this.#judged.observe(ms / 1000);
  }

  recorded(ms: number): void {
    this.#recorded.observe(ms / 1000);
  }

  statement(target: string, { kind, verdict, forwarded, masked }: JudgedData): void {
    const tally = this.#tallyOf(target);
    const outcome = `${kind}\n${verdict}`;
    tally.judged.set(outcome, (tally.judged.get(outcome) ?? 0) + 1);
    if (forwarded) tally.forwarded++;
    if (masked.length > 0) tally.masked++;
  }

  finished(
    target: string,
    { bytes, error }: StatementOutcome,
    { ms, together }: { readonly ms: number; readonly together: boolean },
  ): void {
    const tally = this.#tallyOf(target);
    tally.finished++;
    if (!together) tally.ends++;
    tally.bytes += bytes;
    if (error !== null) tally.failed++;
    this.#duration.observe({ target }, ms / 1000);
  }

  #tallyOf(target: string): Tally {
    let tally = this.#tallies.get(target);
    if (tally === undefined) {
      tally = { judged: new Map(), forwarded: 0, masked: 0, finished: 0, ends: 0, failed: 0, bytes: 0 };
      this.#tallies.set(target, tally);
    }
    return tally;
  }

  #count(): void {
    for (const [target, { judged, forwarded, masked, finished, ends, failed, bytes }] of this.#tallies) {
      for (const [outcome, count] of judged) {
        const [kind = "", verdict = ""] = outcome.split("\n");
        this.#events.inc({ type: "statement.judged" }, count);
        this.#statements.inc({ kind, verdict }, count);
      }
      if (ends > 0) this.#events.inc({ type: "statement.finished" }, ends);
      const counts = [[this.#forwarded, forwarded], [this.#masked, masked], [this.#failed, failed]] as const;
      for (const [counter, count] of counts) if (count > 0) counter.inc({ target }, count);
      if (finished > 0) this.#rows.inc({ target }, bytes);
    }
    this.#tallies.clear();
  }

  /** Subscribed to what of the record is no statement: of these there are too many to read each again. */
  observe(event: AuditEvent): void {
    this.#events.inc({ type: event.type });
    const one = known(event);
    switch (one?.type) {
      case "signin.succeeded":
        this.#signIns.inc({ result: "succeeded" });
        break;
      case "signin.failed":
        this.#signIns.inc({ result: "failed" });
        break;
      case "session.refused":
        this.#refused.inc({ code: one.data.code, rule: one.data.rule });
        break;
      case "approval.requested":
        this.#requested.set(one.data.id, event.at);
        break;
      case "approval.decided":
      case "approval.withdrawn":
        this.#ended(one.data.id, one.data.state);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #ended(id: string, state: string): void {
    const at = this.#requested.get(id);
    if (at === undefined || state === "pending") return;
    this.#requested.delete(id);
    this.#held.observe({ outcome: state }, Math.max(0, this.clock() - at) / 1000);
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram<L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[],
  ): Histogram<L> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }
}
