/** A MySQL listener with policy played by the test: a gatekeeper whose verdicts are patterns, and whose records are kept. */
import { namesOneTimePassword, OneTimePasswords } from "../../policy/identity/one_time_passwords.ts";
import { PosternError } from "../../policy/errors.ts";
import type { ConnectionAttempt, Gatekeeper, Hold, Session, SignIn } from "../../policy/ports.ts";
import type {
  Identity,
  JudgedStatement,
  Judgement,
  MaskRule,
  ResultMasks,
  SqlState,
  StatementOutcome,
  StatementRun,
  Target,
  Verdict,
} from "../../policy/types.ts";
import { listen } from "../../proxy/listener.ts";
import { createMysql, type MysqlOptions } from "../../proxy/mysql/mod.ts";
import type { ConnectionDeps, ConnectionLimits } from "../../proxy/protocol.ts";
import { noFacts } from "./scripted_gatekeeper.ts";
import type { Certificate } from "./certificates.ts";

export const devin: Identity = {
  subject: "devin",
  issuer: "https://issuer.test",
  name: "devin@example.test",
  groups: ["engineers"],
  signedInAt: 0,
  expiresAt: 2 ** 52,
  method: "browser",
};

/** What a test decides of one. */
export interface Sentence {
  readonly verdict?: Verdict;
  readonly result?: ResultMasks;
  readonly tainted?: boolean;
  readonly tables?: readonly string[];
}

export interface GateOptions {
  readonly target: Target;
  /** By statement, as it stands between semicolons. Default: `DROP` is denied, writes need approval, else allowed. */
  readonly sentence?: (statement: string) => Sentence;
  readonly maskOf?: (origin: string) => MaskRule | null;
  readonly readOnly?: boolean;
  readonly limits?: Partial<ConnectionLimits>;
  readonly tls?: Certificate | null;
  readonly tlsRequired?: boolean;
  readonly mysql?: MysqlOptions;
  readonly recordFails?: () => boolean;
  readonly recording?: (run: StatementRun) => Promise<void>;
}

export interface HeldStatement {
  readonly run: StatementRun;
  readonly withdrawn: string | null;
  approve(): void;
  deny(reason: string): void;
  expire(): void;
}

export interface FakeGate {
  readonly port: number;
  readonly passwords: OneTimePasswords;
  readonly runs: { id: string; run: StatementRun; approval: string | undefined }[];
  readonly outcomes: Map<string, StatementOutcome>;
  readonly holds: HeldStatement[];
  readonly signIns: { attempt: ConnectionAttempt; confirm(): void; reject(): void }[];
  readonly sessions: { id: string; end(reason: PosternError): void; closed: string | null }[];
  readonly states: SqlState[];
  readonly logs: { level: string; message: string; fields: Record<string, unknown> }[];
  readonly stopping: AbortController;
  /** Resolves once `list` has at least `count` entries. */
  until(list: { readonly length: number }, count: number): Promise<void>;
  close(): Promise<void>;
}

const verbOf = (statement: string) => /^\s*(SHOW\s+\w+|\w*)/i.exec(statement)![1]!.toUpperCase();

function defaultSentence(statement: string): Sentence {
  const verb = verbOf(statement);
  if (verb === "DROP") return { verdict: "deny" };
  return { verdict: ["INSERT", "UPDATE", "DELETE"].includes(verb) ? "approve" : "allow" };
}

function judged(statement: string, given: Sentence): JudgedStatement {
  const verb = verbOf(statement);
  const verdict = given.verdict ?? "allow";
  return {
    facts: {
      ...noFacts,
      dialect: "mysql",
      kind: verb === "CALL" ? "call" : verb === "SET" || verb === "USE" ? "session" : "read",
      verb,
      tables: (given.tables ?? []).map((name) => ({ schema: "app", name, access: "read" as const })),
    },
    verdict,
    rule: `test-${verdict}`,
    reason: verdict === "deny" ? `${verb} is refused here` : "",
    hint: verdict === "deny" ? "Ask a person" : "",
    terms: verdict === "approve" ? { groups: ["db-approvers"], deadlineMs: 60_000, quorum: 1 } : null,
    result: given.result ?? { kind: "clean" },
    tainted: given.tainted ?? given.result?.kind === "columns",
  };
}

const strictness: Readonly<Record<Verdict, number>> = { allow: 0, approve: 1, deny: 2 };

function judgementOf(text: string, sentence: (statement: string) => Sentence): Judgement {
  const statements = text.split(";").filter((part) => part.trim() !== "").map((part) =>
    judged(part, sentence(part))
  );
  const [strictest] = [...statements].sort((a, b) => strictness[b.verdict] - strictness[a.verdict]);
  return {
    verdict: strictest?.verdict ?? "allow",
    rule: strictest?.rule ?? "",
    reason: strictest?.reason ?? "",
    hint: strictest?.hint ?? "",
    terms: strictest?.terms ?? null,
    tainted: statements.some(({ tainted }) => tainted),
    statements,
  };
}

export function targetOf(
  database: Readonly<Record<"user" | "password" | "database", string>> & { readonly port: number },
  more: Partial<Target> = {},
): Target {
  return {
    name: "orders-prod",
    protocol: "mysql",
    host: "127.0.0.1",
    port: database.port,
    database: database.database,
    environment: "test",
    groups: ["engineers"],
    tls: { mode: "prefer" },
    account: { user: database.user, password: database.password },
    ...more,
  };
}

export async function startGate(options: GateOptions): Promise<FakeGate> {
  const state = new GateState(options);
  const limits: ConnectionLimits = {
    startupFrameBytesMax: 10_000,
    startupTimeoutMs: 10_000,
    statementBytesMax: 64 * 1_048_576,
    preparedStatementsMax: 16_382,
    maskedRowBytesMax: 1_048_576,
    resultRowsMax: 10_000_000,
    resultBytesMax: 10 * 1024 ** 3,
    idleTimeoutMs: 600_000,
    unreadTimeoutMs: 600_000,
    targetConnectTimeoutMs: 10_000,
    holdNoticeMs: 10_000,
    ...options.limits,
  };
  const deps: ConnectionDeps = {
    gatekeeper: state,
    limits,
    tls: options.tls ?? null,
    tlsRequired: options.tlsRequired ?? false,
    maskKey: new Uint8Array(32),
    stopping: state.stopping.signal,
    log: (level, message, fields = {}) => state.logs.push({ level, message, fields }),
  };
  const caps = { connectionsMax: 100, connectionsPerAddressMax: 100 };
  const listener = await listen(createMysql(options.mysql), { host: "127.0.0.1", port: 0 }, caps, deps);
  return Object.assign(state, {
    port: listener.address.port,
    close: async () => {
      const drained = listener.drain(2_000);
      state.stopping.abort(new PosternError("TargetUnavailable", "Postern is shutting down"));
      await drained;
      listener.destroy();
    },
  });
}

class GateState implements Gatekeeper {
  readonly passwords = new OneTimePasswords({ clock: Date.now });
  readonly runs: FakeGate["runs"] = [];
  readonly outcomes: FakeGate["outcomes"] = new Map();
  readonly holds: HeldStatement[] = [];
  readonly signIns: FakeGate["signIns"] = [];
  readonly sessions: FakeGate["sessions"] = [];
  readonly states: SqlState[] = [];
  readonly logs: FakeGate["logs"] = [];
  readonly stopping = new AbortController();

  constructor(private readonly options: GateOptions) {}

  async until(list: { readonly length: number }, count: number): Promise<void> {
    for (let tries = 0; list.length < count; tries++) {
      if (tries > 6_000) throw new Error(`waited for ${count} entries, there are ${list.length}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  resolve(attempt: ConnectionAttempt): { target: Target; database: string } {
    const [name, database] = attempt.database.split("/");
    const { target } = this.options;
    if (name !== target.name) {
      throw new PosternError("PolicyDenied", `There is no target "${name}" here`, { rule: "targets" });
    }
    return { target, database: database ?? target.database };
  }

  signIn(attempt: ConnectionAttempt): SignIn {
    const { promise, resolve, reject } = Promise.withResolvers<Identity>();
    promise.catch(() => {});
    this.signIns.push({
      attempt,
      confirm: () => resolve(devin),
      reject: () => reject(new PosternError("AuthFailed", "the sign-in was refused in the browser")),
    });
    return {
      url: `https://postern.test/connect/${this.signIns.length}`,
      code: `K7QP-${this.signIns.length}`,
      deadlineAt: Date.now() + 120_000,
      identity: promise,
      abandon: () => {},
    };
  }

  verifyPassword(_attempt: ConnectionAttempt, password: string): Promise<Identity | null> {
    return Promise.resolve(password === "aaa.bbb.ccc" ? { ...devin, method: "token" } : null);
  }

  challenge(attempt: ConnectionAttempt) {
    const { user, address } = attempt.client;
    const target = attempt.database.split("/")[0] ?? "";
    return namesOneTimePassword(user) ? this.passwords.challenge({ user, address, target }) : null;
  }

  admit(attempt: ConnectionAttempt, identity: Identity): Promise<Session> {
    const ended = new AbortController();
    const { target, database } = this.resolve(attempt);
    const id = `s${this.sessions.length + 1}`;
    const entry = { id, end: (reason: PosternError) => ended.abort(reason), closed: null as string | null };
    this.sessions.push(entry);
    const sentence = this.options.sentence ?? defaultSentence;
    return Promise.resolve(
      {
        id,
        identity,
        target,
        database,
        readOnly: this.options.readOnly ?? false,
        ended: ended.signal,
        judge: (text, state) => {
          this.states.push(state);
          return judgementOf(text, sentence);
        },
        maskOf: this.options.maskOf ?? (() => null),
        record: (run, approval) => {
          if (this.options.recordFails?.() === true) {
            return Promise.reject(new PosternError("StoreFailed", "the record could not be written"));
          }
          const statement = `${id}-${this.runs.length + 1}`;
          this.runs.push({ id: statement, run, approval });
          return (this.options.recording?.(run) ?? Promise.resolve()).then(() => statement);
        },
        finished: (statement, outcome) => void this.outcomes.set(statement, outcome),
        hold: (run) => Promise.resolve(this.#hold(run)),
        close: (reason) => entry.closed ??= reason,
      } satisfies Session,
    );
  }

  #hold(run: StatementRun): Hold {
    const { promise, resolve } = Promise.withResolvers<Awaited<Hold["outcome"]>>();
    const held = {
      run,
      withdrawn: null as string | null,
      approve: () => resolve({ state: "approved", by: "ada@example.test", reason: "" }),
      deny: (reason: string) => resolve({ state: "denied", by: "ada@example.test", reason }),
      expire: () => resolve({ state: "expired", by: "", reason: "" }),
    };
    this.holds.push(held);
    const id = `r${this.holds.length}`;
    return {
      request: { id } as Hold["request"],
      url: `https://postern.test/requests/${id}`,
      forWhom: "a member of db-approvers",
      outcome: promise,
      withdraw: (reason) => {
        held.withdrawn ??= reason;
        resolve({ state: "withdrawn", by: "", reason });
      },
      leave: (reason) => {
        held.withdrawn ??= `left: ${reason}`;
        resolve({ state: "withdrawn", by: "", reason });
      },
    };
  }
}
