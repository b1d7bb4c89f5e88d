/** Policy's ports in memory, for tests of the dashboard alone. The approvals are the real ones. */
import { defaultDashboardLimits } from "../../../ui/api/limits.ts";
import { DetectionTotals } from "../../../policy/detectors.ts";
import { createHash, randomUUID } from "node:crypto";
import { createAccess } from "../../../policy/access.ts";
import { resultRecorded } from "../../../policy/audit/result_events.ts";
import { accessChanged } from "../../../policy/audit/access_events.ts";
import type { Grant } from "../../../policy/grant.ts";
import { Grants } from "../../../policy/grants.ts";
import type { Policy } from "../../../policy/in_force.ts";
import { type ApprovalService, createApprovals } from "../../../policy/approval.ts";
import { sessionEnded, sessionStarted, statementFinished } from "../../../policy/audit/events.ts";
import type { ConsoleClient } from "../../../policy/console.ts";
import { createPlayground, type Playground } from "../../../policy/playground.ts";
import { postgresqlDialect } from "../../../policy/sql/postgresql/mod.ts";
import { catalog } from "../sql/postgresql_fixture.ts";
import { PosternError } from "../../../policy/errors.ts";
import { OneTimePasswords } from "../../../policy/identity/one_time_passwords.ts";
import type { LiveSession } from "../../../policy/live.ts";
import type {
  Access,
  Advance,
  Clock,
  Hold,
  IdentityProvider,
  LiveSessions,
  SignInPage,
  SignIns,
} from "../../../policy/ports.ts";
import type {
  ApprovalRequest,
  ClientInfo,
  Identity,
  StatementOutcome,
  Target,
} from "../../../policy/types.ts";
import { connectLines } from "../../../proxy/postgres/connect_lines.ts";
import type { DashboardDeps } from "../../../ui/api/mod.ts";
import { policyInForce } from "../../support/policies.ts";
import { FakeJournal } from "./fake_journal.ts";

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

export const tokenOf = ({ name }: { readonly name: string }): string => `token-of-${name.replace("@", "-")}`;

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

  /** `token-of-NAME` is NAME's. */
  verifyToken(token: string): Promise<Identity> {
    const person = people.find(({ name }) => token === tokenOf({ name }));
    return person === undefined
      ? Promise.reject(new PosternError("AuthFailed", "This is no token"))
      : Promise.resolve({ ...identityOf(person, this.clock()), method: "token" });
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
  readonly sessions: LiveSession[] = [];
  readonly ended: { id: string; by: string; reason: string }[] = [];

  renew(): number {
    return this.running.size;
  }

  end(id: string, by: string, reason: string): Promise<boolean> {
    if (!this.running.delete(id)) return Promise.resolve(false);
    this.ended.push({ id, by, reason });
    return Promise.resolve(true);
  }

  ids(): Promise<readonly string[]> {
    return Promise.resolve([...this.running]);
  }

  list(): Promise<readonly LiveSession[]> {
    return Promise.resolve(this.sessions.filter(({ id }) => this.running.has(id)));
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
    digest: createHash("sha256").update(`${text} ${counter}`).digest("hex"),
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

export function grantOf(now: number, parts: Partial<Grant> = {}): Grant {
  return {
    id: `grant-${++counter}`,
    person: devin.name,
    subject: devin.name,
    issuer: "https://issuer.example.test",
    groups: devin.groups,
    target: "orders-prod",
    environment: "production",
    reason: "ticket 4711",
    durationMs: 3_600_000,
    scope: { kinds: ["read"], tables: null, unmask: [] },
    rule: "ask-first",
    breakGlass: false,
    approvers: ["db-approvers"],
    quorum: 1,
    address: "10.0.0.9",
    waiting: false,
    requestedAt: now,
    deadlineAt: now + 3_600_000,
    startsAt: null,
    endsAt: null,
    state: "requested",
    reviews: [],
    outcome: "",
    examined: null,
    ...parts,
  };
}

export function targetOf(name: string, environment: string, groups: readonly string[]): Target {
  return {
    name,
    protocol: "postgresql",
    host: "10.0.0.5",
    port: 5432,
    database: name.split("-")[0]!,
    environment,
    groups,
    tls: { mode: "disable" },
    account: { user: "app" },
  };
}

/** Engineers reach two of them, admins one that engineers do not. */
export const targets: readonly Target[] = [
  targetOf("orders-prod", "production", ["engineers"]),
  targetOf("orders-staging", "staging", ["engineers", "db-approvers"]),
  targetOf("payroll", "production", ["db-admins"]),
];

/** The real lines of one protocol: what the dashboard shows is what people copy. */
export const testListener: DashboardDeps["listenerOf"] = (protocol) => ({
  protocol,
  host: "db.example.test",
  port: 5432,
  tls: "required",
});

export const testCli: DashboardDeps["cli"] = {
  issuer: "https://issuer.example.test",
  clientId: "postern-cli",
};

export const testLines: DashboardDeps["connectLines"] = ({ name }, user, password) =>
  connectLines({ host: "db.example.test", port: 5432, target: name, user, password, tls: "required" });

const masks: Policy["masks"] = [{
  columns: ["public.customers.ssn"],
  mask: { kind: "partial", keepFirst: 0, keepLast: 4 },
}];

/** The rules that hold where a config has none. */
const inForceOf = (more: readonly Target[]) =>
  policyInForce({ targets: [...targets, ...more], masks, roles });

/** A journal with helpers that write what a gateway would. */
export class FakeGateway {
  readonly journal: FakeJournal;
  readonly approvals: ApprovalService;
  readonly advance: Advance = {
    submit: () => Promise.reject(new PosternError("PolicyDenied", "Not in this test")),
  };
  readonly signIns = new FakeSignIns();
  readonly live = new FakeLiveSessions();
  readonly identity: FakeIdentityProvider;
  readonly access: Access;
  readonly detections = new DetectionTotals();
  readonly grants: Grants;
  readonly playground: Playground;
  /** Nothing runs here: the console has tests on real sessions. */
  readonly console: ConsoleClient = { speaks: () => false, run: async function* () {} };
  readonly health = {
    check: () =>
      Promise.resolve({
        at: this.clock(),
        ready: true,
        parts: [{ name: "store", ok: true, detail: "", vital: true }],
      }),
  };
  time: number | null = null;

  constructor(start: number | null = null, more: readonly Target[] = []) {
    this.time = start;
    const clock = () => this.time ?? Date.now();
    this.journal = new FakeJournal(clock);
    this.identity = new FakeIdentityProvider(clock);
    const inForce = inForceOf(more);
    this.grants = new Grants({ inForce, journal: this.journal, clock, log: () => {} });
    this.access = createAccess({
      inForce,
      grants: this.grants,
      passwords: new OneTimePasswords({ clock }),
      journal: this.journal,
    });
    this.playground = createPlayground({
      inForce,
      catalogs: { load: () => postgresqlDialect.ready(), current: () => catalog },
      clock,
    });
    this.approvals = createApprovals({
      journal: this.journal,
      clock,
      url: "http://127.0.0.1",
      log: () => {},
    });
  }

  readonly clock: Clock = () => this.time ?? Date.now();

  /** What a dashboard at this URL is made with. */
  deps(url: string): DashboardDeps {
    return {
      identity: this.identity,
      signIns: this.signIns,
      approvals: this.approvals,
      advance: this.advance,
      journal: this.journal,
      deliveries: { states: () => [] },
      live: this.live,
      access: this.access,
      detections: this.detections,
      grants: this.grants,
      playground: this.playground,
      console: this.console,
      health: this.health,
      connectLines: testLines,
      listenerOf: testListener,
      cli: testCli,
      roles,
      url,
      assets: { file: () => null, page: () => "<!DOCTYPE html>" },
      clock: this.clock,
      log: () => {},
      version: "test",
      limits: defaultDashboardLimits,
    };
  }

  async session(id: string, person: FakePerson = devin, target = "orders-prod"): Promise<void> {
    this.live.running.add(id);
    this.live.sessions.push({
      id,
      person: person.name,
      target,
      database: "orders",
      environment: "production",
      client: psqlClient,
      method: "browser",
      startedAt: this.clock(),
      readOnly: false,
      statements: 0,
      held: 0,
      current: null,
      idleSince: null,
    });
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

  /** A request of devin's for access, which db-approvers decide. */
  async askedAccess(parts: Partial<Grant> = {}): Promise<Grant> {
    const grant = grantOf(this.clock(), parts);
    await this.journal.append(accessChanged("access.requested", grant));
    return grant;
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
    const about = { person: devin.name, session, target: "orders-prod" };
    if (outcome.results) await this.journal.append(resultRecorded(about, statement, outcome.results));
    await this.journal.append(statementFinished(
      about,
      statement,
      { rows: 3, bytes: 120, error: null, tag: "SELECT 3", ...outcome },
      { durationMs: 4.2, sent: 30 },
    ));
  }

  async close(): Promise<void> {
    this.grants.book.close();
    await this.approvals.close("the test is over");
  }
}
