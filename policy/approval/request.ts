/** One held execution as approvers will see it. */
import { PosternError } from "../errors.ts";
import { shownOf } from "../hidden.ts";
import { randomId } from "../random_id.ts";
import type {
  ApprovalRequest,
  ApprovalTerms,
  ClientInfo,
  Identity,
  JudgedStatement,
  ScopeLimits,
  StatementRun,
  Target,
} from "../types.ts";
import { digestOf } from "./review.ts";

/** Who asks, in which session, of what. */
export interface RequestPlace {
  readonly id: string;
  readonly identity: Identity;
  readonly target: Target;
  readonly database: string;
  readonly client: ClientInfo;
}

export interface RequestMeans {
  readonly transactionHoldMs: number;
  readonly digestKey: Uint8Array;
  /** The same for statements that differ in their values only; null where that cannot be told. */
  readonly template: () => string | null;
}

export function requestFor(
  run: StatementRun,
  place: RequestPlace,
  now: number,
  { transactionHoldMs, digestKey, template }: RequestMeans,
): ApprovalRequest {
  const { judgement } = run;
  const { terms } = judgement;
  if (terms === null) throw new PosternError("Internal", "A held statement has no approval terms");
  const { identity, target, database } = place;
  const facts = judgement.statements.map((statement) => statement.facts);
  const waitMs = run.inTransaction ? Math.min(terms.deadlineMs, transactionHoldMs) : terms.deadlineMs;
  return {
    id: randomId(),
    session: place.id,
    person: identity.name,
    groups: identity.groups,
    target: target.name,
    database,
    environment: target.environment,
    client: place.client,
    ...shownOf(run),
    digest: digestOf({
      text: run.text,
      parameters: run.parameters.map(({ text, type }) => ({ text, type })),
      issuer: identity.issuer,
      subject: identity.subject,
      target: target.name,
      database,
      role: target.account.user,
      state: run.state,
    }, digestKey),
    kind: facts.find(({ kind }) => kind !== "transaction")?.kind ?? "unknown",
    verbs: facts.map(({ verb }) => verb),
    tables: facts.flatMap(({ tables }) => tables),
    missingWhere: facts.some(({ missingWhere }) => missingWhere),
    rule: judgement.rule,
    reason: judgement.reason,
    approvers: approversOf(terms, target),
    quorum: terms.quorum,
    inTransaction: run.inTransaction,
    requestedAt: now,
    deadlineAt: Math.min(now + waitMs, identity.expiresAt),
    state: "pending",
    reviews: [],
    outcome: "",
    distinctGroups: terms.distinctGroups ?? false,
    escalation: terms.escalate === undefined
      ? null
      : { at: now + terms.escalate.afterMs, groups: terms.escalate.groups },
    template: templateScope(terms, judgement.statements, template),
    tableScope: tableScope(terms, judgement.statements),
  };
}

function approversOf(terms: ApprovalTerms, target: Target): readonly string[] {
  return [...new Set([...terms.groups, ...(terms.owners ? target.owners ?? [] : [])])];
}

function templateScope(
  terms: ApprovalTerms,
  statements: readonly JudgedStatement[],
  template: () => string | null,
): ApprovalRequest["template"] {
  const objected = statements.some(({ facts }) => facts.unsafe.length > 0 || facts.missingWhere);
  const digest = terms.template === undefined || objected ? null : template();
  return digest === null || terms.template === undefined ? null : { digest, ...terms.template };
}

/** Only for plain writes, whose tables are all known: what the floor objects to is asked for each time. */
function tableScope(terms: ApprovalTerms, statements: readonly JudgedStatement[]): ScopeLimits | null {
  const plain = statements.length > 0 &&
    statements.every(({ facts }) =>
      facts.kind === "write" && facts.tables.some(({ access }) => access === "write") &&
      facts.unsafe.length === 0 && !facts.missingWhere
    );
  return plain ? terms.tables ?? null : null;
}
