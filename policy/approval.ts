/**
 * Approvals: one held statement's life, from the request to its single outcome.
 *
 * What decides first becomes durable first: a decision and a withdrawal that race have one winner, the same
 * in the client, in the record and in the dashboard. Nothing here survives a restart: a held statement dies
 * with the connection it came from (the store closes what a crash left open).
 */
import { createHash } from "node:crypto";
import { approvalDecided, approvalRequested, approvalWithdrawn } from "./audit/events.ts";
import { PosternError } from "./errors.ts";
import type { Approvals, Clock, Hold, Journal } from "./ports.ts";
import type { ApprovalRequest, ApprovalState, Identity, Json } from "./types.ts";

type Ended = Exclude<ApprovalState, "pending">;
type Outcome = Awaited<Hold["outcome"]>;

/** Which state may follow which; what is not here cannot happen. */
const transitions: Readonly<Record<ApprovalState, readonly ApprovalState[]>> = {
  pending: ["pending", "approved", "denied", "expired", "withdrawn"],
  approved: [],
  denied: [],
  expired: [],
  withdrawn: [],
};

/** The request in its next state; a step that the table lacks is a defect of ours, and throws. */
export function moved(request: ApprovalRequest, state: ApprovalState, outcome: string): ApprovalRequest {
  if (!transitions[request.state].includes(state)) {
    throw new PosternError("Internal", `A request that is ${request.state} cannot become ${state}`);
  }
  return { ...request, state, outcome };
}

/** What an approval is good for: SHA-256, hex, over everything that decides what the statement would do. */
export function digestOf(parts: { readonly [key: string]: Json }): string {
  const sorted = Object.keys(parts).sort().map((key) => [key, parts[key]]);
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
}

export interface ApprovalService extends Approvals {
  /** Records the request, shows it to approvers, starts its deadline. Rejects with StoreFailed or LimitExceeded. */
  hold(request: ApprovalRequest, requester: Identity): Promise<Hold>;
  /** Withdraws all that is pending: Postern shuts down. */
  close(reason: string): Promise<void>;
}

export interface ApprovalDeps {
  readonly journal: Pick<Journal, "append" | "approval">;
  readonly clock: Clock;
  /** What links start with, without a slash at the end. */
  readonly url: string;
  /** Most requests pending at once, in all. */
  readonly pendingMax?: () => number;
  readonly log: (level: "warn" | "error", message: string, fields?: Record<string, unknown>) => void;
}

/** One request while it waits. `closing` is the append that ends it, while under way. */
interface Pending {
  request: ApprovalRequest;
  readonly requester: Identity;
  readonly settle: (outcome: Outcome) => void;
  readonly timer: ReturnType<typeof setTimeout>;
  closing: Promise<void> | null;
  /** Asked for while a decision was being recorded; takes effect only if recording fails. */
  withdrawal: { state: "withdrawn" | "expired"; reason: string } | null;
}

export function createApprovals(deps: ApprovalDeps): ApprovalService {
  return new ApprovalDesk(deps);
}

class ApprovalDesk implements ApprovalService {
  readonly #pending = new Map<string, Pending>();

  constructor(private readonly deps: ApprovalDeps) {}

  pending(): readonly ApprovalRequest[] {
    return [...this.#pending.values()].map((entry) => entry.request).sort((a, b) =>
      a.deadlineAt - b.deadlineAt
    );
  }

  async find(id: string): Promise<ApprovalRequest | null> {
    return this.#pending.get(id)?.request ?? await this.deps.journal.approval(id);
  }

  mayDecide(request: ApprovalRequest, identity: Identity): string | null {
    const requester = this.#pending.get(request.id)?.requester;
    const same = requester !== undefined && requester.issuer === identity.issuer &&
      requester.subject === identity.subject;
    if (same || request.person === identity.name) return "Nobody approves their own statement";
    if (identity.expiresAt <= this.deps.clock()) return "Your sign-in has expired; sign in again";
    if (!request.approvers.some((group) => identity.groups.includes(group))) {
      return `Only members of ${request.approvers.join(", ")} may decide this request`;
    }
    if (request.reviews.some((review) => review.by === identity.name)) {
      return "You have reviewed this request already";
    }
    return null;
  }

  async hold(request: ApprovalRequest, requester: Identity): Promise<Hold> {
    const limit = this.deps.pendingMax?.() ?? 1000;
    if (this.#pending.size >= limit) {
      throw new PosternError(
        "LimitExceeded",
        `${limit} statements wait for approval already (limits.pendingApprovals)`,
        {
          rule: request.rule,
          hint: "Try again when some of them are decided",
        },
      );
    }
    await this.deps.journal.append(approvalRequested(request));
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const wait = Math.max(0, request.deadlineAt - this.deps.clock());
    const timer = setTimeout(() => this.#end(request.id, "expired", "nobody decided in time"), wait);
    this.#pending.set(request.id, {
      request,
      requester,
      settle: resolve,
      timer,
      closing: null,
      withdrawal: null,
    });
    return {
      request,
      url: `${this.deps.url}/requests/${request.id}`,
      forWhom: `${request.quorum > 1 ? `${request.quorum} members` : "a member"} of ${
        request.approvers.join(" or ")
      }`,
      outcome: promise,
      withdraw: (reason) => this.#end(request.id, "withdrawn", reason),
    };
  }

  async decide(
    id: string,
    by: Identity,
    decision: { approve: boolean; reason: string },
  ): Promise<ApprovalRequest> {
    const entry = this.#pending.get(id);
    if (entry === undefined || entry.closing !== null) throw await this.#gone(id);
    const objection = this.mayDecide(entry.request, by);
    if (objection !== null) throw new PosternError("PolicyDenied", objection, { rule: entry.request.rule });
    if (!decision.approve && decision.reason.trim() === "") {
      throw new PosternError("PolicyDenied", "Refusing needs a reason: the requester sees it", {
        hint: "Write in a few words why, or what to do instead",
      });
    }
    const review = {
      by: by.name,
      approve: decision.approve,
      reason: decision.reason.trim(),
      at: this.deps.clock(),
    };
    const reviews = [...entry.request.reviews, review];
    const state = stateAfter(reviews, entry.request.quorum);
    const decided = moved({ ...entry.request, reviews }, state, outcomeText(state, review.by));
    await this.#close(entry, decided, by.name, review.reason);
    return decided;
  }

  async close(reason: string): Promise<void> {
    const closing = [...this.#pending.values()].map((entry) => {
      this.#end(entry.request.id, "withdrawn", reason);
      return entry.closing;
    });
    await Promise.allSettled(closing);
  }

  /** Appends the review or the decision; settles once it is durable, and goes back to pending where it is not. */
  async #close(entry: Pending, decided: ApprovalRequest, by: string, reason: string): Promise<void> {
    const appended = this.deps.journal.append(approvalDecided(decided));
    const closing = appended.then(() => {
      entry.request = decided;
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

  #settle(entry: Pending, state: Ended, by: string, reason: string): void {
    if (!this.#pending.delete(entry.request.id)) return;
    clearTimeout(entry.timer);
    entry.settle({ state, by, reason });
  }

  async #gone(id: string): Promise<PosternError> {
    const request = await this.find(id);
    if (request === null) return new PosternError("PolicyDenied", "There is no such request");
    const how = request.state === "pending" ? "is being decided just now" : `is ${request.state} already`;
    return new PosternError(
      "PolicyDenied",
      `This request ${how}${request.outcome ? `: ${request.outcome}` : ""}`,
      {
        hint: "Nothing more is to be done here",
      },
    );
  }
}

/** One refusal refuses; as many consents as the quorum asks for approve. */
function stateAfter(reviews: ApprovalRequest["reviews"], quorum: number): ApprovalState {
  const last = reviews[reviews.length - 1];
  if (last !== undefined && !last.approve) return "denied";
  return reviews.length >= quorum ? "approved" : "pending";
}

function outcomeText(state: ApprovalState, by: string): string {
  if (state === "pending") return "";
  return state === "approved" ? `approved by ${by}` : `refused by ${by}`;
}
