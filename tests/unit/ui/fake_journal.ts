/** A journal in memory that keeps the port's promises, for tests of the dashboard alone. */
import { createHash } from "node:crypto";
import { isAccessEvent } from "../../../policy/audit/access_events.ts";
import { eventData } from "../../../policy/audit/event_data.ts";
import { known } from "../../../policy/audit/events.ts";
import { PosternError } from "../../../policy/errors.ts";
import type { Grant } from "../../../policy/grant.ts";
import type { Clock, EvidenceJournal, Journal, SessionSummary } from "../../../policy/ports.ts";
import type { ApprovalRequest, ApprovalUse, AuditEvent, EventDraft } from "../../../policy/types.ts";

/** A page as the store gives it: those of the last one's moment come too. */
function withTies<T>(items: readonly T[], limit: number, momentOf: (item: T) => number): T[] {
  const last = items[limit - 1];
  return items.filter((item, at) => at < limit || (last !== undefined && momentOf(item) === momentOf(last)));
}

export class FakeJournal implements EvidenceJournal {
  readonly all: AuditEvent[] = [];
  readonly #listeners = new Set<(event: AuditEvent) => void>();
  readonly #used = new Set<string>();
  /** Set to let every append fail. */
  broken = false;

  constructor(readonly clock: Clock) {}

  append(draft: EventDraft): Promise<AuditEvent> {
    if (this.broken) return Promise.reject(new PosternError("StoreFailed", "The record cannot be written"));
    const previous = this.all.at(-1)?.hash ?? "0".repeat(64);
    const body = { ...draft, sequence: this.all.length + 1, at: this.clock(), previous };
    const event: AuditEvent = {
      ...structuredClone(body),
      hash: createHash("sha256").update(JSON.stringify(body)).digest("hex"),
    };
    this.all.push(event);
    for (const listener of this.#listeners) listener(event);
    return Promise.resolve(event);
  }

  async record(draft: EventDraft): Promise<void> {
    await this.append(draft);
  }

  trail(draft: EventDraft, settled: (error: PosternError | null) => void): void {
    this.append(draft).then(() => settled(null), settled);
  }

  readonly roomy = true;

  get listeners(): number {
    return this.#listeners.size;
  }

  note(draft: EventDraft): void {
    this.append(draft).catch(() => {});
  }

  subscribe(listener: (event: AuditEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  follow(listener: (event: AuditEvent) => void, types?: readonly string[]): () => void {
    return this.subscribe((event) => (types?.includes(event.type) ?? true) && listener(event));
  }

  readonly elsewhere = [];
  readonly nodes = null;

  events(filter: Parameters<Journal["events"]>[0]): Promise<AuditEvent[]> {
    const { session, person, target, types, after = 0, limit = Infinity } = filter;
    const found: AuditEvent[] = [];
    // Sequences have no gaps; tests have long sessions.
    for (let at = after; at < this.all.length && found.length < limit; at++) {
      const event = this.all[at]!;
      const fits = (session === undefined || event.session === session) &&
        (person === undefined || event.person === person) &&
        (target === undefined || event.target === target) &&
        (types === undefined || types.includes(event.type));
      if (fits) found.push(event);
    }
    return Promise.resolve(found);
  }

  heads(): Promise<never[]> {
    return Promise.resolve([]);
  }

  remove(): Promise<number> {
    return Promise.resolve(0);
  }

  readonly cursors: EvidenceJournal["cursors"] = {
    claim: () => Promise.resolve(0),
    advance: () => Promise.resolve(true),
    release: () => Promise.resolve(),
  };
  /** Nothing happened today: counting is the store's own business. */
  overview(): ReturnType<EvidenceJournal["overview"]> {
    const holds = { asked: 0, approved: 0, denied: 0, expired: 0, withdrawn: 0, medianWaitMs: null };
    const behind = { events: 0, countedTo: null };
    const counts = { people: 0, sessions: 0, masked: 0, lookedAt: 0 };
    return Promise.resolve({ ...counts, hours: [], holds, unusual: [], behind });
  }

  /** Those that the filter's plain members fit; words and templates are the store's own business. */
  search(wanted: Parameters<EvidenceJournal["search"]>[0]): ReturnType<EvidenceJournal["search"]> {
    const { person, target, session, verdict, before = Infinity, limit } = wanted;
    const hits = this.all.toReversed().flatMap((event) => {
      const it = known(event);
      if (it?.type !== "statement.judged" || event.sequence >= before) return [];
      const given = { person, target, session, verdict };
      const is = { ...it.data, person: event.person, target: event.target, session: event.session };
      const fits = (["person", "target", "session", "verdict"] as const).every((name) =>
        given[name] === undefined || given[name] === is[name]
      );
      if (!fits) return [];
      const { text, statement, forwarded, rule, reason, kind, verbs, tables, masked } = it.data;
      const place = { sequence: event.sequence, at: event.at, person: event.person ?? "" };
      const where = { session: event.session ?? "", target: event.target ?? "" };
      const named = { template: "0".repeat(16), templateText: text.toLowerCase() };
      const texts = { text: text.slice(0, 1000), textLength: text.length, ...named };
      const judged = { verdict: it.data.verdict, forwarded, rule, reason, kind, verbs, tables, masked };
      return [{ ...place, ...where, statement, ...texts, ...judged }];
    }).slice(0, limit);
    const reach = { indexedTo: this.all.length, recordedTo: this.all.length };
    return Promise.resolve({ hits, next: hits.at(-1)?.sequence ?? null, ...reach });
  }

  async *export(filter: Parameters<Journal["export"]>[0]): AsyncIterable<AuditEvent> {
    yield* await this.events(filter);
  }

  async *lines(filter: Parameters<Journal["export"]>[0]): AsyncIterable<string> {
    for await (const event of this.export(filter)) yield `${JSON.stringify(event)}\n`;
  }

  sessions(filter: Parameters<Journal["sessions"]>[0]): Promise<SessionSummary[]> {
    const { person, target, before = Infinity, limit } = filter;
    const found = this.#summaries().filter((session) =>
      session.startedAt < before && (person === undefined || session.person === person) &&
      (target === undefined || session.target === target)
    );
    return Promise.resolve(withTies(found, limit, ({ startedAt }) => startedAt));
  }

  session(id: string): Promise<SessionSummary | null> {
    return Promise.resolve(this.#summaries().find((session) => session.id === id) ?? null);
  }

  approval(id: string): Promise<ApprovalRequest | null> {
    return Promise.resolve(this.#requests().find((request) => request.id === id) ?? null);
  }

  approvals(filter: Parameters<Journal["approvals"]>[0]): Promise<ApprovalRequest[]> {
    const { before = Infinity, limit } = filter;
    return Promise.resolve(
      this.#requests().filter((request) => request.requestedAt < before).slice(0, limit),
    );
  }

  grant(id: string): Promise<Grant | null> {
    return Promise.resolve(this.#grants().find((grant) => grant.id === id) ?? null);
  }

  grants(filter: Parameters<Journal["grants"]>[0]): Promise<Grant[]> {
    const { open = false, before = Infinity, limit } = filter;
    const all = this.#grants().filter(({ requestedAt }) => requestedAt < before);
    if (!open) return Promise.resolve(all.slice(0, limit));
    return Promise.resolve(all.filter(({ state }) => state === "requested" || state === "granted"));
  }

  #grants(): Grant[] {
    const found = new Map<string, Grant>();
    for (const { type, data } of this.all) {
      if (isAccessEvent(type)) found.set(String(data.id), data as unknown as Grant);
    }
    return [...found.values()].reverse();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  usableApproval(digest: string, at: number): Promise<ApprovalRequest | null> {
    return Promise.resolve(this.#usable(at).find((request) => request.digest === digest) ?? null);
  }

  leftOut(digest: string, at: number): Promise<ApprovalRequest | null> {
    const decidedAt = ({ reviews, requestedAt }: ApprovalRequest) => reviews.at(-1)?.at ?? requestedAt;
    const last = this.#requests().filter((one) => one.digest === digest && /approved|denied/.test(one.state))
      .reduce<ApprovalRequest | null>(
        (a, b) => a === null || decidedAt(b) > decidedAt(a) ? b : a,
        null,
      );
    const stands = last?.state === "denied" && last.part != null && last.part.until > at;
    return Promise.resolve(stands ? last : null);
  }

  unusedApprovals(person: string, at: number): Promise<ApprovalRequest[]> {
    return Promise.resolve(this.#usable(at).filter((request) => request.person === person));
  }

  useApproval({ id, digest, at }: ApprovalUse): Promise<boolean> {
    const found = this.#usable(at).some((request) => request.id === id && request.digest === digest);
    if (found) this.#used.add(id);
    return Promise.resolve(found);
  }

  #usable(at: number): ApprovalRequest[] {
    return this.#requests().filter(({ id, state, granted }) =>
      state === "approved" && granted != null && granted.until > at && !this.#used.has(id)
    );
  }

  #requests(): ApprovalRequest[] {
    const found = new Map<string, ApprovalRequest>();
    for (const event of this.all) {
      const it = known(event);
      if (it?.type === "approval.requested") found.set(it.data.id, it.data);
      if (it?.type !== "approval.decided" && it?.type !== "approval.withdrawn") continue;
      const before = found.get(it.data.id);
      if (before) found.set(before.id, { ...before, ...it.data });
    }
    return [...found.values()].reverse();
  }

  readonly #summarized = new Map<string, SessionSummary>();
  #summarizedTo = 0;

  #summaries(): SessionSummary[] {
    const found = this.#summarized;
    const fresh = this.all.slice(this.#summarizedTo);
    this.#summarizedTo = this.all.length;
    for (const { type, session, person, target, at, data } of fresh) {
      const before = session === null ? undefined : found.get(session);
      if (type === "session.started") {
        const it = eventData["session.started"].parse(data);
        found.set(session!, {
          id: session!,
          person: person!,
          target: target!,
          database: it.database,
          client: it.client,
          method: it.identity.method,
          startedAt: at,
          endedAt: null,
          endReason: null,
          statements: 0,
          denied: 0,
          held: 0,
          grant: it.grant === undefined ? null : { id: it.grant.id, breakGlass: it.grant.breakGlass },
        });
      } else if (before !== undefined) {
        found.set(before.id, { ...before, ...changeOf(before, type, at, data) });
      }
    }
    return [...found.values()].reverse();
  }
}

function changeOf(
  before: SessionSummary,
  type: string,
  at: number,
  data: EventDraft["data"],
): Partial<SessionSummary> {
  if (type === "session.ended") return { endedAt: at, endReason: String(data.reason) };
  if (type === "approval.requested") return { held: before.held + 1 };
  if (type !== "statement.judged") return {};
  return { statements: before.statements + 1, denied: before.denied + (data.verdict === "deny" ? 1 : 0) };
}
