/**
 * Server-sent events: that something happened, to those who may know it. A browser that comes back names the
 * last event it has (Last-Event-ID is the record's sequence number) and gets what it missed from the record.
 */
import { isAccessEvent } from "../../policy/audit/access_events.ts";
import { known } from "../../policy/audit/events.ts";
import type { Grant } from "../../policy/grant.ts";
import { limitReached } from "../../policy/limits.ts";
import type { AuditEvent } from "../../policy/types.ts";
import { seesGrant } from "./access.ts";
import type { BrowserSession, BrowserSessions } from "./browser_sessions.ts";
import { cursorSchema, type DashboardContext, type DashboardDeps } from "./http.ts";
import { seesAll, seesRequest, type Viewer } from "./roles.ts";
import { changeOf } from "./views.ts";

export interface StreamLimits {
  readonly heartbeatMs: number;
  /** Streams of one browser session, and of all. */
  readonly perSessionMax: number;
  readonly totalMax: number;
  /** Bytes that a browser may leave unread before its stream is ended; it comes back and catches up. */
  readonly unreadBytesMax: number;
  /** Events that came while a stream catches up. */
  readonly waitingEventsMax: number;
  /** How far back a stream catches up; further than that it is told to ask for everything again. */
  readonly missedEventsMax: number;
}

export const defaultStreamLimits: StreamLimits = {
  heartbeatMs: 15_000,
  perSessionMax: 20,
  totalMax: 1000,
  unreadBytesMax: 256 * 1024,
  waitingEventsMax: 1000,
  missedEventsMax: 10_000,
};

const CATCH_UP_PAGE = 500;

/** Requests whose approvers are remembered, since only the first of their events names them. */
const KNOWN_REQUESTS_MAX = 10_000;

export class EventStreams {
  readonly #streams = new Set<EventStream>();
  readonly #stop: () => void;
  /** While somebody looks: the record is not read for nobody. */
  #stopLive: (() => void) | null = null;
  readonly #approvers = new Map<string, readonly string[]>();

  constructor(
    private readonly deps: Pick<DashboardDeps, "journal" | "approvals" | "log">,
    private readonly sessions: BrowserSessions,
    private readonly limits: StreamLimits = defaultStreamLimits,
  ) {
    this.#stop = deps.journal.follow((event) => this.#learn(event), ["approval.requested"]);
  }

  get size(): number {
    return this.#streams.size;
  }

  open(c: DashboardContext): Response {
    const session = c.get("session");
    const viewer = c.get("viewer");
    const own = [...this.#streams].filter((stream) => stream.session === session).length;
    if (own >= this.limits.perSessionMax || this.#streams.size >= this.limits.totalMax) {
      const hint = "Close other tabs of Postern";
      throw own >= this.limits.perSessionMax
        ? limitReached(
          "dashboard.limits.eventStreams",
          `${own} tabs of yours are open already (dashboard.limits.eventStreams)`,
          hint,
        )
        : limitReached(
          "dashboard.limits.eventStreamsInAll",
          "Too many tabs are open, of everybody together (dashboard.limits.eventStreamsInAll)",
          hint,
        );
    }
    const last = cursorSchema.safeParse(c.req.header("last-event-id") ?? c.req.query("after"));
    const stream = new EventStream({
      session,
      last: last.success ? last.data : null,
      limits: this.limits,
      sees: (event) => this.#sees(viewer, session, event),
      events: (after) => this.deps.journal.events({ after, limit: CATCH_UP_PAGE }),
      learn: (event) => this.#learn(event),
      alive: () => this.sessions.touch(session),
      log: this.deps.log,
      onClose: () => this.#left(stream),
    });
    this.#streams.add(stream);
    this.#stopLive ??= this.deps.journal.follow((event) => {
      for (const one of this.#streams) one.offer(event);
    });
    return c.body(stream.body, 200, {
      "content-type": "text/event-stream; charset=utf-8",
      // Proxies in front must not collect events.
      "x-accel-buffering": "no",
    });
  }

  close(): void {
    this.#stop();
    for (const stream of this.#streams) stream.close();
  }

  #left(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#stopLive?.();
    this.#stopLive = null;
  }

  #learn(event: AuditEvent): void {
    const it = event.type === "approval.requested" ? known(event) : null;
    if (it?.type !== "approval.requested") return;
    this.#approvers.set(it.data.id, it.data.approvers);
    if (this.#approvers.size > KNOWN_REQUESTS_MAX) {
      this.#approvers.delete(this.#approvers.keys().next().value!);
    }
  }

  #sees(viewer: Viewer, session: BrowserSession, event: AuditEvent): boolean {
    if (seesAll(viewer)) return true;
    if (event.person !== null && event.person === viewer.identity.name) return true;
    const { id } = event.data;
    if (event.type.startsWith("approval.") && typeof id === "string") {
      const approvers = this.#approvers.get(id) ??
        this.deps.approvals.pending().find((request) => request.id === id)?.approvers;
      if (approvers && seesRequest(viewer, { person: event.person ?? "", approvers })) return true;
    }
    if (isAccessEvent(event.type)) {
      const { person, approvers } = event.data as unknown as Grant;
      if (seesGrant(viewer, { person, approvers })) return true;
    }
    // A replay that this browser was let see goes on live.
    return event.session !== null && /^(statement|session|approval)\./.test(event.type) &&
      session.hasSeen(event.session);
  }
}

interface EventStreamDeps {
  readonly session: BrowserSession;
  /** The last event that the browser has; null where it starts afresh. */
  readonly last: number | null;
  readonly limits: StreamLimits;
  readonly sees: (event: AuditEvent) => boolean;
  readonly events: (after: number) => Promise<AuditEvent[]>;
  readonly learn: (event: AuditEvent) => void;
  readonly alive: () => boolean;
  readonly log: DashboardDeps["log"];
  readonly onClose: () => void;
}

class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly session: BrowserSession;
  readonly #encoder = new TextEncoder();
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #heartbeat: ReturnType<typeof setInterval>;
  /** Everything up to here was sent or is none of this viewer's business. */
  #cursor: number;
  /** What came while catching up; null when live. */
  #waiting: AuditEvent[] | null = null;
  #overflowed = false;
  #closed = false;

  constructor(private readonly deps: EventStreamDeps) {
    this.session = deps.session;
    this.#cursor = deps.last ?? 0;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#end(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: deps.limits.unreadBytesMax }));
    this.#heartbeat = setInterval(() => this.#beat(), deps.limits.heartbeatMs);
    this.#send("retry: 2000\nevent: hello\ndata: {}\n\n");
    if (deps.last !== null) {
      this.#waiting = [];
      this.#catchUp().catch((error) => {
        deps.log("warn", "an event stream could not catch up", { error: String(error) });
        this.close();
      });
    }
  }

  offer(event: AuditEvent): void {
    if (this.#waiting === null) this.#pass(event);
    else if (this.#waiting.length < this.deps.limits.waitingEventsMax) this.#waiting.push(event);
    else this.#overflowed = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#end();
    this.#controller.close();
  }

  async #catchUp(): Promise<void> {
    let missed = 0;
    while (!this.#closed) {
      const page = await this.deps.events(this.#cursor);
      for (const event of page) {
        this.deps.learn(event);
        this.#pass(event);
      }
      missed += page.length;
      if (missed > this.deps.limits.missedEventsMax) {
        // Before the reset, so that what the app asks for then is not older than what it is told after.
        this.#goLive();
        this.#send("event: reset\ndata: {}\n\n");
        return;
      }
      if (page.length === CATCH_UP_PAGE) continue;
      if (!this.#overflowed) return this.#goLive();
      this.#overflowed = false;
      this.#waiting = [];
    }
  }

  #goLive(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const event of waiting) this.#pass(event);
  }

  #pass(event: AuditEvent): void {
    if (event.sequence <= this.#cursor) return;
    this.#cursor = event.sequence;
    if (!this.deps.sees(event)) return;
    this.#send(`id: ${event.sequence}\nevent: change\ndata: ${JSON.stringify(changeOf(event))}\n\n`);
  }

  #beat(): void {
    if (!this.deps.alive()) return this.close();
    // An id without data moves the browser's Last-Event-ID on and is not seen by the app.
    this.#send(this.#cursor > 0 ? `id: ${this.#cursor}\n\n` : ": still here\n\n");
  }

  #send(text: string): void {
    if (this.#closed) return;
    if ((this.#controller.desiredSize ?? 0) <= 0) return this.close();
    this.#controller.enqueue(this.#encoder.encode(text));
  }

  #end(): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.deps.onClose();
  }
}
