/**
 * What the target's planner expects of a statement, for rules whose condition asks: EXPLAIN on a connection of
 * Postern's own, without running it. What is not known in time counts to the strict side, as every condition
 * that fails does.
 */
import type { PolicyInForce } from "./in_force.ts";
import type { Ahead } from "./ahead.ts";
import type { TargetQuery } from "./ports.ts";
import type { Place } from "./rules.ts";
import type { SessionAnalyst } from "./session_analyst.ts";
import type { Dialect, Estimate, NotUnderstood, Understood } from "./sql/dialect.ts";
import type { Identity, SqlState, Target } from "./types.ts";

/** A statement waits no longer than this for its estimate. */
const waitMs = 2_000;
/** Tables grow: an estimate, or that there is none, is believed for so long. */
const rememberedMs = 30_000;
const rememberedMax = 2_000;

interface Known {
  readonly at: number;
  readonly estimate: Estimate | null;
}

export interface EstimateDeps {
  readonly dialectOf: (protocol: string) => Dialect | undefined;
  readonly query: TargetQuery;
  readonly clock: () => number;
  readonly log: (level: "warn", message: string, fields?: Record<string, unknown>) => void;
}

/** Of all sessions. */
export class Estimates {
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<void>>();

  constructor(private readonly deps: EstimateDeps) {}

  /** null where nobody knows, undefined where nobody asked lately. */
  known(key: string): Estimate | null | undefined {
    const known = this.#known.get(key);
    if (known === undefined || this.deps.clock() - known.at > rememberedMs) return undefined;
    return known.estimate;
  }

  /** Settles once known() has the answer, or that there is none. Never rejects. */
  ask(key: string, target: Target, database: string, text: string, state: SqlState): Promise<void> {
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = this.#answer(target, database, text, state).then((estimate) => {
        this.#asked.delete(key);
        this.#known.delete(key);
        this.#known.set(key, { at: this.deps.clock(), estimate });
        const [oldest] = this.#known.keys();
        if (this.#known.size > rememberedMax && oldest !== undefined) this.#known.delete(oldest);
      });
      this.#asked.set(key, asked);
    }
    return asked;
  }

  async #answer(target: Target, database: string, text: string, state: SqlState): Promise<Estimate | null> {
    const { dialectOf, query, log } = this.deps;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), waitMs));
    const asked = dialectOf(target.protocol)?.estimate({ target, database, query, text, state }) ?? null;
    try {
      return await Promise.race([asked, late]);
    } catch (error) {
      // No text of the target's: it may quote a value.
      const { targetCode = "" } = error as { targetCode?: string };
      log("warn", "the target gave no estimate of a statement", { target: target.name, code: targetCode });
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What judging a session's texts needs that takes time. */
export class Foresight {
  constructor(
    private readonly deps: { readonly estimates: Estimates; readonly inForce: PolicyInForce },
    private readonly analyst: SessionAnalyst,
    private readonly who: Identity,
    private readonly where: Place,
    private readonly target: Target,
  ) {}

  /** Until judging this text takes no time; null where it takes none, which is nearly always. */
  ahead(text: string, state: SqlState): Ahead | null {
    const understood = this.analyst.ahead(text, state);
    if (understood === null) {
      const ready = this.#estimate(text, state);
      return ready && { ready, cancel: () => {} };
    }
    let cancelled = false;
    return {
      ready: understood.ready.then(() => cancelled ? undefined : this.#estimate(text, state) ?? undefined),
      cancel: () => {
        cancelled = true;
        understood.cancel();
      },
    };
  }

  /** What is known now; null where the rules need none. */
  estimate(text: string, state: SqlState): Estimate | null {
    return this.#asks ? this.deps.estimates.known(this.#key(text, state)) ?? null : null;
  }

  get #asks(): boolean {
    const rules = this.deps.inForce.current.rules.applicable(this.who, this.where);
    return rules.some(({ condition }) => condition?.asksEstimate === true);
  }

  #estimate(text: string, state: SqlState): Promise<void> | null {
    if (!this.#asks || !mayBeExplained(this.analyst.analyse(text, state))) return null;
    const { estimates } = this.deps;
    const key = this.#key(text, state);
    if (estimates.known(key) !== undefined) return null;
    return estimates.ask(key, this.target, this.where.database, text, state);
  }

  #key(text: string, state: SqlState): string {
    return JSON.stringify([this.target.name, this.where.database, state, text]);
  }
}

/** Planning runs what is constant: only what the floor has no objection to is shown to the target. */
function mayBeExplained(understood: readonly Understood[] | NotUnderstood): boolean {
  if ("refused" in understood || understood.length !== 1) return false;
  const [{ facts } = { facts: undefined }] = understood;
  return facts !== undefined && (facts.kind === "read" || facts.kind === "write") &&
    facts.unsafe.length === 0 && !facts.catalogOnly && facts.tables.length > 0 &&
    /^(SELECT|INSERT|UPDATE|DELETE|MERGE|REPLACE|WITH)/.test(facts.verb);
}
