/** Policy's ports in memory, for tests of the dashboard alone. The approvals are the real ones. */
import { createHash, randomUUID } from "node:crypto";
import { type ApprovalService, createApprovals } from "../../../policy/approval.ts";
import { known, sessionEnded, sessionStarted, statementFinished } from "../../../policy/audit/events.ts";
import { PosternError } from "../../../policy/errors.ts";
import type {
  Clock,
  Hold,
  IdentityProvider,
  Journal,
  LiveSessions,
  SessionSummary,
  SignInPage,
  SignIns,
} from "../../../policy/ports.ts";
import type {
  ApprovalRequest,
  AuditEvent,
  ClientInfo,
  EventDraft,
  Identity,
  StatementOutcome,
} from "../../../policy/types.ts";

export const psqlClient: ClientInfo = {
  address: "10.1.2.3",
  port: 51_234,
  application: "psql",
  user: "devin",
  tls: "TLSv1.3",
};

export interface FakePerson {
  readonly name: string;
  readonly groups: readonly string[];
}

export const devin: FakePerson = { name: "devin@example.test", groups: ["engineers"] };
export const ada: FakePerson = { name: "ada@example.test", groups: ["db-approvers"] };
export const alex: FakePerson = { name: "alex@example.test", groups: ["auditors"] };
export const root: FakePerson = { name: "root@example.test", groups: ["db-admins"] };
/** Engineer and approver at once. */
export const grace: FakePerson = { name: "grace@example.test", groups: ["engineers", "db-approvers"] };
/** Approves for other targets only. */
export const otto: FakePerson = { name: "otto@example.test", groups: ["other-approvers"] };
export const people: readonly FakePerson[] = [devin, ada, alex, root, grace, otto];

export const roles = {
  approver: ["db-approvers", "other-approvers"],
  auditor: ["auditors"],
  admin: ["db-admins"],
};

export function identityOf(person: FakePerson, now: number): Identity {
  return {
    subject: person.name,
    issuer: "https://issuer.example.test",
    name: person.name,
    groups: person.groups,
    signedInAt: now,
    expiresAt: now + 8 * 3_600_000,
    method: "browser",
  };
}

/** A page as the store gives it: those of the last one's moment come too. */
function withTies<T>(items: readonly T[], limit: number, momentOf: (item: T) => number): T[] {
  const last = items[limit - 1];
  return items.filter((item, at) => at < limit || (last !== undefined && momentOf(item) === momentOf(last)));
}

export class FakeJournal implements Journal {
  readonly all: AuditEvent[] = [];
  readonly #listeners = new Set<(event: AuditEvent) => void>();
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

  note(draft: EventDraft): void {
    this.append(draft).catch(() => {});
  }

  subscribe(listener: (event: AuditEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  events(filter: Parameters<Journal["events"]>[0]): Promise<AuditEvent[]> {
    const { session, person, target, types, after = 0, limit = Infinity } = filter;
    const found = this.all.filter((event) =>
      event.sequence > after && (session === undefined || event.session === session) &&
      (person === undefined || event.person === person) &&
      (target === undefined || event.target === target) &&
      (types === undefined || types.includes(event.type))
    );
    return Promise.resolve(found.slice(0, limit));
  }

  async *export(filter: Parameters<Journal["export"]>[0]): AsyncIterable<AuditEvent> {
    yield* await this.events(filter);
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

  close(): Promise<void> {
    return Promise.resolve();
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

  #summaries(): SessionSummary[] {
    return this.all.map(known).flatMap((it) => it?.type === "session.started" ? [it] : []).reverse().map(
      (started) => {
        const of = this.all.filter((event) => event.session === started.session);
        const ended = of.map(known).find((it) => it?.type === "session.ended");
        const judged = of.map(known).flatMap((it) => it?.type === "statement.judged" ? [it.data] : []);
        return {
          id: started.session!,
          person: started.person!,
          target: started.target!,
          database: started.data.database,
          client: started.data.client,
          method: started.data.identity.method,
          startedAt: started.at,
          endedAt: ended?.at ?? null,
          endReason: ended?.type === "session.ended" ? ended.data.reason : null,
          statements: judged.length,
          denied: judged.filter(({ verdict }) => verdict === "deny").length,
          held: of.filter(({ type }) => type === "approval.requested").length,
        };
      },
    );
  }
}

/** Whoever the `code` names is signed in. The issuer's page is left out: it redirects at once. */
export class FakeIdentityProvider implements IdentityProvider {
  readonly #flows = new Map<string, string>();

  constructor(readonly clock: Clock, public next: FakePerson = devin) {}

  begin(redirectUri: string): Promise<{ url: string; flow: string }> {
    const state = randomUUID();
    const flow = randomUUID();
    this.#flows.set(flow, state);
    const url = new URL(redirectUri);
    url.search = new URLSearchParams({ code: this.next.name, state }).toString();
    return Promise.resolve({ url: url.href, flow });
  }

  complete(callback: URL, flow: string): Promise<Identity> {
    const state = this.#flows.get(flow);
    this.#flows.delete(flow);
    const person = people.find(({ name }) => name === callback.searchParams.get("code"));
    if (state === undefined || state !== callback.searchParams.get("state") || person === undefined) {
      return Promise.reject(
        new PosternError("AuthFailed", "The answer of the identity provider does not fit", {
          hint: "Sign in again",
        }),
      );
    }
    return Promise.resolve(identityOf(person, this.clock()));
  }

  verifyToken(): Promise<Identity> {
    return Promise.reject(new PosternError("AuthFailed", "No tokens here"));
  }
}

export class FakeSignIns implements SignIns {
  readonly pages = new Map<string, SignInPage>();
  readonly confirmed: { secret: string; identity: Identity }[] = [];
  readonly rejected: { secret: string; by: string }[] = [];

  find(secret: string): SignInPage | null {
    return this.pages.get(secret) ?? null;
  }

  confirm(secret: string, identity: Identity): void {
    if (!this.pages.delete(secret)) throw new PosternError("AuthFailed", "This link is gone");
    this.confirmed.push({ secret, identity });
  }

  reject(secret: string, by: string): void {
    this.pages.delete(secret);
    this.rejected.push({ secret, by });
  }
}

export class FakeLiveSessions implements LiveSessions {
  readonly running = new Set<string>();
  readonly ended: { id: string; by: string; reason: string }[] = [];

  end(id: string, by: string, reason: string): boolean {
    if (!this.running.delete(id)) return false;
    this.ended.push({ id, by, reason });
    return true;
  }

  ids(): readonly string[] {
    return [...this.running];
  }
}

let counter = 0;

export function requestOf(parts: Partial<ApprovalRequest>, now: number): ApprovalRequest {
  const text = parts.text ?? "UPDATE customers SET email = 'new@example.test' WHERE id = 42";
  return {
    id: `request-${++counter}`,
    session: "session-1",
    person: devin.name,
    groups: devin.groups,
    target: "orders-prod",
    database: "orders",
    environment: "production",
    client: psqlClient,
    text,
    parameters: [],
    digest: createHash("sha256").update(text).digest("hex"),
    kind: "write",
    verbs: ["UPDATE"],
    tables: [{ schema: "public", name: "customers", access: "write" }],
    rule: "writes-need-approval",
    reason: "It changes data of a production target",
    approvers: ["db-approvers"],
    quorum: 1,
    inTransaction: false,
    requestedAt: now,
    deadlineAt: now + 15 * 60_000,
    state: "pending",
    reviews: [],
    outcome: "",
    ...parts,
  };
}

/** A journal with helpers that write what a gateway would. */
export class FakeGateway {
  readonly journal: FakeJournal;
  readonly approvals: ApprovalService;
  readonly signIns = new FakeSignIns();
  readonly live = new FakeLiveSessions();
  readonly identity: FakeIdentityProvider;
  time: number | null = null;

  constructor(start: number | null = null) {
    this.time = start;
    const clock = () => this.time ?? Date.now();
    this.journal = new FakeJournal(clock);
    this.identity = new FakeIdentityProvider(clock);
    this.approvals = createApprovals({
      journal: this.journal,
      clock,
      url: "http://127.0.0.1",
      log: () => {},
    });
  }

  readonly clock: Clock = () => this.time ?? Date.now();

  async session(id: string, person: FakePerson = devin, target = "orders-prod"): Promise<void> {
    this.live.running.add(id);
    await this.journal.append(sessionStarted({
      id,
      identity: identityOf(person, this.clock()),
      client: psqlClient,
      target: {
        name: target,
        protocol: "postgresql",
        host: "10.0.0.5",
        port: 5432,
        database: "orders",
        environment: "production",
        groups: ["engineers"],
        tls: { mode: "disable" },
        account: { user: "app" },
      },
      database: "orders",
      readOnly: false,
      policy: "policy-1",
    }));
  }

  async endSession(id: string, person: FakePerson, target = "orders-prod"): Promise<void> {
    this.live.running.delete(id);
    await this.journal.append(
      sessionEnded({ person: person.name, session: id, target }, "the client disconnected"),
    );
  }

  async hold(parts: Partial<ApprovalRequest> = {}, person: FakePerson = devin): Promise<Hold> {
    const request = requestOf({ person: person.name, groups: person.groups, ...parts }, this.clock());
    return await this.approvals.hold(request, identityOf(person, this.clock()));
  }

  async statement(session: string, text: string, parts: Record<string, unknown> = {}): Promise<string> {
    const statement = `statement-${++counter}`;
    await this.journal.append({
      type: "statement.judged",
      person: devin.name,
      session,
      target: "orders-prod",
      data: {
        statement,
        text,
        parameters: [],
        state: {},
        verdict: "allow",
        forwarded: true,
        rule: "reads",
        reason: "Engineers may read",
        policy: "policy-1",
        kind: "read",
        verbs: ["SELECT"],
        tables: [{ schema: "public", name: "customers", access: "read" }],
        functions: [],
        masked: [],
        unsafe: [],
        missingWhere: false,
        inTransaction: false,
        catalogOnly: false,
        approval: null,
        waitedMs: null,
        ...parts,
      },
    });
    return statement;
  }

  async finished(session: string, statement: string, outcome: Partial<StatementOutcome> = {}): Promise<void> {
    await this.journal.append(statementFinished(
      { person: devin.name, session, target: "orders-prod" },
      statement,
      { rows: 3, bytes: 120, error: null, tag: "SELECT 3", ...outcome },
      4.2,
    ));
  }

  async close(): Promise<void> {
    await this.approvals.close("the test is over");
  }
}
