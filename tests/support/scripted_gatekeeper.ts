/** Policy by script, for tests of the data path: policy is a port there. Servers and clients stay real. */
import { PosternError } from "../../policy/errors.ts";
import type {
  ConnectionAttempt,
  Gatekeeper,
  Hold,
  PasswordChallenge,
  Session,
  SignIn,
} from "../../policy/ports.ts";
import type {
  ApprovalState,
  Identity,
  Judgement,
  MaskRule,
  ResultMasks,
  SqlState,
  StatementFacts,
  StatementOutcome,
  StatementRun,
  Target,
} from "../../policy/types.ts";

/** What the script says of one statement of a message; `allow` with a clean result unless told. */
export interface ScriptedVerdict {
  readonly verdict?: "allow" | "approve" | "deny";
  readonly rule?: string;
  readonly reason?: string;
  readonly hint?: string;
  readonly result?: ResultMasks;
  readonly tainted?: boolean;
  readonly facts?: Partial<StatementFacts>;
}

export interface Recorded {
  readonly id: string;
  readonly run: StatementRun;
  readonly approval: string | undefined;
  outcome: StatementOutcome | null;
}

/** A request under way; `settle` is the approver's click. */
export interface ScriptedHold {
  readonly run: StatementRun;
  settle(state: Exclude<ApprovalState, "pending">, by?: string, reason?: string): void;
  readonly state: ApprovalState;
}

export interface Script {
  readonly target: Target;
  /** For each statement of a text; the text is cut at semicolons. */
  readonly judge?: (statement: string, state: SqlState) => ScriptedVerdict;
  readonly masks?: (origin: string) => MaskRule | null;
  readonly readOnly?: boolean;
  readonly person?: string;
  /** Settles sign-ins; at once where left out. */
  readonly signIn?: (attempt: ConnectionAttempt) => Promise<Identity>;
  readonly challenge?: (attempt: ConnectionAttempt) => PasswordChallenge | null;
  readonly verifyPassword?: (attempt: ConnectionAttempt, password: string) => Promise<Identity | null>;
  readonly admit?: (attempt: ConnectionAttempt) => void;
  /** False where records would only cost memory. */
  readonly keep?: boolean;
  readonly record?: (run: StatementRun) => Promise<void>;
}

export class ScriptedGatekeeper implements Gatekeeper {
  readonly records: Recorded[] = [];
  readonly holds: ScriptedHold[] = [];
  readonly sessions: ScriptedSession[] = [];
  readonly attempts: ConnectionAttempt[] = [];
  abandoned = 0;
  #holdWaiters: ((hold: ScriptedHold) => void)[] = [];

  constructor(readonly script: Script) {}

  readonly byId = new Map<string, Recorded>();

  add(record: Recorded): void {
    if (this.script.keep === false) this.records.length = 0;
    this.records.push(record);
    this.byId.set(record.id, record);
  }

  get texts(): string[] {
    return this.records.map(({ run }) => run.text);
  }

  resolve(attempt: ConnectionAttempt) {
    const { target } = this.script;
    if (attempt.database !== target.name) {
      throw new PosternError("PolicyDenied", `There is no target "${attempt.database}"`, { rule: "targets" });
    }
    return { target, database: target.database };
  }

  signIn(attempt: ConnectionAttempt): SignIn {
    this.attempts.push(attempt);
    const abandoned = Promise.withResolvers<Identity>();
    const identity = this.script.signIn?.(attempt) ?? Promise.resolve(person(this.script.person));
    abandoned.promise.catch(() => {});
    return {
      url: "https://postern.test/connect/abc",
      code: "K7QP-42",
      deadlineAt: Date.now() + 120_000,
      identity: Promise.race([identity, abandoned.promise]),
      abandon: () => {
        this.abandoned++;
        abandoned.reject(new PosternError("AuthFailed", "The sign-in was given up"));
      },
    };
  }

  verifyPassword(attempt: ConnectionAttempt, password: string): Promise<Identity | null> {
    return this.script.verifyPassword?.(attempt, password) ?? Promise.resolve(null);
  }

  challenge(attempt: ConnectionAttempt): PasswordChallenge | null {
    return this.script.challenge?.(attempt) ?? null;
  }

  admit(attempt: ConnectionAttempt, identity: Identity): Promise<Session> {
    this.script.admit?.(attempt);
    const session = new ScriptedSession(this, identity, `s${this.sessions.length + 1}`);
    this.sessions.push(session);
    return Promise.resolve(session);
  }

  /** The next request for approval. */
  nextHold(): Promise<ScriptedHold> {
    return new Promise((resolve) => this.#holdWaiters.push(resolve));
  }

  held(hold: ScriptedHold): void {
    this.holds.push(hold);
    this.#holdWaiters.shift()?.(hold);
  }
}

export function person(name = "devin@example.test"): Identity {
  const now = Date.now();
  return {
    subject: name,
    issuer: "https://issuer.test",
    name,
    groups: ["engineers"],
    signedInAt: now,
    expiresAt: now + 3_600_000,
    method: "browser",
  };
}

class ScriptedSession implements Session {
  readonly target: Target;
  readonly database: string;
  readonly readOnly: boolean;
  readonly ended: AbortSignal;
  readonly end = new AbortController();
  closedBecause: string | null = null;
  #count = 0;

  constructor(
    private readonly gatekeeper: ScriptedGatekeeper,
    readonly identity: Identity,
    readonly id: string,
  ) {
    const { script } = gatekeeper;
    this.target = script.target;
    this.database = script.target.database;
    this.readOnly = script.readOnly ?? false;
    this.ended = this.end.signal;
  }

  judge(text: string, state: SqlState): Judgement {
    return scriptedJudgement(text, state, this.gatekeeper.script.judge ?? (() => ({})));
  }

  maskOf(origin: string): MaskRule | null {
    return this.gatekeeper.script.masks?.(origin) ?? null;
  }

  async record(run: StatementRun, approval?: string): Promise<string> {
    const id = `${this.id}-${++this.#count}`;
    await this.gatekeeper.script.record?.(run);
    this.gatekeeper.add({ id, run, approval, outcome: null });
    return id;
  }

  finished(statement: string, outcome: StatementOutcome): void {
    const record = this.gatekeeper.records.find(({ id }) => id === statement);
    if (record === undefined || record.outcome !== null) {
      throw new Error(`finished twice or never begun: ${statement}`);
    }
    record.outcome = outcome;
    if (this.gatekeeper.script.keep === false) this.gatekeeper.byId.delete(statement);
  }

  hold(run: StatementRun): Promise<Hold> {
    const outcome = Promise.withResolvers<Awaited<Hold["outcome"]>>();
    let state: ApprovalState = "pending";
    const settle: ScriptedHold["settle"] = (to, by = "ada@example.test", reason = "") => {
      if (state !== "pending") return;
      state = to;
      outcome.resolve({ state: to, by, reason });
    };
    this.gatekeeper.held({
      run,
      settle,
      get state() {
        return state;
      },
    });
    const now = Date.now();
    return Promise.resolve({
      request: {
        id: `r${this.gatekeeper.holds.length}`,
        session: this.id,
        person: this.identity.name,
        groups: this.identity.groups,
        target: this.target.name,
        database: this.database,
        environment: "test",
        client: { address: "", port: 0, application: "", user: "", tls: null },
        text: run.text,
        parameters: run.parameters,
        digest: "",
        kind: "write",
        verbs: [],
        tables: [],
        rule: run.judgement.rule,
        reason: run.judgement.reason,
        approvers: ["db-approvers"],
        quorum: 1,
        inTransaction: run.inTransaction,
        requestedAt: now,
        deadlineAt: now + 900_000,
        state: "pending",
        reviews: [],
        outcome: "",
      },
      url: "https://postern.test/requests/r1",
      forWhom: "the group db-approvers",
      outcome: outcome.promise,
      leave: (reason: string) => settle("withdrawn", "", reason),
      withdraw: (reason) => settle("withdrawn", "", reason),
    });
  }

  close(reason: string): void {
    this.closedBecause ??= reason;
  }
}

/** Of a statement about which nothing is known. */
export const noFacts: StatementFacts = {
  dialect: "scripted",
  kind: "read",
  verb: "SELECT",
  tables: [],
  columns: [],
  functions: [],
  missingWhere: false,
  catalogOnly: false,
  masked: [],
  maskedLiterals: [],
  maskedParameters: [],
  unsafe: [],
  refers: { statements: [], cursors: [] },
};

const severity = { allow: 0, approve: 1, deny: 2 } as const;

export function scriptedJudgement(
  text: string,
  state: SqlState,
  judge: (statement: string, state: SqlState) => ScriptedVerdict,
): Judgement {
  const parts = text.split(";").map((part) => part.trim()).filter((part) => part !== "");
  const statements = parts.map((part) => {
    const said = judge(part, state);
    return {
      facts: { ...noFacts, ...said.facts },
      verdict: said.verdict ?? "allow",
      rule: said.rule ?? "scripted",
      reason: said.reason ?? "the script says so",
      hint: said.hint ?? "",
      terms: said.verdict === "approve" ? { groups: ["db-approvers"], deadlineMs: 900_000, quorum: 1 } : null,
      result: said.result ?? { kind: "clean" as const },
      tainted: said.tainted ?? false,
    };
  });
  const strictest = statements.toSorted((a, b) => severity[b.verdict] - severity[a.verdict])[0];
  return {
    verdict: strictest?.verdict ?? "allow",
    rule: strictest?.rule ?? "scripted",
    reason: strictest?.reason ?? "",
    ...{ hint: strictest?.hint ?? "", terms: strictest?.terms ?? null },
    tainted: statements.some(({ tainted }) => tainted),
    statements,
  };
}
