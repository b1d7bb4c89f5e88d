/** Who may decide a request, when it is decided, and how far the approval goes. Pure. */
import { createHmac } from "node:crypto";
import { PosternError } from "../errors.ts";
import type { Identity, Json } from "../types.ts";
import type { ApprovalRequest, ApprovalScope, ApprovalState, Granted, Review } from "./types.ts";

/** What an approver says. `minutes` and `statements` count where `scope` goes beyond "once". */
export interface Decision {
  readonly approve: boolean;
  readonly reason: string;
  readonly scope?: ApprovalScope;
  readonly minutes?: number;
  readonly statements?: number;
  /** Of statements asked for in advance: the places of those that are approved, ascending; `minutes` a shorter time. */
  readonly only?: readonly number[];
}

/** Which state may follow which; what is not here cannot happen. An approval that nobody used can still end. */
const transitions: Readonly<Record<ApprovalState, readonly ApprovalState[]>> = {
  pending: ["pending", "approved", "denied", "expired", "withdrawn"],
  approved: ["withdrawn"],
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

/** The key of digests, from an installation's secret that has other uses, too. */
export function digestKeyOf(secret: Uint8Array): Uint8Array {
  return createHmac("sha256", secret).update("postern: digests of approvals").digest();
}

/**
 * What an approval is good for: HMAC-SHA-256, hex, over everything that decides what the statement would do, the
 * true values of masked columns among it. The installation's key keeps those from being guessed by the digest.
 */
export function digestOf(parts: { readonly [key: string]: Json }, key: Uint8Array): string {
  const sorted = Object.keys(parts).sort().map((name) => [name, parts[name]]);
  return createHmac("sha256", key).update(JSON.stringify(sorted)).digest("hex");
}

/** The groups that may decide now: those of an escalation come to them when its time has come. */
export function approversAt({ approvers, escalation }: ApprovalRequest, now: number): readonly string[] {
  if (!escalation || escalation.at > now) return approvers;
  return [...new Set([...approvers, ...escalation.groups])];
}

/** Why this person may not decide; null where they may. `own` says whether they asked for it themselves. */
export function objectionTo(
  request: ApprovalRequest,
  identity: Identity,
  own: boolean,
  now: number,
): string | null {
  if (own || request.person === identity.name) return "Nobody approves their own statement";
  if (identity.expiresAt <= now) return "Your sign-in has expired; sign in again";
  const approvers = approversAt(request, now);
  if (!approvers.some((group) => identity.groups.includes(group))) {
    return `Only members of ${approvers.join(", ")} may decide this request`;
  }
  if (recheck(request.reviews, now).some((review) => review.by === identity.name && !review.lapsed)) {
    return "You have reviewed this request already";
  }
  return null;
}

/** Why a decision cannot be made like that; null where it can. */
export function objectionToScope(request: ApprovalRequest, decision: Decision): string | null {
  const { scope = "once", minutes = 0, statements = 0 } = decision;
  if (!decision.approve) return null;
  if (request.advance) return objectionToChoice(request, request.advance, decision);
  if (decision.only !== undefined) return "Only of statements asked for in advance may some be left out";
  if (scope === "once") return null;
  const limits = scope === "template" ? request.template : request.tableScope;
  if (!limits) {
    return `The rule "${request.rule}" lets nobody approve more than this statement once in that way`;
  }
  if (minutes < 1 || minutes > limits.minutesMax) {
    return `The rule "${request.rule}" allows 1 to ${limits.minutesMax} minutes`;
  }
  if (statements < 1 || statements > limits.statementsMax) {
    return `The rule "${request.rule}" allows 1 to ${limits.statementsMax} statements`;
  }
  return null;
}

/** Of what was asked for in advance, less may be approved: some of the statements, for a shorter time. */
function objectionToChoice(
  request: ApprovalRequest,
  { statements, windowMs }: NonNullable<ApprovalRequest["advance"]>,
  { scope = "once", minutes, only }: Decision,
): string | null {
  if (scope !== "once") return "Statements asked for in advance are approved as they are, each once";
  const minutesMax = minutesOf(windowMs);
  if (minutes !== undefined && (minutes < 1 || minutes > minutesMax)) {
    return `They may run within 1 to ${minutesMax} minutes (approvals.advanceWindow)`;
  }
  const isPlace = (place: number, at: number) =>
    Number.isInteger(place) && place >= 0 && place < statements && (at === 0 || only![at - 1]! < place);
  if (only !== undefined && (only.length === 0 || !only.every(isPlace))) {
    return `Choose 1 to ${statements} of the ${statements} statements, each named once and in order`;
  }
  const left = chosenOf(statements, [...consentsOf(request.reviews), { only }]);
  return left.length === 0
    ? "None of these statements was approved by the others, too: deny it instead"
    : null;
}

const minutesOf = (ms: number): number => Math.max(1, Math.floor(ms / 60_000));

/** The places that all of them agree to. */
function chosenOf(
  statements: number,
  reviews: readonly { readonly only?: readonly number[] | undefined }[],
): readonly number[] {
  const all = Array.from({ length: statements }, (_, place) => place);
  return all.filter((place) => reviews.every(({ only }) => only?.includes(place) ?? true));
}

const consentsOf = (reviews: readonly Review[]): readonly Review[] =>
  reviews.filter((review) => review.approve && !review.lapsed);

export function reviewOf(request: ApprovalRequest, by: Identity, decision: Decision, now: number): Review {
  const review: Review = {
    by: by.name,
    approve: decision.approve,
    reason: decision.reason.trim(),
    at: now,
    groups: approversAt(request, now).filter((group) => by.groups.includes(group)),
    until: by.expiresAt,
  };
  const { scope = "once", minutes, only } = decision;
  if (!decision.approve) return review;
  if (request.advance) {
    return {
      ...review,
      ...(minutes === undefined ? {} : { minutes }),
      ...(only === undefined ? {} : { only: [...only] }),
    };
  }
  if (scope === "once") return review;
  return { ...review, scope, minutes: decision.minutes ?? 1, statements: decision.statements ?? 1 };
}

/** Reviews as they count now: whose access ended since is marked, and no longer speaks for anybody. */
export function recheck(reviews: readonly Review[], now: number): readonly Review[] {
  return reviews.map((review) =>
    review.approve && review.until !== undefined && review.until <= now ? { ...review, lapsed: true } : review
  );
}

/** One refusal refuses; as many consents as the quorum asks for, of different groups where it says so, approve. */
export function stateAfter(request: ApprovalRequest, reviews: readonly Review[]): ApprovalState {
  const last = reviews.at(-1);
  if (last !== undefined && !last.approve) return "denied";
  const consents = consentsOf(reviews);
  const count = request.distinctGroups ? distinctGroups(consents) : consents.length;
  return count >= request.quorum ? "approved" : "pending";
}

/** For how many of these people a group each can be found, none twice (a matching, by augmenting paths). */
function distinctGroups(reviews: readonly Review[]): number {
  const holder = new Map<string, number>();
  const place = (at: number, tried: Set<string>): boolean => {
    for (const group of reviews[at]?.groups ?? []) {
      if (tried.has(group)) continue;
      tried.add(group);
      const other = holder.get(group);
      if (other !== undefined && !place(other, tried)) continue;
      holder.set(group, at);
      return true;
    }
    return false;
  };
  return reviews.filter((_, at) => place(at, new Set())).length;
}

/**
 * What these reviews grant together: the narrowest that all of them said. The statement itself may run until the
 * request's deadline, or for `retryMs` after the decision where that is later, and never after the sign-in of
 * whoever asked for it.
 */
export function grantedBy(
  request: ApprovalRequest,
  reviews: readonly Review[],
  accessUntil: number,
  now: number,
  retryMs: number,
): Granted {
  const once = Math.min(accessUntil, Math.max(request.deadlineAt, now + retryMs));
  const consents = consentsOf(reviews);
  if (request.advance) return grantedInAdvance(request.advance, consents, accessUntil, now);
  const [scope = "once", ...others] = new Set(consents.map((review) => review.scope ?? "once"));
  if (scope === "once" || others.length > 0) return { scope: "once", until: once, statementsMax: 1 };
  const minutes = Math.min(...consents.map((review) => review.minutes ?? 1));
  return {
    scope,
    until: Math.min(accessUntil, now + minutes * 60_000),
    statementsMax: Math.min(...consents.map((review) => review.statements ?? 1)),
  };
}

function grantedInAdvance(
  { statements, windowMs }: NonNullable<ApprovalRequest["advance"]>,
  consents: readonly Review[],
  accessUntil: number,
  now: number,
): Granted {
  const only = chosenOf(statements, consents);
  const shortestMs = Math.min(
    windowMs,
    ...consents.flatMap(({ minutes }) => minutes ? [minutes * 60_000] : []),
  );
  return {
    scope: "once",
    until: Math.min(accessUntil, now + shortestMs),
    statementsMax: only.length,
    ...(only.length < statements ? { only } : {}),
  };
}

export function outcomeText(
  state: ApprovalState,
  by: string,
  granted: Granted | null,
  { advance }: Pick<ApprovalRequest, "advance"> = {},
): string {
  if (state === "pending") return "";
  if (state !== "approved") return `refused by ${by}`;
  if (granted === null || (granted.scope === "once" && !advance)) return `approved by ${by}`;
  const until = new Date(granted.until).toISOString().slice(11, 16);
  if (advance) {
    const { only = [], statementsMax: count } = granted;
    const which = only.length === 0 ? "" : ` (number ${only.map((place) => place + 1).join(", ")})`;
    return `approved by ${by}: ${count} of ${advance.statements} statements${which}, each once, until ${until} UTC`;
  }
  const what = granted.scope === "template" ? "statements like this" : "writes on these tables";
  return `approved by ${by}, for ${granted.statementsMax} ${what} in this session until ${until} UTC`;
}

/** `2 members of a or b, each for another group` */
export function forWhomText(request: ApprovalRequest, now: number): string {
  const { quorum } = request;
  const who = quorum > 1 ? `${quorum} members` : "a member";
  const distinct = request.distinctGroups && quorum > 1 ? ", each for another group" : "";
  return `${who} of ${approversAt(request, now).join(" or ")}${distinct}`;
}
