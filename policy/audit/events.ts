/**
 * Builders of events: the only way that a draft gets its `data`. They take what the caller has at hand
 * (an Identity, a StatementRun) and keep of it what belongs in the record; secrets have no place in any of them.
 */
import { shownOf } from "../hidden.ts";
import type {
  AuditEvent,
  ClientInfo,
  EventType,
  Identity,
  StatementOutcome,
  StatementRun,
  Target,
} from "../types.ts";
import type { SessionGrant } from "../grant_ports.ts";
import { type About, clientOf, draft, hiddenOf, parametersOf, tablesOf, type TypedDraft } from "./drafts.ts";
import { type EventData, eventData } from "./event_data.ts";

export * from "./approval_events.ts";
export type { About, TypedDraft } from "./drafts.ts";
export type { EventData } from "./event_data.ts";

/** An event read back: narrow on `type` to get the shape of `data`. */
export type KnownEvent = {
  readonly [T in EventType]: Omit<AuditEvent, "type" | "data"> & {
    readonly type: T;
    readonly data: EventData[T];
  };
}[EventType];

/** Narrows an event by its type after checking `data`; null where the data does not have its type's shape. */
export function known(event: AuditEvent): KnownEvent | null {
  const schema = Object.hasOwn(eventData, event.type) ? eventData[event.type] : undefined;
  return schema?.safeParse(event.data).success ? event as unknown as KnownEvent : null;
}

const identityOf = (identity: Identity) => ({
  subject: identity.subject,
  issuer: identity.issuer,
  groups: identity.groups,
  method: identity.method,
  signedInAt: identity.signedInAt,
  expiresAt: identity.expiresAt,
});

export const gatewayReloaded = (data: EventData["gateway.reloaded"]) => draft("gateway.reloaded", {}, data);

export const gatewayStarted = (data: EventData["gateway.started"]) => draft("gateway.started", {}, data);

export const gatewayLost = (data: EventData["gateway.lost"]) => draft("gateway.lost", {}, data);

export const gatewayStopped = (reason: string) => draft("gateway.stopped", {}, { reason });

/** What a connection said before anybody knew who it was. */
export interface Attempted {
  readonly client: ClientInfo;
  readonly protocol: string;
  /** The database as the client named it. */
  readonly requested: string;
}

const attemptOf = (attempt: Attempted) => ({
  client: clientOf(attempt.client),
  protocol: attempt.protocol,
  requested: attempt.requested,
});

export const signInSucceeded = (target: string | null, attempt: Attempted, identity: Identity) =>
  draft("signin.succeeded", { person: identity.name, target }, {
    identity: identityOf(identity),
    ...attemptOf(attempt),
  });

/** `person` where the failure still tells who tried, e.g. a sign-in of somebody whose account expired. */
export const signInFailed = (
  about: About,
  attempt: Attempted,
  failure: { readonly method: string; readonly code: string; readonly reason: string },
) =>
  draft("signin.failed", about, {
    method: failure.method,
    ...attemptOf(attempt),
    code: failure.code,
    reason: failure.reason,
  });

export const sessionStarted = (session: {
  readonly id: string;
  readonly identity: Identity;
  readonly client: ClientInfo;
  readonly target: Target;
  readonly database: string;
  readonly readOnly: boolean;
  readonly policy: string;
  readonly grant?: SessionGrant | null;
}) =>
  draft("session.started", {
    person: session.identity.name,
    session: session.id,
    target: session.target.name,
  }, {
    identity: identityOf(session.identity),
    client: clientOf(session.client),
    protocol: session.target.protocol,
    database: session.database,
    environment: session.target.environment,
    address: `${session.target.host}:${session.target.port}`,
    role: session.target.account.user,
    readOnly: session.readOnly,
    policy: session.policy,
    ...(session.grant == null ? {} : { grant: sessionGrantOf(session.grant) }),
  });

const sessionGrantOf = ({ id, breakGlass, endsAt, scope }: SessionGrant) => ({
  id,
  breakGlass,
  endsAt,
  scope: { kinds: scope.kinds, tables: scope.tables, unmask: scope.unmask },
});

export const sessionRefused = (
  target: string | null,
  attempt: Attempted,
  identity: Identity | null,
  refusal: { readonly code: string; readonly rule: string; readonly reason: string },
) =>
  draft("session.refused", { person: identity?.name ?? null, target }, {
    ...attemptOf(attempt),
    groups: identity?.groups ?? [],
    method: identity?.method ?? "",
    code: refusal.code,
    rule: refusal.rule,
    reason: refusal.reason,
  });

export const sessionEnded = (about: About, reason: string) => draft("session.ended", about, { reason });

const distinct = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())];

/**
 * The verdict on one execution. `approval` is the id of the request that let it pass, `waitedMs` how long it
 * was held. It counts as forwarded when it was allowed, or needed an approval and has one.
 */
export function statementJudged(about: About, statement: {
  readonly id: string;
  readonly run: StatementRun;
  readonly policy: string;
  readonly approval?: string | null;
  readonly waitedMs?: number | null;
}): TypedDraft<"statement.judged"> {
  const { run } = statement;
  const { judgement } = run;
  const shown = shownOf(run);
  const approval = statement.approval ?? null;
  const facts = judgement.statements.map((one) => one.facts);
  const decisive =
    judgement.statements.find((one) => one.rule === judgement.rule && one.verdict === judgement.verdict) ??
      judgement.statements[0];
  return draft("statement.judged", about, {
    statement: statement.id,
    text: shown.text,
    parameters: parametersOf(shown.parameters),
    ...hiddenOf(shown),
    state: { ...run.state },
    verdict: judgement.verdict,
    forwarded: judgement.verdict === "allow" || (judgement.verdict === "approve" && approval !== null),
    rule: judgement.rule,
    reason: judgement.reason,
    policy: statement.policy,
    kind: decisive?.facts.kind ?? "unknown",
    verbs: facts.map((one) => one.verb),
    tables: facts.flatMap((one) => tablesOf(one.tables)),
    functions: distinct(facts.map((one) => one.functions)),
    masked: distinct(facts.map((one) => one.masked)),
    unsafe: distinct(facts.map((one) => one.unsafe.map((use) => use.code))),
    missingWhere: facts.some((one) => one.missingWhere),
    inTransaction: run.inTransaction,
    catalogOnly: facts.length > 0 && facts.every((one) => one.catalogOnly),
    approval,
    waitedMs: statement.waitedMs ?? null,
  });
}

export const statementFinished = (
  about: About,
  statement: string,
  outcome: StatementOutcome,
  { durationMs, sent }: { readonly durationMs: number; readonly sent: number },
) =>
  draft("statement.finished", about, {
    statement,
    rows: outcome.rows,
    bytes: outcome.bytes,
    sent,
    tag: outcome.tag,
    error: outcome.error === null ? null : { code: outcome.error.code, message: outcome.error.message },
    durationMs,
  });

export const dashboardSignIn = (person: string | null, data: EventData["dashboard.signin"]) =>
  draft("dashboard.signin", { person }, data);

export const dashboardAction = (
  person: string,
  data: EventData["dashboard.action"],
  about: Pick<About, "session" | "target"> = {},
) => draft("dashboard.action", { person, ...about }, data);
