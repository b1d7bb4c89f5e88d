/** Builders of `approval.*` events. */
import type { ApprovalRequest, Review } from "../types.ts";
import type { Impact } from "../sql/impact.ts";
import { type About, clientOf, draft, hiddenOf, parametersOf, tablesOf } from "./drafts.ts";

const aboutRequest = (request: ApprovalRequest): About => ({
  person: request.person,
  session: request.session,
  target: request.target,
});

/** What is absent stays out: canonical JSON knows no undefined. */
function given<T extends object>(parts: T): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}

/** Carries the whole request: the projection of the inbox and the evidence are the same bytes. */
export const approvalRequested = (request: ApprovalRequest) =>
  draft(
    "approval.requested",
    aboutRequest(request),
    given({
      id: request.id,
      session: request.session,
      person: request.person,
      groups: request.groups,
      target: request.target,
      database: request.database,
      environment: request.environment,
      client: clientOf(request.client),
      text: request.text,
      parameters: parametersOf(request.parameters),
      ...hiddenOf(request),
      digest: request.digest,
      kind: request.kind,
      verbs: request.verbs,
      tables: tablesOf(request.tables),
      rule: request.rule,
      reason: request.reason,
      approvers: request.approvers,
      quorum: request.quorum,
      inTransaction: request.inTransaction,
      requestedAt: request.requestedAt,
      deadlineAt: request.deadlineAt,
      state: request.state,
      reviews: reviewsOf(request),
      outcome: request.outcome,
      distinctGroups: request.distinctGroups,
      escalation: request.escalation,
      template: request.template,
      tableScope: request.tableScope,
      advance: request.advance,
      part: request.part,
    }),
  );

const reviewsOf = (request: ApprovalRequest) => request.reviews.map((review: Review) => given({ ...review }));

const changeOf = (request: ApprovalRequest) =>
  given({
    id: request.id,
    state: request.state,
    reviews: reviewsOf(request),
    outcome: request.outcome,
    granted: request.granted,
  });

/** A review: `request.state` is `pending` as long as the quorum needs more of them. */
export const approvalDecided = (request: ApprovalRequest) =>
  draft("approval.decided", aboutRequest(request), changeOf(request));

/** Over without a decision, or before its approval was used: `request.state` is `withdrawn` or `expired`. */
export const approvalWithdrawn = (request: ApprovalRequest) =>
  draft("approval.withdrawn", aboutRequest(request), changeOf(request));

/** The same statement came again, in another session. */
export const approvalJoined = (request: ApprovalRequest, session: string) =>
  draft("approval.joined", { ...aboutRequest(request), session }, { id: request.id, session });

export const approvalPreviewed = (request: ApprovalRequest, impact: Impact) =>
  draft("approval.previewed", aboutRequest(request), { id: request.id, impact: { ...impact } });

export const approvalEscalated = (request: ApprovalRequest) =>
  draft("approval.escalated", aboutRequest(request), {
    id: request.id,
    groups: request.escalation?.groups ?? [],
  });
