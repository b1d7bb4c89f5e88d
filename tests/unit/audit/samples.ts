/** Events to test with, one of each type, and a record in memory that exports like the store does. */
import { resultRecorded } from "../../../policy/audit/result_events.ts";
import { noImpact } from "../../../policy/sql/impact.ts";
import { probeDisagreed } from "../../../policy/audit/probe_events.ts";
import { valuesDetected } from "../../../policy/audit/detection_events.ts";
import assert from "node:assert/strict";
import type { ExportSource, StoredEvent } from "../../../policy/audit/export.ts";
import { contentOf, digestOf, emptyChain, linkOf } from "../../../policy/audit/chain.ts";
import { accessChanged, accessEventData } from "../../../policy/audit/access_events.ts";
import { deliveryChanged, deliveryDropped } from "../../../policy/audit/delivery_events.ts";
import { accountCreated, accountDropped, accountStuck } from "../../../policy/audit/account_events.ts";
import { recordErased, recordRetired } from "../../../policy/audit/removal_events.ts";
import * as events from "../../../policy/audit/events.ts";
import { newPrivateKey, type SignedHead, signer } from "../../../policy/audit/heads.ts";
import type { Verification } from "../../../policy/audit/verify.ts";
import type { Grant } from "../../../policy/grant.ts";
import type { EventFilter } from "../../../policy/ports.ts";
import type {
  AccessEventType,
  ApprovalRequest,
  EventDraft,
  Identity,
  JudgedStatement,
  StatementRun,
  Target,
} from "../../../policy/types.ts";

export const client = { address: "10.1.2.3", port: 50123, application: "psql", user: "mia", tls: "TLSv1.3" };

export const identity: Identity = {
  subject: "sub-1",
  issuer: "https://login.example.com",
  name: "mia@example.com",
  groups: ["engineers"],
  signedInAt: 1_750_000_000_000,
  expiresAt: 1_750_003_600_000,
  method: "browser",
};

export const target: Target = {
  name: "orders-prod",
  protocol: "postgresql",
  host: "10.0.0.5",
  port: 5432,
  database: "orders",
  environment: "production",
  groups: ["engineers"],
  tls: { mode: "disable" },
  account: { user: "app", password: "a secret that must not be recorded" },
};

const judged: JudgedStatement = {
  facts: {
    dialect: "postgresql",
    kind: "write",
    verb: "UPDATE",
    tables: [{ schema: "public", name: "customers", access: "write" }],
    columns: ["public.customers.email"],
    functions: ["pg_catalog.lower"],
    missingWhere: false,
    catalogOnly: false,
    masked: ["public.customers.ssn"],
    maskedLiterals: [],
    maskedParameters: [],
    unsafe: [{ code: "file-access", what: "reads files", hint: "ask for the file" }],
    refers: { statements: [], cursors: [] },
  },
  verdict: "approve",
  rule: "writes-need-approval",
  reason: "writes are approved",
  hint: "",
  terms: { groups: ["db-approvers"], deadlineMs: 900_000, quorum: 1 },
  result: { kind: "clean" },
  tainted: false,
};

export const run: StatementRun = {
  text: "UPDATE customers SET email = lower($1) WHERE id = $2 -- \u202e\u0000\"'",
  parameters: [{ text: "mia@example.com", type: "text", bytes: 15 }, { text: null, type: "?", bytes: 0 }],
  judgement: { ...judged, statements: [judged] },
  state: { search_path: '"$user", public' },
  inTransaction: true,
};

export const request: ApprovalRequest = {
  id: "approval-1",
  session: "session-1",
  person: identity.name,
  groups: identity.groups,
  target: target.name,
  database: target.database,
  environment: target.environment,
  client,
  text: run.text,
  parameters: run.parameters,
  digest: "d".repeat(64),
  kind: "write",
  verbs: ["UPDATE"],
  tables: judged.facts.tables,
  rule: judged.rule,
  reason: judged.reason,
  approvers: ["db-approvers"],
  quorum: 1,
  inTransaction: true,
  requestedAt: 1_750_000_000_500,
  deadlineAt: 1_750_000_900_500,
  state: "pending",
  reviews: [],
  outcome: "",
};

export const about = { person: identity.name, session: "session-1", target: target.name };

const attempt = { client, protocol: "postgresql", requested: "orders-prod" };
const approved: ApprovalRequest = {
  ...request,
  state: "approved",
  reviews: [{ by: "noor@example.com", approve: true, reason: "", at: 1_750_000_001_000 }],
  outcome: "approved by noor@example.com",
};

/** Of the types that no session's story needs. */
export function alsoHappening(): EventDraft[] {
  return [
    valuesDetected(about, "statement-1", true, [{ column: "public.orders.note", kind: "card", count: 214 }]),
    probeDisagreed(about, "statement-2", "42501"),
    events.gatewayReloaded({
      by: "SIGHUP",
      before: "p0",
      policy: "p1",
      changed: ["rules"],
      needsRestart: [],
    }),
    ...deliverySamples(),
    recordErased([3, 4, 7], { by: "ops", reason: "request 12" }),
    recordRetired([1, 2], { by: "retention", reason: "older than 90 days", target: target.name, before: 1 }),
    events.approvalJoined(request, "session-2"),
    events.approvalPreviewed(request, noImpact),
    events.approvalEscalated({ ...request, escalation: { at: 9, groups: ["team-leads"] } }),
  ];
}

function deliverySamples(): EventDraft[] {
  const channel = {
    channel: "ops",
    kind: "webhook",
    purpose: "notify",
    reason: "it answered with status 500",
  } as const;
  return [
    deliveryChanged("delivery.failing", channel),
    deliveryChanged("delivery.recovered", { ...channel, reason: "" }),
    deliveryDropped(channel, [1, 2]),
  ];
}
const grant: Grant = {
  id: "grant-1",
  person: identity.name,
  subject: identity.subject,
  issuer: identity.issuer,
  groups: identity.groups,
  target: target.name,
  environment: target.environment,
  reason: "ticket 4711",
  durationMs: 3_600_000,
  scope: { kinds: ["read"], tables: ["public.*"], unmask: [] },
  rule: "ask-first",
  breakGlass: false,
  approvers: ["dba"],
  quorum: 1,
  address: "10.1.2.3",
  waiting: true,
  requestedAt: 1,
  deadlineAt: 2,
  startsAt: 3,
  endsAt: 4,
  state: "granted",
  reviews: [{ by: "noor@example.com", approve: true, reason: "", at: 3 }],
  outcome: "",
  examined: { by: "noor@example.com", words: "right so", at: 5 },
};

const holder = { person: identity.name, session: "session-1", target: target.name };

export const accessOfEach = (): EventDraft[] => [
  ...(Object.keys(accessEventData) as AccessEventType[]).map((type) => accessChanged(type, grant)),
  accountCreated(holder, { account: "mia@example.com#s1", roles: ["app_read"], validUntil: 1 }),
  accountDropped(holder, { account: "mia@example.com#s1", swept: true }),
  accountStuck(holder, { account: "mia@example.com#s1", reason: "the target cannot be reached" }),
];

/** One session from its start to its end; `id` tells several apart. */
export function oneOfEach(id = "1"): EventDraft[] {
  const here = { ...about, session: `session-${id}` };
  const asked = { ...request, id: `approval-${id}`, session: here.session };
  return [
    events.gatewayStarted({ version: "0.1.0", pid: 7, policy: "p1", listeners: ["a:1"], targets: ["t"] }),
    events.gatewayLost({ node: "n1", name: "bastion-1", sessions: 2, approvals: 1 }),
    events.signInFailed({}, attempt, { method: "token", code: "AuthFailed", reason: "it is expired" }),
    events.signInSucceeded(target.name, attempt, identity),
    events.sessionRefused(target.name, attempt, identity, {
      code: "PolicyDenied",
      rule: "target",
      reason: "not in its groups",
    }),
    events.sessionStarted({
      id: here.session,
      identity,
      client,
      target,
      database: "orders",
      readOnly: false,
      policy: "p1",
    }),
    events.approvalRequested(asked),
    events.approvalDecided({
      ...asked,
      state: "approved",
      reviews: approved.reviews,
      outcome: approved.outcome,
    }),
    events.statementJudged(here, {
      id: `statement-${id}`,
      run,
      policy: "p1",
      approval: asked.id,
      waitedMs: 500,
    }),
    resultRecorded(here, `statement-${id}`, [
      { columns: [{ name: "ssn", masked: true }], rows: [["***-1037"], [null]], more: true },
    ]),
    events.statementFinished(
      here,
      `statement-${id}`,
      { rows: 1, bytes: 17, error: null, tag: "UPDATE 1" },
      { durationMs: 12.5, sent: 44 },
    ),
    events.approvalWithdrawn({ ...asked, id: `gone-${id}`, state: "withdrawn", outcome: "Ctrl-C" }),
    events.sessionEnded(here, "the client left"),
    events.dashboardSignIn(identity.name, { succeeded: true, groups: [], address: "10.1.2.3", reason: "" }),
    events.dashboardAction("noor@example.com", {
      action: "session.viewed",
      subject: here.session,
      detail: "",
      address: "10.1.2.4",
    }, { session: here.session }),
    events.gatewayStopped("told to"),
  ];
}

const key = newPrivateKey();

export interface MemoryRecord extends ExportSource {
  readonly publicPem: string;
  readonly stored: StoredEvent[];
}

/** A record of these drafts; a head is signed after each `headEvery` of them. */
export function memoryRecord(
  drafts: readonly EventDraft[],
  options: { headEvery?: number; key?: string; at?: (index: number) => number } = {},
): MemoryRecord {
  const { sign, publicPem } = signer(options.key ?? key);
  const at = options.at ?? ((index) => 1_750_000_000_000 + index);
  const stored: StoredEvent[] = [];
  const heads: SignedHead[] = [];
  let { sequence, hash } = emptyChain;
  const signed = () => sign({ kind: "postern-head/1", at: at(sequence), sequence, hash } as const);
  drafts.forEach((draft, index) => {
    const content = contentOf({ ...draft, at: at(index) });
    const previous = hash;
    hash = linkOf(++sequence, previous, digestOf(content));
    stored.push({ sequence, previous, hash, content, removed: null, matches: true });
    if (sequence % (options.headEvery ?? Infinity) === 0) heads.push(signed());
  });
  const matching = (filter: EventFilter) =>
    stored.map((one) => {
      const event = JSON.parse(one.content) as EventDraft;
      const matches = (filter.person === undefined || filter.person === event.person) &&
        (filter.session === undefined || filter.session === event.session) &&
        (filter.types === undefined || filter.types.includes(event.type));
      return { ...one, matches };
    });
  return {
    publicPem,
    stored,
    sign: () => Promise.resolve(signed()),
    signStatement: (statement) => Promise.resolve(sign(statement)),
    publicKeys: () => Promise.resolve(publicPem),
    heads: (after, to) =>
      Promise.resolve(heads.filter((one) => one.sequence > after && one.sequence <= to).slice(0, 2)),
    bounds(filter) {
      const found = matching(filter).filter((one) => one.matches).map((one) => one.sequence);
      return Promise.resolve(found.length === 0 ? null : { first: found[0]!, last: found.at(-1)! });
    },
    range: (filter, after, to) =>
      Promise.resolve(
        matching(filter).filter((one) => one.sequence > after && one.sequence <= to).slice(0, 3),
      ),
    now: () => 1_750_000_100_000,
  };
}

export async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line.slice(0, -1));
  return all;
}

export function bad(found: Verification): Extract<Verification, { ok: false }> {
  assert.equal(found.ok, false, "it must be found");
  return found as Extract<Verification, { ok: false }>;
}

export function good(found: Verification): Extract<Verification, { ok: true }> {
  assert.equal(found.ok, true, found.ok ? "" : `line ${found.line}: ${found.problem}`);
  return found as Extract<Verification, { ok: true }>;
}
