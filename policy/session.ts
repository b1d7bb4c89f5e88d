/** One admitted connection: judges its statements, records them, holds them for approval, and ends once. */
import { requestFor } from "./approval/request.ts";
import { sessionEnded } from "./audit/events.ts";
import { valuesDetected } from "./audit/detection_events.ts";
import type { Place } from "./decide.ts";
import { Decisions } from "./decisions.ts";
import { Foresight } from "./estimates.ts";
import { SessionWatcher, watches } from "./detectors.ts";
import { PosternError } from "./errors.ts";
import { guarded } from "./guarded.ts";
import type { SessionGrant, SessionNotice } from "./grant_ports.ts";
import { scopeFilter } from "./grant_scope.ts";
import { type LiveSession, LiveTrack, type Progress } from "./live.ts";
import type { Ahead } from "./ahead.ts";
import type { Hold, Session } from "./ports.ts";
import { secondOpinion } from "./second_opinion.ts";
import { SessionAnalyst } from "./session_analyst.ts";
import { SessionTrail } from "./session_trail.ts";
import {
  changesCatalog,
  isRead,
  type JudgedEvent,
  type Running,
  sentBytes,
  SessionEvents,
} from "./session_events.ts";
import type {
  ApprovalRequest,
  Identity,
  Judgement,
  MaskRule,
  SqlState,
  StatementOutcome,
  StatementRun,
  Target,
} from "./types.ts";
import type { SessionDeps, SessionPlace } from "./session_deps.ts";
import type { SessionSpans } from "./traces/ports.ts";

export type { SessionDeps, SessionPlace } from "./session_deps.ts";

export class GatedSession implements Session {
  readonly id: string;
  readonly identity: Identity;
  readonly target: Target;
  readonly database: string;
  readonly readOnly: boolean;
  readonly ended: AbortSignal;
  readonly watcher: SessionWatcher | null;
  readonly #end = new AbortController();
  readonly #place: SessionPlace;
  readonly #events: SessionEvents;
  readonly #trail: SessionTrail;
  readonly #decisions: Decisions;
  readonly #where: Place;
  readonly #about: { readonly person: string; readonly session: string; readonly target: string };
  readonly #running = new Map<string, Running>();
  /** By request: how long it had waited. */
  readonly #waited = new Map<string, number>();
  readonly #analyst: SessionAnalyst;
  readonly #foresight: Foresight;
  readonly #track = new LiveTrack();
  readonly #spans: SessionSpans | null;
  readonly #startedAt: number;
  readonly #listeners: ((notice: SessionNotice) => void)[] = [];
  #statements = 0;
  #closed = false;

  constructor(
    private readonly deps: SessionDeps,
    place: SessionPlace,
    private readonly onClose: () => void,
  ) {
    this.#place = place;
    this.id = place.id;
    this.identity = place.identity;
    this.target = place.account === null
      ? place.target
      : guarded({ ...place.target, account: place.account });
    this.database = place.database;
    this.readOnly = place.readOnly;
    this.ended = this.#end.signal;
    this.#startedAt = deps.clock();
    this.#where = {
      target: place.target.name,
      database: place.database,
      environment: place.target.environment,
      clientAddress: place.client.address,
    };
    this.#analyst = new SessionAnalyst(deps, place);
    this.#foresight = new Foresight(deps, this.#analyst, place.identity, this.#where, place.target);
    const { detectors } = place.target;
    this.watcher = detectors !== undefined && watches(detectors, place.identity.groups)
      ? new SessionWatcher(detectors, (origin) => this.#analyst.nameOf(origin))
      : null;
    this.#about = { person: place.identity.name, session: place.id, target: place.target.name };
    this.#events = new SessionEvents(this.#about);
    const template = ({ text, state }: StatementRun) => this.#analyst.template(text, state);
    this.#spans = deps.traces?.session(place, template) ?? null;
    this.#trail = new SessionTrail(deps, this.#about, this.#events);
    this.#decisions = new Decisions(
      place.identity,
      this.#where,
      place.grant && scopeFilter(place.grant.scope),
    );
  }

  judge(text: string, state: SqlState): Judgement {
    const { clock, inForce, meter } = this.deps;
    const began = performance.now();
    const understood = this.#analyst.analyse(text, state);
    const { rules } = inForce.current;
    const judgement = this.#decisions.on(understood, clock(), rules, this.#foresight.estimate(text, state));
    meter.judged(performance.now() - began);
    this.#spans?.judged(judgement, began);
    return judgement;
  }

  ahead(text: string, state: SqlState): Ahead | null {
    return this.#foresight.ahead(text, state);
  }

  maskOf(origin: string): MaskRule | null {
    return this.#analyst.maskOf(origin);
  }

  record(run: StatementRun, approval?: string): string | Promise<string> {
    const id = `${this.id}-${++this.#statements}`;
    // Whoever sees some masked columns reads what the probe role may not.
    const asks = this.target.probe !== undefined && this.#analyst.strict;
    if (asks || approval !== undefined) return this.#recordSlowly(id, run, approval, asks);
    const { recorder, meter, inForce } = this.deps;
    const judged = this.#events.judged(id, run, inForce.current.digest, null);
    const read = isRead(run.judgement);
    const began = performance.now();
    if (this.#trail.letsGo(id, judged, read, this.deps.clock())) {
      meter.recorded(0);
      return this.#began(id, run, judged, began);
    }
    const recorded = (): string => {
      meter.recorded(performance.now() - began);
      return this.#began(id, run, judged, began);
    };
    try {
      const durable = recorder.record(judged.event, read);
      return durable === null ? recorded() : durable.then(recorded);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** With a second opinion of the target's, or an approval to be used up. */
  async #recordSlowly(
    id: string,
    run: StatementRun,
    approval: string | undefined,
    asks: boolean,
  ): Promise<string> {
    const { deps, target, database } = this;
    this.#trail.flush();
    if (asks) await secondOpinion(deps, { about: this.#about, target, database }, id, run);
    const waitedMs = this.#waited.get(approval ?? "") ?? null;
    const approved = approval === undefined ? null : { approval, waitedMs };
    const judged = this.#events.judged(id, run, deps.inForce.current.digest, approved);
    if (approval !== undefined) {
      this.#waited.delete(approval);
      await deps.approvals.use(approval, this.#request(run));
    }
    const began = performance.now();
    await deps.recorder.record(judged.event, isRead(run.judgement));
    deps.meter.recorded(performance.now() - began);
    return this.#began(id, run, judged, began, approval);
  }

  /** It is recorded, and goes to the target now, if it was let pass. */
  #began(
    id: string,
    run: StatementRun,
    { text, data }: JudgedEvent,
    began: number,
    approval?: string,
  ): string {
    this.#spans?.recorded(id, run, began, approval);
    this.deps.meter.statement(this.target.name, data);
    if (data.forwarded) {
      const at = this.deps.clock();
      this.#running.set(id, { at, sent: sentBytes(run), changesCatalog: changesCatalog(run.judgement) });
      this.#track.began(id, text, data.verbs, at);
    }
    return id;
  }

  finished(statement: string, outcome: StatementOutcome): void {
    const running = this.#running.get(statement);
    if (running === undefined) return;
    this.#running.delete(statement);
    const now = this.deps.clock();
    this.#track.ended(statement, now);
    this.#spans?.finished(statement, outcome);
    const duration = Math.max(0, now - running.at);
    const measured = { durationMs: duration, sent: running.sent + (outcome.copied ?? 0) };
    const together = this.#trail.finished(statement, outcome, measured);
    this.deps.meter.finished(this.target.name, outcome, { ms: duration, together });
    this.#noteDetections(statement);
    if (running.changesCatalog && outcome.error === null) {
      this.deps.catalogs.refresh(this.#place.target, this.database);
    }
  }

  /** Results come in the order of their statements: what was found since the last one was found in this one's. */
  #noteDetections(statement: string): void {
    const found = this.watcher?.take() ?? [];
    if (this.watcher === null || found.length === 0) return;
    const { masks: masked } = this.watcher;
    this.deps.journal.note(valuesDetected(this.#about, statement, masked, found));
    const { name: target } = this.target;
    this.deps.detections.add({ target, database: this.database, masked }, found, this.deps.clock());
  }

  async hold(run: StatementRun): Promise<Hold> {
    this.#trail.flush();
    const request = this.#request(run);
    const began = performance.now();
    const hold = await this.deps.approvals.hold(request, this.identity);
    this.#track.waits(request);
    // Not for one that joined another's request, or passes.
    if (hold.request.id === request.id) {
      const { target, database } = this;
      const analyse = (text: string) => this.#analyst.strictly(text, run.state);
      this.deps.previews.start({ request, run, target, database, analyse });
    }
    // A client that went may come again; one whose session was ended may not.
    const withdraw = () =>
      this.#closed ? hold.leave("the session ended") : hold.withdraw("the session ended");
    // After whoever holds it has had its say.
    if (this.ended.aborted) setTimeout(withdraw);
    this.ended.addEventListener("abort", withdraw, { once: true });
    hold.outcome.then(({ state }) => {
      this.ended.removeEventListener("abort", withdraw);
      this.#track.decided(request.id, this.deps.clock());
      const { id } = hold.request;
      this.#spans?.held(id, run, began, state);
      if (state === "approved") this.#waited.set(id, Math.max(0, this.deps.clock() - request.requestedAt));
    });
    return hold;
  }

  watch(progress: () => Progress | null): void {
    this.#track.progress = progress;
  }

  live(): LiveSession {
    return this.#track.session(this.id, this.#place, this.#startedAt, this.#statements);
  }

  onNotice(listener: (notice: SessionNotice) => void): void {
    this.#listeners.push(listener);
  }

  /** Tells the person something that ends nothing. */
  notify(notice: SessionNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }

  get grant(): SessionGrant | null {
    return this.#place.grant;
  }

  /** Ends it from this side: the data path tells the client `reason` and closes. */
  terminate(reason: PosternError): void {
    this.#end.abort(reason);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end.abort(new PosternError("Internal", reason));
    this.deps.approvals.forget(this.id);
    this.#spans?.ended(this.#statements);
    this.#trail.flush();
    // Notifications may have come after the last statement's end.
    this.#noteDetections(`${this.id}-${this.#statements}`);
    this.deps.journal.note(sessionEnded(this.#about, reason));
    this.onClose();
  }

  #request(run: StatementRun): ApprovalRequest {
    const { identity, database } = this;
    const { target } = this.#place;
    const place = { id: this.id, identity, target, database, client: this.#place.client };
    const { clock, inForce, digestKey } = this.deps;
    const { transactionHoldMs } = inForce.current.approvals;
    const template = () => this.#analyst.template(run.text, run.state);
    return requestFor(run, place, clock(), { transactionHoldMs, digestKey, template });
  }
}
