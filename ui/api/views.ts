/** Policy's types as the contract's bodies. What a list shows is cut here; what is decided on never is. */
import type { Approvals, SessionSummary } from "../../policy/ports.ts";
import type { ApprovalRequest, AuditEvent, ClientInfo, Review, ScopeLimits } from "../../policy/types.ts";
import type { Playground } from "../../policy/playground.ts";
import type { Change, Client, Colours, RequestCard, RequestDetail, SessionRow } from "../contract.ts";
import type { DashboardDeps } from "./http.ts";
import type { Viewer } from "./roles.ts";

/** Characters of a statement in a list of requests. */
export const PREVIEW_LENGTH_MAX = 600;

/** Cuts without splitting a surrogate pair. */
export function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  const last = text.charCodeAt(lengthMax - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? lengthMax - 1 : lengthMax);
}

export function clientOf({ address, port, application, user, tls }: ClientInfo): Client {
  return { address, port, application, user, tls };
}

type Shared = Omit<RequestCard, "preview">;

function sharedOf(request: ApprovalRequest, viewer: Viewer, approvals: Approvals): Shared {
  const { id, session, person, target, database, environment, kind, rule, inTransaction } = request;
  const { requestedAt, deadlineAt, state, outcome, quorum } = request;
  return {
    id,
    session,
    person,
    target,
    database,
    environment,
    kind,
    verbs: [...request.verbs],
    tables: request.tables.map(({ schema, name, access }) => ({ schema, name, access })),
    rule,
    inTransaction,
    requestedAt,
    deadlineAt,
    state,
    outcome,
    quorum,
    reviews: request.reviews.map(reviewOf),
    textLength: request.text.length,
    parameterCount: request.parameters.length,
    mine: person === viewer.identity.name,
    refusal: state === "pending" ? approvals.mayDecide(request, viewer.identity) : `It is ${state}`,
  };
}

export function cardOf(request: ApprovalRequest, viewer: Viewer, approvals: Approvals): RequestCard {
  return { ...sharedOf(request, viewer, approvals), preview: cut(request.text, PREVIEW_LENGTH_MAX) };
}

const limitsOf = (limits: ScopeLimits | null | undefined) =>
  limits ? { minutesMax: limits.minutesMax, statementsMax: limits.statementsMax } : null;

export const reviewOf = ({ by, approve, reason, at, lapsed }: Review) => ({
  ...{ by, approve, reason, at },
  ...(lapsed ? { lapsed } : {}),
});

/** A statement's tokens as they go to the browser. */
export function coloursOf(playground: Pick<Playground, "colours">, target: string, text: string): Colours {
  return playground.colours(target, text)?.map(([kind, length]) => [kind, length]) ?? null;
}

export function detailOf(
  request: ApprovalRequest,
  viewer: Viewer,
  { approvals, playground }: Pick<DashboardDeps, "approvals" | "playground">,
): RequestDetail {
  return {
    ...sharedOf(request, viewer, approvals),
    text: request.text,
    colours: coloursOf(playground, request.target, request.text),
    parameters: request.parameters.map(({ text, type, bytes }) => ({ text, type, bytes })),
    groups: [...request.groups],
    client: clientOf(request.client),
    digest: request.digest,
    missingWhere: request.missingWhere ?? false,
    reason: request.reason,
    approvers: [...request.approvers],
    distinctGroups: request.distinctGroups ?? false,
    escalation: request.escalation
      ? { at: request.escalation.at, groups: [...request.escalation.groups] }
      : null,
    template: limitsOf(request.template),
    tableScope: limitsOf(request.tableScope),
    advance: request.advance
      ? {
        ...request.advance,
        list: (request.advance.list ?? []).map(({ text, verbs }) => ({ text, verbs: [...verbs] })),
      }
      : null,
    partOf: request.part?.of ?? null,
    granted: request.granted
      ? { ...request.granted, only: request.granted.only ? [...request.granted.only] : null }
      : null,
    used: request.used ?? null,
    hidden: (request.hidden ?? []).map((range) => [...range]),
    hiddenParameters: [...request.hiddenParameters ?? []],
    impact: request.impact ? structuredClone(request.impact) as RequestDetail["impact"] : null,
  };
}

export function rowOf(session: SessionSummary, viewer: Viewer, live: ReadonlySet<string>): SessionRow {
  const { id, person, target, database, method, startedAt, endedAt, endReason } = session;
  const { statements, denied, held } = session;
  return {
    id,
    person,
    target,
    database,
    client: clientOf(session.client),
    method,
    startedAt,
    endedAt,
    endReason,
    statements,
    denied,
    held,
    grant: session.grant === null ? null : { ...session.grant },
    live: endedAt === null && live.has(id),
    mine: person === viewer.identity.name,
  };
}

export function changeOf(event: AuditEvent): Change {
  const { sequence, at, type, person, session, target } = event;
  const request = /^(?:approval|access)\./.test(type) && typeof event.data.id === "string"
    ? event.data.id
    : null;
  return { sequence, at, type, person, session, target, request };
}
