/**
 * A second opinion from the database: a read that Postern's own analysis calls clean is planned, on a side
 * connection, as a role that may not read masked columns. Where the target refuses, the analysis was wrong.
 */
import { asPosternError, PosternError } from "./errors.ts";
import type { TargetQuery } from "./ports.ts";
import type { Dialect, ProbeQuestion } from "./sql/dialect.ts";
import type { StatementRun, Target } from "./types.ts";

/** A target's `probe:`, secrets resolved. */
export interface ProbeSetting {
  readonly account: { readonly user: string; readonly password?: string };
  /** A statement waits no longer than this for the opinion. */
  readonly waitMs: number;
  /** What becomes of a statement on which there is no opinion. */
  readonly otherwise: "deny" | "allow";
}

/** Why a statement may not run after all. `disagreed`: the target refused it; else there was no answer. */
export interface Doubt {
  readonly disagreed: boolean;
  readonly error: PosternError;
  /** The target's code of its refusal; empty where there was no answer. */
  readonly code: string;
}

export interface ProbeDeps {
  readonly dialectOf: (protocol: string) => Dialect | undefined;
  readonly query: TargetQuery;
  readonly clock: () => number;
  readonly log: (level: "warn", message: string, fields?: Record<string, unknown>) => void;
}

/** Opinions that are remembered, and for how long: rights on the target may change. */
const rememberedMax = 5_000;
const rememberedMs = 600_000;
/** At a time, on one target; others wait within their own time. */
const connectionsMax = 4;

interface Opinion {
  readonly at: number;
  readonly doubt: Promise<Doubt | null>;
}

export class Probes {
  readonly #opinions = new Map<string, Opinion>();
  readonly #busy = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(private readonly deps: ProbeDeps) {}

  /** null where it may run. Never rejects; takes at most `waitMs`. */
  async check(target: Target, database: string, run: StatementRun): Promise<Doubt | null> {
    const setting = target.probe;
    const question = setting === undefined ? null : this.#question(target, run);
    if (setting === undefined || question === null) return null;
    // Where the session has gone to another schema since, its state says so.
    const place = run.state["schema"] ?? database;
    const key = JSON.stringify([target.name, place, question]);
    const known = this.#opinions.get(key);
    const fresh = known !== undefined && this.deps.clock() - known.at < rememberedMs;
    const doubt = fresh ? known.doubt : this.#remember(key, this.#ask(target, place, setting, question));
    return await inTime(doubt, setting);
  }

  /** The text to plan; null for what needs no second opinion, or can have none. */
  #question(target: Target, { text, parameters, judgement, state }: StatementRun): ProbeQuestion | null {
    const [only] = judgement.statements;
    if (only === undefined || judgement.statements.length !== 1 || judgement.verdict !== "allow") return null;
    const { facts, result } = only;
    const clean = result.kind === "clean" && facts.masked.length === 0;
    if (!clean || facts.kind !== "read" || facts.catalogOnly || facts.tables.length === 0) return null;
    return this.deps.dialectOf(target.protocol)?.probe(text, parameters, facts, state) ?? null;
  }

  #remember(key: string, doubt: Promise<Doubt | null>): Promise<Doubt | null> {
    this.#opinions.delete(key);
    this.#opinions.set(key, { at: this.deps.clock(), doubt });
    const [oldest] = this.#opinions.keys();
    if (this.#opinions.size > rememberedMax && oldest !== undefined) this.#opinions.delete(oldest);
    // No answer is no opinion: the next one asks again.
    doubt.then((found) => {
      if (found !== null && !found.disagreed) this.#opinions.delete(key);
    });
    return doubt;
  }

  async #ask(
    target: Target,
    database: string,
    setting: ProbeSetting,
    { before, text }: ProbeQuestion,
  ): Promise<Doubt | null> {
    await this.#place(target.name);
    try {
      await this.deps.query({ ...target, account: setting.account }, database, text, before);
      return null;
    } catch (thrown) {
      return this.#doubtOf(target, setting, asPosternError(thrown));
    } finally {
      this.#free(target.name);
    }
  }

  #doubtOf(target: Target, { otherwise }: ProbeSetting, error: PosternError): Doubt | null {
    const code = error.targetCode ?? "";
    const answer = this.deps.dialectOf(target.protocol)?.probeAnswer(code) ?? "unknown";
    // The target's own session fails on it as well, for the same reason.
    if (answer === "mistaken") return null;
    if (answer === "refused") {
      return {
        disagreed: true,
        code,
        error: new PosternError(
          "PolicyDenied",
          "The target refuses this to a role that may not read masked columns, though Postern saw none in it",
          {
            rule: "built-in: second opinion",
            hint:
              "If it reads no masked column, tell whoever runs Postern: the probe role may lack rights on a new table",
          },
        ),
      };
    }
    this.deps.log("warn", "a second opinion could not be had", {
      target: target.name,
      error: error.message,
      cause: String(error.cause ?? ""),
    });
    return otherwise === "allow" ? null : noAnswer();
  }

  async #place(target: string): Promise<void> {
    const busy = this.#busy.get(target) ?? 0;
    if (busy < connectionsMax) return void this.#busy.set(target, busy + 1);
    const queue = this.#waiting.get(target) ?? [];
    this.#waiting.set(target, queue);
    await new Promise<void>((resolve) => queue.push(resolve));
  }

  #free(target: string): void {
    const next = this.#waiting.get(target)?.shift();
    if (next !== undefined) next();
    else this.#busy.set(target, (this.#busy.get(target) ?? 1) - 1);
  }
}

function noAnswer(): Doubt {
  return {
    disagreed: false,
    code: "",
    error: new PosternError("PolicyDenied", "The target gave no second opinion on this statement in time", {
      rule: "built-in: second opinion",
      hint: "Try again; if it happens again, tell whoever runs Postern (targets.*.probe)",
    }),
  };
}

async function inTime(
  doubt: Promise<Doubt | null>,
  { waitMs, otherwise }: ProbeSetting,
): Promise<Doubt | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Doubt | null>((resolve) => {
    timer = setTimeout(() => resolve(otherwise === "allow" ? null : noAnswer()), waitMs);
  });
  try {
    return await Promise.race([doubt, late]);
  } finally {
    clearTimeout(timer);
  }
}
