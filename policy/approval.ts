/**
 * Approvals: one held statement's life, from the request to its single outcome.
 *
 * What decides first becomes durable first: a decision and a withdrawal that race have one winner, the same
 * in the client, in the record and in the dashboard. A pending request dies with Postern (the store closes what a
 * crash left open). An approval that nobody used, because its client had gone, stays in the store until it
 * expires: the same statement of the same person passes with it, once.
 */
import {
  approvalDecided,
  approvalEscalated,
  approvalJoined,
  approvalPreviewed,
  approvalRequested,
  approvalWithdrawn,
} from "./audit/approval_events.ts";
import { KnownNames, samePerson } from "./approval/people.ts";
import { type Ended, PendingRequest } from "./approval/pending.ts";
import {
  approversAt,
  type Decision,
  forWhomText,
  grantedBy,
  moved,
  objectionTo,
  objectionToScope,
  outcomeText,
  recheck,
  reviewOf,
  stateAfter,
} from "./approval/review.ts";
import { gone, leftOut, noReason, tooMany, usedUp } from "./approval/refusals.ts";
import type { ApprovalDeps, ApprovalService } from "./approval/service.ts";
import { StandingApprovals } from "./approval/standing.ts";
import type { Impact } from "./sql/impact.ts";
import { PosternError } from "./errors.ts";
import type { Hold } from "./ports.ts";
import type { ApprovalRequest, AuditEvent, Identity } from "./types.ts";

export { digestKeyOf, digestOf } from "./approval/review.ts";
export type { ApprovalDeps, ApprovalService } from "./approval/service.ts";

export function createApprovals(deps: ApprovalDeps): ApprovalService {
  return new ApprovalDesk(deps);
}

class ApprovalDesk implements ApprovalService {
  readonly #pending = new Map<string, PendingRequest>();
  /** Requests on their way into the record, by digest. */
  readonly #asking = new Map<string, Promise<PendingRequest>>();
  readonly #names = new KnownNames();
  readonly #standing = new StandingApprovals();

  constructor(private readonly deps: ApprovalDeps) {
    // Another node may have taken this one for lost, and then what it ended is over here, too.
    deps.journal.follow((event) => this.#endedElsewhere(event), ["approval.withdrawn"]);
  }

  get pendingHere(): number {
    return this.#pending.size;
  }

  pending(): readonly ApprovalRequest[] {
    const here = [...this.#pending.values()].map(({ request }) => request);
    const there = this.deps.journal.elsewhere.map(({ request }) => request);
    return [...here, ...there].map((request) => this.#shown(request))
      .sort((a, b) => a.deadlineAt - b.deadlineAt);
  }

  async find(id: string): Promise<ApprovalRequest | null> {
    const request = this.#pending.get(id)?.request ?? await this.deps.journal.approval(id);
    return request === null ? null : this.#shown(request);
  }

  mayDecide(request: ApprovalRequest, identity: Identity): string | null {
    const requester = this.#pending.get(request.id)?.requester;
    const own = requester !== undefined && samePerson(requester, identity);
    return objectionTo(request, identity, own, this.deps.clock());
  }

  async hold(request: ApprovalRequest, requester: Identity): Promise<Hold> {
    this.#names.add(requester);
    const now = this.deps.clock();
    const standing = this.#standing.covering(request, now);
    if (standing !== null) return this.#passing(standing.request, standing.note);
    const unused = await this.deps.journal.usableApproval(request.digest, now);
    if (unused !== null) return this.#passing(unused, "for this very statement, and not used so far");
    const left = await this.deps.journal.leftOut(request.digest, now);
    if (left?.part) throw leftOut(left, `${this.deps.url}/requests/${left.part.of}`);
    const asking = this.#asking.get(request.digest);
    if (asking !== undefined) {
      await asking.catch(() => {});
      return await this.hold(request, requester);
    }
    const same = [...this.#pending.values()].find((entry) => entry.request.digest === request.digest);
    if (same !== undefined && samePerson(same.requester, requester)) {
      await this.deps.journal.append(approvalJoined(same.request, request.session));
      return this.#pending.has(same.request.id) ? this.#joined(same) : await this.hold(request, requester);
    }
    const asked = this.#ask(request, requester);
    this.#asking.set(request.digest, asked);
    try {
      return this.#joined(await asked);
    } finally {
      this.#asking.delete(request.digest);
    }
  }

  async #ask(request: ApprovalRequest, requester: Identity): Promise<PendingRequest> {
    const limit = this.deps.pendingMax?.() ?? 1000;
    if (this.#pending.size >= limit) throw tooMany(limit);
    await this.deps.journal.append(approvalRequested(request));
    const entry = new PendingRequest(request, requester, this.deps.clock);
    this.#pending.set(request.id, entry);
    entry.at(request.deadlineAt, () => this.#end(request.id, "expired", "nobody decided in time"));
    if (request.escalation) entry.at(request.escalation.at, () => this.#escalate(entry.request));
    return entry;
  }

  #joined(entry: PendingRequest): Hold {
    const { request } = entry;
    const { clock } = this.deps;
    return {
      request,
      url: this.#url(request),
      get forWhom() {
        return forWhomText(request, clock());
      },
      ...entry.join((reason, stays) => {
        const retryMs = this.#retryMs;
        if (!stays || retryMs === 0) return this.#end(request.id, "withdrawn", reason);
        entry.at(clock() + retryMs, () => {
          if (entry.abandoned) this.#end(request.id, "withdrawn", `${reason}, and did not come again`);
        });
      }),
    };
  }

  #passing(request: ApprovalRequest, note: string): Hold {
    const by = request.reviews.at(-1)?.by ?? "";
    return {
      request,
      url: this.#url(request),
      forWhom: by,
      passes: `approved by ${by}: ${note}`,
      outcome: Promise.resolve({ state: "approved", by, reason: request.reviews.at(-1)?.reason ?? "" }),
      withdraw: () => {},
      leave: () => {},
    };
  }

  async use(id: string, asked: ApprovalRequest): Promise<void> {
    const { journal, clock } = this.deps;
    const now = clock();
    if (this.#standing.use(id, asked, now)) return;
    if (await journal.useApproval({ id, digest: asked.digest, at: now, session: asked.session })) return;
    throw usedUp(asked.rule, `${this.deps.url}/requests/${id}`);
  }

  async decide(id: string, by: Identity, decision: Decision): Promise<ApprovalRequest> {
    const entry = this.#pending.get(id);
    if (entry === undefined) return await this.#decideElsewhere(id, by, decision);
    if (entry.closing !== null) throw gone(await this.find(id));
    const { request } = entry;
    const objection = this.mayDecide(request, by) ?? objectionToScope(request, decision);
    if (objection !== null) throw new PosternError("PolicyDenied", objection, { rule: request.rule });
    if (!decision.approve && decision.reason.trim() === "") throw noReason();
    this.#names.add(by);
    const now = this.deps.clock();
    const reviews = [...recheck(request.reviews, now), reviewOf(request, by, decision, now)];
    const state = stateAfter(request, reviews);
    const granted = state === "approved"
      ? grantedBy(request, reviews, entry.requester.expiresAt, now, this.#retryMs)
      : null;
    const outcome = outcomeText(state, by.name, granted, request);
    const decided = moved({ ...request, reviews, granted }, state, outcome);
    await this.#close(entry, decided, by.name, decision.reason.trim());
    return this.#shown(decided);
  }

  /** By the node whose client waits, so that of two people who decide at two nodes one is first. */
  async #decideElsewhere(id: string, by: Identity, decision: Decision): Promise<ApprovalRequest> {
    const { nodes, elsewhere } = this.deps.journal;
    const there = elsewhere.find(({ request }) => request.id === id);
    if (there === undefined || nodes === null) throw gone(await this.find(id));
    const decided = await nodes.ask(there.node, { kind: "decide", id, by, decision });
    return this.#shown(decided as unknown as ApprovalRequest);
  }

  #endedElsewhere({ data }: AuditEvent): void {
    const id = String(data.id);
    this.#standing.drop(id);
    const entry = this.#pending.get(id);
    if (entry === undefined || entry.closing !== null || entry.request.state !== "pending") return;
    const { state, outcome } = data as unknown as ApprovalRequest;
    entry.request = moved(entry.request, state, outcome);
    this.#settle(entry, state === "expired" ? "expired" : "withdrawn", "", outcome);
  }

  previewed({ id }: ApprovalRequest, impact: Impact): void {
    const entry = this.#pending.get(id);
    if (entry !== undefined) entry.request = { ...entry.request, impact };
    const request = entry?.request;
    if (request !== undefined) this.deps.journal.note(approvalPreviewed(request, impact));
  }

  forget(session: string): void {
    this.#standing.forget(session);
  }

  async endAccess(person: Pick<Identity, "issuer" | "subject">, reason: string): Promise<void> {
    const names = this.#names.of(person);
    for (const entry of this.#pending.values()) {
      if (samePerson(entry.requester, person)) this.#end(entry.request.id, "withdrawn", reason);
      const reviews = entry.request.reviews.map((one) =>
        names.has(one.by) && one.approve ? { ...one, lapsed: true } : one
      );
      entry.request = { ...entry.request, reviews };
    }
    // One that this process knows no name of has to be admitted before an approval of theirs is of use.
    for (const name of names) {
      for (const request of await this.deps.journal.unusedApprovals(name, this.deps.clock())) {
        await this.deps.journal.append(approvalWithdrawn(moved(request, "withdrawn", reason)));
      }
    }
  }

  async close(reason: string): Promise<void> {
    const closing = [...this.#pending.values()].map((entry) => {
      this.#end(entry.request.id, "withdrawn", reason);
      return entry.closing;
    });
    await Promise.allSettled(closing);
  }

  /** Appends the review or the decision; settles once it is durable, and goes back to pending where it is not. */
  async #close(entry: PendingRequest, decided: ApprovalRequest, by: string, reason: string): Promise<void> {
    const appended = this.deps.journal.append(approvalDecided(decided));
    const closing = appended.then(() => {
      entry.request = { ...decided, impact: entry.request.impact ?? null };
      if (decided.state === "approved") this.#standing.add(decided);
      if (decided.state !== "pending") this.#settle(entry, decided.state, by, reason);
    });
    entry.closing = closing;
    try {
      await closing;
    } finally {
      entry.closing = null;
      // A withdrawal that came while a decision was being recorded counts unless that decision stands.
      const { withdrawal } = entry;
      if (withdrawal !== null) this.#end(decided.id, withdrawal.state, withdrawal.reason);
    }
  }

  #end(id: string, state: "withdrawn" | "expired", reason: string): void {
    const entry = this.#pending.get(id);
    if (entry === undefined) return;
    if (entry.closing !== null) {
      entry.withdrawal ??= { state, reason };
      return;
    }
    const ended = moved(entry.request, state, reason);
    entry.request = ended;
    // The client is told whether or not the record takes it: nothing runs on a withdrawal.
    entry.closing = this.deps.journal.append(approvalWithdrawn(ended)).then(() => {}, (error) => {
      this.deps.log("error", "a withdrawn request could not be recorded", {
        request: id,
        error: String(error),
      });
    }).then(() => this.#settle(entry, state, "", reason));
  }

  #settle(entry: PendingRequest, state: Ended, by: string, reason: string): void {
    if (this.#pending.delete(entry.request.id)) entry.settle(state, by, reason);
  }

  #escalate(request: ApprovalRequest): void {
    this.deps.journal.append(approvalEscalated(request)).catch((error) =>
      this.deps.log("error", "an escalation could not be recorded", {
        request: request.id,
        error: String(error),
      })
    );
  }

  get #retryMs(): number {
    return this.deps.retryMs?.() ?? 0;
  }

  #shown(request: ApprovalRequest): ApprovalRequest {
    return { ...request, approvers: approversAt(request, this.deps.clock()) };
  }

  #url(request: ApprovalRequest): string {
    return `${this.deps.url}/requests/${request.id}`;
  }
}
